//! What goes back to a client: success, or a refusal and its code (RFC 8489 section 14.8, RFC 8656 section 19).

use std::time::Instant;

use super::Server;
use super::tuple::{FiveTuple, Transport};
use crate::codec::{Message, Writer, attribute};
use crate::crypto::Key;
use crate::stats::RefusalCounts;

/// What this server calls itself, where the operator wants it to.
const SOFTWARE: &str = concat!("hearth-turn ", env!("CARGO_PKG_VERSION"));

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 400.
    BadRequest,
    /// 401: prove who you are.
    Unauthorized,
    /// 403: not for that client, or not with that peer.
    Forbidden,
    /// 405: no allocation moves here.
    MobilityForbidden,
    /// 420: these attributes mean nothing here.
    UnknownAttributes(Vec<u16>),
    /// 437.
    Mismatch,
    /// 438: the credentials may be right, ask again with this nonce.
    StaleNonce,
    /// 440.
    FamilyNotSupported,
    /// 441.
    WrongCredentials,
    /// 442.
    TransportNotSupported,
    /// 443.
    PeerFamilyMismatch,
    /// 446: there is a connection to that peer.
    ConnectionExists,
    /// 486.
    Quota,
    /// 508.
    Capacity,
}

impl Refusal {
    fn code(&self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::MobilityForbidden => 405,
            Self::UnknownAttributes(_) => 420,
            Self::Mismatch => 437,
            Self::StaleNonce => 438,
            Self::FamilyNotSupported => 440,
            Self::WrongCredentials => 441,
            Self::TransportNotSupported => 442,
            Self::PeerFamilyMismatch => 443,
            Self::ConnectionExists => 446,
            Self::Quota => 486,
            Self::Capacity => 508,
        }
    }

    fn count(&self, refused: &mut RefusalCounts) {
        let counter = match self {
            Self::BadRequest => &mut refused.bad_request,
            Self::Unauthorized => &mut refused.unauthorized,
            Self::Forbidden | Self::MobilityForbidden => &mut refused.forbidden,
            Self::UnknownAttributes(_) => &mut refused.unknown_attribute,
            Self::Mismatch | Self::ConnectionExists => &mut refused.mismatch,
            Self::StaleNonce => &mut refused.stale_nonce,
            Self::FamilyNotSupported | Self::TransportNotSupported | Self::PeerFamilyMismatch => {
                &mut refused.unsupported
            }
            Self::WrongCredentials => &mut refused.wrong_credentials,
            Self::Quota => &mut refused.quota,
            Self::Capacity => &mut refused.capacity,
        };
        *counter += 1;
    }
}

impl Server {
    /// Sends a response, signed where the request was.
    pub(super) fn answer(&mut self, tuple: FiveTuple, response: Writer, key: Option<&Key>, fingerprint: bool) {
        let options = &self.rules.options;
        // Not to strangers: what is not asked for makes an answer longer that may go to somebody who never asked.
        let response = match options.software {
            true if key.is_some() => response.attribute(attribute::SOFTWARE, SOFTWARE.as_bytes()),
            true | false => response,
        };
        match response.seal(key, fingerprint || (options.fingerprint && key.is_some())) {
            Some(payload) => self.transmit(tuple, payload),
            None => self.stats.dropped.oversized += 1,
        }
    }

    /// Sends an error response. One to an unauthenticated request is no longer than it must be, and counted by source.
    pub(super) fn refuse(
        &mut self,
        tuple: FiveTuple,
        message: &Message<'_>,
        refusal: &Refusal,
        key: Option<&Key>,
        now: Instant,
    ) {
        refusal.count(&mut self.stats.refused);
        // Who comes by another way than UDP has shown that the address is theirs.
        let may_be_forged = key.is_none() && tuple.transport == Transport::Udp;
        if may_be_forged && !self.gate.challenges.admit(tuple.client.ip(), now) {
            self.stats.refused.suppressed += 1;
            return;
        }
        let mut response = Writer::error(message, refusal.code());
        if let Refusal::UnknownAttributes(kinds) = refusal {
            let value: Vec<u8> = kinds.iter().flat_map(|kind| kind.to_be_bytes()).collect();
            response = response.attribute(attribute::UNKNOWN_ATTRIBUTES, &value);
        }
        if matches!(refusal, Refusal::Unauthorized | Refusal::StaleNonce) {
            response = self.gate.challenge(response, tuple.client, self.clock.unix(now));
        }
        self.answer(tuple, response, key, message.fingerprinted);
    }
}
