//! The engine: the shell round a call. Sockets, clock, signalling, media; everything that waits.
//!
//! An [`Engine`] is one visit to a room, from the look in the mirror to the goodbye: a thread of its own with a
//! current-thread runtime owns the `Call` (see `call_loop`). Anyone who uses it sends [`Intent`]s and looks at
//! [`CallView`]s; nothing is shared, nothing is locked. The window's [`AppController`](controller::AppController) lives
//! longer: it finds rooms, hosts them, remembers, and starts an engine for each visit. `hearth-call` and `hearth-media`
//! meet here and nowhere else (`media`).

mod call_loop;
pub(crate) mod clock;
pub mod controller;
mod dial;
mod discovery;
mod history;
mod hosting;
pub mod instance;
mod interfaces;
mod media;
mod names;
mod pin;
mod questions;
mod segments;
mod signalling;
mod sockets;
pub(crate) mod statistics;
mod streams;
mod wake;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hearth_base::{DeviceChoice, FrameRate, Resolution, ScreenEntry, ScreenFault, TrackSource, VideoCodec};
use hearth_call::{Command, Loopback, PeerStats, Snapshot, Switch, TransportPolicy};
use hearth_media::devices::DevicesView;
use hearth_protocol::{PeerId, SpkiHash};
use rust_i18n::t;
use tokio::sync::{mpsc, oneshot, watch};

use crate::view::{ConnectionHistory, Processing, VideoFeed};

pub use discovery::Discovery;
pub use media::{
    CameraStats, MediaAction, MediaStats, RecordingStats, RemoteStats, Repaint, Showing, ShowingEvent, SourceLimits,
    Stamps, screens,
};
pub use signalling::{ServerAddress, SignalFault};

/// Wishes that wait for the call: a person makes three a second. Full: the newest is refused, and the sender told.
const COMMANDS: usize = 32;

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// What the others call us.
    pub nick: String,
    /// What we may send: a microphone, a camera. Without a video codec the camera is left out.
    pub tracks: Vec<TrackSource>,
    /// What video we encode and decode, the best first, as far as this build can; all that it can, where this is empty.
    pub video_codecs: Vec<VideoCodec>,
    /// The devices that are wanted.
    pub choices: Choices,
    /// Whether the microphone is on in the beginning.
    pub microphone: Switch,
    /// Whether the camera is. Off, it is not opened, not even for a moment.
    pub camera: Switch,
    /// What is done to our voice.
    pub processing: Processing,
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
    /// Who answers for the names behind which browsers hide.
    pub discovery: Discovery,
    /// Who looks at the pictures.
    pub showing: Showing,
    /// What is written to files of what is received.
    pub recordings: Recordings,
}

/// Files for what is received; there is none unless somebody asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recordings {
    /// The first track of video that somebody else sends, and the next one when that is over: a YUV4MPEG2 file of
    /// [`EngineConfig::resolution`] and [`EngineConfig::frame_rate`].
    pub video: Option<PathBuf>,
    /// All that is heard: a WAV file.
    pub audio: Option<PathBuf>,
}

/// The devices that are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Where the picture comes from.
    pub camera: DeviceChoice,
    /// Where the sound comes from.
    pub microphone: DeviceChoice,
    /// Where sound goes.
    pub speaker: DeviceChoice,
}

/// One look at the engine.
#[derive(Clone, Debug, Default)]
pub struct CallView {
    /// The call.
    pub call: Snapshot,
    /// The server's key, once seen, and whether anybody vouches for it.
    pub server: Option<(SpkiHash, ServerTrust)>,
    /// Why the server could not be reached last, while it cannot.
    pub signal_fault: Option<SignalFault>,
    /// What was encoded, decoded, seen and heard.
    pub media: MediaStats,
    /// The same and what was counted of the connections, at one moment: once a second.
    pub counted: Arc<Counted>,
    /// What the connections were like of late, where a window shows it.
    pub histories: BTreeMap<PeerId, Arc<ConnectionHistory>>,
    /// The devices, as they are wanted and as they are.
    pub devices: DevicesView,
    /// Our own picture, where a window shows it.
    pub own_feed: Option<VideoFeed>,
    /// What we share.
    pub sharing: Sharing,
    /// Theirs.
    pub feeds: Vec<VideoFeed>,
}

