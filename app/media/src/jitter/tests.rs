//! Seeded traces through the buffer and the real Opus, in virtual time.
//!
//! Owns nothing.

mod gaps;

use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_base::{AudioCodec, Bitrate, CaptureTime, Codec, EncodedFrame, FrameKind, Layer, SAMPLE_RATE, TrackId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::queue::CAPACITY;
use super::*;
use crate::Now;
use crate::codec::{audio_decoder, audio_encoder};
use crate::voice::voice;

/// What the way does to one sender's packets.
struct Way {
    seed: u64,
    loss: f64,
    /// Uniform, between zero and this.
    jitter: u64,
    /// How fast the sender's clock runs, in millionths of ours.
    speed: f64,
    seconds: u64,
    /// Sound of a packet, in blocks.
    blocks: usize,
}

impl Default for Way {
    fn default() -> Self {
        Self { seed: 1, loss: 0.0, jitter: 0, speed: 1.0, seconds: 20, blocks: 1 }
    }
}

struct Heard {
    counters: JitterCounters,
    /// Mean delay over the fastest way, ms.
    delay: f64,
    last_delay: Duration,
    waiting: usize,
}

impl Heard {
    fn concealed(&self) -> f64 {
        let played = self.counters.normal + self.counters.fec + self.counters.concealed;
        self.counters.concealed as f64 / played as f64
    }
}

fn buffer() -> JitterBuffer {
    JitterBuffer::new(audio_decoder(AudioCodec::Opus).unwrap())
}

fn packet(sequence: u64, time: u64, arrived: Instant, payload: &Bytes) -> EncodedFrame {
    EncodedFrame {
        track: TrackId(1),
        layer: Layer::default(),
        codec: Codec::Audio(AudioCodec::Opus),
        kind: FrameKind::Key,
        sequence,
        dependency: None,
        time,
        captured: CaptureTime::There(None),
        arrived,
        is_discardable: false,
        begins_talk: false,
        payload: payload.clone(),
    }
}

/// The packets of a voice, `blocks` blocks each.
fn packets(blocks: usize, count: usize, loss: f64) -> Vec<Bytes> {
    if blocks == 1 {
        let mut encoder = audio_encoder(AudioCodec::Opus, Bitrate::from_kbps(32)).unwrap();
        encoder.set_loss(loss).unwrap();
        return (0..count as u64).map(|n| encoder.encode(&voice(n)).unwrap()).collect();
    }
    let mut encoder = opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, opus::Application::Voip).unwrap();
    encoder.set_inband_fec(true).unwrap();
    encoder.set_packet_loss_perc(15).unwrap();
    encoder.set_bitrate(opus::Bitrate::Bits(32_000)).unwrap();
    let sound = |n: usize| (0..blocks).flat_map(|b| voice((n * blocks + b) as u64)).collect::<Vec<_>>();
    (0..count).map(|n| Bytes::from(encoder.encode_vec_float(&sound(n), 1500).unwrap())).collect()
}

fn hear(way: &Way) -> Heard {
    let mut rng = ChaCha8Rng::seed_from_u64(way.seed);
    let start = Now::read().monotonic;
    let length = Duration::from_millis(10 * way.blocks as u64);
    let count = (way.seconds * 1000) as usize / (10 * way.blocks);
    let mut arriving = Vec::new();
    for (n, payload) in packets(way.blocks, count, way.loss).iter().enumerate() {
        let late = Duration::from_micros(rng.random_range(0..=way.jitter * 1000));
        if !rng.random_bool(way.loss) {
            let sent = length.mul_f64(n as f64 / way.speed);
            let time = (n * way.blocks * AudioBlock::LEN) as u64 + 12_345;
            arriving.push(packet(n as u64 + 99, time, start + sent + late + Duration::from_millis(40), payload));
        }
    }
    arriving.sort_by_key(|packet| packet.arrived);
    let mut arriving = arriving.into_iter().peekable();
    let mut buffer = buffer();
    let (mut delay, mut measured, mut waiting) = (Duration::ZERO, 0, 0);
    for tick in 0..way.seconds * 100 {
        let now = start + Duration::from_millis(tick * 10 + 3);
        while let Some(packet) = arriving.next_if(|packet| packet.arrived <= now) {
            buffer.handle_packet(&packet);
        }
        buffer.pull(now);
        waiting = waiting.max(buffer.queue.len());
        if let Some(held) = buffer.current_delay(now) {
            delay += held;
            measured += 1;
        }
    }
    let end = start + Duration::from_secs(way.seconds);
    Heard {
        counters: buffer.counters(),
        delay: delay.as_secs_f64() * 1000.0 / f64::from(measured),
        last_delay: buffer.current_delay(end).unwrap_or_default(),
        waiting,
    }
}

