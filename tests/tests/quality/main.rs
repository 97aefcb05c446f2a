//! What is left of sound and picture on a bad path: call and jitter buffer together, in virtual time, with real Opus.
//!
//! 5 % of all datagrams are lost, each by itself, and the rest comes up to 30 ms late, out of order. The world is that
//! of `hearth-call`'s own tests; here the sound in it is real, and is played as the audio thread would play it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test prints what it measured, and may panic"
)]
#![expect(unreachable_pub, dead_code, reason = "the world is shared with hearth-call's tests, which use more of it")]

#[path = "../../../app/call/tests/world/client.rs"]
mod client;
#[path = "../../../app/call/tests/world/hellos.rs"]
mod hellos;
#[path = "../../../app/call/tests/world/looks.rs"]
mod looks;
#[path = "../../../app/call/tests/world/media.rs"]
mod media;
#[path = "../../../app/call/tests/world/servers.rs"]
mod servers;
#[path = "../../../app/call/tests/world/ways.rs"]
mod ways;
#[path = "../../../app/call/tests/world/world.rs"]
mod world;

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use hearth_base::{AudioCodec, Bitrate, EncodedFrame, VideoCodec};
use hearth_call::{PeerSnapshot, TransportPolicy};
use hearth_media::codec::{audio_decoder, audio_encoder};
use hearth_media::jitter::{JitterBuffer, JitterCounters};
use hearth_netsim::{LinkConfig, Loss};
use world::World;

const LOSS: f64 = 0.05;
const BLOCK: Duration = Duration::from_millis(10);
const LENGTH: Duration = Duration::from_secs(60);
const SEEDS: u64 = 5;

/// What came of one minute in one direction.
struct Outcome {
    sound: JitterCounters,
    frames_sent: usize,
    frames_lost: usize,
    video_packets_sent: f64,
    asked_again: f64,
}

fn bad_path() -> LinkConfig {
    LinkConfig {
        jitter: Duration::from_millis(30),
        loss: Loss::Independent(LOSS),
        ..LinkConfig::delayed(Duration::from_millis(20))
    }
}

/// The synthetic voice, encoded as the client encodes.
fn voice() -> client::Voice {
    let mut encoder = audio_encoder(AudioCodec::Opus, Bitrate::from_kbps(32)).unwrap();
    encoder.set_loss(LOSS).unwrap();
    let mut n = 0;
    Box::new(move || {
        n += 1;
        encoder.encode(&hearth_media::voice::voice(n)).unwrap()
    })
}

fn run(seed: u64, codec: VideoCodec) -> Outcome {
    let mut world = World::new(seed, bad_path());
    for index in [0, 1] {
        world.add_client_with(TransportPolicy::All, &[codec]);
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(10), World::all_connected), "seed {seed}: not connected");
    world.run(Duration::from_secs(2));
    world.clients[0].voice = Some((voice(), BLOCK));
    let (sender, packets) = sync_channel(4096);
    world.clients[1].ear = Some(Box::new(move |packet| sender.send(packet).unwrap()));
    let mut buffer = JitterBuffer::new(audio_decoder(AudioCodec::Opus).unwrap());
    let (before, frames_before) = (peer(&world, 0), world.clients[0].source.frames as usize);
    play(&mut world, &packets, &mut buffer, LENGTH);
    let (after, frames_after) = (peer(&world, 0), world.clients[0].source.frames as usize);
    world.run(Duration::from_secs(1)); // what is still on its way
    let got = &world.clients[1].sink.got[&0].frames;
    let wanted = frames_before..frames_after;
    let arrived = got.iter().filter(|number| wanted.contains(&(**number as usize))).count();
    let sounds = LENGTH.as_millis() / BLOCK.as_millis();
    Outcome {
        sound: buffer.counters(),
        frames_sent: wanted.len(),
        frames_lost: wanted.len() - arrived,
        video_packets_sent: (after.connection.counters.packets_sent - before.connection.counters.packets_sent) as f64
            - sounds as f64,
        asked_again: (after.connection.counters.nacks_received - before.connection.counters.nacks_received) as f64,
    }
}

fn peer(world: &World, of: usize) -> PeerSnapshot {
    world.clients[of].call.snapshot().peers.first().unwrap().clone()
}

/// Plays as the audio thread does: ten milliseconds, then the next ten.
fn play(world: &mut World, packets: &Receiver<EncodedFrame>, buffer: &mut JitterBuffer, length: Duration) {
    let end = world.now + length;
    while world.now < end {
        world.run(BLOCK);
        packets.try_iter().for_each(|packet| buffer.handle_packet(&packet));
        buffer.pull(world.now);
    }
}

#[test]
fn five_percent_loss_and_thirty_milliseconds_of_jitter_leave_a_whole_call() {
    for seed in 1..=SEEDS {
        // Each codec gets its share of the minutes: the whole is no longer for there being two.
        let codec = VideoCodec::ALL[seed as usize % VideoCodec::ALL.len()];
        let outcome = run(seed, codec);
        let sound = outcome.sound;
        let played = (sound.normal + sound.fec + sound.concealed) as f64;
        let concealed = sound.concealed as f64 / played;
        let frames_lost = outcome.frames_lost as f64 / outcome.frames_sent as f64;
        let again = outcome.asked_again / (outcome.video_packets_sent * LOSS);
        println!(
            "seed {seed}, {codec:?}: {:.2} % of sound concealed ({:.2} % by FEC, delay {:?}), {:.2} % of frames lost, \
             {again:.2} retransmissions a loss; {sound:?}",
            concealed * 100.0,
            sound.fec as f64 / played * 100.0,
            sound.late,
            frames_lost * 100.0,
        );
        assert!(played > 5500.0, "seed {seed}: only {played} blocks");
        assert!(concealed <= 0.02, "seed {seed}: {concealed} concealed");
        assert!(frames_lost <= 0.005, "seed {seed}: {frames_lost} of frames lost");
        assert!(again <= 1.5, "seed {seed}: {again} retransmissions a loss");
    }
}
