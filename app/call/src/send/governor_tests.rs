//! Who shares a line, and what of it each gets.

use super::*;

const MS: Duration = Duration::from_millis(1);

fn kbps(rate: u64) -> Bitrate {
    Bitrate::from_kbps(rate)
}

fn report(rate: Bitrate, wants_more: bool, queue: Option<Duration>) -> LinkReport {
    LinkReport { estimate: rate, used: rate, has_pictures: true, wants_more, queue }
}

/// Links that report each 50 ms.
struct Bench {
    governor: Governor,
    now: Instant,
    /// What each may send, and whether it wants more.
    links: BTreeMap<TransportId, (Bitrate, bool)>,
}

impl Bench {
    fn new(rates: &[u64]) -> Self {
        let links = rates.iter().enumerate().map(|(n, rate)| (TransportId(n as u32), (kbps(*rate), true)));
        Self { governor: Governor::default(), now: Instant::now(), links: links.collect() }
    }

    /// So long, with queues of so many milliseconds on each; of all they may send, they send all.
    fn report(&mut self, time: Duration, queues: &[u64]) {
        let end = self.now + time;
        while self.now < end {
            self.now += 50 * MS;
            for ((id, (rate, wants_more)), queue) in self.links.iter_mut().zip(queues) {
                let queue = Some(MS * u32::try_from(*queue).unwrap());
                let report = report(*rate, *wants_more, queue);
                if let Some(part) = self.governor.handle_report(*id, report, self.now) {
                    *rate = rate.scaled(part);
                }
            }
        }
    }

    /// A newcomer comes; what it begins with.
    fn newcomer(&mut self, id: u32) -> Bitrate {
        let first = report(kbps(1_000), true, None);
        self.governor.handle_path(TransportId(id), first, self.now)
    }

    fn rates(&self) -> Vec<u64> {
        self.links.values().map(|(rate, _)| rate.bps() / 1000).collect()
    }

    fn sum(&self) -> u64 {
        self.rates().iter().sum()
    }
}

#[test]
fn who_sees_the_same_queue_comes_to_a_like_share_and_the_sum_stays() {
    let mut bench = Bench::new(&[900, 40, 40, 40]);
    bench.report(Duration::from_secs(2), &[40, 35, 50, 30]);
    bench.report(Duration::from_secs(8), &[0; 4]);
    assert!(bench.rates().iter().all(|rate| (216..=340).contains(rate)), "{:?}", bench.rates());
    assert!((1_010..=1_020).contains(&bench.sum()), "{:?}", bench.rates());
}

#[test]
fn whose_queues_are_others_keep_what_they_have() {
    // One of them fills its own line all the while, and now and then all do at once, as with a key frame.
    let mut bench = Bench::new(&[3_000, 3_000, 300]);
    for _ in 0..20 {
        bench.report(Duration::from_millis(500), &[0, 0, 40]);
        bench.report(Duration::from_millis(50), &[20, 20, 20]);
        bench.report(Duration::from_millis(450), &[0, 0, 0]);
    }
    assert_eq!(bench.rates(), [3_000, 3_000, 300]);
}

#[test]
fn who_does_not_want_more_keeps_what_it_uses_and_the_others_share_the_rest() {
    let mut bench = Bench::new(&[900, 60, 100]);
    bench.links.get_mut(&TransportId(2)).unwrap().1 = false;
    bench.report(Duration::from_secs(2), &[40; 3]);
    bench.report(Duration::from_secs(8), &[0; 3]);
    let rates = bench.rates();
    assert_eq!(rates[2], 100);
    assert!(rates[1] > 400 && rates[0] + rates[1] >= 955, "{rates:?}");
}

#[test]
fn a_newcomer_gets_its_part_and_the_others_make_room_and_take_it_back() {
    let mut bench = Bench::new(&[400, 400, 400]);
    let newcomer = TransportId(9);
    bench.report(Duration::from_secs(3), &[40; 3]);
    let begin = bench.newcomer(9);
    assert_eq!(begin, kbps(300));
    bench.report(50 * MS, &[0; 3]);
    assert_eq!(bench.rates(), [300; 3]);
    // It sees the same queue.
    bench.links.insert(newcomer, (begin, true));
    bench.report(Duration::from_secs(2), &[30; 4]);
    bench.links.remove(&newcomer);
    bench.governor.handle_ended(newcomer, bench.now);
    bench.report(50 * MS, &[0; 3]);
    assert!(bench.rates().iter().all(|rate| (398..=400).contains(rate)), "{:?}", bench.rates());
}

