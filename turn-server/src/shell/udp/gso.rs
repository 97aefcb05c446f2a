//! Whether several datagrams go to the kernel as one.
//!
//! A device may be unable to cut them up, and so may a path whose links are short, of which a stranger may tell lies.
//! So a refusal counts for a while, and for longer the more of them there are in a row; the next run that goes through
//! ends it.

/// Runs that go singly after as many refusals as there can be in a row: of so many calls one is for nothing.
const LONGEST: u32 = 4096;

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Gso {
    /// Runs that went singly after the last refusal.
    pause: u32,
    /// Runs that go singly still.
    left: u32,
}

impl Gso {
    /// Whether the next run is tried as one.
    pub(super) fn is_tried(&mut self) -> bool {
        let is_tried = self.left == 0;
        self.left = self.left.saturating_sub(1);
        is_tried
    }

    /// A run went as one.
    pub(super) fn took(&mut self) {
        *self = Self::default();
    }

    /// One was refused.
    pub(super) fn refused(&mut self) {
        self.pause = (2 * self.pause).clamp(1, LONGEST);
        self.left = self.pause;
        if self.pause == LONGEST {
            tracing::debug!("UDP GSO is not to be had here; datagrams are sent one by one");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_is_not_to_be_had_it_is_hardly_tried_any_more() {
        let mut gso = Gso::default();
        let mut tries = 0;
        for _ in 0..100_000 {
            if gso.is_tried() {
                gso.refused();
                tries += 1;
            }
        }
        assert!((13..50).contains(&tries), "{tries}");
    }

    #[test]
    fn one_short_path_costs_the_others_one_run() {
        let mut gso = Gso::default();
        for _ in 0..100 {
            assert!(gso.is_tried());
            gso.refused();
            assert!(!gso.is_tried());
            assert!(gso.is_tried());
            gso.took();
        }
    }
}
