//! The echo canceller in the real turn, in virtual time, in a room that was made for it.
//!
//! Somebody far away speaks through Opus and a jitter buffer into our speaker; the room sends it back with early
//! reflections and a tail of a quarter of a second; somebody here speaks into it, or does not. Owns nothing.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use hearth_base::{AudioBlock, AudioCodec, Bitrate, EncodedFrame, SAMPLE_RATE, Switch, TrackId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::codec::audio_decoder;
use crate::source::AudioSource;

const RATE: usize = SAMPLE_RATE as usize;
const BLOCK: usize = AudioBlock::LEN;
/// From handing sound to the speaker until the microphone's ring gives it back, without the room.
const AROUND: usize = RATE * 60 / 1000;
const THEIRS: TrackId = TrackId(7);

/// Something like speech: syllables of a gliding pitch under moving resonances, hisses between them, and pauses.
fn speech(seed: u64, length: usize) -> Vec<f32> {
    const VOWELS: [[f64; 3]; 5] = [
        [730.0, 1090.0, 2440.0],
        [270.0, 2290.0, 3010.0],
        [530.0, 1840.0, 2480.0],
        [570.0, 840.0, 2410.0],
        [300.0, 870.0, 2240.0],
    ];
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut sound = Vec::with_capacity(length + RATE);
    while sound.len() < length {
        for _ in 0..rng.random_range(3..8) {
            let hiss = rng.random_range(RATE / 40..RATE / 15);
            sound.extend((0..hiss).map(|_| rng.random_range(-0.03_f32..0.03)));
            let (vowel, pitch) = (VOWELS[rng.random_range(0..VOWELS.len())], rng.random_range(95.0..210.0_f64));
            let (long, glide) = (rng.random_range(RATE / 8..RATE / 4), rng.random_range(-30.0..30.0_f64));
            let loud = rng.random_range(0.25..0.45_f64);
            let mut phase = 0.0;
            sound.extend((0..long).map(|n| {
                let share = n as f64 / long as f64;
                let hertz = pitch + glide * share;
                phase += std::f64::consts::TAU * hertz / RATE as f64;
                let harmonic = |h: i32| {
                    let at = hertz * f64::from(h);
                    let near =
                        |(k, centre): (usize, &f64)| 0.5_f64.powi(k as i32) / (1.0 + ((at - centre) / 90.0).powi(2));
                    vowel.iter().enumerate().map(near).sum::<f64>() * (phase * f64::from(h)).sin()
                };
                let envelope = (std::f64::consts::PI * share).sin().powf(0.6);
                (loud * envelope * (1..24).map(harmonic).sum::<f64>()) as f32
            }));
        }
        sound.extend(std::iter::repeat_n(0.0, rng.random_range(RATE / 5..RATE / 2)));
    }
    sound.truncate(length);
    sound
}

/// A room's answer to a clap: when, and how loud. The tail is 60 dB down after a quarter of a second.
fn answer(seed: u64) -> Vec<(usize, f32)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut taps = vec![(RATE / 400, 0.35)];
    taps.extend([(7, 0.18), (11, -0.15), (17, 0.12), (23, -0.1)].map(|(ms, gain)| (RATE * ms / 1000, gain)));
    let mut at = RATE / 40;
    while at < RATE / 4 {
        let gain = 0.07 * 10_f32.powf(-3.0 * at as f32 / (RATE as f32 / 4.0));
        taps.push((at, if rng.random_range(0..2) == 0 { gain } else { -gain }));
        at += rng.random_range(4..20);
    }
    taps
}

struct Cone(SyncSender<[f32; BLOCK]>);

impl Speaker for Cone {
    fn play(&mut self, block: &[f32; BLOCK], _now: Now) {
        self.0.try_send(*block).unwrap();
    }
    fn delay(&self) -> Duration {
        Duration::from_millis(35)
    }
}

struct Room {
    played: Receiver<[f32; BLOCK]>,
    history: Vec<f32>,
    answer: Vec<(usize, f32)>,
    /// What is said here, and noise.
    near: Vec<f32>,
    position: usize,
}

impl AudioSource for Room {
    fn read(&mut self, now: Now, block: &mut [f32; BLOCK]) -> Option<Instant> {
        self.history.extend(self.played.try_iter().flatten());
        block.copy_from_slice(&self.near[self.position..self.position + BLOCK]);
        for (lag, gain) in &self.answer {
            let Some(from) = self.position.checked_sub(AROUND + lag) else { continue };
            for (sample, played) in block.iter_mut().zip(&self.history[from..]) {
                *sample += gain * played;
            }
        }
        self.position += BLOCK;
        now.monotonic.checked_sub(Duration::from_millis(15))
    }
}

struct Said(Vec<f32>, usize);

impl AudioSource for Said {
    fn read(&mut self, now: Now, block: &mut [f32; BLOCK]) -> Option<Instant> {
        block.copy_from_slice(&self.0[self.1..self.1 + BLOCK]);
        self.1 += BLOCK;
        Some(now.monotonic)
    }
}

struct Out(SyncSender<EncodedFrame>);

impl AudioSink for Out {
    fn audio(&mut self, packet: EncodedFrame) -> Accepted {
        if self.0.try_send(packet).is_ok() { Accepted::Yes } else { Accepted::Full }
    }
}

