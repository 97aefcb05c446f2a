//! Gaps of any length: what is counted as concealed is what was concealed. A decoder whose output says where it comes
//! from stands in for Opus, so that each block can be judged by its samples.
//!
//! Owns nothing.

use super::*;
use crate::codec::CodecError;

/// Samples of each kind, so that a block shows what is in it.
const DECODED: f32 = 0.5;
const RECOVERED: f32 = 0.25;
const GUESSED: f32 = 0.125;

/// Packets are one byte: how many units of 2.5 ms they hold. Each carries `carried` samples of redundancy.
struct Marker {
    carried: usize,
}

impl AudioDecoder for Marker {
    fn samples(&self, packet: &[u8]) -> Option<usize> {
        packet.first().map(|units| usize::from(*units) * 120)
    }

    fn recoverable(&self, _: &[u8]) -> usize {
        self.carried
    }

    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, CodecError> {
        let length = self.samples(packet).unwrap();
        out[..length].fill(DECODED);
        Ok(length)
    }

    fn recover(&mut self, _: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        out.fill(RECOVERED);
        Ok(())
    }

    fn conceal(&mut self, out: &mut [f32]) -> Result<(), CodecError> {
        assert_eq!(out.len() % 120, 0, "libopus guesses whole units");
        out.fill(GUESSED);
        Ok(())
    }
}

/// The kind that the samples show; none for blends of several, which are judged by nobody.
fn shown(playout: &Playout) -> PlayoutKind {
    let kind = |sample: &f32| match *sample {
        0.0 => PlayoutKind::Silence,
        GUESSED => PlayoutKind::Concealed,
        RECOVERED => PlayoutKind::Fec,
        _ => PlayoutKind::Normal,
    };
    playout.samples.iter().map(kind).max().unwrap()
}

fn marked(carried: usize) -> (JitterBuffer, Instant) {
    (JitterBuffer::new(Box::new(Marker { carried })), Now::read().monotonic)
}

/// 10 ms packets, one each 10 ms; before each of `gaps` (place, samples, whether a packet is missing) time jumps.
fn play(carried: usize, count: u64, gaps: &[(u64, u64, bool)]) -> (JitterCounters, Vec<(PlayoutKind, PlayoutKind)>) {
    let (mut buffer, start) = marked(carried);
    let (mut time, mut sequence, mut kinds) = (0, 0, Vec::new());
    let mut arrived = start;
    let mut ticks = 0;
    for n in 0..count {
        for (_, samples, lost) in gaps.iter().filter(|(place, ..)| *place == n) {
            time += samples;
            sequence += u64::from(*lost);
            arrived += Duration::from_micros(samples * 125 / 6);
        }
        buffer.handle_packet(&packet(sequence, time, arrived, &Bytes::from_static(&[4])));
        time += 480;
        sequence += 1;
        arrived += Duration::from_millis(10);
        while start + Duration::from_millis(ticks * 10) < arrived {
            let before = buffer.counters().left_out;
            let playout = buffer.pull(start + Duration::from_millis(ticks * 10));
            // What is left out is blended, and shows nothing for certain.
            if buffer.counters().left_out == before {
                kinds.push((playout.kind, shown(&playout)));
            }
            ticks += 1;
        }
    }
    (buffer.counters(), kinds)
}

#[test]
fn one_odd_gap_is_concealed_and_nothing_behind_it() {
    for gap in [1, 119, 121, 240, 361, 479, 481, 720, 1001, 7_199] {
        let (counters, kinds) = play(0, 1000, &[(50, gap, true)]);
        assert!(kinds.iter().all(|(said, shown)| said == shown), "gap of {gap}");
        // As many blocks as the gap touches, and those in which nothing has come yet.
        assert!(counters.concealed <= gap.div_ceil(480) + 9, "gap of {gap}: {counters:?}");
        assert!(counters.normal >= 960, "gap of {gap}: {counters:?}");
    }
}

#[test]
fn whatever_the_gaps_each_block_is_counted_as_what_it_holds() {
    for seed in 0..40 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // A loss of more than 150 ms is played as silence, which shows nothing: the sender's own pauses may be longer.
        let gaps: Vec<_> = (0..rng.random_range(1..30))
            .map(|n| {
                let (place, lost) = (10 + n * 30 + rng.random_range(0..30), rng.random_bool(0.7));
                (place, rng.random_range(1..if lost { 7_200 } else { 9_000 }), lost)
            })
            .collect();
        let carried = [0, 480][rng.random_range(0..2)];
        let (counters, kinds) = play(carried, 1000, &gaps);
        for (n, (said, shown)) in kinds.iter().enumerate() {
            assert_eq!(said, shown, "seed {seed}, block {n}, {gaps:?}");
        }
        let concealed = kinds.iter().filter(|(_, shown)| *shown == PlayoutKind::Concealed).count() as u64;
        assert!(counters.concealed.abs_diff(concealed) <= counters.left_out, "seed {seed}: {counters:?}");
    }
}

#[test]
fn behind_an_odd_gap_the_delay_still_grows_as_the_way_asks() {
    let (mut buffer, start) = marked(0);
    let mut pulled = 0;
    let mut pull = |buffer: &mut JitterBuffer, until: Instant| {
        while start + Duration::from_millis(pulled * 10) <= until {
            buffer.pull(start + Duration::from_millis(pulled * 10));
            pulled += 1;
        }
    };
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for n in 0..1500_u64 {
        // From the odd gap on, each packet is up to 60 ms late.
        let late = if n < 60 { 0 } else { rng.random_range(0..60) };
        let time = n * 480 + if n < 50 { 0 } else { 121 };
        let arrived = start + Duration::from_millis(n * 10 + late);
        pull(&mut buffer, arrived);
        buffer.handle_packet(&packet(n + u64::from(n >= 50), time, arrived, &Bytes::from_static(&[4])));
    }
    let held = buffer.current_delay(start + Duration::from_millis(pulled * 10)).unwrap();
    let counters = buffer.counters();
    assert!(held >= Duration::from_millis(40), "{held:?} {counters:?}");
    assert!(counters.late <= 40, "{counters:?}");
}
