//! Connectivity checks on their way out: paced, and bounded toward addresses that have never answered.
//!
//! Where a check goes is somebody else's word: a member could name a third party's address and have everybody in the
//! room send to it (the "voice hammer" of RFC 8445, section 19.5.1). The crate sends a check on every pair every 50 ms.
//! Here they leave one by one, [`PACE`] apart (Ta of RFC 8445, section 14.2), and of those toward one IP address that
//! does not answer no more than [`BURST`] leave for one peer, then one a second. An address has answered when a check
//! of ours came back from it with its transaction id; from then on its checks pass as they come.
//!
//! [`Checks`] belongs to one connection, [`CheckBudget`] to the call: what is bounded counts over all peers, and over
//! connections that are built again. Owner of: checks that wait, and what is known of addresses.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_protocol::PeerId;

/// Between two checks of one connection. The RFC's default is 50 ms, its least 5; browsers take 48.
const PACE: Duration = Duration::from_millis(20);
/// Checks that may leave at once: two interfaces and two candidates, which is what most calls have.
const AT_ONCE: u32 = 4;
/// Checks that wait, one a pair. Cap 128: ten of their candidates and a dozen paths of ours. Full: the newest goes, and
/// the crate makes another one 50 ms later.
const WAITING: usize = 128;
/// Transactions whose answer is waited for. Cap 128: two seconds and a half of paced checks. Full: the oldest goes.
const PENDING: usize = 128;
/// Addresses remembered as having answered. Cap 64: what a connection has in all its generations. Full: the first goes.
const ANSWERED: usize = 64;
/// Checks toward one IP address without any answer, and then one each [`REFILL`]. A path that is to work at 30 % loss
/// needs two or three of them.
pub(crate) const BURST: u32 = 200;
const REFILL: Duration = Duration::from_secs(1);
/// The same of all peers together.
const IN_ALL: u32 = 2 * BURST;
/// So many times more toward an address that has answered within [`ANSWERING`]: a relay has a port for each of twelve
/// people.
const WHERE_ANSWERED: u32 = 10;
const ANSWERING: Duration = Duration::from_secs(60);
/// IP addresses counted. Cap 256: ten candidates of twenty peers. Full: the one that was least used goes.
const COUNTED: usize = 256;

/// Length of a STUN header (RFC 8489 section 5), and where its transaction id stands.
const HEADER: usize = 20;
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];

type Transaction = [u8; 12];

/// A check on its way out.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) payload: Bytes,
}

/// One connection's checks.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    waiting: VecDeque<Check>,
    pending: VecDeque<(Transaction, SocketAddr)>,
    answered: BTreeSet<SocketAddr>,
    /// IP addresses that answered, of which the budget should be told.
    newly_answered: Vec<IpAddr>,
    at_once: u32,
    next: Option<Instant>,
}

impl Checks {
    /// Takes a datagram that is a check toward an address that has not answered; gives any other back.
    pub(crate) fn hold(&mut self, datagram: Check) -> Option<Check> {
        let is_check = transaction(&datagram.payload, BINDING_REQUEST).is_some();
        if !is_check || self.answered.contains(&datagram.remote) {
            return Some(datagram);
        }
        let of_pair = |waiting: &&mut Check| (waiting.local, waiting.remote) == (datagram.local, datagram.remote);
        if let Some(older) = self.waiting.iter_mut().find(of_pair) {
            older.payload = datagram.payload;
        } else if self.waiting.len() < WAITING {
            self.waiting.push_back(datagram);
        }
        None
    }

    /// The next check that may leave now.
    pub(crate) fn poll(&mut self, peer: PeerId, budget: &mut CheckBudget, now: Instant) -> Option<Check> {
        self.newly_answered.drain(..).for_each(|address| budget.handle_answered(address, now));
        while !self.waiting.is_empty() && self.may_leave(now) {
            let check = self.waiting.pop_front()?;
            // Beyond the budget it is dropped: what waits would only be older.
            if !budget.take(peer, check.remote.ip(), now) {
                continue;
            }
            self.leave(now);
            if let Some(id) = transaction(&check.payload, BINDING_REQUEST) {
                if self.pending.len() == PENDING {
                    self.pending.pop_front();
                }
                self.pending.push_back((id, check.remote));
            }
            return Some(check);
        }
        None
    }

