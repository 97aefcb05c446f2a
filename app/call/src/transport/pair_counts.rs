//! What was counted of each pair that media went by (W3C RTCIceCandidatePairStats).
//!
//! The library counts what goes by the pair that it selected, and under it media goes by one pair after another. So
//! what was counted between two changes is of the pair that was in use. Owner of: the counts of each pair.

use std::collections::VecDeque;

use crate::connection_stats::CandidatePairStats;
use crate::snapshot::PairSnapshot;

/// Pairs that are remembered, that in use included. Cap 16: several hours of most days. Full: the one that was left
/// longest ago goes, and its counts with it; those of the transport go on.
const PAIRS: usize = 16;

/// How a look at the library's counts came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Somebody asked.
    Asked,
    /// Media has just gone over to another pair.
    Switched,
}

/// The pairs of one generation.
#[derive(Debug, Default)]
pub(super) struct PairCounts {
    /// What the library had counted at the last look, of all pairs.
    seen: Option<CandidatePairStats>,
    /// That in use is the last.
    pairs: VecDeque<CandidatePairStats>,
    /// Pairs so far.
    numbered: u32,
    /// How often media went over to another pair without the library.
    pub(super) switches: u32,
}

impl PairCounts {
    /// The library has counted so much by now; media goes by the pair that `total` names.
    pub(super) fn look(&mut self, look: Look, total: CandidatePairStats) {
        let grown = grown(self.seen.as_ref(), &total);
        if look == Look::Switched {
            self.add(&grown);
            self.switches += 1;
        }
        self.make_current(&total);
        if look == Look::Asked {
            self.add(&grown);
        }
        self.seen = Some(total);
    }

    fn add(&mut self, grown: &CandidatePairStats) {
        let Some(current) = self.pairs.back_mut() else { return };
        current.packets_sent += grown.packets_sent;
        current.packets_received += grown.packets_received;
        current.bytes_sent += grown.bytes_sent;
        current.bytes_received += grown.bytes_received;
        current.responses_received += grown.responses_received;
        current.total_round_trip_time += grown.total_round_trip_time;
        current.current_round_trip_time = grown.current_round_trip_time.or(current.current_round_trip_time);
    }

    fn make_current(&mut self, total: &CandidatePairStats) {
        let ends = |pair: &PairSnapshot| (pair.local.1.clone(), pair.remote.1.clone());
        let wanted = ends(&total.candidates);
        let known = self.pairs.iter().position(|pair| ends(&pair.candidates) == wanted);
        let pair = known.and_then(|place| self.pairs.remove(place)).unwrap_or_else(|| {
            self.numbered += 1;
            CandidatePairStats {
                number: self.numbered - 1,
                is_selected: false,
                packets_sent: 0,
                packets_received: 0,
                bytes_sent: 0,
                bytes_received: 0,
                current_round_trip_time: None,
                total_round_trip_time: 0.0,
                responses_received: 0,
                ..total.clone()
            }
        });
        if self.pairs.len() == PAIRS {
            self.pairs.pop_front();
        }
        self.pairs.push_back(CandidatePairStats { candidates: total.candidates.clone(), ..pair });
    }

    /// All pairs, that in use first.
    pub(super) fn stats(&self) -> Vec<CandidatePairStats> {
        self.pairs.iter().rev().cloned().collect()
    }
}

/// What was counted since; where the library has begun again, all of it.
fn grown(seen: Option<&CandidatePairStats>, total: &CandidatePairStats) -> CandidatePairStats {
    let mut grown = total.clone();
    let Some(seen) = seen else { return grown };
    let since = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
    grown.packets_sent = since(total.packets_sent, seen.packets_sent);
    grown.packets_received = since(total.packets_received, seen.packets_received);
    grown.bytes_sent = since(total.bytes_sent, seen.bytes_sent);
    grown.bytes_received = since(total.bytes_received, seen.bytes_received);
    grown.responses_received = since(total.responses_received, seen.responses_received);
    grown.total_round_trip_time = (total.total_round_trip_time - seen.total_round_trip_time).max(0.0);
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(remote: &str, count: u64) -> CandidatePairStats {
        let end = |address: &str| ("host".to_owned(), address.to_owned());
        CandidatePairStats {
            number: 0,
            is_selected: false,
            state: "succeeded",
            nominated: true,
            packets_sent: count,
            packets_received: 2 * count,
            bytes_sent: 100 * count,
            bytes_received: 200 * count,
            current_round_trip_time: Some(0.01),
            total_round_trip_time: count as f64,
            responses_received: count,
            available_outgoing_bitrate: None,
            candidates: PairSnapshot { local: end("10.0.0.1 1"), remote: end(remote) },
        }
    }

    #[test]
    fn each_pair_has_its_own_counts_also_when_media_comes_back_to_it() {
        let mut counts = PairCounts::default();
        for (look, remote, count) in [
            (Look::Asked, "a 1", 10),
            (Look::Switched, "b 1", 15),
            (Look::Asked, "b 1", 20),
            (Look::Switched, "a 1", 30),
            (Look::Asked, "a 1", 31),
            // The library has selected another one, and counts from its beginning.
            (Look::Asked, "c 1", 4),
        ] {
            counts.look(look, total(remote, count));
        }
        let of = |pair: &CandidatePairStats| (pair.number, pair.candidates.remote.1.clone(), pair.packets_sent);
        let found: Vec<_> = counts.stats().iter().map(of).collect();
        assert_eq!(found, [(2, "c 1".to_owned(), 4), (0, "a 1".to_owned(), 16), (1, "b 1".to_owned(), 15)]);
        assert_eq!(counts.switches, 2);
        assert!((0..100).all(|n| {
            counts.look(Look::Switched, total(&format!("d {n}"), 5));
            counts.stats().len() <= PAIRS
        }));
    }
}
