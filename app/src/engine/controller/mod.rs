//! The controller: what lives as long as the window. It finds rooms, hosts them, remembers what the person chose, and
//! starts an engine for each visit to a room.
//!
//! One thread with a current-thread runtime owns everything (see `run`). The window sends [`Action`]s and looks at
//! [`View`]s; it never waits for the controller.

mod activations;
mod advertisement;
mod browser;
mod call_session;
mod entering;
mod faults;
mod links;
mod looking;
mod passwords;
mod places;
mod profile;
mod run;
mod screens;
mod servers;
mod show;
mod store;
mod summons;
mod waits;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::instance::Instance;
use super::{Discovery, EngineError, Repaint, Stamps};
use crate::view::{Action, DeviceFiles, Fault, View};

pub use store::Folders;

/// Wishes that wait for the controller: a person makes three a second, a slider sixty. Full: the newest is dropped, and
/// the next one brings the slider to where it is.
const WISHES: usize = 64;

/// How long a thread that waited for servers to end waits for more to do.
const HELPING: Duration = Duration::from_secs(1);

/// How a controller is set up.
#[derive(Debug)]
pub struct AppConfig {
    /// Where things are kept.
    pub folders: Folders,
    /// How the window is asked to draw itself again.
    pub repaint: Repaint,
    /// Whether stamps in the pictures are read, and a line of statistics is printed each second.
    pub stamps: Stamps,
    /// What test pattern and chirp are stamped with, 1 to 255.
    pub source_id: u8,
    /// What is chosen in the place of camera and microphone.
    pub files: DeviceFiles,
    /// Who finds and announces rooms.
    pub discovery: Discovery,
    /// The report of a crash of the last run.
    pub crash: Option<PathBuf>,
    /// Where the log is.
    pub log: Option<PathBuf>,
    /// A link that the desktop handed over: its door is where the person begins.
    pub link: Option<String>,
    /// What the person may be called who starts this for the first time.
    pub name: Option<String>,
    /// The right to be the one that runs: later starts are heard. None: nobody is.
    pub instance: Option<Instance>,
}

/// The controller. Dropped, it leaves the room, ends what it hosts, and waits for its threads.
#[derive(Debug)]
pub struct AppController {
    actions: Option<mpsc::Sender<Action>>,
    views: watch::Receiver<Arc<View>>,
    thread: Option<JoinHandle<()>>,
}

impl AppController {
    /// Starts the controller's thread.
    ///
    /// # Errors
    /// [`EngineError::Thread`].
    pub fn spawn(config: AppConfig) -> Result<Self, EngineError> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().thread_name("control-helper").thread_keep_alive(HELPING).build();
        let runtime = runtime.map_err(EngineError::Thread)?;
        let (actions, waiting) = mpsc::channel(WISHES);
        let (views, view) = watch::channel(Arc::new(View::default()));
        let controller = run::AppLoop::new(config, views);
        let thread = std::thread::Builder::new()
            .name("controller".to_owned())
            .spawn(move || runtime.block_on(controller.run(waiting)))
            .map_err(EngineError::Thread)?;
        Ok(Self { actions: Some(actions), views: view, thread: Some(thread) })
    }

    /// Wishes for something; false when too many actions wait.
    pub fn action(&self, action: Action) -> bool {
        self.actions.as_ref().is_some_and(|actions| actions.try_send(action).is_ok())
    }

    /// The newest view.
    pub fn view(&self) -> Arc<View> {
        let view = self.views.borrow().clone();
        if self.views.has_changed().is_ok() {
            return view;
        }
        // The controller's thread is gone, by a mistake of ours: nothing will come of any wish.
        Arc::new(View { fault: Some(Fault::Broken), ..View::clone(&view) })
    }
}

impl Drop for AppController {
    fn drop(&mut self) {
        // The loop takes the end of wants an action to end everything.
        self.actions = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
