//! The networks that are emulated, as hearth-netem reads them, and what of each run is summed up.

/// One network.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    /// For the help.
    pub(super) what: &'static str,
    /// From the one who sends to the one who sees.
    pub(super) forward: &'static str,
    pub(super) backward: &'static str,
    /// Spans that have figures of their own, seconds after the beginning. The run ends with the last one.
    pub(super) phases: &'static [(usize, usize)],
    /// When addresses of the one who sees come and go, seconds after the beginning. Where there are such changes, both
    /// addresses are there at first.
    pub(super) changes: &'static [(usize, Change)],
    pub(super) calls: Calls,
}

/// What becomes of an address, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Lost(usize),
    Found(usize),
}

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Hearth,
    Chromium,
}

/// Which calls go through the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calls {
    /// One at a time, of each kind.
    InTurns,
    /// These two, both at once.
    AtOnce([Kind; 2]),
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hearth => "Hearth",
            Self::Chromium => "Chromium",
        }
    }
}

/// All of them. Loss has a rate of 5 Mbps that is not its bottleneck. In bursts, a tenth of the packets is lost: the
/// bad state lasts four of them and loses nine in ten. `variable` is like RFC 8867, section 5.1, with a queue of 300 ms
/// at each rate and nothing in the way back.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "clean",
        what: "5 Mbps, 25 ms each way",
        forward: "rate=5000,queue=300,delay=25",
        backward: "rate=5000,queue=300,delay=25",
        phases: STEADY,
        changes: &[],
        calls: Calls::InTurns,
    },
    Case {
        name: "variable",
        what: "1, 2.5, 0.6, 1 Mbps (RFC 8867, 5.1), 50 ms each way, 300 ms of queue",
        forward: "rate=1000/40:2500/60:600/80:1000,queue=300,delay=50",
        backward: "delay=50",
        phases: &[(0, 40), (40, 60), (60, 80), (80, 100)],
        changes: &[],
        calls: Calls::InTurns,
    },
    Case {
        name: "loss5",
        what: "5 Mbps, 25 ms, 5 % lost each way",
        forward: "rate=5000,queue=300,delay=25,loss=0.05",
        backward: "rate=5000,queue=300,delay=25,loss=0.05",
        phases: STEADY,
        changes: &[],
        calls: Calls::InTurns,
    },
    Case {
        name: "loss10",
        what: "the same with 10 %",
        forward: "rate=5000,queue=300,delay=25,loss=0.1",
        backward: "rate=5000,queue=300,delay=25,loss=0.1",
        phases: STEADY,
        changes: &[],
        calls: Calls::InTurns,
    },
    Case {
        name: "burst10",
        what: "the same with 10 % in bursts (Gilbert and Elliott)",
        forward: "rate=5000,queue=300,delay=25,bursts=0.0313/0.25/0.9",
        backward: "rate=5000,queue=300,delay=25,bursts=0.0313/0.25/0.9",
        phases: STEADY,
        changes: &[],
        calls: Calls::InTurns,
    },
    Case {
        name: "loss30",
        what: "the same with 30 %",
        forward: "rate=5000,queue=300,delay=25,loss=0.3",
        backward: "rate=5000,queue=300,delay=25,loss=0.3",
        phases: STEADY,
        changes: &[],
        calls: Calls::InTurns,
    },
    Case {
        name: "with-cubic",
        what: "3 Mbps, 25 ms, 300 ms of queue, a CUBIC flow through it from second 20 to 60",
        forward: "rate=3000,queue=300,delay=25,cross=cubic@20-60",
        backward: "rate=3000,queue=300,delay=25",
        phases: &[(0, 20), (20, 60), (60, 80)],
        changes: &[],
        calls: Calls::InTurns,
    },
    Case {
        name: "address-lost",
        what: "as clean; who sees has two addresses, of which each is lost once: a second without a picture at most",
        forward: "rate=5000,queue=300,delay=25",
        backward: "rate=5000,queue=300,delay=25",
        phases: &[(0, 20), (20, 40)],
        // Whichever is used, it is lost, and the other one is there.
        changes: &[(20, Change::Lost(0)), (25, Change::Found(0)), (30, Change::Lost(1))],
        calls: Calls::InTurns,
    },
    Case {
        name: "two-calls",
        what: "3 Mbps, 25 ms, 300 ms of queue, two calls of ours at once: Jain's index of both is to be 0.95 at least",
        forward: "rate=3000,queue=300,delay=25",
        backward: "rate=3000,queue=300,delay=25",
        phases: &[(0, 20), (20, 60)],
        changes: &[],
        calls: Calls::AtOnce([Kind::Hearth, Kind::Hearth]),
    },
    Case {
        name: "with-chromium",
        what: "the same with a call of ours and one of Chromium: ours is to have a share of 0.3 to 0.7",
        forward: "rate=3000,queue=300,delay=25",
        backward: "rate=3000,queue=300,delay=25",
        phases: &[(0, 20), (20, 60)],
        changes: &[],
        calls: Calls::AtOnce([Kind::Hearth, Kind::Chromium]),
    },
];

