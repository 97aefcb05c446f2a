//! Which path is in use.

use std::net::{IpAddr, SocketAddr};

use rtc::peer_connection::transport::{RTCIceCandidate, RTCIceCandidateType};

use super::PeerConnection;
use crate::snapshot::{PairSnapshot, Route};

impl PeerConnection {
    /// The candidates at both ends of the path in use.
    pub(crate) fn selected_pair(&self) -> Option<PairSnapshot> {
        if self.moved_to.is_some() {
            return self.moved_to.clone();
        }
        let pair = self.pc.sctp()?.transport().ice_transport().get_selected_candidate_pair()?;
        Some(PairSnapshot { local: described(pair.local()), remote: described(pair.remote()) })
    }

    /// The addresses at both ends of the path that the crate selected, ours first, and their candidate's priority.
    pub(crate) fn selected_addresses(&self) -> Option<(SocketAddr, SocketAddr, u32)> {
        let pair = self.pc.sctp()?.transport().ice_transport().get_selected_candidate_pair()?;
        let address = |one: &RTCIceCandidate| Some(SocketAddr::new(one.address.parse().ok()?, one.port));
        Some((address(pair.local())?, address(pair.remote())?, pair.remote().priority))
    }

    /// Media goes by another path than the crate selected; by that again, where it is none.
    pub(crate) fn set_moved_to(&mut self, pair: Option<PairSnapshot>) {
        self.moved_to = pair;
    }

    /// The address of ours that the path in use is on; `None` when there is no path, or it begins at a relay.
    pub(crate) fn direct_local_address(&self) -> Option<IpAddr> {
        let (kind, address) = self.selected_pair()?.local;
        (kind != "relay").then(|| address.split(' ').next()?.parse().ok())?
    }

    /// Whether a relay is between.
    pub(crate) fn route(&self) -> Route {
        let relayed = |pair: &PairSnapshot| pair.local.0 == "relay" || pair.remote.0 == "relay";
        if self.selected_pair().as_ref().is_some_and(relayed) { Route::Relayed } else { Route::Direct }
    }
}

fn described(candidate: &RTCIceCandidate) -> (String, String) {
    let kind = match candidate.typ {
        RTCIceCandidateType::Host => "host",
        RTCIceCandidateType::Srflx => "srflx",
        RTCIceCandidateType::Prflx => "prflx",
        RTCIceCandidateType::Relay => "relay",
        RTCIceCandidateType::Unspecified | _ => "unknown",
    };
    (kind.to_owned(), format!("{} {}", candidate.address, candidate.port))
}
