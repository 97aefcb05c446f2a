//! Which devices there are, looked at again and again.
//!
//! Owner of: the thread that looks. It may hang in a sound server; then the last list stays.

use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;
use hearth_base::DeviceLists;

use super::{camera, sound};
use crate::Now;
use crate::slot::{SlotReceiver, slot};
use crate::threads::{StartError, Worker};

/// From one look to the next: within this a headset that was plugged in is seen.
const EVERY: Duration = Duration::from_secs(2);
/// How long the sound server may take when nobody wants to know any more.
const PATIENCE: Duration = Duration::from_millis(200);

/// Looks until the worker is dropped. A list comes when it is another one.
pub(super) fn spawn() -> Result<(Worker, SlotReceiver<DeviceLists>), StartError> {
    let (mut publish, lists) = slot();
    let worker = Worker::spawn("device-list", move |stop| {
        let (mut last, mut ears) = (None, sound::Ears::default());
        loop {
            let (microphones, speakers) = ears.list();
            let found = DeviceLists { cameras: camera::list(), microphones, speakers };
            if last.as_ref() != Some(&found) {
                last = Some(found.clone());
                publish.put(found);
            }
            if stop.recv_deadline(Now::read().monotonic + EVERY) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    })?;
    Ok((worker.give_up_after(PATIENCE), lists))
}
