//! Which devices there are, looked at again and again.
//!
//! Owner of: the thread that looks. It may hang in a sound server; then the last list stays. Nothing is opened by it.

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

/// What could be chosen, without opening anything, for as long as this lives.
#[derive(Debug)]
pub struct DeviceList {
    lists: SlotReceiver<DeviceLists>,
    _worker: Worker,
}

impl DeviceList {
    /// Begins to look. `told` hears that there is another list; it must not block.
    ///
    /// # Errors
    /// [`StartError`] when the system gives no thread.
    pub fn spawn(told: impl FnMut() + Send + 'static) -> Result<Self, StartError> {
        let (worker, lists) = spawn(told)?;
        Ok(Self { lists, _worker: worker })
    }

    /// The newest list, once.
    pub fn take(&self) -> Option<DeviceLists> {
        self.lists.take()
    }
}

/// Looks until the worker is dropped. A list comes when it is a different one; then `told` is called.
pub(super) fn spawn(
    mut told: impl FnMut() + Send + 'static,
) -> Result<(Worker, SlotReceiver<DeviceLists>), StartError> {
    let (mut publish, lists) = slot();
    let worker = Worker::spawn("device-list", move |stop| {
        let (mut last, mut ears) = (None, sound::DeviceLister::default());
        loop {
            let (microphones, speakers) = ears.list();
            let found = DeviceLists { is_known: true, cameras: camera::list(), microphones, speakers };
            if last.as_ref() != Some(&found) {
                last = Some(found.clone());
                publish.put(found);
                told();
            }
            if stop.recv_deadline(Now::read().monotonic + EVERY) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    })?;
    Ok((worker.give_up_after(PATIENCE), lists))
}