/// What of this desktop is shared.
#[derive(Clone, Debug, Default)]
pub struct Sharing {
    /// It, and how it looks where a window shows it.
    pub shared: Option<(ScreenEntry, Option<VideoFeed>)>,
    /// Why what was shared is not any more, though nobody ended it.
    pub fault: Option<ScreenFault>,
}

/// What was counted, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// When, since 1970.
    pub at: Duration,
    /// Of the connections to each of the others.
    pub peers: Vec<PeerStats>,
    /// Of the media.
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

/// Something for the call's thread.
#[derive(Debug)]
enum EngineCommand {
    /// To this server, and there this.
    Enter(ServerAddress, Command),
    Call(Command),
    Media(MediaAction),
    /// To share this, or nothing.
    Share(Option<ScreenEntry>),
}

/// A running call. Dropped, it leaves the room and waits for its threads.
pub struct Engine {
    commands: Option<mpsc::Sender<EngineCommand>>,
    goodbye: Option<oneshot::Sender<Command>>,
    views: watch::Receiver<Arc<CallView>>,
    thread: Option<JoinHandle<()>>,
}

/// The engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No thread or runtime to be had.
    #[error("{}", t!("engine.thread"))]
    Thread(#[source] std::io::Error),
    /// A file for what is received cannot be written.
    #[error("{}", t!("engine.recording", file = .0.display(), why = .1))]
    Recording(PathBuf, #[source] std::io::Error),
    /// No system randomness.
    #[error("{}", t!("engine.random"))]
    Random,
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
        let (commands, actions) = mpsc::channel(COMMANDS);
        let (goodbye, last) = oneshot::channel();
        let (views, view) = watch::channel(Arc::new(CallView::default()));
        let call = call_loop::CallLoop::new(config, seed, views, last)?;
        let thread = std::thread::Builder::new()
            .name("call".to_owned())
            .spawn(move || runtime.block_on(call.run(actions)))
            .map_err(EngineError::Thread)?;
        Ok(Self { commands: Some(commands), goodbye: Some(goodbye), views: view, thread: Some(thread) })
    }

    /// Goes to a server and creates or joins a room there; false when the call has ended or too many actions wait.
    pub fn enter(&self, server: ServerAddress, command: Command) -> bool {
        self.send(EngineCommand::Enter(server, command))
    }

    /// Wishes for something; false when the call has ended or too many actions wait.
    pub fn command(&self, command: Command) -> bool {
        self.send(EngineCommand::Call(command))
    }

    /// Wishes for something of the media; false when the call has ended or too many actions wait.
    pub fn media_action(&self, action: MediaAction) -> bool {
        self.send(EngineCommand::Media(action))
    }

    /// Shares a screen or a window, in the place of what is shared, or nothing any more; false when the call has ended
    /// or too many actions wait.
    pub fn share(&self, entry: Option<ScreenEntry>) -> bool {
        self.send(EngineCommand::Share(entry))
    }

    fn send(&self, command: EngineCommand) -> bool {
        self.commands.as_ref().is_some_and(|commands| commands.try_send(command).is_ok())
    }

    /// Ends the room for all as the last thing, and waits for the threads. However many actions wait, this one is
    /// heard.
    pub fn end_room(mut self) {
        if let Some(goodbye) = self.goodbye.take() {
            drop(goodbye.send(Command::EndRoom)); // refused where the call has ended already
        }
    }

    /// The views, the newest of which can always be had.
    pub fn views(&self) -> watch::Receiver<Arc<CallView>> {
        self.views.clone()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The loop takes the end of wants an action to leave.
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
