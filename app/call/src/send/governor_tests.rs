//! Who shares a line, and what of it each gets.

use super::*;

const MS: Duration = Duration::from_millis(1);

fn kbps(rate: u64) -> Bitrate {
    Bitrate::from_kbps(rate)
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
                let report = LinkReport { estimate: *rate, used: *rate, wants_more: *wants_more, queue };
                if let Some(part) = self.governor.handle_report(*id, report, self.now) {
                    *rate = rate.scaled(part);
                }
            }
        }
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
    let begin = bench.governor.handle_begun(newcomer, kbps(1_000), bench.now);
    assert_eq!(begin, kbps(300));
    bench.report(50 * MS, &[0; 3]);
    assert_eq!(bench.rates(), [300; 3]);
    // It sees the same queue.
    bench.links.insert(newcomer, (begin, true));
    bench.report(Duration::from_secs(2), &[30; 4]);
    bench.links.remove(&newcomer);
    bench.governor.handle_ended(newcomer);
    bench.report(50 * MS, &[0; 3]);
    assert!(bench.rates().iter().all(|rate| (398..=400).contains(rate)), "{:?}", bench.rates());
}

#[test]
fn a_newcomer_begins_with_less_only_where_a_link_was_full() {
    let mut bench = Bench::new(&[3_000]);
    bench.report(Duration::from_secs(2), &[3]);
    assert_eq!(bench.governor.handle_begun(TransportId(7), kbps(1_000), bench.now), kbps(1_000));
    let mut bench = Bench::new(&[600]);
    bench.report(Duration::from_secs(1), &[40]);
    assert_eq!(bench.governor.handle_begun(TransportId(7), kbps(1_000), bench.now), kbps(300));
    assert_eq!(bench.rates(), [600], "it may be the line of who is at the other end");
    bench.report(REMEMBERED, &[0]);
    assert_eq!(bench.governor.handle_begun(TransportId(8), kbps(1_000), bench.now), kbps(1_000), "forgotten");
}

#[test]
fn nothing_is_kept_of_who_went() {
    let mut bench = Bench::new(&[400; 5]);
    bench.report(Duration::from_secs(2), &[40; 5]);
    for id in bench.links.keys() {
        bench.governor.handle_ended(*id);
    }
    assert!(bench.governor.links.is_empty() && bench.governor.likeness.is_empty());
}
