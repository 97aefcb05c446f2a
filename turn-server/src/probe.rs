//! Asks a relay whether it takes a credential: as much of a client as that needs. It opens no socket and reads no
//! clock.
//!
//! ```text
//!   Allocate ──401, a challenge──► Allocate, signed ──401──► refused
//!                                        └── anything else ──► taken ──► Refresh, lifetime 0: nothing is left
//! ```

use crate::codec::{Class, Message, Method, TransactionId, Writer, attribute};
use crate::crypto::{Key, PasswordAlgorithm};

/// REQUESTED-TRANSPORT for UDP.
const UDP: [u8; 4] = [17, 0, 0, 0];
/// Longest realm and nonce, bytes (RFC 8489 sections 14.9 and 14.10).
const LONGEST: usize = 763;
/// How often a relay may say that its nonce is old.
const NONCES: u8 = 3;
/// The codes that matter here.
const UNAUTHORIZED: u16 = 401;
const STALE_NONCE: u16 = 438;

/// What the relay thinks of the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// It takes it. [`Probe::request`] now ends what was allocated, and need not be answered.
    Taken,
    /// It does not, and this is the code of its answer.
    Refused(u16),
    /// It is no relay, or none that asks for such a credential.
    Other,
}

/// A question that goes on.
pub struct Probe {
    username: String,
    password: String,
    transaction: TransactionId,
    method: Method,
    challenge: Option<Challenge>,
    nonces: u8,
}

struct Challenge {
    realm: Vec<u8>,
    nonce: Vec<u8>,
    key: Key,
}

impl Probe {
    /// Asks with this name and password; `chance` makes its answers its own.
    pub fn new(username: String, password: String, chance: [u8; 12]) -> Self {
        Self { username, password, transaction: chance, method: Method::Allocate, challenge: None, nonces: 0 }
    }

    /// What should be sent now, and again while nothing comes back.
    pub fn request(&self) -> Vec<u8> {
        let request = Writer::new(Class::Request, self.method, self.transaction);
        let request = if self.method == Method::Refresh {
            request.attribute(attribute::LIFETIME, &[0; 4])
        } else {
            request.attribute(attribute::REQUESTED_TRANSPORT, &UDP)
        };
        let sealed = match &self.challenge {
            None => request.seal(None, false),
            Some(Challenge { realm, nonce, key }) => request
                .attribute(attribute::USERNAME, self.username.as_bytes())
                .attribute(attribute::REALM, realm)
                .attribute(attribute::NONCE, nonce)
                .seal(Some(key), false),
        };
        sealed.unwrap_or_default() // a challenge is shorter than the message that it came in
    }

    /// Takes what came back; `None` where [`Probe::request`] should be sent, or it is no answer.
    pub fn handle(&mut self, bytes: &[u8]) -> Option<ProbeOutcome> {
        let message = Message::decode(bytes).ok()?;
        if message.transaction != self.transaction || message.method != self.method {
            return None;
        }
        match (message.class, error_code(&message)) {
            (Class::Success, _) if self.challenge.is_some() => {
                self.turn_over();
                self.method = Method::Refresh;
                Some(ProbeOutcome::Taken)
            }
            (Class::Error, Some(UNAUTHORIZED)) if self.challenge.is_some() => Some(ProbeOutcome::Refused(UNAUTHORIZED)),
            (Class::Error, Some(UNAUTHORIZED)) => self.take_challenge(&message),
            (Class::Error, Some(STALE_NONCE)) if self.nonces < NONCES => self.take_challenge(&message),
            // It has looked at the credential before it found something else: no port, a quota, no such family.
            (Class::Error, Some(_)) if self.challenge.is_some() && message.is_signed() => Some(ProbeOutcome::Taken),
            (Class::Success | Class::Error, _) => Some(ProbeOutcome::Other),
            (Class::Request | Class::Indication, _) => None,
        }
    }

