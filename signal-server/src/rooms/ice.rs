//! The STUN and TURN servers that a member is given, with credentials of its own.
//!
//! Holds no state: the configuration and the time decide everything.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hearth_protocol::{IceServer, PeerId, ServerMessage};
use hmac::{Hmac, Mac as _};
use sha1::Sha1;

use super::timers::Timer;
use super::{Rooms, TurnRest};

impl Rooms {
    /// The servers for `peer`, and the seconds for which they are good (0: for ever). Sets the timer of the next ones.
    pub(super) fn ice_for(&mut self, peer: PeerId, now: Instant) -> (Vec<IceServer>, u32) {
        let mut servers = self.config.ice.fixed.clone();
        let Some(turn) = &self.config.ice.turn else { return (servers, 0) };
        let lifetime = turn.lifetime;
        let expiry = self.run.epoch.unix_s_at(now).saturating_add(lifetime.as_secs());
        servers.push(credentials(turn, expiry, peer));
        self.grant(peer);
        self.timers.set(Timer::Ice(peer), now + lifetime * 3 / 4);
        (servers, u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX))
    }

    pub(super) fn refresh_ice(&mut self, peer: PeerId, now: Instant) {
        let (ice_servers, ice_expires) = self.ice_for(peer, now);
        self.tell(peer, &ServerMessage::IceRefresh { ice_servers, ice_expires }, now);
    }
}

/// A user named after the second in which it ends, and the password that the shared secret gives it.
pub(super) fn credentials(turn: &TurnRest, expiry: u64, peer: PeerId) -> IceServer {
    signed(turn, format!("{expiry}:{peer}"))
}

impl TurnRest {
    /// The password that the shared secret gives to `username`.
    pub(crate) fn sign(&self, username: &str) -> Option<String> {
        let mut mac = Hmac::<Sha1>::new_from_slice(self.secret.bytes()).ok()?;
        mac.update(username.as_bytes());
        Some(STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The servers for anyone who is called `username`, with the password that the shared secret gives them.
fn signed(turn: &TurnRest, username: String) -> IceServer {
    let credential = turn.sign(&username);
    IceServer { urls: turn.urls.clone(), username: Some(username), credential }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rooms::TurnSecret;

    #[test]
    fn a_credential_is_the_hmac_that_turn_servers_compute() {
        let turn = TurnRest {
            urls: vec!["turn:10.0.0.1:3478".into()],
            secret: TurnSecret::new("north").unwrap(),
            lifetime: Duration::from_secs(60),
            before_join: Duration::from_secs(60),
        };
        let given = credentials(&turn, 1_700_000_000, PeerId::parse("aaaaaaaaaaaaaaaa").unwrap());
        assert_eq!(given.username.as_deref(), Some("1700000000:aaaaaaaaaaaaaaaa"));
        // printf 1700000000:aaaaaaaaaaaaaaaa | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(given.credential.as_deref(), Some("FpB1SlAK/0MnJu7qJ7NsKiu+E14="));
        assert!(!format!("{turn:?}").contains("north"));
    }
}
