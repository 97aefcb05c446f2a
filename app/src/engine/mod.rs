//! The engine: the shell round a call. Sockets, clock, signalling, media; everything that waits.
//!
//! One thread of its own with a current-thread runtime owns the `Call` (see `call_loop`). Whoever uses the engine sends
//! [`Intent`]s and looks at [`View`]s; nothing is shared, nothing is locked. `hearth-call` and `hearth-media` meet here
//! and nowhere else (`media`).

mod call_loop;
pub(crate) mod clock;
mod interfaces;
mod media;
mod pin;
mod signalling;
mod sockets;

use std::sync::Arc;
use std::thread::JoinHandle;

use hearth_base::{FrameRate, Resolution};
use hearth_call::{Intent, Loopback, Snapshot, TransportPolicy};
use hearth_media::codec::CodecError;
use hearth_protocol::SpkiHash;
use rust_i18n::t;
use tokio::sync::{mpsc, watch};
use url::Url;

pub use media::{Camera, MediaStats, Microphone, RemoteStats};
pub use signalling::SignalFault;

/// Wishes that wait for the call: a person makes three a second. Full: the newest is refused, and the sender told.
const INTENTS: usize = 32;

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The signalling server's WebSocket.
    pub websocket: Url,
    /// Its public key, where it is known.
    pub pin: Option<SpkiHash>,
    /// What the others call us.
    pub nick: String,
    /// Where the picture comes from.
    pub camera: Camera,
    /// Where the sound comes from.
    pub microphone: Microphone,
    /// The size of our picture.
    pub resolution: Resolution,
    /// Its pictures a second.
    pub frame_rate: FrameRate,
    /// What the test pattern and chirp are stamped with.
    pub source_id: u8,
    /// Which ways media may take.
    pub transport: TransportPolicy,
    /// Whether peers may be on this machine's loopback.
    pub loopback: Loopback,
}

/// One look at the engine.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The call.
    pub call: Snapshot,
    /// The server's key, once seen, and whether anybody vouches for it.
    pub server: Option<(SpkiHash, ServerTrust)>,
    /// Why the server could not be reached last, while it cannot.
    pub signal_fault: Option<SignalFault>,
    /// What was encoded, decoded, seen and heard.
    pub media: MediaStats,
}

/// How sure we are of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerTrust {
    /// Its key is the one in the link.
    Pinned,
    /// An authority vouches for its name.
    Verified,
    /// Nobody vouches for it.
    FirstUse,
}

/// A running call. Dropped, it leaves the room and waits for its threads.
pub struct Engine {
    intents: Option<mpsc::Sender<Intent>>,
    views: watch::Receiver<Arc<View>>,
    thread: Option<JoinHandle<()>>,
}

/// The engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No thread or runtime to be had.
    #[error("{}", t!("engine.thread"))]
    Thread(#[source] std::io::Error),
    /// No system randomness.
    #[error("{}", t!("engine.random"))]
    Random,
    /// An encoder or source did not start.
    #[error("{}", t!("engine.media", why = .0))]
    Media(#[source] CodecError),
}

impl Engine {
    /// Starts the call's thread.
    ///
    /// # Errors
    /// [`EngineError`], each a sentence for a person.
    pub fn spawn(config: EngineConfig) -> Result<Self, EngineError> {
        let mut seed = [0; 32];
        rand::TryRng::try_fill_bytes(&mut rand::rngs::SysRng, &mut seed).map_err(|_| EngineError::Random)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(EngineError::Thread)?;
        let (intents, wishes) = mpsc::channel(INTENTS);
        let (views, view) = watch::channel(Arc::new(View::default()));
        let call = call_loop::CallLoop::new(config, seed, views)?;
        let thread = std::thread::Builder::new()
            .name("call".to_owned())
            .spawn(move || runtime.block_on(call.run(wishes)))
            .map_err(EngineError::Thread)?;
        Ok(Self { intents: Some(intents), views: view, thread: Some(thread) })
    }

    /// Wishes for something; false when the call has ended or too many wishes wait.
    pub fn wish(&self, intent: Intent) -> bool {
        self.intents.as_ref().is_some_and(|intents| intents.try_send(intent).is_ok())
    }

    /// The views, the newest of which can always be had.
    pub fn views(&self) -> watch::Receiver<Arc<View>> {
        self.views.clone()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The loop takes the end of wishes for a wish to leave.
        self.intents = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
