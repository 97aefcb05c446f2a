//! What is reported of packets that come, come late, twice, or not at all.

use std::collections::BTreeSet;

use super::*;

const INTERVAL: Duration = Duration::from_millis(50);

struct Receiver {
    reporter: ArrivalReporter,
    start: Instant,
    now: Instant,
}

impl Receiver {
    fn new() -> Self {
        let start = Instant::now();
        Self { reporter: ArrivalReporter::new(ReportSwitch::default(), INTERVAL, 9), start, now: start }
    }

    /// These packets come now.
    fn came(&mut self, ssrc: u32, sequences: impl IntoIterator<Item = u16>) {
        sequences.into_iter().for_each(|sequence| self.reporter.handle_packet(ssrc, sequence, self.now));
    }

    /// After an interval: of each block its stream, its first number, and how long ago each packet came, ms.
    fn reported(&mut self) -> Vec<(u32, u16, Vec<Option<u16>>)> {
        self.now += INTERVAL;
        self.reporter.handle_timeout(self.now);
        let mut blocks = Vec::new();
        while let Some(packet) = self.reporter.poll_own() {
            let Packet::Rtcp(packets) = packet.message.packet else { panic!("a packet of media") };
            let report = packets[0].as_any().downcast_ref::<CcFeedbackReport>().unwrap();
            assert!(rtcp::Packet::raw_size(report) <= REPORT && report.sender_ssrc == 9);
            let ago = |block: &CcFeedbackReportBlock| {
                let each = block.metric_blocks.iter();
                each.map(|one| one.received.then_some(one.arrival_time_offset * 125 / 128)).collect()
            };
            blocks
                .extend(report.report_blocks.iter().map(|block| (block.media_ssrc, block.begin_sequence, ago(block))));
        }
        blocks
    }
}

#[test]
fn each_stream_is_reported_once_and_what_is_late_again() {
    let mut receiver = Receiver::new();
    receiver.came(7, [65_534, 65_535]);
    receiver.now += Duration::from_millis(10);
    receiver.came(7, [1, 1]);
    receiver.came(3, [500]);
    // The second of the two is the one that counts not (section 3.1): the first came 60 ms ago.
    let at = |time: u64| Some((time * 1024 / 1000 * 125 / 128) as u16);
    assert_eq!(receiver.reported(), [(3, 500, vec![at(50)]), (7, 65_534, vec![at(60), at(60), None, at(50)])]);
    assert_eq!(receiver.reported(), [], "nothing came");
    receiver.came(7, [2]);
    assert_eq!(receiver.reported(), [(7, 2, vec![at(50)])], "what is missing is not reported for ever");
    receiver.came(7, [0]);
    let late = receiver.reported();
    assert_eq!((late[0].1, late[0].2.len(), late[0].2[0]), (0, 3, at(50)), "it is there: {late:?}");
    assert_eq!(receiver.reported(), []);
}

#[test]
fn where_much_is_lost_each_report_says_the_two_before_it_again() {
    let mut receiver = Receiver::new();
    receiver.reporter.switch.set_loss(0.06);
    let spans = |receiver: &mut Receiver| -> Vec<_> {
        receiver.reported().into_iter().map(|(_, begin, came)| (begin, came.len())).collect()
    };
    for (n, expected) in [(0, (0, 5)), (1, (0, 10)), (2, (0, 15)), (3, (5, 15))] {
        receiver.came(7, n * 5..n * 5 + 5);
        assert_eq!(spans(&mut receiver), [expected]);
    }
    assert_eq!(spans(&mut receiver), [(10, 10)], "the last ones are said again as well");
    assert_eq!(spans(&mut receiver), [(15, 5)]);
    assert_eq!((spans(&mut receiver), receiver.reporter.poll_timeout()), (vec![], None));
    receiver.reporter.switch.set_loss(0.04);
    receiver.came(7, 20..25);
    assert_eq!(spans(&mut receiver), [(20, 5)]);
}

#[test]
fn who_sends_nothing_knows_the_path_by_what_does_not_come() {
    let mut receiver = Receiver::new();
    let mut again = Vec::new();
    let mut sequence = 0_u16;
    for (lost, count) in [(10, 20), (5, 20), (1000, 60)] {
        for _ in 0..count {
            receiver.came(7, (sequence..sequence + 10).filter(|sequence| sequence % lost != 1));
            sequence += 10;
            again.push(receiver.reported()[0].2.len() > 20);
        }
    }
    assert!(!again[0] && again[39] && !again[99], "{again:?}");
}

#[test]
fn what_is_remembered_is_bounded_and_the_quietest_makes_room() {
    let mut receiver = Receiver::new();
    receiver.came(7, 0..3000);
    let stream = &receiver.reporter.streams[&7];
    assert_eq!((stream.came.len(), stream.first), (PACKETS, 3000 - PACKETS as u64 + (1 << 16)));
    let told = |blocks: &[(u32, u16, Vec<Option<u16>>)]| blocks.iter().map(|(_, _, came)| came.len()).sum::<usize>();
    assert_eq!(told(&receiver.reported()), PACKETS);
    // What is late is not worth a report of all that came since.
    receiver.came(7, [2100]);
    assert_eq!(receiver.reported(), []);
    (100..300).for_each(|ssrc| receiver.came(ssrc, [5]));
    assert_eq!((receiver.reporter.streams.len(), receiver.reporter.streams.contains_key(&7)), (STREAMS, false));
    // A hole that is wider than all that is remembered begins the stream again.
    receiver.came(299, [30_000]);
    assert!(receiver.reported().contains(&(299, 30_000, vec![Some(49)])));
    assert!(receiver.now > receiver.start);
}

#[test]
fn what_is_reported_at_a_time_is_bounded_and_nothing_is_left_out_for_good() {
    let mut receiver = Receiver::new();
    for ssrc in 0..STREAMS as u32 {
        receiver.came(ssrc, 0..100);
    }
    let mut told = BTreeMap::new();
    for _ in 0..8 {
        let blocks = receiver.reported();
        let bytes: usize = blocks.iter().map(|(_, _, came)| BLOCK_HEADER + came.len() * PACKET).sum();
        assert!(bytes <= REPORTS * REPORT, "{bytes}");
        for (ssrc, begin, came) in blocks {
            told.entry(ssrc).or_insert_with(BTreeSet::new).extend(begin..begin + came.len() as u16);
        }
    }
    assert!(told.len() == STREAMS && told.values().all(|numbers| numbers.len() == 100), "{told:?}");
    assert_eq!(receiver.reporter.poll_timeout(), None);
}

#[test]
fn numbers_that_begin_again_lower_are_a_stream_again_soon() {
    let mut receiver = Receiver::new();
    receiver.came(7, 20_000..20_010);
    receiver.reported();
    receiver.came(7, 10..10 + BEHIND as u16 + 5);
    let blocks = receiver.reported();
    assert_eq!((blocks[0].0, blocks[0].2.len()), (7, 6), "{blocks:?}");
}

#[test]
fn what_came_long_ago_came() {
    let now = Instant::now();
    assert_eq!(metric(Some(now), now + Duration::from_secs(9)).arrival_time_offset, OLDER);
    assert_eq!(metric(Some(now), now + Duration::from_millis(7_999)).arrival_time_offset, 8_190);
    assert_eq!(metric(Some(now + INTERVAL), now).arrival_time_offset, 0);
    assert!(!metric(None, now).received);
}
