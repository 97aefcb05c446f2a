//! What ALSA says when it finds no card: to the log, once, instead of to the terminal, again and again.
//!
//! The library prints to standard error by itself. Only the threads that look for devices and open them are spoken for;
//! a stream that runs complains through its own callback. Owner of: what was said last, for each thread.

#[cfg(target_os = "linux")]
use std::cell::RefCell;

#[cfg(target_os = "linux")]
thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `look`; what the library complains of meanwhile is logged when it is not what it complained of before.
#[cfg(target_os = "linux")]
pub(super) fn kept<T>(look: impl FnOnce() -> T) -> T {
    // Each call begins with an empty memory. Where there is none to be had, it prints as ever.
    let words = alsa::Output::local_error_handler().ok();
    let found = look();
    words.into_iter().for_each(|words| note(words.borrow().to_string()));
    found
}

/// Other systems' sound says nothing by itself.
#[cfg(not(target_os = "linux"))]
pub(super) fn kept<T>(look: impl FnOnce() -> T) -> T {
    look()
}

#[cfg(target_os = "linux")]
fn note(said: String) {
    LAST.with_borrow_mut(|last| {
        if *last != said {
            for line in said.lines() {
                tracing::debug!(line, "ALSA");
            }
            *last = said;
        }
    });
}
