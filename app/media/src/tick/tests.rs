//! Turns against turns in virtual time, without a thread.
//!
//! Owns nothing.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use hearth_base::{AudioCodec, EncodedFrame};

use super::*;
use crate::chirp::{Chirp, ChirpEar};
use crate::jitter::Playout;
use crate::source::AudioSource;
use crate::voice::Voice;

const OURS: TrackId = TrackId(1);

struct Out(SyncSender<EncodedFrame>);

impl AudioSink for Out {
    fn audio(&mut self, packet: EncodedFrame) -> Accepted {
        if self.0.try_send(packet).is_ok() { Accepted::Yes } else { Accepted::Full }
    }
}

struct Loudness(SyncSender<f32>);

impl Speaker for Loudness {
    fn play(&mut self, block: &[f32; AudioBlock::LEN], _now: Now) {
        self.0.try_send(block.iter().fold(0.0, |loudest, sample| sample.abs().max(loudest))).unwrap();
    }
}

impl MixListener for Loudness {
    fn hear(&mut self, block: &[f32; AudioBlock::LEN], now: Now) {
        self.play(block, now);
    }
}

struct Ear(ChirpEar, SyncSender<u64>);

impl TrackListener for Ear {
    fn hear(&mut self, track: TrackId, playout: &Playout, now: Now) {
        assert_eq!(track, TrackId(7));
        if self.0.hear(&playout.samples, now) {
            self.1.try_send(self.0.report().of(3)).unwrap();
        }
    }
}

fn speaker(source: Box<dyn AudioSource>) -> (AudioTick, Receiver<EncodedFrame>) {
    let (sender, receiver) = sync_channel(4);
    let settings = AudioSettings { track: OURS, codec: AudioCodec::Opus, bitrate: Bitrate::from_kbps(32) };
    let ports = AudioPorts {
        microphone: Some(source),
        sink: Box::new(Out(sender)),
        speaker: Box::new(NullSpeaker),
        listener: None,
    };
    (AudioTick::new(settings, ports).unwrap(), receiver)
}

fn listener(listener: Option<Box<dyn TrackListener>>) -> (AudioTick, Receiver<f32>) {
    let (nowhere, _) = sync_channel(1);
    let (sender, receiver) = sync_channel(1000);
    let settings = AudioSettings { track: OURS, codec: AudioCodec::Opus, bitrate: Bitrate::from_kbps(32) };
    let speaker = Box::new(Loudness(sender));
    let ports = AudioPorts { microphone: None, sink: Box::new(Out(nowhere)), speaker, listener };
    (AudioTick::new(settings, ports).unwrap(), receiver)
}

fn arrive(packet: EncodedFrame, track: TrackId, sequence: u64, now: Now) -> EncodedFrame {
    EncodedFrame { track, sequence, arrived: now.monotonic, ..packet }
}

fn moments(count: u32) -> impl Iterator<Item = Now> {
    let start = Now::read();
    (0..count).map(move |n| start.at(start.monotonic + TURN * n))
}

#[test]
fn two_voices_are_mixed_and_a_third_that_never_began_is_not_heard() {
    let (mut from, packets) = speaker(Box::new(Voice::default()));
    let (mut to, loudness) = listener(None);
    for track in [2, 3] {
        to.handle_command(AudioCommand::Begin(TrackId(track), AudioCodec::Opus)).unwrap();
    }
    for (sequence, now) in moments(200).enumerate() {
        from.turn(now);
        let packet = packets.try_recv().unwrap();
        for track in [2, 3, 4] {
            to.handle_packet(&arrive(packet.clone(), TrackId(track), sequence as u64, now));
        }
        to.turn(now);
    }
    let report = to.report(Now::read().monotonic);
    assert_eq!((report.tracks.len(), report.unknown), (2, 200));
    assert!(report.tracks.values().all(|track| track.jitter.normal > 190 && track.jitter.concealed == 0), "{report:?}");
    let loudest = loudness.try_iter().fold(0.0, f32::max);
    assert!(loudest > 0.3 && loudest <= 1.0, "{loudest}");
    to.handle_command(AudioCommand::End(TrackId(2))).unwrap();
    assert_eq!(to.report(Now::read().monotonic).tracks.len(), 1);
}

#[test]
fn who_listens_to_the_mix_hears_what_the_speaker_plays() {
    let (turn, played) = listener(None);
    let (sender, heard) = sync_channel(1000);
    let mut turn = turn.with_mix_listener(Box::new(Loudness(sender)));
    turn.handle_command(AudioCommand::Chime).unwrap();
    moments(50).for_each(|now| turn.turn(now));
    let played: Vec<f32> = played.try_iter().collect();
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), played);
    assert!(played.len() == 50 && played.iter().any(|loudness| *loudness > 0.01), "{played:?}");
}

#[test]
fn a_muted_microphone_sends_nothing_and_marks_its_return() {
    let (mut turn, packets) = speaker(Box::new(Voice::default()));
    for (n, now) in moments(30).enumerate() {
        turn.handle_command(AudioCommand::Microphone(!(10..20).contains(&n))).unwrap();
        turn.turn(now);
        let packet = packets.try_recv().ok();
        assert_eq!(packet.is_some(), !(10..20).contains(&n), "turn {n}");
        if let Some(packet) = packet {
            assert_eq!(packet.time, n as u64 * 480);
            assert_eq!(packet.begins_talk, n == 0 || n == 20);
        }
    }
}