    fn take_challenge(&mut self, message: &Message<'_>) -> Option<ProbeOutcome> {
        let realm = message.attribute(attribute::REALM);
        let realm = realm.or_else(|| self.challenge.as_ref().map(|challenge| challenge.realm.as_slice()));
        let nonce = message.attribute(attribute::NONCE);
        let is_short = |value: &&[u8]| value.len() <= LONGEST;
        let (Some(realm), Some(nonce)) = (realm.filter(is_short), nonce.filter(is_short)) else {
            return Some(ProbeOutcome::Other);
        };
        let (name, password) = (self.username.as_bytes(), self.password.as_bytes());
        let key = Key::derived(PasswordAlgorithm::Md5, name, realm, password);
        self.challenge = Some(Challenge { realm: realm.to_vec(), nonce: nonce.to_vec(), key });
        self.nonces += 1;
        self.turn_over();
        None
    }

    /// The next request is a different one.
    fn turn_over(&mut self) {
        let [first, ..] = &mut self.transaction;
        *first = first.wrapping_add(1);
    }
}

fn error_code(message: &Message<'_>) -> Option<u16> {
    let [_, _, hundreds, rest, ..] = *message.attribute(attribute::ERROR_CODE)? else { return None };
    Some(u16::from(hundreds & 7) * 100 + u16::from(rest))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::{Config, Output, Secret, Server, rest};

    /// A relay with one secret, and a limit on who is served.
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to begin at")]
    fn verdict(secret: &str, change: impl FnOnce(&mut Config)) -> (Option<ProbeOutcome>, u64) {
        let (now, unix) = (Instant::now(), Duration::from_secs(1_700_000_000));
        let mut config = Config::new([7; 32]);
        config.secrets = vec![Secret::new("north").unwrap()];
        config.relay_addresses = vec![std::net::IpAddr::from([5, 0, 0, 1]).into()];
        change(&mut config);
        let mut server = Server::new(&config, now, unix);
        let (client, local) = (([9, 0, 0, 1], 9).into(), ([5, 0, 0, 1], 3478).into());
        let hour = Duration::from_secs(3600);
        let (username, password) = rest::credentials(&Secret::new(secret).unwrap(), "probe", hour, unix);
        let mut probe = Probe::new(username, password, [3; 12]);
        let mut verdict = None;
        for _ in 0..5 {
            server.handle_listener(client, local, &probe.request(), now);
            let outputs: Vec<Output> = std::iter::from_fn(|| server.poll_output()).collect();
            for output in outputs {
                if let Output::Transmit { payload, .. } = output
                    && verdict.is_none()
                {
                    verdict = probe.handle(&payload);
                }
            }
            if verdict == Some(ProbeOutcome::Taken) {
                server.handle_listener(client, local, &probe.request(), now);
            }
            if verdict.is_some() {
                break;
            }
        }
        (verdict, server.stats().allocations)
    }

    #[test]
    fn a_relay_takes_or_refuses_and_nothing_is_left_there() {
        assert_eq!(verdict("north", |_| {}), (Some(ProbeOutcome::Taken), 0));
        assert_eq!(verdict("south", |_| {}), (Some(ProbeOutcome::Refused(401)), 0));
        assert_eq!(
            verdict("north", |config| config.quotas.allocations = 0),
            (Some(ProbeOutcome::Taken), 0),
            "a quota is no fault of it"
        );
        assert_eq!(verdict("north", |config| config.relay_addresses.clear()), (Some(ProbeOutcome::Taken), 0));
    }

    #[test]
    fn what_is_no_answer_is_passed_over() {
        let mut probe = Probe::new("1:x".to_owned(), "y".to_owned(), [3; 12]);
        for bytes in [&b""[..], b"HTTP/1.1 400 Bad Request\r\n", &[0; 20], &probe.request()] {
            assert_eq!(probe.handle(bytes), None);
        }
        let other = Writer::new(Class::Success, Method::Allocate, [4; 12]).seal(None, false).unwrap();
        assert_eq!(probe.handle(&other), None, "of somebody else's");
        let strange = Writer::new(Class::Success, Method::Allocate, [3; 12]).seal(None, false).unwrap();
        assert_eq!(probe.handle(&strange), Some(ProbeOutcome::Other), "it asks for nothing");
    }
}
