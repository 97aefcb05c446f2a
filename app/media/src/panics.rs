//! Panics of libraries that are caught, and are no crash of ours.
//!
//! Whoever writes reports of crashes asks [`is_expected`]. Owner of: a mark for each thread.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread, now, would be caught by who expects it.
pub fn is_expected() -> bool {
    EXPECTED.get()
}

/// Runs `act`; none when it panicked.
pub(crate) fn catch<T>(act: impl FnOnce() -> T) -> Option<T> {
    let before = EXPECTED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(act));
    EXPECTED.set(before);
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_expected_only_where_it_is_caught() {
        assert_eq!(catch(is_expected), Some(true));
        assert_eq!(catch(|| panic!("as some drivers do")), None::<()>);
        assert!(!is_expected());
    }
}