/// The start, and what comes after it.
const STEADY: &[(usize, usize)] = &[(0, 10), (10, 40)];

impl Case {
    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        CASES.iter().find(|case| case.name == name)
    }

    /// How long it is measured.
    pub(super) fn seconds(&self) -> usize {
        self.phases.last().map_or(0, |(_, to)| *to)
    }

    /// Of which seconds pictures are kept, where they are: as many as a page keeps, when the last span is well under
    /// way.
    pub(super) fn kept(&self) -> (usize, usize) {
        let from = self.phases.last().map_or(0, |(from, _)| from + 5);
        (from, from + 10)
    }

    /// Which calls each of its runs has: of those kinds that are asked for, in the order A B B A, or A B for `once`.
    /// The first one of a run is started first. Calls that are there at once are all there, whatever is asked for.
    pub(super) fn runs(&self, asked: &[Kind], once: bool) -> Vec<Vec<Kind>> {
        let forth: Vec<Vec<Kind>> = match self.calls {
            Calls::InTurns => asked.iter().map(|kind| vec![*kind]).collect(),
            Calls::AtOnce(kinds) => vec![kinds.to_vec()],
        };
        let back = forth.iter().rev().map(|kinds| kinds.iter().rev().copied().collect());
        if once { forth } else { forth.iter().cloned().chain(back).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_run_forth_and_back() {
        use Kind::{Chromium, Hearth};
        let [alone, beside] = ["clean", "with-chromium"].map(|name| Case::named(name).unwrap());
        let both = [Hearth, Chromium];
        assert_eq!(alone.runs(&both, false), [[Hearth], [Chromium], [Chromium], [Hearth]]);
        assert_eq!(alone.runs(&both, true), [[Hearth], [Chromium]]);
        assert_eq!(alone.runs(&[Chromium], false), [[Chromium], [Chromium]]);
        assert_eq!(beside.runs(&[Hearth], false), [[Hearth, Chromium], [Chromium, Hearth]]);
        assert_eq!(beside.runs(&both, true), [[Hearth, Chromium]]);
    }

    #[test]
    fn each_case_has_a_name_of_its_own_and_phases_one_after_the_other() {
        for case in CASES {
            assert_eq!(CASES.iter().filter(|other| other.name == case.name).count(), 1, "{}", case.name);
            assert_eq!(case.phases.first().map(|(from, _)| *from), Some(0));
            assert!(case.kept().1 < case.seconds(), "{}", case.name);
            assert!(case.phases.iter().all(|(from, to)| from < to));
            assert!(case.phases.windows(2).all(|pair| pair[0].1 == pair[1].0), "{}", case.name);
        }
        assert_eq!(Case::named("variable").map(Case::seconds), Some(100));
        assert!(Case::named("no").is_none());
    }
}
