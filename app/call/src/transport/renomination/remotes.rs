//! Addresses of theirs: which are remembered, and which make room for others.
//!
//! Somebody who moves all day leaves one behind each time, and nobody says that it is dead. Owner of: the addresses.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::pairs::Rank;

/// Addresses that are remembered. Cap 32: what one generation may name, and where they were found since. Full: one
/// that has been quiet for [`QUIET`] and is not in use makes room, of these one whose checks all ended without an
/// answer before the others, and then the one that was heard of longest ago. Where there is none, the new one is not
/// taken; so no more than three a second are checked, whatever they say.
const REMOTES: usize = 32;
/// So long after it was told or heard of last an address has no claim to its place any more. Checks end 3 s after the
/// first, and a search begins them again 3 s later.
const QUIET: Duration = Duration::from_secs(10);
/// Relays that keep their place although they are quiet, as long as they are not known to be dead: nothing goes by them
/// while another way works, and they may be the only ones that are left.
const RELAYS: usize = 2;

#[derive(Clone, Copy, Debug)]
struct Remote {
    priority: u32,
    /// When it was told, or something signed came from there.
    heard: Instant,
}

/// What the pairs of an address say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// Every check ended without an answer.
    Dead,
    /// Nothing is known, or it answered.
    Possible,
    /// Media goes there, or may in a moment.
    InUse,
}

/// Their addresses.
#[derive(Debug, Default)]
pub(super) struct Remotes(BTreeMap<SocketAddr, Remote>);

impl Remotes {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn contains(&self, address: SocketAddr) -> bool {
        self.0.contains_key(&address)
    }

    /// The priority of an address, where it is known.
    pub(super) fn priority(&self, address: SocketAddr) -> Option<u32> {
        self.0.get(&address).map(|remote| remote.priority)
    }

    /// Those that are worth a check, the likeliest first.
    pub(super) fn by_likelihood(&self, worth_of: impl Fn(SocketAddr) -> Worth) -> Vec<SocketAddr> {
        let mut all: Vec<_> = self.0.iter().map(|(address, remote)| (*address, remote.heard)).collect();
        all.sort_by_key(|(address, heard)| std::cmp::Reverse((worth_of(*address), *heard)));
        all.into_iter().map(|(address, _)| address).collect()
    }

    /// Something came from there, which was signed, or by the pair that media goes by.
    pub(super) fn handle_heard(&mut self, address: SocketAddr, at: Instant) {
        if let Some(remote) = self.0.get_mut(&address) {
            remote.heard = remote.heard.max(at);
        }
    }

    /// Takes the address that media goes to, whatever it costs.
    pub(super) fn take_selected(&mut self, address: SocketAddr, priority: u32, now: Instant) {
        if !self.contains(address) {
            self.make_room(Duration::ZERO, |_| Worth::Possible, now);
            self.0.insert(address, Remote { priority, heard: now });
        }
    }

    /// Takes an address, or its new priority; whether it is known now.
    pub(super) fn take(
        &mut self,
        address: SocketAddr,
        priority: u32,
        worth_of: impl Fn(SocketAddr) -> Worth,
        now: Instant,
    ) -> bool {
        let is_taken = self.contains(address) || self.make_room(QUIET, worth_of, now);
        if is_taken {
            self.0.insert(address, Remote { priority, heard: now });
        }
        is_taken
    }

    /// Whether there is room for one more, after the one that is worth least has gone.
    fn make_room(&mut self, quiet: Duration, worth_of: impl Fn(SocketAddr) -> Worth, now: Instant) -> bool {
        if self.0.len() < REMOTES {
            return true;
        }
        let is_relay = |remote: &Remote| Rank::is_relay(remote.priority);
        let keeps_relays = self.0.values().filter(|remote| is_relay(remote)).count() <= RELAYS;
        let idle = self.0.iter().filter(|(_, remote)| now.saturating_duration_since(remote.heard) >= quiet);
        let by_worth = idle.filter_map(|(address, remote)| match worth_of(*address) {
            Worth::InUse => None,
            Worth::Dead => Some(((false, false), remote.heard, *address)),
            Worth::Possible => Some(((true, keeps_relays && is_relay(remote)), remote.heard, *address)),
        });
        let Some((_, _, least)) = by_worth.min() else { return false };
        self.0.remove(&least).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: u32 = 126 << 24;

    fn address(n: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], n))
    }

    fn take(remotes: &mut Remotes, n: u16, priority: u32, dead: &[u16], now: Instant) -> bool {
        let worth_of = |of| match of {
            of if of == address(1) => Worth::InUse,
            of if dead.iter().any(|n| of == address(*n)) => Worth::Dead,
            _ => Worth::Possible,
        };
        remotes.take(address(n), priority, worth_of, now)
    }

    #[test]
    fn the_table_is_bounded_and_an_address_keeps_its_place_for_a_while() {
        let start = Instant::now();
        let mut remotes = Remotes::default();
        let at = |n: u16| start + Duration::from_millis(100) * u32::from(n);
        let taken = (1..=1000).filter(|n| take(&mut remotes, *n, HOST, &[], at(*n))).count();
        assert_eq!(remotes.0.len(), REMOTES);
        assert!(remotes.contains(address(1)), "it is in use");
        assert!((300..=340).contains(&taken), "{taken} in 100 s");
    }

    #[test]
    fn the_dead_go_first_and_then_the_oldest_and_a_relay_last() {
        let start = Instant::now();
        let mut remotes = Remotes::default();
        let at = |n: u16| start + Duration::from_millis(1) * u32::from(n);
        // 1 is in use, 2 a relay.
        (1..=32).for_each(|n| assert!(take(&mut remotes, n, if n == 2 { 0 } else { HOST }, &[], at(n))));
        let later = start + QUIET + Duration::from_secs(1);
        for (n, dead, gone) in [(40, &[7][..], 7), (41, &[], 3), (42, &[], 4), (43, &[2], 2)] {
            assert!(take(&mut remotes, n, HOST, dead, later));
            assert!(!remotes.contains(address(gone)), "{gone} for {n}");
        }
        remotes.handle_heard(address(5), later);
        assert!(take(&mut remotes, 44, HOST, &[], later) && remotes.contains(address(5)), "it was heard since");
    }
}
