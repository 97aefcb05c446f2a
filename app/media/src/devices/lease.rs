//! Who holds a device of this process, also when its thread was given up.
//!
//! A driver's library may share one descriptor between two openings of the same device: then anyone who closes it late
//! ends the other's pictures. So nobody opens what a forgotten thread still holds, and forgotten threads do not pile
//! up. Owner of: the names of what is held, for the whole process, as the devices are.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

static HELD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The right to open a device, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Lease(String);

impl Lease {
    /// `None` when somebody has it.
    pub(super) fn take(device: String) -> Option<Self> {
        let is_free = held().insert(device.clone());
        // Not made before it is known to be free: when it is dropped, the name goes.
        is_free.then(|| Self(device))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        held().remove(&self.0);
    }
}

fn held() -> MutexGuard<'static, BTreeSet<String>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_held_once() {
        let first = Lease::take("a".into()).unwrap();
        assert!(Lease::take("a".into()).is_none() && Lease::take("b".into()).is_some());
        drop(first);
        assert!(Lease::take("a".into()).is_some());
    }
}
