//! Which of a peer's candidates are believed.
//!
//! A candidate makes us send checks to an address that somebody else chose. So their number is bounded, and an address
//! that cannot be a peer's is refused: else a member could have us probe this machine and its network. No state but the
//! places of one generation.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Candidates of a peer that are looked at in one generation, those of a kind that has its places taken included.
pub(crate) const MAX_CANDIDATES: usize = 32;
/// Candidates of a peer that are checked at a time: each makes us send to an address of their choice. Two places are
/// kept for relays, which come last and may be the only ones that work, and two for addresses seen from outside.
const CHECKED: usize = 10;
const CHECKED_BUT_RELAYS: usize = CHECKED - 2;
const CHECKED_HOSTS: usize = CHECKED_BUT_RELAYS - 2;
/// How long a candidate keeps its place where it is checked by ourselves: its checks have ended then (3 s after the
/// first), and it was answered or it was not. So two candidates a second are checked on the average, as many as by new
/// generations of ICE (`transport/renewals.rs`), and somebody who moves all day needs none.
const CHECKING: Duration = Duration::from_secs(5);
/// Longest candidate, bytes.
const MAX_CANDIDATE: usize = 512;

/// Whether this machine may be its own peer: only where everybody is on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loopback {
    /// No, as everywhere but in benchmarks.
    #[default]
    Refused,
    /// Yes.
    Allowed,
}

/// Why a candidate is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CandidateError {
    #[error("too long, or one too many")]
    Length,
    #[error("malformed")]
    Syntax,
    #[error("not over UDP")]
    Protocol,
    #[error("an address that no peer has")]
    Address,
}

/// A candidate's address (RFC 8839 section 5.1), if it is fit.
pub(crate) fn check_candidate(text: &str, loopback: Loopback) -> Result<SocketAddr, CandidateError> {
    if text.len() > MAX_CANDIDATE {
        return Err(CandidateError::Length);
    }
    let text = text.strip_prefix("a=").unwrap_or(text);
    let text = text.strip_prefix("candidate:").unwrap_or(text);
    let mut fields = text.split_ascii_whitespace();
    let mut next = || fields.next().ok_or(CandidateError::Syntax);
    let (foundation, component, transport) = (next()?, next()?, next()?);
    let (priority, address, port) = (next()?, next()?, next()?);
    let (typ, kind) = (next()?, next()?);
    let well_formed = foundation.len() <= 32
        && component == "1"
        && priority.parse::<u32>().is_ok()
        && typ == "typ"
        && matches!(kind, "host" | "srflx" | "prflx" | "relay");
    if !well_formed || !text.is_ascii() {
        return Err(CandidateError::Syntax);
    }
    if !transport.eq_ignore_ascii_case("udp") {
        return Err(CandidateError::Protocol);
    }
    let port: u16 = port.parse().map_err(|_| CandidateError::Syntax)?;
    let address: IpAddr = address.parse().map_err(|_| CandidateError::Address)?;
    if port == 0 || !is_peer_address(address, loopback) {
        return Err(CandidateError::Address);
    }
    Ok(SocketAddr::new(address, port))
}

/// The priority of a candidate that was found well formed.
pub(crate) fn priority_of(text: &str) -> u32 {
    text.split_ascii_whitespace().nth(3).and_then(|priority| priority.parse().ok()).unwrap_or_default()
}

/// What a candidate says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TheirKind {
    Host,
    Reflexive,
    Relay,
}

/// The kind of a candidate that was found well formed.
pub(crate) fn kind_of(text: &str) -> TheirKind {
    match text.split_ascii_whitespace().nth(7) {
        Some("relay") => TheirKind::Relay,
        Some("srflx" | "prflx") => TheirKind::Reflexive,
        Some(_) | None => TheirKind::Host,
    }
}

/// Whose checks a candidate gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckedBy {
    /// The ICE agent's, which go on until it has selected a pair.
    Agent,
    /// Ours, which end.
    Us,
}

/// The candidates of a peer that are checked in this generation, and since when: [`CHECKED`] at most.
#[derive(Clone, Debug, Default)]
pub(crate) struct TakenCandidates(Vec<(TheirKind, Instant)>);

impl TakenCandidates {
    /// Takes a place; false where there is none for this kind.
    pub(crate) fn take(&mut self, kind: TheirKind, by: CheckedBy, now: Instant) -> bool {
        if by == CheckedBy::Us {
            self.0.retain(|(_, since)| now.saturating_duration_since(*since) < CHECKING);
        }
        let count = |kind| self.0.iter().filter(|(one, _)| *one == kind).count();
        let (hosts, relays) = (count(TheirKind::Host), count(TheirKind::Relay));
        let direct = self.0.len() - relays;
        let is_kind_free = match kind {
            TheirKind::Host => hosts < CHECKED_HOSTS && direct < CHECKED_BUT_RELAYS,
            TheirKind::Reflexive => direct < CHECKED_BUT_RELAYS,
            TheirKind::Relay => true,
        };
        let is_free = is_kind_free && self.0.len() < CHECKED;
        if is_free {
            self.0.push((kind, now));
        }
        is_free
    }
}