#[test]
fn turns_that_were_left_out_leave_a_gap_in_the_time_stamps() {
    let (mut turn, packets) = speaker(Box::new(Voice::default()));
    let positions: Vec<_> = moments(20)
        .enumerate()
        .filter(|(n, _)| !(5..12).contains(n))
        .filter_map(|(_, now)| {
            turn.turn(now);
            packets.try_recv().ok()
        })
        .map(|packet| packet.time / 480)
        .collect();
    assert_eq!(positions, [0, 1, 2, 3, 4, 12, 13, 14, 15, 16, 17, 18, 19]);
}

#[test]
fn a_full_sink_is_counted_and_the_turn_goes_on() {
    let (mut turn, packets) = speaker(Box::new(Voice::default()));
    moments(10).for_each(|now| turn.turn(now));
    let sent = turn.report(Now::read().monotonic).sent;
    assert_eq!((sent.ticks, sent.packets_encoded, sent.packets_refused), (10, 4, 6));
    assert_eq!(packets.try_iter().count(), 4);
}

#[test]
fn a_chirp_is_heard_at_the_other_end() {
    let (heard, chirps) = sync_channel(100);
    let (mut from, packets) = speaker(Box::new(Chirp::new(3)));
    let (mut to, _loudness) = listener(Some(Box::new(Ear(ChirpEar::new(), heard))));
    to.handle_command(AudioCommand::Begin(TrackId(7), AudioCodec::Opus)).unwrap();
    for (sequence, now) in moments(550).enumerate() {
        from.turn(now);
        let packet = packets.try_recv().unwrap();
        to.handle_packet(&arrive(packet, TrackId(7), sequence as u64, now));
        to.turn(now);
    }
    assert!(chirps.try_iter().last().is_some_and(|count| count >= 4));
}

#[test]
fn before_a_call_there_are_a_level_and_a_chime_and_nothing_is_sent() {
    let (sender, loudness) = sync_channel(1000);
    let mut turn = AudioTick::idle();
    turn.handle_plug(PortChange::Speaker(Box::new(Loudness(sender)))).unwrap();
    turn.handle_plug(PortChange::Microphone(Some(Input::Test(Box::new(Voice::default()))))).unwrap();
    turn.handle_command(AudioCommand::Chime).unwrap();
    let mut now = moments(150);
    now.by_ref().take(100).for_each(|now| turn.turn(now));
    let report = turn.report(Now::read().monotonic);
    assert!(report.voice.is_speaking && report.voice.level.decibels() > -30, "{report:?}");
    assert_eq!((report.sent.packets_encoded, report.voice.is_muted_and_speaking), (0, false));
    let played: Vec<f32> = loudness.try_iter().collect();
    assert!(played[..50].iter().any(|loud| *loud > 0.1) && played[70..].iter().all(|loud| *loud == 0.0));

    let (sink, packets) = sync_channel(200);
    let settings = AudioSettings { track: OURS, codec: AudioCodec::Opus, bitrate: Bitrate::from_kbps(32) };
    turn.handle_plug(PortChange::Call(settings, Box::new(Out(sink)))).unwrap();
    turn.handle_command(AudioCommand::Microphone(false)).unwrap();
    now.by_ref().take(20).for_each(|now| turn.turn(now));
    let report = turn.report(Now::read().monotonic);
    assert!(report.voice.is_muted_and_speaking, "{report:?}");
    assert_eq!(packets.try_iter().count(), 0);
    turn.handle_command(AudioCommand::Microphone(true)).unwrap();
    now.by_ref().take(10).for_each(|now| turn.turn(now));
    assert_eq!(packets.try_iter().count(), 10);
    turn.handle_plug(PortChange::HangUp).unwrap();
    now.for_each(|now| turn.turn(now));
    assert_eq!(packets.try_iter().count(), 0);
}

#[test]
fn each_of_them_has_a_level_and_a_volume() {
    let (mut from, packets) = speaker(Box::new(Voice::default()));
    let (mut to, loudness) = listener(None);
    to.handle_command(AudioCommand::Begin(TrackId(2), AudioCodec::Opus)).unwrap();
    to.handle_command(AudioCommand::Begin(TrackId(3), AudioCodec::Opus)).unwrap();
    let mut louds = Vec::new();
    for (sequence, now) in moments(300).enumerate() {
        let volume = Volume::from_percent([100, 0, 200][sequence / 100]);
        to.handle_command(AudioCommand::Volume(TrackId(2), volume)).unwrap();
        from.turn(now);
        to.handle_packet(&arrive(packets.try_recv().unwrap(), TrackId(2), sequence as u64, now));
        to.turn(now);
        louds.extend(loudness.try_iter());
        if sequence % 100 == 99 {
            let report = to.report(now.monotonic);
            assert!(report.tracks[&TrackId(2)].is_speaking && !report.tracks[&TrackId(3)].is_speaking);
            assert!(report.tracks[&TrackId(2)].level.decibels() > -30);
        }
    }
    let loudest = |part: &[f32]| part.iter().copied().fold(0.0, f32::max);
    let (plain, none, twice) = (loudest(&louds[50..100]), loudest(&louds[110..200]), loudest(&louds[250..]));
    assert_eq!(none, 0.0);
    assert!(twice > plain * 1.3, "{plain} {twice}");
}