    /// Looks at what came in: whether it answers a check.
    pub(crate) fn handle_incoming(&mut self, from: SocketAddr, datagram: &[u8]) {
        let Some(id) = transaction(datagram, BINDING_SUCCESS) else { return };
        let Some(at) = self.pending.iter().position(|(known, remote)| *known == id && *remote == from) else { return };
        self.pending.remove(at);
        if self.answered.len() == ANSWERED {
            self.answered.pop_first();
        }
        self.answered.insert(from);
        self.newly_answered.push(from.ip());
    }

    /// When the next one may leave.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.next.filter(|_| !self.waiting.is_empty())
    }

    fn may_leave(&self, now: Instant) -> bool {
        self.at_once < AT_ONCE || self.next.is_none_or(|next| next <= now)
    }

    fn leave(&mut self, now: Instant) {
        match self.next {
            // What was not used since gives no more than a few at once.
            Some(next) if next <= now => {
                let unused = now.saturating_duration_since(next).as_micros() / PACE.as_micros();
                self.at_once = self.at_once.saturating_sub(u32::try_from(unused).unwrap_or(u32::MAX));
                self.next = Some(now + PACE);
            }
            Some(_) => self.at_once += 1,
            None => self.next = Some(now + PACE),
        }
    }
}

/// How many checks addresses have had without an answer, over all connections of a call: by anyone who named them, and
/// in all, so that nobody uses up what is to reach somebody else at the same address.
#[derive(Debug, Default)]
pub(crate) struct CheckBudget {
    by_peer: BTreeMap<(PeerId, IpAddr), Used>,
    used: BTreeMap<IpAddr, Used>,
    /// Addresses that have answered, and when they did last: a relay, or a router with several people behind it, whose
    /// other ports should be found as well.
    answered: BTreeMap<IpAddr, Instant>,
}

#[derive(Debug)]
struct Used {
    checks: u32,
    refilled: Instant,
}

impl CheckBudget {
    /// Takes one check of a peer's toward an address; false where there is none left.
    fn take(&mut self, peer: PeerId, address: IpAddr, now: Instant) -> bool {
        let address = address.to_canonical();
        let answers = self.answered.get(&address).is_some_and(|at| now.saturating_duration_since(*at) < ANSWERING);
        let factor = if answers { WHERE_ANSWERED } else { 1 };
        let own = used(&mut self.by_peer, (peer, address), now);
        if own.now(now) >= BURST * factor {
            return false;
        }
        let all = used(&mut self.used, address, now);
        if all.now(now) >= IN_ALL * factor {
            return false;
        }
        all.checks += 1;
        used(&mut self.by_peer, (peer, address), now).checks += 1;
        true
    }

    /// An address answered a check.
    fn handle_answered(&mut self, address: IpAddr, now: Instant) {
        let address = address.to_canonical();
        if !self.answered.contains_key(&address) && self.answered.len() == COUNTED {
            let oldest = self.answered.iter().min_by_key(|(_, at)| **at).map(|(address, _)| *address);
            oldest.map(|address| self.answered.remove(&address));
        }
        self.answered.insert(address, now);
    }
}

/// Returns the count of `key`. If all places are taken, it evicts the key with the lowest count.
fn used<K: Ord + Copy>(counts: &mut BTreeMap<K, Used>, key: K, now: Instant) -> &mut Used {
    if !counts.contains_key(&key) && counts.len() == COUNTED {
        let least = counts.iter_mut().map(|(key, used)| (used.now(now), *key)).min();
        least.map(|(_, key)| counts.remove(&key));
    }
    counts.entry(key).or_insert(Used { checks: 0, refilled: now })
}

impl Used {
    /// Checks in use, after what time has given back.
    fn now(&mut self, now: Instant) -> u32 {
        let whole = now.saturating_duration_since(self.refilled).as_secs() / REFILL.as_secs();
        let given = u32::try_from(whole).unwrap_or(u32::MAX);
        self.checks = self.checks.saturating_sub(given);
        self.refilled += REFILL * given.min(u32::from(u16::MAX));
        self.checks
    }
}