/// The name in place of a candidate's address, where it is one that hides an address: `<uuid>.local` and nothing else,
/// so that nobody has us ask the network for names of their choice.
pub(crate) fn hidden_name(text: &str) -> Option<&str> {
    const UUID: usize = 36;
    if text.len() > MAX_CANDIDATE {
        return None;
    }
    let name = text.split_ascii_whitespace().nth(4)?;
    let (uuid, local) = name.split_at_checked(UUID)?;
    let is_uuid = uuid.bytes().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    (is_uuid && local.eq_ignore_ascii_case(".local")).then_some(name)
}

/// Whether somebody else could be at `address`.
pub(crate) fn is_peer_address(address: IpAddr, loopback: Loopback) -> bool {
    let address = address.to_canonical();
    if address.is_loopback() {
        return loopback == Loopback::Allowed;
    }
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || broadcast)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_candidates_are_checked_and_places_are_kept_for_relays_and_for_addresses_seen_from_outside() {
        use TheirKind::{Host, Reflexive, Relay};
        for (kinds, expected) in [
            (vec![Host; 20], 6),
            (vec![Reflexive; 20], 8),
            (vec![Relay; 20], 10),
            ([vec![Host; 9], vec![Reflexive; 9], vec![Relay; 9]].concat(), 10),
            ([vec![Relay; 9], vec![Host; 9]].concat(), 10),
        ] {
            let (mut taken, now) = (TakenCandidates::default(), Instant::now());
            let count = kinds.iter().filter(|kind| taken.take(**kind, CheckedBy::Us, now)).count();
            assert_eq!(count, expected, "{kinds:?}");
        }
        assert_eq!(kind_of("candidate:1 1 udp 1 10.0.0.1 9 typ relay raddr 0.0.0.0 rport 0"), Relay);
        assert_eq!(kind_of("candidate:1 1 udp 1 10.0.0.1 9 typ srflx raddr 0.0.0.0 rport 0"), Reflexive);
    }

    #[test]
    fn a_place_is_free_again_once_its_checks_have_ended_and_two_candidates_a_second_are_checked() {
        for (by, expected) in [(CheckedBy::Us, 200..=210), (CheckedBy::Agent, 10..=10)] {
            let (mut taken, start) = (TakenCandidates::default(), Instant::now());
            let at = |n: u64| start + Duration::from_millis(100 * n);
            let count = (0..1000).filter(|n| taken.take(TheirKind::Relay, by, at(*n))).count();
            assert!(expected.contains(&count), "{count} in 100 s, {by:?}");
        }
    }

    #[test]
    fn candidates_are_taken_or_refused_by_what_they_say() {
        let long = format!("candidate:1 1 udp 1 10.0.0.1 9 typ host {}", "x".repeat(600));
        for (text, expected) in [
            ("candidate:1 1 udp 2130706431 10.0.0.1 9 typ host", Ok("10.0.0.1:9".parse().unwrap())),
            (
                "candidate:a 1 UDP 1 fd00::1 50000 typ relay raddr 1.2.3.4 rport 5",
                Ok("[fd00::1]:50000".parse().unwrap()),
            ),
            ("candidate:1 1 udp 1 127.0.0.1 9 typ host", Err(CandidateError::Address)),
            ("candidate:1 1 udp 1 ::1 9 typ host", Err(CandidateError::Address)),
            ("candidate:1 1 udp 1 ::ffff:127.0.0.1 9 typ host", Err(CandidateError::Address)),
            ("candidate:1 1 udp 1 0.0.0.0 9 typ host", Err(CandidateError::Address)),
            ("candidate:1 1 udp 1 224.0.0.251 5353 typ host", Err(CandidateError::Address)),
            ("candidate:1 1 udp 1 255.255.255.255 9 typ host", Err(CandidateError::Address)),
            ("candidate:1 1 udp 1 ff02::fb 9 typ host", Err(CandidateError::Address)),
            ("candidate:1 1 udp 1 example.com 9 typ host", Err(CandidateError::Address)),
            ("candidate:1 1 udp 1 10.0.0.1 0 typ host", Err(CandidateError::Address)),
            ("candidate:1 1 udp 1 10.0.0.1 65536 typ host", Err(CandidateError::Syntax)),
            ("candidate:1 2 udp 1 10.0.0.1 9 typ host", Err(CandidateError::Syntax)),
            ("candidate:1 1 udp -1 10.0.0.1 9 typ host", Err(CandidateError::Syntax)),
            ("candidate:1 1 udp 1 10.0.0.1 9 typ", Err(CandidateError::Syntax)),
            ("candidate:1 1 udp 1 10.0.0.1 9 typ ghost", Err(CandidateError::Syntax)),
            ("candidate:1 1 tcp 1 10.0.0.1 9 typ host tcptype active", Err(CandidateError::Protocol)),
            ("candidate:", Err(CandidateError::Syntax)),
            ("", Err(CandidateError::Syntax)),
            (long.as_str(), Err(CandidateError::Length)),
        ] {
            assert_eq!(check_candidate(text, Loopback::Refused), expected, "{text}");
        }
        assert!(check_candidate("candidate:1 1 udp 1 127.0.0.1 9 typ host", Loopback::Allowed).is_ok());
    }
}
