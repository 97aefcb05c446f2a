//! Which time-limited names are honoured, where anyone who hands them out says so: a credential ends soon after the
//! room that it was given for, though its time is not over.
//!
//! All workers share it, behind a lock that is held for a look-up when a request is judged; no datagram that is relayed
//! comes near it.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Server;
use crate::{NameRule, rest};

/// Names that are remembered as withdrawn, where others sign as well. Cap 16,384, a megabyte: a busy server's leavers
/// of some hours, and a credential ends by itself within hours. Full: the oldest is forgotten, and good again until its
/// time is over.
const WITHDRAWN: usize = 16_384;

/// The names.
pub(super) struct Roster {
    rule: NameRule,
    names: Mutex<Names>,
    /// How often a name was withdrawn.
    withdrawals: AtomicU64,
}

#[derive(Default)]
struct Names {
    granted: HashSet<Box<[u8]>>,
    withdrawn: HashSet<Box<[u8]>>,
    /// In the order in which they were withdrawn.
    oldest: VecDeque<Box<[u8]>>,
}

impl Roster {
    pub(super) fn new(rule: NameRule) -> Self {
        Self { rule, names: Mutex::default(), withdrawals: AtomicU64::new(0) }
    }

    pub(super) fn grant(&self, name: &[u8]) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.withdrawn.remove(name) {
            names.oldest.retain(|other| **other != *name);
        }
        names.granted.insert(name.into());
    }

    pub(super) fn withdraw(&self, name: &[u8]) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.granted.remove(name);
        if self.rule == NameRule::NotWithdrawn && names.withdrawn.insert(name.into()) {
            names.oldest.push_back(name.into());
            if names.oldest.len() > WITHDRAWN
                && let Some(oldest) = names.oldest.pop_front()
            {
                names.withdrawn.remove(&oldest);
            }
        }
        self.withdrawals.fetch_add(1, Ordering::Release);
    }

    /// Whether credentials of `name` are honoured now.
    pub(super) fn honours(&self, name: &[u8]) -> bool {
        let names = || self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match self.rule {
            NameRule::All => true,
            NameRule::Granted => names().granted.contains(name),
            NameRule::NotWithdrawn => !names().withdrawn.contains(name),
        }
    }
}

impl Server {
    /// Ends the allocations whose names were withdrawn since the last look.
    pub fn end_withdrawn(&mut self) {
        let withdrawals = self.commons.roster.withdrawals.load(Ordering::Acquire);
        if withdrawals == self.withdrawals {
            return;
        }
        self.withdrawals = withdrawals;
        let is_over = |username: &[u8]| {
            self.gate.credentials.is_timed(username) && !self.commons.roster.honours(rest::account(username))
        };
        let tuples: Vec<_> = self.table.tuples().collect();
        let over = |tuple: &_| self.table.get(tuple).is_some_and(|allocation| is_over(&allocation.owner.username));
        let over: Vec<_> = tuples.into_iter().filter(over).collect();
        for tuple in over {
            self.close(tuple);
        }
        self.count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_honoured_as_the_rule_has_it() {
        for (rule, expected) in [
            (NameRule::All, [true, true, true, true]),
            (NameRule::Granted, [false, true, false, true]),
            (NameRule::NotWithdrawn, [true, true, false, true]),
        ] {
            let roster = Roster::new(rule);
            let mut seen = vec![roster.honours(b"ann")];
            roster.grant(b"ann");
            seen.push(roster.honours(b"ann"));
            roster.withdraw(b"ann");
            seen.push(roster.honours(b"ann"));
            roster.grant(b"ann");
            seen.push(roster.honours(b"ann"));
            assert_eq!(seen, expected, "{rule:?}");
        }
    }

    #[test]
    fn what_is_remembered_of_those_who_left_is_bounded() {
        let roster = Roster::new(NameRule::NotWithdrawn);
        for number in 0..WITHDRAWN + 10 {
            roster.withdraw(number.to_string().as_bytes());
        }
        let names = roster.names.lock().unwrap();
        assert_eq!((names.withdrawn.len(), names.oldest.len()), (WITHDRAWN, WITHDRAWN));
        assert!(names.withdrawn.contains((WITHDRAWN + 9).to_string().as_bytes()));
    }

    #[test]
    fn a_name_that_comes_and_goes_takes_one_place() {
        let roster = Roster::new(NameRule::NotWithdrawn);
        for _ in 0..WITHDRAWN * 2 {
            roster.withdraw(b"ann");
            roster.grant(b"ann");
        }
        assert!(roster.names.lock().unwrap().oldest.len() <= WITHDRAWN);
    }
}
