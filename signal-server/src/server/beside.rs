//! The server with a relay in its process: neither goes on without the other.

use std::future::Future;

use hearth_turn::shell::Shell;
use tokio::sync::{oneshot, watch};

use super::{Broken, Server};

impl Server {
    /// Runs, and `relay` beside it, until it is `asked` to stop, or either ends by itself: then so does the other, in
    /// good order, and that is an error. `stopping` is called once clients are about to be told.
    ///
    /// # Errors
    /// [`Broken`]: the part that ended by itself.
    pub async fn run_beside(
        self,
        relay: Option<Shell>,
        asked: impl Future<Output = ()>,
        stopping: impl FnOnce(),
    ) -> Result<(), Broken> {
        let (stop, mut stopped) = watch::channel(());
        let (fault, faulty) = oneshot::channel::<()>();
        let serving = async {
            let until = async {
                tokio::select! {
                    () = asked => {}
                    Ok(()) = faulty => {}
                }
                stopping();
            };
            let ended = self.run(until).await;
            drop(stop); // calls keep their relay until everybody has been told
            ended
        };
        let relaying = async {
            let Some(relay) = relay else { return Ok(()) };
            let ended = relay.serve(async { while stopped.changed().await.is_ok() {} }).await;
            if ended.is_err() {
                fault.send(()).unwrap_or_default(); // the server may have ended at the same moment
            }
            ended.map(drop).map_err(|ended| Broken::Relay(Box::new(ended)))
        };
        let (served, relayed) = tokio::join!(serving, relaying);
        served?;
        relayed
    }
}
