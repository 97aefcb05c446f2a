//! An allocator that counts what is asked of it inside a sound card's callback.
//!
//! Owner of: the counts. Everything is passed on to the system's allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use hearth_media::realtime;

#[global_allocator]
static WATCHING: Watching = Watching;
static SINS: AtomicU64 = AtomicU64::new(0);

/// Allocations and releases inside callbacks, so far.
pub(crate) fn sins() -> u64 {
    SINS.load(Ordering::Relaxed)
}

struct Watching;

fn watch() {
    if realtime::is_here() {
        SINS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        watch();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        watch();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[test]
fn the_guard_can_fail() {
    let before = sins();
    let outside = vec![1_u8; 100];
    assert_eq!(sins(), before);
    let inside = realtime::section(|| vec![2_u8; 100]);
    assert_eq!(sins(), before + 1);
    realtime::section(|| drop(outside));
    assert_eq!((sins(), inside.len()), (before + 2, 100));
}
