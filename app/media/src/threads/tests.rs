//! The threads together, waiting on channels with deadlines and never for time to pass.
//!
//! Owns nothing.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use hearth_base::{
    AudioCodec, Bitrate, Codec, EncodedFrame, FrameKind, FrameRate, Layer, Picture, Resolution, TemporalLayers,
    TrackId, VideoCodec,
};

use super::*;
use crate::chirp::Chirp;
use crate::codec::video_codecs;
use crate::pattern::Pattern;
use crate::sinks::{ChirpSink, StampSink};
use crate::slot::{SlotSender, slot};
use crate::stamp;
use crate::tick::{AudioCommand, AudioPorts, AudioSettings, AudioSink, AudioTick, NullSpeaker};

const TRACK: TrackId = TrackId(5);
const DEADLINE: Duration = Duration::from_secs(20);

struct Channel {
    sender: SyncSender<EncodedFrame>,
    room: bool,
}

impl VideoSink for Channel {
    fn room(&mut self, _track: TrackId, _layer: Layer) -> bool {
        self.room
    }

    fn video(&mut self, picture: EncodedFrame) -> Accepted {
        if self.sender.try_send(picture).is_ok() { Accepted::Yes } else { Accepted::Full }
    }
}

struct Pictures(SyncSender<Picture>);

impl PictureSink for Pictures {
    fn picture(&mut self, _track: TrackId, picture: Picture, _now: Now) {
        drop(self.0.send(picture));
    }
}

fn layer(n: u8, halvings: u8) -> LayerSettings {
    LayerSettings {
        layer: Layer(n),
        height: 360 >> halvings,
        rate: FrameRate::new(15),
        // Plenty, so that the encoder leaves nothing out.
        bitrate: Bitrate::from_kbps(2000),
    }
}

fn pattern() -> Pattern {
    Pattern::new(5, Resolution::new(640, 360).unwrap(), FrameRate::new(15))
}

/// Encoders of one layer, which is watched in our best codec.
fn encoding(sender: SyncSender<EncodedFrame>, room: bool) -> Encoding {
    let mut encoding = Encoding::new(TRACK, &[layer(0, 0)], Box::new(Channel { sender, room }));
    encoding.handle_command(EncodeCommand::Watched(Layer(0), best(), true));
    encoding
}

fn best() -> VideoCodec {
    video_codecs()[0]
}

/// Encoded pictures without a thread: the first is a key frame.
fn film(codec: VideoCodec, count: usize) -> Vec<EncodedFrame> {
    let (sender, receiver) = sync_channel(count);
    let mut encoding = Encoding::new(TRACK, &[layer(0, 0)], Box::new(Channel { sender, room: true }));
    encoding.handle_command(EncodeCommand::Watched(Layer(0), codec, true));
    let (mut pattern, start) = (pattern(), Now::read());
    for n in 0..count as u64 {
        encoding.handle_picture(&pattern.draw(start.at(start.monotonic + FrameRate::new(15).time_of(n))).unwrap());
    }
    receiver.try_iter().collect()
}

fn nobody() -> Lost {
    Arc::new(|_| {})
}

#[test]
fn a_picture_goes_from_the_camera_through_both_codecs_to_the_sink() {
    let (sender, encoded) = sync_channel(100);
    let sink = Box::new(Channel { sender, room: true });
    let (mut encode, mut pictures) = EncodeThread::spawn(TRACK, &[layer(0, 0)], sink).unwrap();
    assert_eq!(encode.command(EncodeCommand::Watched(Layer(0), best(), true)), Accepted::Yes);
    let (stamps, reports) = StampSink::new();
    let mut decode = DecodeThreads::spawn(2).unwrap();
    decode.begin(TRACK, Box::new(stamps), nobody());
    let camera = CameraThread::spawn(Box::new(pattern()), move |picture| pictures.put(picture), |_| {}).unwrap();
    for _ in 0..8 {
        let video = encoded.recv_timeout(DEADLINE).unwrap();
        assert_eq!(decode.handle_video(video), Queued::Yes);
    }
    drop(camera);
    let report = reports.receiver().recv_timeout(DEADLINE).unwrap();
    assert_eq!((report.source, report.unreadable, report.repeated, report.fallen), (Some(5), 0, 0, 0));
    assert!(encode.report().layers[&(Layer(0), best())].frames_encoded >= 7);
}

