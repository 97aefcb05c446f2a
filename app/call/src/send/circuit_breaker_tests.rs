//! Paths that lose, stand still and fall silent, second by second.

use super::*;

const VIDEO: TrackId = TrackId(1);
const AUDIO: TrackId = TrackId(0);

struct Path {
    breaker: CircuitBreaker,
    now: Instant,
    round_trip: Duration,
    /// Of each track.
    highest: [u32; 2],
}

impl Path {
    fn new(round_trip: u64) -> Self {
        let round_trip = Duration::from_millis(round_trip);
        Self { breaker: CircuitBreaker::default(), now: Instant::now(), round_trip, highest: [0, 0] }
    }

    fn send(&mut self, track: TrackId, packets: u32, bytes: usize) {
        if self.breaker.circuit() == Circuit::Open || (track == VIDEO && self.breaker.circuit() == Circuit::Reduced) {
            return;
        }
        (0..packets).for_each(|_| self.breaker.handle_sent(track, bytes, self.now));
        self.highest[usize::from(track == VIDEO)] += packets;
    }

    /// A second passes, in which the path answers twice; what has come of each track is said.
    fn second(&mut self, lost: f64, reported: &[TrackId]) -> Circuit {
        for _ in 0..2 {
            self.now += Duration::from_millis(500);
            self.breaker.handle_round_trip(self.round_trip, self.now);
            self.breaker.poll(self.now);
        }
        for track in reported {
            let highest = self.highest[usize::from(*track == VIDEO)];
            self.breaker.handle_report(*track, StreamReport { fraction: lost, highest }, self.now);
        }
        self.breaker.poll(self.now);
        self.breaker.circuit()
    }

    /// Seconds of sound, a hundred small packets each, and of pictures at `kbps`, of which a share is lost.
    fn run(&mut self, kbps: u32, lost: f64, seconds: u32) -> Vec<Circuit> {
        let second = |path: &mut Self| {
            path.send(AUDIO, 100, 80);
            path.send(VIDEO, kbps / 8, 1000);
            path.second(lost, &[AUDIO, VIDEO])
        };
        (0..seconds).map(|_| second(self)).collect()
    }
}

#[test]
fn ten_times_a_tcp_takes_the_pictures_until_that_is_over() {
    // At 20 % and 200 ms a TCP sends 110 kbps of such packets.
    let mut path = Path::new(200);
    assert_eq!(path.run(700, 0.2, 20), [Circuit::Closed; 20], "seven times, with its sound");
    assert_eq!(path.breaker.limit(Bitrate::from_kbps(4000)).bps() / 1000, 876);
    assert_eq!(path.breaker.limit(Bitrate::from_kbps(500)).bps() / 1000, 500);
    let after = path.run(1500, 0.2, 4);
    assert_eq!(after.last(), Some(&Circuit::Reduced), "{after:?}");
    // With sound alone it is over; nine times as much would be met again, and is not sent.
    let after = path.run(700, 0.2, 30);
    assert!(after[6..].iter().all(|circuit| *circuit == Circuit::Closed), "{after:?}");
}

#[test]
fn pictures_without_sound_come_back_as_well() {
    let mut path = Path::new(200);
    let mut second = |lost: f64| {
        path.send(VIDEO, 190, 1000);
        path.second(lost, &[VIDEO])
    };
    assert_eq!((0..4).map(|_| second(0.2)).last(), Some(Circuit::Reduced));
    assert_eq!((0..8).map(|_| second(0.0)).last(), Some(Circuit::Closed), "muted, and the path is good again");
}

#[test]
fn who_begins_to_count_again_is_believed() {
    let mut path = Path::new(50);
    path.highest = [1 << 18, 1 << 18];
    path.run(500, 0.0, 5);
    path.highest = [7, 7];
    assert_eq!(path.run(500, 0.0, 10), [Circuit::Closed; 10]);
    assert_eq!(path.breaker.streams[&VIDEO].highest, Some(path.highest[1]));
}

#[test]
fn sound_goes_on_whatever_is_lost_of_it() {
    for (round_trip, lost) in [(250, 0.3), (600, 0.05), (600, 0.3), (50, 0.6), (1500, 0.2)] {
        let mut path = Path::new(round_trip);
        assert_eq!(path.run(0, lost, 120), [Circuit::Closed; 120], "{round_trip} ms, {lost}");
    }
    // A camera that is turned on then has what pictures may take, and not what sound would.
    let mut path = Path::new(200);
    path.run(0, 0.1, 20);
    assert!(path.breaker.limit(Bitrate::from_kbps(4000)) > Bitrate::from_kbps(1000));
}