fn call(input: Input, speaker: Box<dyn Speaker>) -> (AudioTick, Receiver<EncodedFrame>) {
    let (sink, packets) = sync_channel(1);
    let settings = AudioSettings { track: TrackId(1), codec: AudioCodec::Opus, bitrate: Bitrate::from_kbps(64) };
    let mut turn = AudioTick::idle();
    turn.handle_plug(PortChange::Microphone(Some(input))).unwrap();
    turn.handle_plug(PortChange::Speaker(speaker)).unwrap();
    turn.handle_plug(PortChange::Call(settings, Box::new(Out(sink)))).unwrap();
    (turn, packets)
}

/// What those far away hear of us.
fn run(treatment: VoiceProcessing, far: &[f32], near: Vec<f32>) -> Vec<f32> {
    let (cone, played) = sync_channel(8);
    let room = Room { played, history: Vec::new(), answer: answer(5), near, position: 0 };
    let (mut here, ours) = call(Input::Voice(Box::new(room)), Box::new(Cone(cone)));
    let (mut there, theirs) = call(Input::Test(Box::new(Said(far.to_vec(), 0))), Box::new(NullSpeaker));
    here.handle_command(AudioCommand::Treat(treatment)).unwrap();
    here.handle_command(AudioCommand::Begin(THEIRS, AudioCodec::Opus)).unwrap();
    let mut decoder = audio_decoder(AudioCodec::Opus).unwrap();
    let (start, mut heard) = (Now::read(), Vec::with_capacity(far.len()));
    for n in 0..far.len() / BLOCK {
        let now = start.at(start.monotonic + TURN * n as u32);
        there.turn(now);
        let (track, sequence, arrived) = (THEIRS, n as u64, now.monotonic);
        here.handle_packet(&EncodedFrame { track, sequence, arrived, ..theirs.try_recv().unwrap() });
        here.turn(now);
        let mut block = [0.0; BLOCK];
        decoder.decode(&ours.try_recv().unwrap().payload, &mut block).unwrap();
        heard.extend(block);
    }
    heard
}

fn power(sound: &[f32]) -> f32 {
    sound.iter().map(|x| x * x).sum::<f32>() / sound.len() as f32
}

fn decibels(ratio: f32) -> f32 {
    10.0 * ratio.max(1e-12).log10()
}

fn hiss(seed: u64, length: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..length).map(|_| rng.random_range(-0.0005..0.0005)).collect()
}

/// Far speech for 20 s; here, silence but from 12 s to 17 s.
#[test]
fn the_echo_goes_and_who_speaks_here_stays() {
    let second = |n: usize| n * RATE;
    let far = speech(1, second(20));
    let silence = vec![0.0; far.len()];
    let quiet = hiss(3, far.len());
    let mut near = quiet.clone();
    for (sample, said) in near[second(12)..second(17)].iter_mut().zip(speech(2, second(5))) {
        *sample += 0.5 * said;
    }
    let echo = VoiceProcessing { echo: Switch::On, ..VoiceProcessing::NONE };

    let plain = run(VoiceProcessing::NONE, &far, quiet.clone());
    let cancelled = run(echo, &far, quiet);
    let gone = |from: usize, to: usize| {
        decibels(power(&plain[second(from)..second(to)]) / power(&cancelled[second(from)..second(to)]))
    };
    println!("echo uncancelled: {:.1} dB below full scale", -decibels(power(&plain[second(8)..second(12)])));
    println!(
        "echo taken out: {:.1} dB in seconds 0-2, {:.1} in 2-4, {:.1} in 8-12",
        gone(0, 2),
        gone(2, 4),
        gone(8, 12)
    );
    assert!(gone(8, 12) >= 25.0);

    let alone = run(echo, &silence, near.clone());
    let both = run(echo, &far, near);
    let during = second(13)..second(17);
    let (alone, both) = (&alone[during.clone()], &both[during]);
    let kept = alone.iter().zip(both).map(|(a, b)| a * b).sum::<f32>() / alone.iter().map(|a| a * a).sum::<f32>();
    let level = decibels(power(both) / power(alone));
    println!("both speak: who is here comes through at {:.1} dB, all of it at {level:.1} dB", 2.0 * decibels(kept));
    assert!(2.0 * decibels(kept) > -6.0, "who speaks here is not swallowed: {kept}");
    assert!((-6.0..3.0).contains(&level), "{level}");
    assert!(gone(18, 20) >= 20.0, "and the canceller has not forgotten the room");
}

#[test]
fn a_turn_has_time_for_all_of_it() {
    let sound = speech(4, 4 * RATE);
    let blocks = sound.as_chunks::<BLOCK>().0;
    let echo = VoiceProcessing { echo: Switch::On, ..VoiceProcessing::NONE };
    for (what, treatment) in [("echo", echo), ("echo, noise and gain", VoiceProcessing::FULL)] {
        let mut treating = voice_processing::Treating::new(treatment);
        let begin = Now::read().monotonic;
        for block in blocks {
            let mut heard = *block;
            treating.treat(&mut heard, Duration::from_millis(50));
            treating.handle_played(block);
        }
        let each = (Now::read().monotonic - begin) / blocks.len() as u32;
        let begin = Now::read().monotonic;
        treating.reset();
        println!("{what}: {each:?} for 10 ms; another device: {:?} once", Now::read().monotonic - begin);
        assert!(each < TURN / 2, "{each:?}");
    }
}
