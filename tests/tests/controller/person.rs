//! Somebody with a controller of their own: actions go in, views are waited for.
//!
//! Owner of: the controller and its folder. The host that it is on is the LAN's.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hearth::engine::controller::{AppConfig, AppController, Folders};
use hearth::engine::instance::{Claim, claim};
use hearth::engine::{Discovery, Repaint, Stamps};
use hearth::view::{
    Action, DeviceFiles, Fault, Invite, LanguageChoice, PictureSize, PreJoin, Progress, Room, Settings, Stage, View,
};
use hearth_base::DeviceChoice;
use tempfile::TempDir;

use crate::lan::Host;
use crate::place::{now, on};

/// What is on this machine or beside it happens within this, however loaded the machine is. How soon is for benchmarks.
pub const SOON: Duration = Duration::from_secs(20);
/// From a click to a room: the same, with tries that come later.
pub const ROOM: Duration = Duration::from_secs(40);

/// Somebody.
pub struct Person {
    nick: String,
    pub host: Host,
    controller: Option<AppController>,
    news: Receiver<()>,
    folder: Arc<TempDir>,
}

/// Test sources, a small picture, and a language.
pub fn settings(nick: &str) -> Settings {
    Settings {
        nick: nick.to_owned(),
        language: LanguageChoice::English,
        camera: DeviceChoice::Test,
        microphone: DeviceChoice::Test,
        speaker: DeviceChoice::Off,
        picture: PictureSize::Small,
        ..Settings::default()
    }
}

impl Person {
    /// Sits down at a new desk on a host.
    pub fn new(host: &Host, nick: &str) -> Result<Self> {
        let person = Self::at(host, nick, Arc::new(tempfile::tempdir()?), None)?;
        person.action(Action::Change(Box::new(settings(nick))))?;
        Ok(person)
    }

    /// Sits down at a controller that may have been used before.
    pub fn at(host: &Host, nick: &str, folder: Arc<TempDir>, link: Option<String>) -> Result<Self> {
        let (say, news) = sync_channel(1);
        let instance = match claim(&folder.path().join("state"), None)? {
            Some(Claim::First(instance)) => Some(instance),
            Some(Claim::Second) | None => bail!("{nick} sits at a desk already"),
        };
        let config = AppConfig {
            folders: Folders { config: folder.path().join("config"), state: folder.path().join("state") },
            // Full: there is news already.
            repaint: Repaint::new(move |_| if say.try_send(()).is_err() {}),
            stamps: Stamps::Ignored,
            source_id: nick.bytes().next().unwrap_or(1),
            files: DeviceFiles::default(),
            discovery: Discovery::default(),
            crash: None,
            log: None,
            link,
            name: None,
            instance,
        };
        let controller = on(host, move || AppController::spawn(config))??;
        Ok(Self { nick: nick.to_owned(), host: host.clone(), controller: Some(controller), news, folder })
    }

    pub fn folder(&self) -> Arc<TempDir> {
        self.folder.clone()
    }

    pub fn settings_file(folder: &Path) -> PathBuf {
        folder.join("config").join("settings.toml")
    }

    pub fn action(&self, action: Action) -> Result<()> {
        let controller = self.controller.as_ref().context("the desk is gone")?;
        anyhow::ensure!(controller.action(action.clone()), "{}: {action:?} was not taken", self.nick);
        Ok(())
    }

    pub fn view(&self) -> Result<Arc<View>> {
        Ok(self.controller.as_ref().context("the desk is gone")?.view())
    }

    /// The first view that `wanted` makes something of, and how long it took.
    pub fn wait<T>(
        &self,
        what: &str,
        limit: Duration,
        mut wanted: impl FnMut(&View) -> Option<T>,
    ) -> Result<(T, Duration)> {
        let begun = now();
        loop {
            let view = self.view()?;
            if let Some(found) = wanted(&view) {
                return Ok((found, now() - begun));
            }
            let left = limit.saturating_sub(now() - begun);
            if left.is_zero() || self.news.recv_timeout(left) == Err(RecvTimeoutError::Disconnected) {
                bail!("{}: {what}: not in {limit:?}.\n{:#?}\n{:?}", self.nick, view.stage, view.fault);
            }
        }
    }

    /// The same of the room.
    pub fn room<T>(
        &self,
        what: &str,
        limit: Duration,
        mut wanted: impl FnMut(&Room) -> Option<T>,
    ) -> Result<(T, Duration)> {
        self.wait(what, limit, |view| match &view.stage {
            Stage::Room(room) => wanted(room),
            Stage::Home | Stage::PreJoin(_) => None,
        })
    }

    pub fn until(&self, what: &str, limit: Duration, mut wanted: impl FnMut(&Room) -> bool) -> Result<Duration> {
        Ok(self.room(what, limit, |room| wanted(room).then_some(()))?.1)
    }

    pub fn progress(&self, wanted: Progress, limit: Duration) -> Result<Duration> {
        self.until(&format!("{wanted:?}"), limit, |room| room.progress == wanted)
    }

    pub fn at_door(&self) -> Result<PreJoin> {
        let door = self.wait("the door", SOON, |view| match &view.stage {
            Stage::PreJoin(door) => Some(door.clone()),
            Stage::Home | Stage::Room(_) => None,
        });
        Ok(door?.0)
    }

    pub fn home(&self, limit: Duration) -> Result<Duration> {
        Ok(self.wait("home", limit, |view| matches!(view.stage, Stage::Home).then_some(()))?.1)
    }

    /// Home again for a reason, which is read in these words.
    pub fn fault(&self, fault: &Fault, words: &str, limit: Duration) -> Result<Duration> {
        let found = self.wait(&format!("{fault:?}"), limit, |view| {
            (view.fault.as_ref() == Some(fault) && matches!(view.stage, Stage::Home)).then_some(())
        });
        anyhow::ensure!(fault.sentence() == words, "{:?} instead of {words:?}", fault.sentence());
        println!("{}: {words} ({:?})", self.nick, found.as_ref().map_or(Duration::ZERO, |(_, took)| *took));
        Ok(found?.1)
    }

    /// Through the door of a room of their own, and into it.
    pub fn start(&self) -> Result<Invite> {
        self.action(Action::Start)?;
        self.at_door()?;
        self.action(Action::Enter)?;
        self.progress(Progress::In, ROOM)?;
        self.invite()
    }

    pub fn invite(&self) -> Result<Invite> {
        Ok(self.room("an invitation", SOON, |room| room.invite.clone())?.0)
    }

    /// To a door and through it.
    pub fn join(&self, text: &str) -> Result<()> {
        self.action(Action::Join(text.to_owned()))?;
        self.at_door()?;
        self.action(Action::Enter)
    }

    /// Whether somebody listens there, seen from here.
    pub fn reaches(&self, address: SocketAddr) -> Result<bool> {
        on(&self.host, || TcpStream::connect_timeout(&address, SOON).is_ok())
    }

    /// Waits until nobody listens there any more.
    pub fn port_closes(&self, address: SocketAddr, limit: Duration) -> Result<Duration> {
        let begun = now();
        while self.reaches(address)? {
            anyhow::ensure!(now() - begun < limit, "{address} is open after {limit:?}");
        }
        Ok(now() - begun)
    }

    /// Closes the window; how long that took.
    pub fn close(&mut self) -> Duration {
        let begun = now();
        self.controller = None;
        now() - begun
    }
}
