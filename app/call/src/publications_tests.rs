//! What goes out of an encoder's frames, and what encoders are told.

use hearth_base::CaptureTime;

use super::*;
use crate::io::Output;

const CAMERA: Encoding = Encoding { track: TrackId(0), layer: Layer(0), codec: VideoCodec::Vp8 };
const SOMEBODY: TransportId = TransportId(3);

/// A camera that somebody takes.
struct Bench {
    table: Publications,
    outputs: Outputs,
    sent: usize,
}

fn frame(track: TrackId, kind: FrameKind, now: Instant) -> EncodedFrame {
    EncodedFrame {
        track,
        layer: CAMERA.layer,
        codec: Codec::Video(CAMERA.codec),
        kind,
        sequence: 0,
        dependency: None,
        time: 0,
        captured: CaptureTime::Here(now),
        arrived: now,
        is_discardable: false,
        begins_talk: false,
        payload: Bytes::from_static(&[0x11, 1, 2, 3]),
    }
}

impl Bench {
    fn new() -> Self {
        let mut bench =
            Self { table: Publications::new(vec![VideoCodec::Vp8], 9), outputs: Outputs::default(), sent: 0 };
        assert_eq!(bench.table.publish(TrackSource::Camera, 1, 2), Some(CAMERA.track));
        bench.table.subscribe(SOMEBODY, vec![CAMERA], &mut bench.outputs);
        bench
    }

    fn frame(&mut self, kind: FrameKind, now: Instant) {
        let frame = frame(CAMERA.track, kind, now);
        self.sent += usize::from(self.table.protect(frame, &mut self.outputs, now).is_some());
    }

    fn set_enabled(&mut self, enabled: Switch, now: Instant) {
        self.table.set_enabled(CAMERA.track, enabled, &mut self.outputs, now);
    }

    /// The rates in kbit/s and the temporal layers that they were told since it was looked at last.
    fn targets(&mut self) -> Vec<(u64, TemporalLayers)> {
        let target = |command| {
            let MediaCommand::Target { bitrate, temporal, .. } = command else { return None };
            Some((bitrate.bps() / 1000, temporal))
        };
        self.commands().into_iter().filter_map(target).collect()
    }

    /// What the encoders were told since it was looked at last.
    fn commands(&mut self) -> Vec<MediaCommand> {
        let outputs = std::iter::from_fn(|| self.outputs.pop());
        outputs.filter_map(|output| if let Output::Media(command) = output { Some(command) } else { None }).collect()
    }
}

#[test]
fn after_a_track_was_disabled_nothing_goes_out_before_a_key_frame() {
    let now = Instant::now();
    let mut bench = Bench::new();
    bench.frame(FrameKind::Key, now);
    bench.frame(FrameKind::Delta, now);
    assert_eq!(bench.sent, 2);
    bench.set_enabled(Switch::Off, now);
    bench.frame(FrameKind::Delta, now);
    bench.set_enabled(Switch::On, now);
    for _ in 0..3 {
        bench.frame(FrameKind::Delta, now);
    }
    assert_eq!(bench.sent, 2, "they refer to a frame that nobody was sent");
    bench.frame(FrameKind::Key, now);
    bench.frame(FrameKind::Delta, now);
    assert_eq!(bench.sent, 4);
}

#[test]
fn between_two_key_frames_is_a_gap_however_many_ask() {
    let start = Instant::now();
    let mut bench = Bench::new();
    let mut times = Vec::new();
    for step in 0..100 {
        let now = start + Duration::from_millis(10) * step;
        bench.table.ask_key_frame(CAMERA, &mut bench.outputs, now);
        bench.frame(FrameKind::Delta, now);
        let asked = bench.commands().into_iter().filter(|one| matches!(one, MediaCommand::KeyFrame { .. }));
        times.extend(asked.map(|_| now));
    }
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= KEY_FRAME_GAP), "{times:?}");
    assert_eq!(times.len(), 2, "at 0 and 500 ms: nobody is forgotten either");
}

#[test]
fn a_camera_that_is_off_stops_no_other_video() {
    let now = Instant::now();
    let mut bench = Bench::new();
    let screen = bench.table.publish(TrackSource::Screen, 3, 4).unwrap();
    bench.set_enabled(Switch::Off, now);
    assert_eq!(bench.table.media_state(), MediaState { audio: false, video: false, screen: true });
    let sent = bench.table.protect(frame(screen, FrameKind::Key, now), &mut bench.outputs, now).unwrap();
    assert_eq!(Publications::packetize(sent, CAMERA.codec).encoding.track, screen);
    assert!(bench.table.unpublish(screen) && !bench.table.unpublish(screen));
    assert!(!bench.table.media_state().screen);
}