#[test]
fn a_path_without_losses_bears_whatever_it_bears() {
    let mut path = Path::new(2_000);
    assert_eq!(path.run(20_000, 0.0, 30), [Circuit::Closed; 30]);
    assert_eq!(path.breaker.limit(Bitrate::from_kbps(4000)).bps() / 1000, 4000);
    let mut path = Path::new(50);
    assert_eq!(path.run(2_600, 0.3, 60), [Circuit::Closed; 60], "much is lost, on a short path");
}

#[test]
fn what_never_arrives_is_not_sent_on_and_tried_ever_less_often() {
    let (mut path, mut opened) = (Path::new(50), Vec::new());
    path.run(500, 0.0, 5);
    let (begin, arrived) = (path.now, path.highest);
    for _ in 0..400 {
        let before = path.breaker.circuit();
        path.send(VIDEO, 60, 1000);
        path.send(AUDIO, 100, 80);
        path.highest = arrived;
        path.second(0.0, &[AUDIO, VIDEO]);
        if before != Circuit::Open && path.breaker.circuit() == Circuit::Open {
            opened.push((path.now - begin).as_secs());
        }
    }
    let pauses: Vec<_> = opened.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(opened[0], 4);
    assert!(pauses.windows(2).all(|pair| pair[1] >= pair[0] * 3 / 2 || pair[1] > 120), "{opened:?}");
    assert!((5..=9).contains(&opened.len()), "{opened:?}");
}

#[test]
fn what_stands_still_for_a_moment_or_for_one_stream_is_not_broken() {
    let mut path = Path::new(20);
    path.run(500, 0.0, 5);
    // A browser asks for what is missing each 20 ms, with a report each time, while the path stands for 300 ms.
    let report = StreamReport { fraction: 0.1, highest: path.highest[1] };
    for _ in 0..15 {
        path.breaker.handle_sent(VIDEO, 1000, path.now);
        path.now += Duration::from_millis(20);
        path.breaker.handle_report(VIDEO, report, path.now);
        assert_eq!(path.breaker.circuit(), Circuit::Closed);
    }
    // Pictures that nobody takes, beside sound that comes.
    for _ in 0..60 {
        path.send(AUDIO, 100, 80);
        path.breaker.handle_sent(VIDEO, 1000, path.now);
        assert_eq!(path.second(0.0, &[AUDIO, VIDEO]), Circuit::Closed);
    }
    // Muted, with the camera off: nothing is sent, and nothing new can arrive.
    assert_eq!((0..60).map(|_| path.second(0.0, &[AUDIO, VIDEO])).max(), Some(Circuit::Closed));
    // A report that was overtaken says nothing.
    let late = StreamReport { fraction: 1.0, highest: path.highest[1] - 5 };
    path.breaker.handle_report(VIDEO, late, path.now);
    assert_eq!(path.run(500, 0.0, 10), [Circuit::Closed; 10]);
}

#[test]
fn who_reported_and_does_no_more_is_sent_nothing_and_who_never_did_is() {
    let (mut path, mut never) = (Path::new(50), Path::new(50));
    path.run(500, 0.0, 2);
    let mut opened = None;
    for second in 0..40 {
        for one in [&mut path, &mut never] {
            one.send(VIDEO, 60, 1000);
            one.second(0.0, &[]);
        }
        if path.breaker.circuit() == Circuit::Open {
            opened.get_or_insert(second);
        }
        assert_eq!(never.breaker.circuit(), Circuit::Closed, "second {second}");
    }
    assert_eq!(opened, Some(15));
}

#[test]
fn a_path_that_was_away_is_no_silent_one() {
    let mut path = Path::new(50);
    path.run(500, 0.0, 5);
    for _ in 0..20 {
        path.send(VIDEO, 60, 1000);
        path.now += Duration::from_secs(1); // nothing is answered
    }
    path.breaker.handle_round_trip(Duration::from_millis(50), path.now);
    path.breaker.poll(path.now);
    assert_eq!(path.breaker.circuit(), Circuit::Closed);
    assert_eq!(path.run(500, 0.0, 10), [Circuit::Closed; 10]);
}
