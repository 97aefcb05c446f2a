//! Media that follows a change of the network within one generation of ICE: make before break.
//!
//! The crate selects one pair, and stays with it until ICE restarts. Between two who say `renomination` in their
//! descriptions (draft-thatcher-ice-renomination) it goes on believing that, and under it the path changes: what it
//! sends by the pair that it selected leaves by the active one, and what comes is shown to it as from there. Its own
//! consent checks (RFC 7675) go the same way. What comes by other pairs counts as life only while the active one has
//! been heard of late: nobody can have media sent to an address by going on to talk from another.
//!
//! Checks of other pairs are ours: when an address or a candidate comes, and when the active pair is silent. A pair
//! that answered is proven, and may be nominated: by who is on an address that is gone, or hears nothing, whichever
//! side that is; by the controlling side alone, where it is only better. A nomination carries a number; the highest is
//! followed by both, the controlling side's where there are two of one number, so both end on the same pair.
//!
//! Owner of: the pairs, and what is known of them. Decides and sends; opens and closes nothing.

mod checking;
mod decision;
mod pairs;
mod remotes;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha12Rng;

use super::checks::Check;
use crate::peer_connection::{CheckRequest, IceCredentials, IceRole, RequestId};
use pairs::{Pair, PairState, Rank};
use remotes::{Remotes, Worth};

/// Nothing comes by the active pair for so long, and others are tried. Consent checks are half a second apart, so that
/// one that is lost starts nothing.
const SILENCE: Duration = Duration::from_millis(700);
/// Nothing has come by the active pair for so long: nothing else passes for it, and the crate finds it silent.
const CONSENT: Duration = Duration::from_secs(5);
/// Between two searches while it stays silent; the wait doubles, to eight times of it.
const SEARCH_AGAIN: Duration = Duration::from_secs(3);
/// How long a pair that answered counts as one that works.
const PROVEN: Duration = Duration::from_secs(3);
/// Checks whose answer is waited for. Cap 128: what a search of all pairs sends in a second. Full: the oldest goes.
const PENDING: usize = 128;

/// Where a datagram belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// To the crate, as received here from there.
    Pass(SocketAddr, SocketAddr),
    /// It was for this part alone.
    Consumed,
}

/// An address of ours.
#[derive(Clone, Copy, Debug)]
struct Local {
    priority: u32,
    is_gone: bool,
}

/// A nomination, theirs or ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Nomination {
    value: u32,
    by: IceRole,
}

/// One transport's pairs.
pub(super) struct Renomination {
    rng: ChaCha12Rng,
    /// As many as gathering has paths.
    locals: BTreeMap<SocketAddr, Local>,
    remotes: Remotes,
    running: Option<Running>,
    out: VecDeque<Check>,
    has_switched: bool,
}

/// What is known since the crate selected a pair.
struct Running {
    credentials: IceCredentials,
    /// The pair that the crate selected.
    base: Pair,
    active: Pair,
    /// Since when it is that.
    switched: Instant,
    /// When something came by it last.
    heard: Instant,
    /// Searches since then, and the last of them.
    searched: Option<(u32, Instant)>,
    pairs: BTreeMap<Pair, PairState>,
    pending: VecDeque<(RequestId, Pair, Option<u32>)>,
    nominated: Nomination,
    /// Ours, until it is answered: how often it was sent, and when it is again.
    unanswered: Option<(u32, Instant)>,
    /// Theirs, of a pair that is not proven yet.
    wanted: Option<(Pair, Nomination)>,
    /// Where they send as if it were the active pair.
    hinted: Option<Pair>,
    /// When we may nominate again without need.
    not_before: Instant,
    /// When it was last looked whether media should go by another pair.
    looked: Instant,
}

impl Running {
    /// When all pairs are tried, unless something comes before.
    fn search_due(&self) -> Instant {
        match self.searched {
            None => self.heard + SILENCE,
            Some((count, at)) => at + SEARCH_AGAIN * (1 << count.min(3)),
        }
    }

    /// The pairs that media goes by, or may in a moment.
    fn in_use(&self) -> [Option<Pair>; 3] {
        [Some(self.active), self.hinted, self.wanted.map(|(pair, _)| pair)]
    }

    /// What is known of an address of theirs.
    fn worth(running: Option<&Self>, remote: SocketAddr) -> Worth {
        let Some(running) = running else { return Worth::Possible };
        if running.in_use().into_iter().flatten().any(|pair| pair.1 == remote) {
            return Worth::InUse;
        }
        let mut of_it = running.pairs.iter().filter(|(pair, _)| pair.1 == remote).peekable();
        let was_tried = of_it.peek().is_some();
        if was_tried && of_it.all(|(_, state)| state.has_failed()) { Worth::Dead } else { Worth::Possible }
    }

