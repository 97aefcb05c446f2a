//! Frame assembly against loss, disorder and nonsense.

use super::*;

const MS: Duration = Duration::from_millis(1);

struct Stream {
    assembler: Assembler,
    now: Instant,
}

impl Stream {
    fn new() -> Self {
        let now = Instant::now();
        Self { assembler: Assembler::new(VideoCodec::H264, now), now }
    }

    /// A packet of frame `time`; `K` begins a key frame, `k` goes on with it, `d` is a delta.
    fn packet(&mut self, sequence: u64, time: u64, what: char, marker: bool) -> Vec<u64> {
        let payload: &[u8] = match what {
            'K' => &[0x67, 1],
            'k' => &[0x65, 1],
            'd' => &[0x41, 1],
            _ => &[0xff],
        };
        self.assembler.handle_packet(sequence, time, marker, Bytes::copy_from_slice(payload), self.now);
        self.frames()
    }

    fn frames(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| self.assembler.poll_frame(self.now)).map(|frame| frame.time).collect()
    }

    fn started() -> Self {
        let mut stream = Self::new();
        stream.packet(10, 1, 'K', false);
        assert_eq!(stream.packet(11, 1, 'k', true), [1]);
        stream
    }
}

#[test]
fn nothing_goes_out_before_a_whole_key_frame() {
    let mut stream = Stream::new();
    assert!(stream.packet(8, 0, 'd', true).is_empty());
    assert!(stream.packet(10, 1, 'K', false).is_empty());
    assert!(stream.packet(12, 2, 'd', true).is_empty());
    assert_eq!(stream.packet(11, 1, 'k', true), [1, 2]);
}

#[test]
fn parameter_sets_without_a_picture_to_begin_with_begin_nothing_and_key_frames_are_asked_for_on() {
    let mut stream = Stream::new();
    let mut asked = 0;
    for n in 0..20 {
        // As a camera that refreshes by parts sends it: parameter sets, and a slice that needs what was before.
        assert!(stream.packet(2 * n, n, 'K', false).is_empty());
        assert!(stream.packet(2 * n + 1, n, 'd', true).is_empty());
        stream.now += 100 * MS;
        asked += u32::from(stream.assembler.poll_key_frame_wanted(stream.now));
    }
    assert_eq!(asked, 6, "each 300 ms of 2 s");
    assert!(stream.packet(40, 20, 'K', false).is_empty());
    assert_eq!(stream.packet(41, 20, 'k', true), [20]);
}

#[test]
fn a_recovery_point_is_begun_with() {
    let mut stream = Stream::new();
    let mut put = |sequence, payload: &[u8], marker| {
        stream.assembler.handle_packet(sequence, 7, marker, Bytes::copy_from_slice(payload), stream.now);
        stream.assembler.poll_frame(stream.now)
    };
    assert_eq!(put(1, &[0x09, 0x30], false), None, "a delimiter");
    assert_eq!(put(2, &[0x67, 1], false), None);
    assert_eq!(put(3, &[0x06, 6, 1, 0x71, 0x80], false), None);
    let frame = put(4, &[0x41, 1], true).unwrap();
    assert_eq!(frame.kind, FrameKind::Key);
    // The same in one aggregate that begins with the delimiter.
    let mut other = Stream::new();
    let aggregate = [0x78, 0, 2, 0x09, 0x30, 0, 2, 0x67, 1, 0, 4, 0x06, 6, 1, 0x71];
    other.assembler.handle_packet(1, 1, false, Bytes::copy_from_slice(&aggregate), other.now);
    assert_eq!(other.packet(2, 1, 'd', true), [1]);
}

#[test]
fn frames_leave_in_order_however_they_came() {
    let mut stream = Stream::started();
    assert!(stream.packet(14, 3, 'd', true).is_empty());
    assert!(stream.packet(13, 2, 'd', true).is_empty());
    assert_eq!(stream.packet(12, 2, 'd', false), [2, 3]);
    assert!(stream.packet(12, 2, 'd', false).is_empty(), "doubled");
}

#[test]
fn a_gap_is_waited_for_and_then_a_key_frame_is_asked_for() {
    let mut stream = Stream::started();
    stream.packet(13, 3, 'd', true);
    assert_eq!(stream.assembler.poll_timeout(), Some(stream.now + PATIENCE));
    stream.now += PATIENCE - MS;
    assert!(!stream.assembler.poll_key_frame_wanted(stream.now));
    stream.now += MS;
    assert!(stream.assembler.poll_key_frame_wanted(stream.now));
    assert!(stream.packet(14, 4, 'd', true).is_empty());
    assert!(!stream.assembler.poll_key_frame_wanted(stream.now), "not at once again");
    stream.now += ASK_AGAIN;
    assert!(stream.assembler.poll_key_frame_wanted(stream.now));
    stream.packet(20, 9, 'K', false);
    assert_eq!(stream.packet(21, 9, 'k', true), [9]);
}