#[test]
fn encoders_are_told_what_anybody_takes_and_once() {
    let (now, mut bench) = (Instant::now(), Bench::new());
    let Encoding { track, layer, codec } = CAMERA;
    let said = |by_anybody| vec![MediaCommand::Subscribed { track, layer, codec, by_anybody }];
    assert_eq!(bench.commands(), said(true));
    bench.table.subscribe(TransportId(4), vec![CAMERA], &mut bench.outputs);
    bench.table.forget(SOMEBODY, &mut bench.outputs, now);
    assert_eq!(bench.commands(), [], "somebody takes it all the while");
    bench.table.forget(TransportId(4), &mut bench.outputs, now);
    assert_eq!(bench.commands(), said(false));
}

#[test]
fn who_comes_and_goes_gets_no_more_key_frames_than_who_stays() {
    let (start, mut bench) = (Instant::now(), Bench::new());
    let mut asked = 0;
    for step in 0..100 {
        let now = start + Duration::from_millis(10) * step;
        bench.table.subscribe(SOMEBODY, Vec::new(), &mut bench.outputs);
        bench.table.subscribe(SOMEBODY, vec![CAMERA], &mut bench.outputs);
        bench.table.ask_key_frame(CAMERA, &mut bench.outputs, now);
        asked += bench.commands().iter().filter(|one| matches!(one, MediaCommand::KeyFrame { .. })).count();
    }
    assert_eq!(asked, 2, "at 0 and 500 ms");
}

#[test]
fn the_slowest_link_sets_the_rate_until_it_is_gone() {
    let (now, mut bench) = (Instant::now(), Bench::new());
    bench.commands();
    let rate =
        |kbps: u64| Some(LinkRate { layers: vec![(CAMERA.track, CAMERA.layer, Bitrate::from_kbps(kbps))], loss: 0.0 });
    let mut targets = Vec::new();
    for (transport, kbps) in [(3, rate(900)), (4, rate(300)), (3, rate(1000)), (4, None)] {
        bench.table.set_rate(TransportId(transport), kbps, &mut bench.outputs, now);
        targets.extend(bench.commands().into_iter().filter_map(|command| {
            if let MediaCommand::Target { bitrate, .. } = command { Some(bitrate.bps() / 1000) } else { None }
        }));
    }
    assert_eq!(targets, [900, 300, 1000]);
}

#[test]
fn there_are_so_many_tracks_and_no_more() {
    let mut bench = Bench::new();
    let further = (0..MAX_TRACKS).filter(|_| bench.table.publish(TrackSource::Screen, 1, 1).is_some());
    assert_eq!(further.count(), MAX_TRACKS - 1);
}

#[test]
fn a_slow_link_among_others_is_thinned_until_it_or_the_track_is_gone() {
    let (mut now, mut bench) = (Instant::now(), Bench::new());
    let [slow, fast, third] = [3, 4, 5].map(TransportId);
    let of = (CAMERA.track, CAMERA.layer);
    let mut told = Vec::new();
    for _ in 0..11 {
        for (transport, kbps) in [(slow, 600), (fast, 2000), (third, 2000)] {
            let layers = vec![(of.0, of.1, Bitrate::from_kbps(kbps))];
            bench.table.set_rate(transport, Some(LinkRate { layers, loss: 0.0 }), &mut bench.outputs, now);
        }
        told.extend(bench.targets());
        now += Duration::from_secs(1);
    }
    let [one, two] = [(600, TemporalLayers::One), (923, TemporalLayers::Two)];
    assert_eq!(told, [one, one, one, one, one, two], "again every two seconds; and after ten");
    let discardable = EncodedFrame { is_discardable: true, ..frame(CAMERA.track, FrameKind::Delta, now) };
    let needed = frame(CAMERA.track, FrameKind::Delta, now);
    let goes_without = |bench: &Bench, frame| [slow, fast, third].map(|link| bench.table.goes_without(link, frame));
    assert_eq!(goes_without(&bench, &discardable), [true, false, false]);
    assert_eq!(goes_without(&bench, &needed), [false; 3]);
    assert_eq!([slow, fast].map(|link| bench.table.is_thinned(link)), [true, false]);
    let target = |bench: &Bench, link| bench.table.target(link, of.0, of.1).map(|rate| rate.bps() / 1000);
    assert_eq!([slow, fast].map(|link| target(&bench, link)), [Some(553), Some(923)]);
    bench.table.forget(slow, &mut bench.outputs, now);
    assert_eq!(goes_without(&bench, &discardable), [false; 3]);
    assert_eq!(bench.targets(), [(2000, TemporalLayers::One)]);
}