    /// Whether media goes by another pair than before.
    fn switch(&mut self, pair: Pair, now: Instant) -> bool {
        (self.switched, self.heard, self.searched, self.hinted) = (now, now, None, None);
        std::mem::replace(&mut self.active, pair) != pair
    }
}

impl Renomination {
    pub(super) fn new(rng: ChaCha12Rng) -> Self {
        Self {
            rng,
            locals: BTreeMap::new(),
            remotes: Remotes::default(),
            running: None,
            out: VecDeque::new(),
            has_switched: false,
        }
    }

    /// Whether media follows a change by itself.
    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The crate selected `base`, whose remote candidate has this priority.
    pub(super) fn start(&mut self, credentials: IceCredentials, base: Pair, priority: u32, now: Instant) {
        self.remotes.take_selected(base.1, priority, now);
        let nominated = Nomination { value: 0, by: IceRole::Controlling };
        self.running = Some(Running {
            credentials,
            base,
            active: base,
            switched: now,
            heard: now,
            searched: None,
            pairs: BTreeMap::from([(base, PairState::proven(now))]),
            pending: VecDeque::new(),
            nominated,
            unanswered: None,
            wanted: None,
            hinted: None,
            not_before: now,
            looked: now,
        });
    }

    /// ICE restarts: the crate looks for a pair of its own again.
    pub(super) fn stop(&mut self) {
        self.running = None;
        self.out.clear();
    }

    /// Our addresses are given up, all of them.
    pub(super) fn forget_locals(&mut self) {
        self.locals.clear();
        self.prune();
    }

    /// Their addresses are those of another generation.
    pub(super) fn forget_remotes(&mut self) {
        self.remotes.clear();
    }

    /// The pair that media goes by, where it is not left to the crate.
    pub(super) fn active(&self) -> Option<Pair> {
        self.running.as_ref().map(|running| running.active)
    }

    /// Whether the active pair has changed since the last look.
    pub(super) fn take_switched(&mut self) -> bool {
        std::mem::take(&mut self.has_switched)
    }

    /// Whether the active pair begins at an address that is gone.
    pub(super) fn is_cut_off(&self) -> bool {
        self.active().is_some_and(|(local, _)| self.locals.get(&local).is_none_or(|one| one.is_gone))
    }

    /// An address of theirs: what it leads through is told by its priority, and a relay's type is the lowest.
    pub(super) fn is_relay(priority: u32) -> bool {
        Rank::is_relay(priority)
    }

    /// The priority of an address of theirs, where it is known.
    pub(super) fn priority_of(&self, remote: SocketAddr) -> Option<u32> {
        self.remotes.priority(remote)
    }

    #[cfg(test)]
    pub(super) fn locals(&self) -> Vec<String> {
        self.locals.keys().map(ToString::to_string).collect()
    }

    /// An address of ours has come.
    pub(super) fn add_local(&mut self, address: SocketAddr, priority: u32, now: Instant) {
        self.locals.insert(address, Local { priority, is_gone: false });
        self.likely_remotes().into_iter().for_each(|remote| self.begin((address, remote), now));
        self.tend(now);
    }

    /// An address of ours is gone, with all that was on it.
    pub(super) fn remove_local(&mut self, address: SocketAddr, now: Instant) {
        self.locals.remove(&address);
        self.prune();
        if self.active().is_some_and(|active| active.0 == address) {
            self.search(now);
            self.tend(now);
        }
    }

    /// An address of ours is gone, or will be; or it is back.
    pub(super) fn set_gone(&mut self, address: SocketAddr, is_gone: bool, now: Instant) {
        if let Some(local) = self.locals.get_mut(&address) {
            local.is_gone = is_gone;
        }
        if !is_gone || self.active().is_some_and(|(local, _)| local == address) {
            self.search(now);
        }
        self.tend(now);
    }

    /// They may be found at `remote`.
    pub(super) fn add_remote(&mut self, remote: SocketAddr, priority: u32, now: Instant) {
        if !self.take_remote(remote, priority, now) {
            return;
        }
        let locals: Vec<_> = self.locals.keys().copied().collect();
        locals.into_iter().for_each(|local| self.begin((local, remote), now));
        self.tend(now);
    }

