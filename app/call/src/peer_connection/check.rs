//! Connectivity checks that the crate does not make (RFC 8445, section 7): those of pairs beside the one that it has
//! selected. The crate's codec, and no state.
//!
//! Each carries NOMINATION (draft-thatcher-ice-renomination): 0 where a pair is only tried, more where media is to go
//! by it. What carries none is the crate's own.

use std::net::SocketAddr;

use bytes::Bytes;
use rtc::ice::attributes::control::{AttrControlled, AttrControlling};
use rtc::ice::attributes::priority::PriorityAttr;
use rtc::peer_connection::transport::RTCIceRole;
use rtc::shared::error::Result as CrateResult;
use rtc::stun::attributes::{ATTR_USERNAME, AttrType};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc::stun::textattrs::{TextAttribute, Username};
use rtc::stun::xoraddr::XorMappedAddress;

use super::stun::{RequestId, decoded};
use super::{LinkError, PeerConnection};

/// The attribute's number, as libwebrtc has it: among those that anyone who does not know it leaves alone.
const NOMINATION: AttrType = AttrType(0xC001);

/// Who decides between two nominations of one number (RFC 8445, section 6.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum IceRole {
    Controlled,
    Controlling,
}

impl IceRole {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Controlled => Self::Controlling,
            Self::Controlling => Self::Controlled,
        }
    }
}

/// What checks of one generation of ICE are signed with. It is printed nowhere.
#[derive(Clone)]
pub(crate) struct IceCredentials {
    ours: (String, String),
    theirs: (String, String),
    pub(crate) role: IceRole,
}

/// A check of theirs, which is signed as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CheckRequest {
    pub(crate) id: RequestId,
    /// Of the address that it comes from.
    pub(crate) priority: Option<u32>,
    /// None where it is one of the crate's.
    pub(crate) nomination: Option<u32>,
}

struct Nomination(u32);

impl Setter for Nomination {
    fn add_to(&self, message: &mut Message) -> CrateResult<()> {
        message.add(NOMINATION, &self.0.to_be_bytes());
        Ok(())
    }
}

impl PeerConnection {
    /// The credentials of the generation of ICE that both have described.
    pub(crate) fn ice_credentials(&self) -> Option<IceCredentials> {
        let ours = credentials_in(&self.pc.current_local_description()?.sdp)?;
        let theirs = credentials_in(&self.pc.current_remote_description()?.sdp)?;
        let role = match self.pc.sctp()?.transport().ice_transport().role() {
            RTCIceRole::Controlling => IceRole::Controlling,
            RTCIceRole::Controlled | RTCIceRole::Unspecified | _ => IceRole::Controlled,
        };
        Some(IceCredentials { ours, theirs, role })
    }
}

/// The user name fragment and the password that a description begins with; all sections have the same here (BUNDLE).
fn credentials_in(sdp: &str) -> Option<(String, String)> {
    let find = |name: &str| sdp.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
    Some((find("a=ice-ufrag:")?, find("a=ice-pwd:")?))
}

impl IceCredentials {
    #[cfg(test)]
    pub(crate) fn new(ours: (&str, &str), theirs: (&str, &str), role: IceRole) -> Self {
        let owned = |(name, secret): (&str, &str)| (name.to_owned(), secret.to_owned());
        Self { ours: owned(ours), theirs: owned(theirs), role }
    }