fn transaction(datagram: &[u8], kind: [u8; 2]) -> Option<Transaction> {
    let header = datagram.get(..HEADER)?;
    (header.get(..2)? == kind).then(|| header.get(8..HEADER)?.try_into().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stun(kind: [u8; 2], id: u8) -> Bytes {
        let mut out = vec![kind[0], kind[1], 0, 0, 0x21, 0x12, 0xA4, 0x42];
        out.extend([id; 12]);
        out.into()
    }

    fn check(remote: &str, id: u8) -> Check {
        let local = "10.0.0.1:4000".parse().unwrap();
        Check { local, remote: remote.parse().unwrap(), payload: stun(BINDING_REQUEST, id) }
    }

    fn ann() -> PeerId {
        PeerId::from_random([1; 12])
    }

    fn bob() -> PeerId {
        PeerId::from_random([2; 12])
    }

    #[test]
    fn whoever_uses_up_an_address_leaves_it_to_the_others_and_more_where_it_answers() {
        let now = Instant::now();
        let (mut budget, address) = (CheckBudget::default(), "203.0.113.9".parse().unwrap());
        let spend = |budget: &mut CheckBudget, peer| (0..10_000).filter(|_| budget.take(peer, address, now)).count();
        assert_eq!(spend(&mut budget, ann()), BURST as usize);
        assert_eq!(spend(&mut budget, bob()), BURST as usize);
        budget.handle_answered(address, now);
        assert_eq!(spend(&mut budget, bob()), (BURST * (WHERE_ANSWERED - 1)) as usize);
        let later = now + ANSWERING;
        assert!(!budget.take(bob(), address, later), "it has fallen silent");
    }

    #[test]
    fn checks_leave_a_few_at_once_and_then_at_their_pace() {
        let start = Instant::now();
        let (mut subject, mut budget) = (Checks::default(), CheckBudget::default());
        for n in 0..30 {
            assert!(subject.hold(check(&format!("10.0.1.{n}:9"), n)).is_none());
        }
        let mut left = Vec::new();
        for ms in 0..500 {
            let now = start + Duration::from_millis(ms);
            while subject.poll(ann(), &mut budget, now).is_some() {
                left.push(ms);
            }
        }
        assert_eq!(&left[..7], &[0, 0, 0, 0, 0, 20, 40], "{left:?}");
        assert_eq!(left.len(), 29);
        assert_eq!(subject.poll_timeout(), Some(start + Duration::from_millis(500)));
    }

    #[test]
    fn the_newest_check_of_a_pair_is_the_one_that_leaves() {
        let now = Instant::now();
        let (mut subject, mut budget) = (Checks::default(), CheckBudget::default());
        (0..9).for_each(|id| drop(subject.hold(check("10.0.1.1:9", id))));
        assert_eq!(subject.poll(ann(), &mut budget, now).unwrap().payload, stun(BINDING_REQUEST, 8));
        assert!(subject.poll(ann(), &mut budget, now).is_none());
    }

    #[test]
    fn who_answers_is_checked_as_the_crate_will() {
        let now = Instant::now();
        let (mut subject, mut budget) = (Checks::default(), CheckBudget::default());
        drop(subject.hold(check("10.0.1.1:9", 1)));
        subject.poll(ann(), &mut budget, now).unwrap();
        let from = "10.0.1.1:9".parse().unwrap();
        subject.handle_incoming("10.0.1.2:9".parse().unwrap(), &stun(BINDING_SUCCESS, 1));
        subject.handle_incoming(from, &stun(BINDING_SUCCESS, 2));
        assert!(subject.hold(check("10.0.1.1:9", 3)).is_none(), "neither was an answer of this address");
        subject.handle_incoming(from, &stun(BINDING_SUCCESS, 1));
        assert!(subject.hold(check("10.0.1.1:9", 4)).is_some());
        let media = Check { payload: Bytes::from_static(&[128; 40]), ..check("10.0.1.7:9", 0) };
        assert!(subject.hold(media).is_some(), "what is no check is none of this");
    }

    #[test]
    fn toward_an_address_that_never_answered_the_sum_is_bounded_over_all_connections() {
        let start = Instant::now();
        let mut budget = CheckBudget::default();
        let mut sent = 0;
        for connection in 0..20 {
            let mut subject = Checks::default();
            for n in 0..100_u64 {
                let now = start + Duration::from_millis(connection * 5000 + n * 20);
                drop(subject.hold(check(&format!("203.0.113.9:{}", 1000 + n), 1)));
                sent += u64::from(subject.poll(ann(), &mut budget, now).is_some());
            }
        }
        assert!(sent <= u64::from(BURST) + 100, "{sent} in 100 s");
        assert!((0..1000_u32).all(|n| budget.take(ann(), IpAddr::from(n.to_be_bytes()), start)), "others are not hurt");
        assert!(budget.used.len() <= COUNTED);
    }
}