#[test]
fn five_percent_loss_and_thirty_milliseconds_of_jitter_are_hardly_heard() {
    for seed in 1..=4 {
        let heard = hear(&Way { seed, loss: 0.05, jitter: 30, ..Way::default() });
        println!("{:?} {:.1} ms, {:.2} %", heard.counters, heard.delay, heard.concealed() * 100.0);
        assert!(heard.concealed() <= 0.02, "seed {seed}: {:?}", heard.counters);
        assert!(heard.delay <= 60.0, "seed {seed}: {} ms", heard.delay);
        assert!(heard.counters.fec > 50, "seed {seed}: {:?}", heard.counters);
    }
}

#[test]
fn a_clean_way_is_played_as_sent_and_soon() {
    for blocks in [1, 2, 4, 6] {
        let heard = hear(&Way { blocks, seconds: 10, ..Way::default() });
        let counters = heard.counters;
        assert!(counters.normal >= 980, "{blocks}: {counters:?}");
        assert_eq!((counters.concealed, counters.fec, counters.late, counters.dropped), (0, 0, 0, 0), "{blocks}");
        assert!(heard.last_delay <= Duration::from_millis(10 * blocks as u64 + 45), "{blocks}: {:?}", heard.last_delay);
    }
}

#[test]
fn longer_packets_are_repaired_too() {
    let heard = hear(&Way { blocks: 2, loss: 0.05, jitter: 20, ..Way::default() });
    assert!(heard.counters.fec > 20, "{:?}", heard.counters);
    assert!(heard.concealed() <= 0.03, "{:?}", heard.counters);
}

#[test]
fn a_sender_whose_clock_is_off_is_followed() {
    for speed in [0.9995, 1.0005] {
        let heard = hear(&Way { speed, seconds: 60, jitter: 5, ..Way::default() });
        assert!(heard.concealed() <= 0.01, "{speed}: {:?}", heard.counters);
        assert!(heard.delay < 70.0 && heard.last_delay < Duration::from_millis(130), "{speed}: {}", heard.delay);
        assert!(heard.waiting < CAPACITY / 2, "{speed}: {} wait", heard.waiting);
    }
}

/// Feeds packets by script and pulls in between; the kinds that were played.
struct Script {
    buffer: JitterBuffer,
    now: Instant,
    payloads: Vec<Bytes>,
    kinds: Vec<PlayoutKind>,
}

impl Script {
    fn new() -> Self {
        Self { buffer: buffer(), now: Now::read().monotonic, payloads: packets(1, 400, 0.1), kinds: Vec::new() }
    }

    /// Ten milliseconds in which the packet `n` comes, with its time stamp moved by `shift` samples.
    fn with(&mut self, n: u64, shift: i64) {
        self.come(n, n, shift);
        self.without(1);
    }

    fn come(&mut self, n: u64, sequence: u64, shift: i64) {
        let time = (n * 480).wrapping_add_signed(shift);
        let payload = self.payloads[n as usize % self.payloads.len()].clone();
        self.buffer.handle_packet(&packet(sequence, time, self.now, &payload));
    }

    fn without(&mut self, blocks: u32) {
        for _ in 0..blocks {
            self.now += Duration::from_millis(10);
            let playout = self.buffer.pull(self.now);
            assert!(playout.samples.iter().all(|sample| sample.is_finite()));
            self.kinds.push(playout.kind);
        }
    }

