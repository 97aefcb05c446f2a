//! Pairs of addresses, and what their checks came to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::PROVEN;
use crate::peer_connection::RequestId;

/// An address of ours and one of theirs.
pub(in crate::transport) type Pair = (SocketAddr, SocketAddr);

/// Checks of a pair in one go; they end 3 s after the first.
const CHECKS: u32 = 10;
/// The wait for an answer, which doubles to eight times of it. A check costs 100 bytes, a round trip that it waits for
/// is one without media.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// Pairs that are checked. Cap 128: four paths of ours and all addresses of theirs that are remembered. Full: of those
/// whose checks have ended and that are not in use one that never answered makes room, or the one that did longest ago;
/// where all are being checked, the next one is not.
const PAIRS: usize = 128;

/// How long to wait for an answer before a check is repeated, which was sent so often before; none where that is all.
pub(super) fn repeat_after(sent: u32) -> Option<Duration> {
    (sent + 1 < CHECKS).then(|| FIRST_WAIT * (1 << sent.min(3)))
}

/// The worth of a pair, the best first. Both ends see the same, whatever either of them sees of the other's routers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    is_relayed: bool,
    /// What the local preferences of both ends lack.
    penalty: u32,
}

impl Rank {
    /// Of candidates of these priorities. One that nobody told of is taken for the best.
    pub(super) fn new(local: Option<u32>, remote: Option<u32>) -> Self {
        let both = || [local, remote].into_iter().flatten();
        let penalty = both().map(|priority| 0xFFFF - ((priority >> 8) & 0xFFFF)).sum();
        Self { is_relayed: both().any(Self::is_relay), penalty }
    }

    /// Type preferences are 100 and more but for relays, whose is 0 (RFC 8445, section 5.1.2.2).
    pub(super) fn is_relay(priority: u32) -> bool {
        priority >> 24 < 64
    }
}

/// What is known of a pair.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PairState {
    sent: u32,
    next: Option<Instant>,
    answered: Option<Instant>,
}

impl PairState {
    pub(super) fn proven(now: Instant) -> Self {
        Self { answered: Some(now), ..Self::default() }
    }

    pub(super) fn is_proven(&self, now: Instant) -> bool {
        self.answered.is_some_and(|at| now.saturating_duration_since(at) < PROVEN)
    }

    pub(super) fn answered(&self) -> Option<Instant> {
        self.answered
    }

    pub(super) fn handle_answer(&mut self, now: Instant) {
        self.answered = Some(now);
        (self.sent, self.next) = (0, None);
    }

    /// Whether the last checks all ended without an answer.
    pub(super) fn has_failed(&self) -> bool {
        self.sent >= CHECKS && self.next.is_none()
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next.is_some_and(|at| at <= now)
    }

    pub(super) fn handle_sent(&mut self, now: Instant) {
        self.next = repeat_after(self.sent).map(|wait| now + wait);
        self.sent += 1;
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }
}

/// Tries a pair from now on, unless it is being tried.
pub(super) fn begin(pairs: &mut BTreeMap<Pair, PairState>, pair: Pair, is_in_use: impl Fn(Pair) -> bool, now: Instant) {
    if pairs.len() >= PAIRS && !pairs.contains_key(&pair) {
        let idle = pairs.iter().filter(|(pair, state)| state.next.is_none() && !is_in_use(**pair));
        let least = idle.min_by_key(|(_, state)| state.answered).map(|(pair, _)| *pair);
        let Some(least) = least else { return };
        pairs.remove(&least);
    }
    let state = pairs.entry(pair).or_default();
    if state.next.is_none() {
        (state.sent, state.next) = (0, Some(now));
    }
}

/// Whether datagrams can go between both ends.
pub(super) fn is_possible((local, remote): Pair) -> bool {
    local.is_ipv4() == remote.is_ipv4()
}

/// What a datagram is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A Binding request.
    Request,
    /// A Binding success response.
    Answer(RequestId),
    Other,
}

/// Looks at the header of a datagram (RFC 8489, section 5).
pub(super) fn kind(payload: &[u8]) -> Kind {
    const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
    let (Some(typ), Some(cookie), Some(id)) = (payload.get(..2), payload.get(4..8), payload.get(8..20)) else {
        return Kind::Other;
    };
    if cookie != COOKIE {
        return Kind::Other;
    }
    match (typ, RequestId::try_from(id)) {
        ([0x00, 0x01], Ok(_)) => Kind::Request,
        ([0x01, 0x01], Ok(id)) => Kind::Answer(id),
        _ => Kind::Other,
    }
}
