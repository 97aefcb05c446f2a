//! How a server's end is told: by an error where nobody asked for it, and by the exit status of its program.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Shell;
use crate::Stats;

/// The workers ended though nobody asked them to.
#[derive(Debug, thiserror::Error)]
#[error("the relay's workers ended by themselves; the log says why. Start the server again")]
pub struct WorkersEnded {
    /// What they had counted.
    pub last: Stats,
}

impl Shell {
    /// As [`Shell::run`], for anyone who has to tell an end that was asked for from one that was not.
    ///
    /// # Errors
    /// [`WorkersEnded`]: a fault of ours, or a thread that the system does not give.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<Stats, WorkersEnded> {
        let is_asked = AtomicBool::new(false);
        let asked = async {
            shutdown.await;
            is_asked.store(true, Ordering::Relaxed);
        };
        let last = self.run(asked).await;
        if is_asked.load(Ordering::Relaxed) { Ok(last) } else { Err(WorkersEnded { last }) }
    }
}

/// The exit status of a program whose work ended so; `tell` says why to anyone who is to know. A service manager starts
/// again what ended by an error, and nothing else.
pub fn exit_status<E>(ended: Result<(), E>, tell: impl FnOnce(E)) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(error);
            ExitCode::FAILURE
        }
    }
}
