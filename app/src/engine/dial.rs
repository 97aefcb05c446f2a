//! Whether a connection that is being dialled was dialled on a network that is gone.
//!
//! Owner of: when it was dialled, and whether the network has changed since. Hangs up nothing.

use std::time::{Duration, Instant};

/// So long a dial is left alone, whatever the network does: addresses that come and go all the time, of an adapter that
/// has nothing to do with the way to the server, would end each before the server answers. TCP, TLS and HTTP take four
/// round trips.
const LEAST: Duration = Duration::from_secs(1);

/// One dial.
#[derive(Debug, Default)]
pub(super) struct Dial {
    since: Option<Instant>,
    has_changed: bool,
}

impl Dial {
    /// The server is dialled now.
    pub(super) fn begin(&mut self, now: Instant) {
        *self = Self { since: Some(now), has_changed: false };
    }

    /// A look at the network, which has changed or not: whether the dial should be given up.
    pub(super) fn look(&mut self, has_changed: bool, now: Instant) -> bool {
        self.has_changed |= has_changed;
        self.has_changed && self.since.is_none_or(|since| now.saturating_duration_since(since) >= LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere")]
    fn a_dial_has_a_second_and_is_given_up_then_where_the_network_has_changed() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut dial = Dial::default();
        dial.begin(at(0));
        let given_up = (0..20).find(|n| dial.look(true, at(n * 100)));
        assert_eq!(given_up, Some(10), "not at each change");
        dial.begin(at(2_000));
        assert!(!dial.look(false, at(2_500)) && !dial.look(false, at(6_000)), "nothing has changed");
        dial.begin(at(7_000));
        assert!(!dial.look(true, at(7_100)), "it was seen early");
        assert!(dial.look(false, at(8_000)), "and the next look knows of it");
    }
}
