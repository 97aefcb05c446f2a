//! How a STUN server sees a socket of ours: what a server-reflexive candidate is made of (RFC 8445, section 5.1.1.2).
//!
//! ```text
//!             its turn              answered, and a NAT is between
//!   Resting -----------> Asking ------------------------------------+
//!      ^                   | refused, silent to the end, or no NAT  |
//!      |                   v                                        |
//!      |                 Over                                       |
//!      +------------------------------------------------------------+  each KEEPALIVE
//! ```
//! One server, asked from one socket. Owner of: the transaction (RFC 8489, section 6.2.1), and when there should be
//! another one. It opens nothing and sends nothing.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::RngExt;
use rand_chacha::ChaCha12Rng;

use crate::peer_connection::{BindingAnswer, RequestId, binding_answer, binding_request};

/// The wait before a request is repeated, which doubles each time (RFC 8489, section 6.2.1: RTO).
const RTO: Duration = Duration::from_millis(500);
/// How often a request is sent (Rc).
const REQUESTS: u32 = 7;
/// How long an answer to the last of them is waited for, in RTOs (Rm): 39.5 s after the first.
const LAST_WAIT: u32 = 16;
/// A NAT forgets what nobody uses; a further request keeps the address (RFC 8445, sections 5.1.1.4 and 11: Tr, at least
/// 15 s).
const KEEPALIVE: Duration = Duration::from_secs(15);
/// Requests after which nobody waits for the answer any more: 1.5 s have passed. It is welcome all the same.
const PATIENCE: u32 = 3;

/// What was heard of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BindingOutcome {
    /// Nothing: the datagram is somebody else's business.
    Foreign,
    /// An answer without an address.
    Nothing,
    /// It sees us here.
    At(SocketAddr),
}

#[derive(Debug)]
enum QueryPhase {
    /// Nothing is out until then.
    Resting { until: Instant },
    /// A request is out: sent so often, and to be repeated or given up at `due`.
    Asking { id: RequestId, sent: u32, due: Instant },
    /// There is nothing to be learned here.
    Over,
}

/// A server, asked from one socket.
#[derive(Debug)]
pub(crate) struct Reflexive {
    server: SocketAddr,
    /// The socket's own address.
    base: SocketAddr,
    rng: ChaCha12Rng,
    phase: QueryPhase,
    /// Whether it has answered before.
    is_known: bool,
}

impl Reflexive {
    /// `server` will be asked how it sees `base`, from `at` on; transaction ids come from `rng`.
    pub(crate) fn new(server: SocketAddr, base: SocketAddr, rng: ChaCha12Rng, at: Instant) -> Self {
        Self { server, base, rng, phase: QueryPhase::Resting { until: at }, is_known: false }
    }

    /// Who is asked.
    pub(crate) fn server(&self) -> SocketAddr {
        self.server
    }

    /// Whether the first answer need not be waited for any more.
    pub(crate) fn is_settled(&self) -> bool {
        match self.phase {
            QueryPhase::Resting { .. } => self.is_known,
            QueryPhase::Asking { sent, .. } => self.is_known || sent >= PATIENCE,
            QueryPhase::Over => true,
        }
    }

    /// Whatever was known may have changed: it is asked again.
    pub(crate) fn renew(&mut self, now: Instant) {
        self.phase = QueryPhase::Resting { until: now };
    }

    /// The server sent something.
    pub(crate) fn handle_datagram(&mut self, payload: &[u8], now: Instant) -> BindingOutcome {
        let QueryPhase::Asking { id, .. } = self.phase else { return BindingOutcome::Foreign };
        match binding_answer(payload, id) {
            None => BindingOutcome::Foreign,
            Some(BindingAnswer::Refused) => {
                self.phase = QueryPhase::Over;
                BindingOutcome::Nothing
            }
            // No NAT is between: the candidate would be the base's own (RFC 8445, section 5.1.3).
            Some(BindingAnswer::Mapped(address)) if address == self.base => {
                self.phase = QueryPhase::Over;
                BindingOutcome::Nothing
            }
            Some(BindingAnswer::Mapped(address)) => {
                self.is_known = true;
                self.phase = QueryPhase::Resting { until: now + KEEPALIVE };
                BindingOutcome::At(address)
            }
        }
    }

    /// The request to send now, if any.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Bytes> {
        let (id, sent) = match self.phase {
            QueryPhase::Resting { until } if until <= now => (self.rng.random(), 0),
            QueryPhase::Asking { id, sent, due } if due <= now && sent < REQUESTS => (id, sent),
            QueryPhase::Asking { due, .. } if due <= now => {
                // Who has answered before may answer again.
                self.phase =
                    if self.is_known { QueryPhase::Resting { until: now + KEEPALIVE } } else { QueryPhase::Over };
                return None;
            }
            QueryPhase::Resting { .. } | QueryPhase::Asking { .. } | QueryPhase::Over => return None,
        };
        let wait = if sent + 1 == REQUESTS { RTO * LAST_WAIT } else { RTO * (1 << sent) };
        self.phase = QueryPhase::Asking { id, sent: sent + 1, due: now + wait };
        binding_request(id).ok()
    }

    /// When time matters next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            QueryPhase::Resting { until } => Some(until),
            QueryPhase::Asking { due, .. } => Some(due),
            QueryPhase::Over => None,
        }
    }
}

#[cfg(test)]
#[path = "reflexive_tests.rs"]
pub(crate) mod tests;
