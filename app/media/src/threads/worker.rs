//! A thread with a name that is told to stop and waited for.
//!
//! Owner of: the thread's handle. What the thread does is a closure's.

use std::convert::Infallible;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::StartError;

/// To wait on: nothing ever comes, and it is disconnected when the thread is to stop.
pub(crate) type Stop = Receiver<Infallible>;

/// A running thread.
#[derive(Debug)]
pub(crate) struct Worker {
    stop: Option<Sender<Infallible>>,
    ended: Receiver<Infallible>,
    thread: Option<JoinHandle<()>>,
    patience: Option<Duration>,
}

impl Worker {
    /// Starts `run`, which ends soon after [`Stop`] is disconnected. Dropping waits for that.
    pub(crate) fn spawn(name: &str, run: impl FnOnce(Stop) + Send + 'static) -> Result<Self, StartError> {
        // Cap 1, and never used: what is waited for is the end of the channel.
        let (stop, stopped) = bounded(1);
        let (ending, ended) = bounded(1);
        let body = move || {
            let _ending: Sender<Infallible> = ending;
            run(stopped);
        };
        let thread = Builder::new().name(name.into()).spawn(body);
        let thread = thread.map_err(|error| StartError::Thread { name: name.into(), error })?;
        Ok(Self { stop: Some(stop), ended, thread: Some(thread), patience: None })
    }

    /// Dropping waits this long at most, then leaves the thread alone: for a device that may never return.
    pub(crate) fn give_up_after(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(patience) = self.patience {
            // It never holds anything, so it ends by time or because the thread ended.
            let ended = self.ended.recv_timeout(patience);
            if ended == Err(crossbeam_channel::RecvTimeoutError::Timeout) {
                tracing::warn!("a device does not answer; its thread is left behind");
                return;
            }
        }
        let ended = self.thread.take().map(JoinHandle::join);
        if matches!(ended, Some(Err(_))) {
            tracing::error!("a media thread panicked");
        }
    }
}