#[test]
fn a_frame_that_went_out_never_goes_out_again_however_its_packets_come_once_more() {
    let mut stream = Stream::started();
    assert_eq!(stream.packet(12, 2, 'd', true), [2]);
    stream.packet(14, 4, 'd', true);
    stream.now += PATIENCE;
    assert!(stream.assembler.poll_key_frame_wanted(stream.now), "given up");
    assert!(stream.packet(10, 1, 'K', false).is_empty(), "asked for again, or doubled on its way");
    assert!(stream.packet(11, 1, 'k', true).is_empty());
    assert!(stream.packet(12, 2, 'd', true).is_empty());
    assert_eq!(stream.assembler.packets.len(), 0, "not kept either");
    // Once more when the decoder has lost its way, and when another codec begins.
    stream.packet(20, 9, 'K', false);
    assert_eq!(stream.packet(21, 9, 'k', true), [9]);
    assert!(stream.assembler.restart(stream.now));
    assert!(stream.packet(21, 9, 'k', true).is_empty());
    // One that never went out is welcome however old it is.
    stream.packet(31, 12, 'd', true);
    stream.packet(22, 10, 'K', false);
    assert_eq!(stream.packet(23, 10, 'k', true), [10]);
}

#[test]
fn a_sender_that_counts_from_elsewhere_is_followed() {
    let mut stream = Stream::started();
    let far = 20_000;
    stream.packet(far, 2, 'K', false);
    assert_eq!(stream.packet(far + 1, 2, 'k', true), [2]);
    for n in 0..u64::from(RESTARTED) {
        assert!(stream.packet(100 + n, 3 + n, 'd', true).is_empty());
    }
    assert!(stream.packet(far, 2, 'K', false).is_empty());
    stream.packet(200, 90, 'K', false);
    assert_eq!(stream.packet(201, 90, 'k', true), [90]);
    assert_eq!(stream.packet(202, 91, 'd', true), [91]);
}

#[test]
fn a_key_frame_that_is_on_its_way_survives_what_is_given_up_before_it() {
    for fault in ["gap", "nonsense", "decoder"] {
        let mut stream = Stream::started();
        match fault {
            "gap" => drop(stream.packet(13, 3, 'd', true)),
            // A sender gave up the rest of this frame: its fragment stays open.
            "nonsense" => drop(stream.packet(12, 3, '?', false)),
            _ => drop(stream.packet(12, 3, 'd', true)),
        }
        stream.now += PATIENCE;
        assert!(stream.packet(14, 4, 'K', false).is_empty());
        match fault {
            "gap" => assert!(stream.assembler.poll_key_frame_wanted(stream.now)),
            "nonsense" => assert!(stream.packet(13, 4, 'K', false).is_empty()),
            _ => assert!(stream.assembler.restart(stream.now)),
        }
        assert_eq!(stream.packet(15, 4, 'k', true), [4], "{fault}");
    }
}

#[test]
fn a_key_frame_behind_a_gap_ends_the_wait() {
    let mut stream = Stream::started();
    stream.packet(13, 3, 'd', true);
    stream.packet(14, 4, 'K', false);
    assert_eq!(stream.packet(15, 4, 'k', true), [4]);
    assert_eq!(stream.assembler.gaps, 1);
}

#[test]
fn a_frame_without_marker_ends_where_the_next_begins() {
    let mut stream = Stream::started();
    stream.packet(12, 2, 'd', false);
    assert_eq!(stream.packet(13, 3, 'd', false), [2]);
}

#[test]
fn nonsense_is_counted_and_only_a_key_frame_follows() {
    let mut stream = Stream::started();
    assert!(stream.packet(12, 2, '?', true).is_empty());
    assert_eq!(stream.assembler.refused, 1);
    assert!(stream.packet(13, 3, 'd', true).is_empty());
    stream.packet(14, 4, 'K', false);
    assert_eq!(stream.packet(15, 4, 'k', true), [4]);
}

#[test]
fn a_flood_stays_within_its_bound() {
    let mut stream = Stream::started();
    for sequence in (100..10_000).step_by(2) {
        stream.packet(sequence, sequence, 'd', false);
        assert!(stream.assembler.packets.len() <= WAITING);
    }
}

#[test]
fn another_codec_begins_with_its_own_key_frame_and_what_is_late_of_the_old_one_is_dropped() {
    let mut stream = Stream::started();
    stream.packet(13, 3, 'd', true);
    let now = stream.now;
    assert!(stream.assembler.handle_codec(VideoCodec::Vp8, 20, now));
    assert!(!stream.assembler.handle_codec(VideoCodec::H264, 12, now), "late");
    assert_eq!(stream.assembler.codec(), VideoCodec::Vp8);
    for (sequence, tag, expected) in [(20, 0x11, &[][..]), (21, 0x10, &[21]), (22, 0x11, &[22])] {
        let payload = Bytes::copy_from_slice(&[0x10, tag, 5]);
        stream.assembler.handle_packet(sequence, sequence, true, payload, now);
        assert_eq!(stream.frames(), expected, "{tag:x}");
    }
    assert!(stream.assembler.handle_codec(VideoCodec::H264, 23, now), "and back");
    assert!(stream.packet(23, 23, 'd', true).is_empty());
    assert_eq!(stream.packet(24, 24, 'k', true), [24]);
}
