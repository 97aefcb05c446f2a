//! What a rule found: where, which rule, and what to do about it.

use std::fmt;

/// One breach of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// A file of the tree, or a crate.
    pub(crate) place: String,
    /// Counted from 1; 0 is the whole.
    pub(crate) line: usize,
    /// The rule, in a few words.
    pub(crate) rule: String,
    /// What to do.
    pub(crate) advice: &'static str,
}

impl Finding {
    /// A breach at a line.
    pub(crate) fn at(place: &str, line: usize, rule: impl Into<String>, advice: &'static str) -> Self {
        Self { place: place.to_owned(), line, rule: rule.into(), advice }
    }

    /// A breach by the whole of a file or crate.
    pub(crate) fn of(place: &str, rule: impl Into<String>, advice: &'static str) -> Self {
        Self::at(place, 0, rule, advice)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}: {}", self.place, self.rule, self.advice),
            line => write!(f, "{}:{line}: {}: {}", self.place, self.rule, self.advice),
        }
    }
}

#[test]
fn a_finding_reads_like_a_compilers() {
    let finding = Finding::at("app/x.rs", 7, "too long", "split it");
    assert_eq!(finding.to_string(), "app/x.rs:7: too long: split it");
    assert_eq!(Finding::of("rtc", "licence", "ask").to_string(), "rtc: licence: ask");
}