#[test]
fn every_watched_layer_is_encoded_once_at_its_size() {
    let (sender, encoded) = sync_channel(10);
    let sink = Box::new(Channel { sender, room: true });
    let (encode, mut pictures) = EncodeThread::spawn(TRACK, &[layer(0, 1), layer(1, 0)], sink).unwrap();
    for n in [0, 1] {
        assert_eq!(encode.command(EncodeCommand::Watched(Layer(n), best(), true)), Accepted::Yes);
    }
    let (decoded, shown) = sync_channel(10);
    let mut decode = DecodeThreads::spawn(1).unwrap();
    pictures.put(pattern().draw(Now::read()).unwrap());
    // The largest first.
    for (n, width) in [(1, 640), (0, 320)] {
        let video = encoded.recv_timeout(DEADLINE).unwrap();
        assert_eq!((video.layer, video.kind), (Layer(n), FrameKind::Key));
        decode.begin(TRACK, Box::new(Pictures(decoded.clone())), nobody());
        decode.handle_video(video);
        let picture = shown.recv_timeout(DEADLINE).unwrap();
        assert_eq!(picture.resolution().width, width);
        assert_eq!(stamp::read(&picture).map(|stamp| stamp.source), Ok(5));
    }
    assert_eq!(encode.command(EncodeCommand::Watched(Layer(1), best(), false)), Accepted::Yes);
    pictures.put(pattern().draw(Now::read()).unwrap());
    assert_eq!(encoded.recv_timeout(DEADLINE).unwrap().layer, Layer(0));
    drop(encode);
    assert_eq!(encoded.recv_timeout(DEADLINE).map(drop), Err(RecvTimeoutError::Disconnected));
}

#[test]
fn in_two_temporal_layers_each_frame_says_what_it_needs_and_an_encoder_that_comes_back_makes_two() {
    for codec in video_codecs() {
        let (sender, frames) = sync_channel(30);
        let mut encoding = Encoding::new(TRACK, &[layer(0, 0)], Box::new(Channel { sender, room: true }));
        encoding.handle_command(EncodeCommand::Target(Layer(0), Bitrate::from_kbps(2000), TemporalLayers::Two));
        let (mut pattern, start) = (pattern(), Now::read());
        for n in 0..20 {
            if n % 10 == 0 {
                encoding.handle_command(EncodeCommand::Watched(Layer(0), codec, false));
                encoding.handle_command(EncodeCommand::Watched(Layer(0), codec, true));
            }
            let at = start.monotonic + FrameRate::new(15).time_of(n);
            encoding.handle_picture(&pattern.draw(start.at(at)).unwrap());
        }
        let said: Vec<_> = frames.try_iter().map(|frame| (frame.is_discardable, frame.dependency)).collect();
        let expected = (0..20).map(|n: u64| match n % 10 {
            0 => (false, None),
            one if one % 2 == 1 => (true, Some(n - 1)),
            _ => (false, Some(n - 2)),
        });
        assert_eq!(said, expected.collect::<Vec<_>>(), "{codec:?}");
    }
}

#[test]
fn without_room_raw_pictures_are_left_out_and_a_refused_one_is_followed_by_a_key_frame() {
    let (sender, encoded) = sync_channel(2);
    let mut encoding = encoding(sender, true);
    let (mut pattern, start) = (pattern(), Now::read());
    let mut next = |encoding: &mut Encoding, n: u64| {
        encoding.handle_picture(&pattern.draw(start.at(start.monotonic + FrameRate::new(15).time_of(n))).unwrap());
    };
    (0..3).for_each(|n| next(&mut encoding, n));
    let kinds: Vec<_> = encoded.try_iter().map(|video| video.kind).collect();
    assert_eq!(kinds, [FrameKind::Key, FrameKind::Delta]);
    (3..5).for_each(|n| next(&mut encoding, n));
    let kinds: Vec<_> = encoded.try_iter().map(|video| video.kind).collect();
    assert_eq!(kinds, [FrameKind::Key, FrameKind::Delta]);
    assert_eq!(encoding.report().layers[&(Layer(0), best())].frames_refused, 1);

    let (sender, encoded) = sync_channel(2);
    let mut encoding = self::encoding(sender, false);
    (5..8).for_each(|n| next(&mut encoding, n));
    assert_eq!((encoded.try_iter().count(), encoding.report().layers[&(Layer(0), best())].frames_without_room), (0, 3));
}

