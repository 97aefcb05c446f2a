//! Which path is in use.

use std::net::IpAddr;

use rtc::peer_connection::transport::{RTCIceCandidate, RTCIceCandidateType};

use super::PeerConnection;
use crate::snapshot::{PairSnapshot, Route};

impl PeerConnection {
    /// The candidates at both ends of the path in use.
    pub(crate) fn selected_pair(&self) -> Option<PairSnapshot> {
        let pair = self.pc.sctp()?.transport().ice_transport().get_selected_candidate_pair()?;
        Some(PairSnapshot { local: described(pair.local()), remote: described(pair.remote()) })
    }

    /// The address of ours that the path in use is on; `None` when there is no path, or it begins at a relay.
    pub(crate) fn direct_local_address(&self) -> Option<IpAddr> {
        let pair = self.pc.sctp()?.transport().ice_transport().get_selected_candidate_pair()?;
        let local = pair.local();
        (local.typ != RTCIceCandidateType::Relay).then(|| local.address.parse().ok())?
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
