//! Panics of libraries that are caught, and are no crash of ours.
//!
//! Anyone who writes reports of crashes asks [`is_expected`]. Owner of: a mark for each thread.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

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

/// Runs `act`, which says when its beginning is over by calling what it is given; none when it panicked before that.
/// Later panics are nobody's to expect, and go on.
pub fn catch_beginning<T>(act: impl FnOnce(Begun) -> T) -> Option<T> {
    EXPECTED.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| act(Begun(()))));
    let is_beginning = EXPECTED.replace(false);
    match result {
        Ok(value) => Some(value),
        Err(_) if is_beginning => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// The way to say that a beginning is over.
#[derive(Debug)]
pub struct Begun(());

impl Begun {
    /// It is.
    pub fn say(self) {
        EXPECTED.set(false);
    }
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

    #[test]
    fn a_beginning_may_panic_and_what_follows_may_not() {
        assert_eq!(catch_beginning(|_| panic!("as some displays do")), None::<()>);
        assert!(!is_expected());
        let is_expected_later = catch_beginning(|begun| {
            assert!(is_expected());
            begun.say();
            is_expected()
        });
        assert_eq!(is_expected_later, Some(false));
        let later = catch_unwind(|| {
            catch_beginning(|begun| {
                begun.say();
                panic!("a mistake of ours");
            })
        });
        assert!(later.is_err() && !is_expected());
    }
}