#[test]
fn a_codec_costs_nothing_until_somebody_watches_it_and_nothing_after() {
    let (sender, encoded) = sync_channel(10);
    let mut encoding = Encoding::new(TRACK, &[layer(0, 0)], Box::new(Channel { sender, room: true }));
    let (mut pattern, start) = (pattern(), Now::read());
    let mut n = 0;
    let mut next = |encoding: &mut Encoding| {
        n += 1;
        encoding.handle_picture(&pattern.draw(start.at(start.monotonic + FrameRate::new(15).time_of(n))).unwrap());
        encoded.try_iter().map(|video| (video.codec, video.kind)).collect::<Vec<_>>()
    };
    assert_eq!(next(&mut encoding), []);
    for codec in video_codecs() {
        let of = |watched| EncodeCommand::Watched(Layer(0), codec, watched);
        encoding.handle_command(of(true));
        assert_eq!(next(&mut encoding), [(Codec::Video(codec), FrameKind::Key)]);
        encoding.handle_command(of(true));
        assert_eq!(next(&mut encoding), [(Codec::Video(codec), FrameKind::Delta)], "watched twice is watched");
        encoding.handle_command(of(false));
        assert_eq!(next(&mut encoding), []);
        encoding.handle_command(EncodeCommand::KeyFrame(Layer(0), codec));
        assert_eq!(next(&mut encoding), [(Codec::Video(codec), FrameKind::Key)], "who asks watches");
        encoding.handle_command(of(false));
    }
    video_codecs().iter().for_each(|codec| encoding.handle_command(EncodeCommand::Watched(Layer(0), *codec, true)));
    assert_eq!(next(&mut encoding).len(), video_codecs().len(), "each picture once in each codec");
}

#[test]
fn when_they_change_their_codec_the_next_key_frame_is_shown() {
    let (decoded, shown) = sync_channel(20);
    let mut decode = DecodeThreads::spawn(1).unwrap();
    decode.begin(TRACK, Box::new(Pictures(decoded)), nobody());
    for codec in video_codecs() {
        let frames = film(codec, 3);
        // A delta of the new codec is on nothing.
        for frame in [&frames[2], &frames[0], &frames[1]] {
            assert_eq!(decode.handle_video(frame.clone()), Queued::Yes);
        }
        assert_eq!(decode.codec(TRACK), Some(codec));
        let number = || stamp::read(&shown.recv_timeout(DEADLINE).unwrap()).unwrap().number;
        assert_eq!([number(), number()], [0, 1], "{codec:?}");
    }
}

/// Says which picture it has in its hands, and keeps it until it is let go.
struct Gate {
    holds: SyncSender<u16>,
    let_go: Receiver<()>,
}

impl PictureSink for Gate {
    fn picture(&mut self, _track: TrackId, picture: Picture, _now: Now) {
        self.holds.send(stamp::read(&picture).unwrap().number).unwrap();
        self.let_go.recv().unwrap();
    }
}

#[test]
fn a_full_decoder_flushes_to_the_next_key_frame_and_asks_for_one() {
    let frames = film(best(), 14);
    let (holds, held) = sync_channel(4);
    let (go, let_go) = sync_channel(4);
    let mut decode = DecodeThreads::spawn(1).unwrap();
    decode.begin(TRACK, Box::new(Gate { holds, let_go }), nobody());
    assert_eq!(decode.handle_video(frames[0].clone()), Queued::Yes);
    assert_eq!(held.recv_timeout(DEADLINE), Ok(0));
    let queued: Vec<_> = frames[1..].iter().map(|frame| decode.handle_video(frame.clone())).collect();
    assert_eq!(queued[..8], [Queued::Yes; 8]);
    assert_eq!(queued[8], Queued::KeyFrameWanted);
    assert!(queued[9..].iter().all(|queued| *queued == Queued::Dropped));
    assert_eq!(decode.handle_video(frames[0].clone()), Queued::Yes);
    [(), ()].into_iter().for_each(|()| go.send(()).unwrap());
    // The next picture is that key frame, and nothing in between.
    assert_eq!(held.recv_timeout(DEADLINE), Ok(0));
    let counters = decode.counters(TRACK).unwrap();
    assert_eq!((counters.received, counters.frames_dropped), (15, 13));
}