    fn last(&self, count: usize) -> &[PlayoutKind] {
        &self.kinds[self.kinds.len() - count..]
    }
}

#[test]
fn a_stream_that_stops_fades_to_silence_and_one_that_returns_is_played() {
    let mut script = Script::new();
    (0..100).for_each(|n| script.with(n, 0));
    script.without(100);
    assert!(script.last(80).iter().all(|kind| *kind == PlayoutKind::Silence));
    // One second later by its own clock, then with a clock that stood still.
    (100..200).for_each(|n| script.with(n, 48_000));
    assert!(script.last(80).iter().all(|kind| *kind == PlayoutKind::Normal), "{:?}", script.buffer);
    script.without(100);
    (200..300).for_each(|n| script.with(n, 48_000));
    assert!(script.last(80).iter().all(|kind| *kind == PlayoutKind::Normal), "{:?}", script.buffer);
    assert_eq!(script.buffer.counters().restarts, 1);
}

#[test]
fn time_stamps_that_jump_are_a_new_beginning() {
    for shift in [48_000 * 3600, -48_000 * 3600, i64::MAX / 2, i64::MIN] {
        let mut script = Script::new();
        (0..100).for_each(|n| script.with(n, 0));
        (100..200).for_each(|n| script.with(n, shift));
        assert!(script.last(80).iter().all(|kind| *kind == PlayoutKind::Normal), "{shift}: {:?}", script.buffer);
    }
}

#[test]
fn a_sender_that_leaves_pauses_out_is_concealed_for_a_moment_only() {
    let mut script = Script::new();
    let mut sequence = 0;
    for n in 0..600 {
        // Every second, 300 ms are not sent: the time stamps tell, the sequence numbers run on.
        if n % 100 < 70 {
            script.come(n, sequence, 0);
            sequence += 1;
        }
        script.without(1);
    }
    let counters = script.buffer.counters();
    assert!(counters.concealed <= 8 * 6, "{counters:?}");
    assert!(counters.normal >= 65 * 6 && counters.silence >= 18 * 5, "{counters:?}");
    assert_eq!((counters.late, counters.restarts), (0, 0));
}

#[test]
fn a_burst_after_a_stall_is_caught_up_with() {
    let mut script = Script::new();
    (0..100).for_each(|n| script.with(n, 0));
    script.without(30);
    (100..130).for_each(|n| script.come(n, n, 0));
    (130..330).for_each(|n| script.with(n, 0));
    let held = script.buffer.current_delay(script.now).unwrap();
    assert!(held < Duration::from_millis(270), "{held:?} {:?}", script.buffer);
    assert!(script.buffer.queue.len() <= CAPACITY);
}

#[test]
fn late_and_doubled_packets_are_counted_and_not_played() {
    let mut script = Script::new();
    (0..50).for_each(|n| script.with(n, 0));
    script.come(3, 3, 0);
    script.come(50, 50, 0);
    script.come(50, 50, 0);
    let counters = script.buffer.counters();
    assert_eq!((counters.late, counters.duplicate), (1, 1));
}

#[test]
fn absurd_packets_never_hurt() {
    let mut rng = ChaCha8Rng::seed_from_u64(3550);
    for round in 0..10 {
        let mut script = Script::new();
        for n in 0..400_u64 {
            let sequence = if rng.random_bool(0.1) { rng.random() } else { n };
            let shift = if rng.random_bool(0.1) { rng.random::<i64>() >> rng.random_range(0..63) } else { 0 };
            if rng.random_bool(0.2) {
                let junk: Vec<u8> = (0..rng.random_range(0..40)).map(|_| rng.random()).collect();
                let time = (n * 480).wrapping_add_signed(shift);
                script.buffer.handle_packet(&packet(sequence, time, script.now, &Bytes::from(junk)));
            }
            script.come(n, sequence, shift);
            script.without(rng.random_range(0..3));
            assert!(script.buffer.queue.len() <= CAPACITY, "round {round}");
        }
    }
}
