//! Where a sound card calls us, and what must not happen there.
//!
//! A card's callback may not wait: whatever allocates, locks, logs or reads a clock may wait. Callbacks run inside
//! [`section`]; who would break the rule asks [`is_here`]. Owner of: a mark for each thread. Forbids nothing by itself.

use std::cell::Cell;

thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// Does `work` marked as a callback's.
pub fn section<T>(work: impl FnOnce() -> T) -> T {
    let _mark = Mark::set();
    work()
}

/// Whether this thread is inside a callback now. Never allocates: an allocator may ask.
pub fn is_here() -> bool {
    HERE.try_with(Cell::get).unwrap_or(false)
}

/// Takes the mark away again, also when the work panics.
struct Mark;

impl Mark {
    fn set() -> Self {
        HERE.set(true);
        Self
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        HERE.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_marked_and_no_other_place() {
        assert!(!is_here());
        assert!(section(is_here));
        assert!(std::panic::catch_unwind(|| section(|| panic!("as a callback might"))).is_err());
        assert!(!is_here());
    }
}