#[test]
fn after_an_error_the_decoder_asks_once_and_holds_until_a_key_frame() {
    let frames = film(best(), 6);
    let (decoded, shown) = sync_channel(10);
    let (asked, asks) = sync_channel(10);
    let lost: Lost = Arc::new(move |track| asked.try_send(track).unwrap());
    let mut decode = DecodeThreads::spawn(1).unwrap();
    decode.begin(TRACK, Box::new(Pictures(decoded)), lost);
    let broken = EncodedFrame { payload: Bytes::from_static(&[0, 0, 0, 1, 0x65, 0xff, 0xff]), ..frames[0].clone() };
    let script = [&frames[0], &frames[1], &broken, &frames[2], &frames[3], &frames[0]];
    for frame in script {
        decode.handle_video(frame.clone());
    }
    let numbers: Vec<_> = (0..3).map(|_| stamp::read(&shown.recv_timeout(DEADLINE).unwrap()).unwrap().number).collect();
    assert_eq!(numbers, [0, 1, 0]);
    assert_eq!(asks.try_iter().collect::<Vec<_>>(), [TRACK]);
    let counters = decode.counters(TRACK).unwrap();
    assert_eq!((counters.decoder_errors, counters.frames_dropped), (1, 2));
    decode.end(TRACK);
    assert_eq!(decode.handle_video(frames[0].clone()), Queued::Dropped);
}

struct Packets(SyncSender<EncodedFrame>);

impl AudioSink for Packets {
    fn audio(&mut self, packet: EncodedFrame) -> Accepted {
        if self.0.try_send(packet).is_ok() { Accepted::Yes } else { Accepted::Full }
    }
}

fn audio(microphone: Option<Chirp>, ears: Option<ChirpSink>) -> (AudioThread, Receiver<EncodedFrame>) {
    let (sender, packets) = sync_channel(32);
    let ports = AudioPorts {
        microphone: microphone.map(|chirp| Box::new(chirp) as _),
        sink: Box::new(Packets(sender)),
        speaker: Box::new(NullSpeaker),
        listener: ears.map(|ears| Box::new(ears) as _),
    };
    let settings = AudioSettings { track: TRACK, codec: AudioCodec::Opus, bitrate: Bitrate::from_kbps(32) };
    (AudioThread::spawn(AudioTick::new(settings, ports).unwrap()).unwrap(), packets)
}

#[test]
fn a_chirp_goes_from_one_audio_thread_to_another() {
    let (ears, reports) = ChirpSink::new();
    let (from, packets) = audio(Some(Chirp::new(5)), None);
    let (mut to, _) = audio(None, Some(ears));
    assert_eq!(to.command(AudioCommand::Begin(TRACK, AudioCodec::Opus)), Accepted::Yes);
    let mut sequence = 0;
    let report = loop {
        let packet = packets.recv_timeout(DEADLINE).unwrap();
        let arrived = Now::read().monotonic;
        to.handle_audio(EncodedFrame { arrived, ..packet });
        sequence += 1;
        if let Some(report) = reports.take() {
            break report;
        }
        assert!(sequence < 1000, "ten seconds without a chirp");
    };
    assert_eq!((report[&TRACK].of(5), report[&TRACK].heard.iter().sum::<u64>()), (1, 1));
    assert!(report[&TRACK].mouth_to_ear_ms.is_some_and(|ms| ms < 300.0), "{report:?}");
    drop(from);
    assert!(to.report().tracks.contains_key(&TRACK));
}

#[test]
fn a_dropped_camera_has_ended_and_a_lost_one_says_so() {
    struct Gone;
    impl crate::source::VideoSource for Gone {
        fn pace(&self) -> crate::source::Pace {
            crate::source::Pace::Device
        }
        fn capture(&mut self, _now: Now) -> Result<Option<Picture>, crate::source::SourceLost> {
            Err(crate::source::SourceLost("The camera was unplugged: plug it in again.".into()))
        }
    }
    let (told, lost) = sync_channel(1);
    let camera = CameraThread::spawn(Box::new(Gone), |_| {}, move |error| drop(told.try_send(error))).unwrap();
    assert!(lost.recv_timeout(DEADLINE).unwrap().to_string().contains("unplugged"));
    drop(camera);

    let (mut pictures, taken): (SlotSender<Picture>, _) = slot();
    let camera = CameraThread::spawn(Box::new(pattern()), move |picture| pictures.put(picture), |_| {}).unwrap();
    taken.receiver().recv_timeout(DEADLINE).unwrap();
    drop(camera);
    while taken.take().is_some() {}
    assert_eq!(taken.receiver().recv_timeout(DEADLINE).map(drop).map_err(|error| error.is_disconnected()), Err(true));
}