    /// A check from an address of ours of this priority.
    ///
    /// # Errors
    /// What the crate says: nothing, for what is given here.
    pub(crate) fn request(&self, id: RequestId, priority: u32, nomination: u32) -> Result<Bytes, LinkError> {
        let provider = rtc::crypto::default_provider().map_err(LinkError::new)?;
        // Two roles that conflict are the crate's to mend: what breaks a tie there is never looked at here.
        let role: Box<dyn Setter> = match self.role {
            IceRole::Controlling => Box::new(AttrControlling(0)),
            IceRole::Controlled => Box::new(AttrControlled(0)),
        };
        let setters: [Box<dyn Setter + '_>; 8] = [
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId(id)),
            Box::new(Username::new(ATTR_USERNAME, format!("{}:{}", self.theirs.0, self.ours.0))),
            role,
            Box::new(PriorityAttr(priority)),
            Box::new(Nomination(nomination)),
            Box::new(MessageIntegrity::new_short_term_integrity_with_provider(
                self.theirs.1.clone(),
                provider.crypto(),
            )),
            Box::new(FINGERPRINT),
        ];
        built(&setters)
    }

    /// The answer to a check of theirs that came from `from`.
    ///
    /// # Errors
    /// What the crate says: nothing, for what is given here.
    pub(crate) fn answer(&self, id: RequestId, from: SocketAddr) -> Result<Bytes, LinkError> {
        let provider = rtc::crypto::default_provider().map_err(LinkError::new)?;
        let setters: [Box<dyn Setter + '_>; 5] = [
            Box::new(BINDING_SUCCESS),
            Box::new(TransactionId(id)),
            Box::new(XorMappedAddress { ip: from.ip(), port: from.port() }),
            Box::new(MessageIntegrity::new_short_term_integrity_with_provider(self.ours.1.clone(), provider.crypto())),
            Box::new(FINGERPRINT),
        ];
        built(&setters)
    }

    /// Reads a check of theirs; none where it is not for us, or not theirs.
    pub(crate) fn read_request(&self, payload: &[u8]) -> Option<CheckRequest> {
        let mut message = decoded(payload).filter(|message| message.typ == BINDING_REQUEST)?;
        let name = TextAttribute::get_from_as(&message, ATTR_USERNAME).ok()?.text;
        if name.split_once(':') != Some((&self.ours.0, &self.theirs.0)) || !is_signed(&mut message, &self.ours.1) {
            return None;
        }
        let mut priority = PriorityAttr::default();
        let priority = priority.get_from(&message).is_ok().then_some(priority.0);
        let nomination = message.get(NOMINATION).ok().and_then(|value| value.try_into().ok());
        Some(CheckRequest { id: message.transaction_id.0, priority, nomination: nomination.map(u32::from_be_bytes) })
    }

    /// Whether this is their answer to a check of ours.
    pub(crate) fn is_answer(&self, payload: &[u8]) -> bool {
        let message = decoded(payload).filter(|message| message.typ == BINDING_SUCCESS);
        message.is_some_and(|mut message| is_signed(&mut message, &self.theirs.1))
    }
}

fn built(setters: &[Box<dyn Setter + '_>]) -> Result<Bytes, LinkError> {
    let mut message = Message::new();
    message.build(setters)?;
    Ok(message.raw.into())
}

fn is_signed(message: &mut Message, password: &str) -> bool {
    let Ok(provider) = rtc::crypto::default_provider() else { return false };
    MessageIntegrity::check(message, password.as_bytes(), provider.crypto()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: (&str, &str) = ("annsname", "the password of ann, long enough");
    const BOB: (&str, &str) = ("bobsname", "the password of bob, long enough");

    #[test]
    fn a_check_is_read_by_whom_it_is_for_and_by_nobody_else() {
        let ann = IceCredentials::new(ANN, BOB, IceRole::Controlling);
        let bob = IceCredentials::new(BOB, ANN, IceRole::Controlled);
        let check = ann.request([7; 12], 2_113_937_151, 3).unwrap();
        let read = CheckRequest { id: [7; 12], priority: Some(2_113_937_151), nomination: Some(3) };
        assert_eq!(bob.read_request(&check), Some(read));
        assert_eq!(ann.read_request(&check), None, "our own, reflected");
        let stranger = IceCredentials::new(BOB, ("annsname", "another password, long enough"), IceRole::Controlled);
        assert!(stranger.read_request(&check).is_some(), "only the receiver's password signs a request");
        for place in 0..check.len() {
            let mut bent = check.to_vec();
            bent[place] ^= 1;
            // What follows the signature is not covered by it (RFC 8489, section 14.5).
            let is_covered = place < check.len() - 8;
            assert!(!is_covered || bob.read_request(&bent).is_none(), "byte {place}");
        }
    }

    #[test]
    fn an_answer_is_taken_from_who_knows_the_password_alone() {
        let ann = IceCredentials::new(ANN, BOB, IceRole::Controlling);
        let bob = IceCredentials::new(BOB, ANN, IceRole::Controlled);
        let answer = bob.answer([7; 12], "192.0.2.7:5000".parse().unwrap()).unwrap();
        assert!(ann.is_answer(&answer));
        assert!(!bob.is_answer(&answer));
        let check = bob.request([7; 12], 1, 0).unwrap();
        assert!(!ann.is_answer(&check), "a request is no answer");
    }
}