    /// Where the crate's datagram leaves.
    pub(super) fn outward(&self, local: SocketAddr, remote: SocketAddr) -> Pair {
        match &self.running {
            Some(running) if running.base == (local, remote) => running.active,
            Some(_) | None => (local, remote),
        }
    }

    /// Something came in at `local` from `from`.
    pub(super) fn handle_datagram(
        &mut self,
        local: SocketAddr,
        from: SocketAddr,
        payload: &[u8],
        now: Instant,
    ) -> Verdict {
        let pair = (local, from);
        let Some(running) = &mut self.running else { return Verdict::Pass(local, from) };
        if pair == running.active {
            running.heard = now;
            running.searched = None;
        }
        let is_alive = now.saturating_duration_since(running.heard) < CONSENT;
        let passed = if pair == running.active || (is_alive && running.pairs.contains_key(&pair)) {
            Verdict::Pass(running.base.0, running.base.1)
        } else {
            Verdict::Pass(local, from)
        };
        match pairs::kind(payload) {
            pairs::Kind::Other => return passed,
            pairs::Kind::Answer(id) => {
                let Some(at) = running.pending.iter().position(|(known, of, _)| (*known, *of) == (id, pair)) else {
                    return passed;
                };
                if running.credentials.is_answer(payload)
                    && let Some((_, _, nomination)) = running.pending.remove(at)
                {
                    self.on_answer(pair, nomination, now);
                }
            }
            pairs::Kind::Request => {
                let Some(request) = running.credentials.read_request(payload) else { return passed };
                if request.nomination.is_none() && running.pairs.contains_key(&pair) {
                    // The crate's, by the pair that they have as the active one.
                    running.hinted = (pair != running.active).then_some(pair);
                    self.tend(now);
                    return passed;
                }
                self.on_request(pair, request, now);
            }
        }
        self.tend(now);
        Verdict::Consumed
    }

    fn on_answer(&mut self, pair: Pair, nomination: Option<u32>, now: Instant) {
        let Some(running) = &mut self.running else { return };
        if let Some(state) = running.pairs.get_mut(&pair) {
            state.handle_answer(now);
        }
        self.remotes.handle_heard(pair.1, now);
        if nomination == Some(running.nominated.value) && pair == running.active {
            running.unanswered = None;
        }
    }

    fn on_request(&mut self, pair: Pair, request: CheckRequest, now: Instant) {
        self.remotes.handle_heard(pair.1, now);
        let is_known = self.remotes.contains(pair.1)
            || request.priority.is_some_and(|priority| self.take_remote(pair.1, priority, now));
        let Some(running) = &mut self.running else { return };
        match running.credentials.answer(request.id, pair.1) {
            Ok(payload) => self.out.push_back(Check { local: pair.0, remote: pair.1, payload }),
            Err(error) => tracing::debug!(%error, "a check is not answered"),
        }
        if !is_known {
            return; // there are too many of them
        }
        let theirs = request.nomination.filter(|value| *value > 0);
        let theirs = theirs.map(|value| Nomination { value, by: running.credentials.role.other() });
        if let Some(theirs) = theirs.filter(|theirs| *theirs > running.nominated) {
            running.wanted = Some((pair, theirs));
        }
        if request.nomination.is_none() {
            running.hinted = Some(pair);
        }
        // What they tell of themselves is proven by an answer from there (RFC 8445, section 7.3.1.4).
        if !running.pairs.get(&pair).is_some_and(|state| state.is_proven(now)) {
            self.begin(pair, now);
        }
    }

    /// Sends what is due, and looks whether media should go by another pair.
    fn tend(&mut self, now: Instant) {
        let left = self.running.as_ref().map(|running| (running.active.1, running.heard));
        if self.decide(now) {
            self.has_switched = true;
            left.into_iter().for_each(|(remote, heard)| self.remotes.handle_heard(remote, heard));
            self.prune();
        }
        self.send_due(now);
    }

    /// The next datagram of ours.
    pub(super) fn poll_transmit(&mut self) -> Option<Check> {
        self.out.pop_front()
    }

    /// Time passed.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let Some(running) = &self.running else { return };
        if running.search_due() <= now {
            self.search(now);
        }
        self.tend(now);
    }

    /// When time matters next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let running = self.running.as_ref()?;
        let checks = running.pairs.values().filter_map(PairState::poll_timeout);
        let decision = self.decision_due();
        checks.chain(running.unanswered.map(|(_, at)| at)).chain(decision).chain([running.search_due()]).min()
    }
}

#[cfg(test)]
mod tests;