#[test]
fn a_newcomer_begins_with_less_only_where_a_link_was_full() {
    let mut bench = Bench::new(&[3_000]);
    bench.report(Duration::from_secs(2), &[3]);
    assert_eq!(bench.newcomer(7), kbps(1_000));
    let mut bench = Bench::new(&[600]);
    bench.report(Duration::from_secs(1), &[40]);
    assert_eq!(bench.newcomer(7), kbps(300));
    assert_eq!(bench.rates(), [600], "it may be the line of who is at the other end");
    bench.report(REMEMBERED, &[0]);
    assert_eq!(bench.newcomer(8), kbps(1_000), "forgotten");
}

#[test]
fn nothing_is_kept_of_who_went() {
    let mut bench = Bench::new(&[400; 5]);
    bench.report(Duration::from_secs(2), &[40; 5]);
    for id in bench.links.keys() {
        bench.governor.handle_ended(*id, bench.now);
    }
    assert!(bench.governor.links.is_empty() && bench.governor.pairs.is_empty());
}

#[test]
fn who_is_held_down_takes_nothing_of_the_others() {
    // As where a peer says that it takes no more than this, again and again.
    let mut bench = Bench::new(&[1_000, 40]);
    bench.links.get_mut(&TransportId(1)).unwrap().1 = false;
    bench.report(Duration::from_secs(30), &[40, 40]);
    assert_eq!(bench.rates(), [1_000, 40]);
}

#[test]
fn who_turns_out_to_have_a_queue_of_their_own_is_believed_ever_later() {
    let mut bench = Bench::new(&[1_000, 300]);
    let mut given = Vec::new();
    for _ in 0..8 {
        // Both wait for the same once in a while, and then the second alone, whose own link is narrow.
        bench.report(Duration::from_secs(1), &[30, 30]);
        given.push(1_000 - bench.rates()[0]);
        bench.links.get_mut(&TransportId(0)).unwrap().0 = kbps(1_000);
        bench.links.get_mut(&TransportId(1)).unwrap().0 = kbps(300);
        bench.report(Duration::from_secs(1), &[0, 40]);
    }
    assert!(given[..3].iter().sum::<u64>() > 0 && given[3..].iter().all(|lost| *lost == 0), "{given:?}");
}

#[test]
fn a_path_that_changes_takes_nothing_of_the_others() {
    let mut bench = Bench::new(&[400, 400, 400, 400]);
    bench.report(Duration::from_secs(2), &[40; 4]);
    for _ in 0..5 {
        assert_eq!(bench.newcomer(0), kbps(400), "what it had");
        bench.report(Duration::from_secs(2), &[40; 4]);
    }
    assert!(bench.rates().iter().all(|rate| (399..=401).contains(rate)), "{:?}", bench.rates());
}

#[test]
fn after_sleep_all_go_on_with_what_they_had() {
    let mut bench = Bench::new(&[400, 400, 400]);
    bench.report(Duration::from_secs(3), &[40; 3]);
    bench.now += Duration::from_secs(3600);
    for id in 0..3 {
        assert_eq!(bench.newcomer(id), kbps(400), "{id}");
    }
}

#[test]
fn who_sends_no_pictures_needs_no_room_until_they_do() {
    let mut bench = Bench::new(&[400, 400, 400]);
    bench.report(Duration::from_secs(2), &[40; 3]);
    let silent = LinkReport { has_pictures: false, wants_more: false, ..report(kbps(1_000), false, None) };
    let id = TransportId(9);
    assert_eq!(bench.governor.handle_path(id, silent, bench.now), kbps(1_000));
    assert_eq!(bench.governor.handle_report(id, silent, bench.now), None);
    bench.report(50 * MS, &[0; 3]);
    assert_eq!(bench.rates(), [400; 3]);
    let part = bench.governor.handle_report(id, LinkReport { has_pictures: true, ..silent }, bench.now);
    assert!(part.is_some_and(|part| (0.29..0.31).contains(&part)), "{part:?}");
    bench.report(50 * MS, &[0; 3]);
    assert_eq!(bench.rates(), [300; 3]);
}

#[test]
fn who_says_nothing_any_more_is_counted_no_more() {
    let mut bench = Bench::new(&[900, 40]);
    bench.report(Duration::from_secs(2), &[40; 2]);
    let silent = bench.links.remove(&TransportId(1)).unwrap();
    let before = bench.rates();
    bench.report(Duration::from_secs(1), &[40]);
    let after = bench.rates();
    bench.report(Duration::from_secs(20), &[40]);
    assert!(bench.rates() == after && after[0] * 2 > before[0], "{before:?} {after:?}");
    bench.links.insert(TransportId(1), silent);
    let rate = silent.0;
    bench.report(50 * MS, &[0; 2]);
    assert_eq!(bench.links[&TransportId(1)].0, rate, "what was meant for it then is too old");
}
