//! The loop that owns the desk: wishes, devices, settings, goodbyes. The way into a room is in `entering`.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_base::{DeviceChoice, DeviceKind, Volume};
use hearth_call::{HostAct, Intent, Phase, Switch};
use mdns_sd::{Receiver, ServiceEvent};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::doors::{self, Target};
use super::show::{self, Moment};
use super::store::Rooms;
use super::visit::{self, Step, Visit};
use super::{DeskConfig, places};
use crate::engine::discovery::Nearby;
use crate::engine::hosting::{Hosting, HostingError, addresses};
use crate::engine::{MediaWish, Stamps, clock, statistics};
use crate::view::{Fault, LanguageChoice, Settings, Stage, View, Wish};
use crate::words::Language;

/// How often the clock in a room, and the addresses of an invitation, are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long a room's servers may take to tell everybody that it is over.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Everything that the desk's thread owns.
pub(super) struct DeskLoop {
    pub(super) config: DeskConfig,
    pub(super) settings: Settings,
    pub(super) rooms: Rooms,
    pub(super) nearby: Nearby,
    pub(super) browsing: Option<Receiver<ServiceEvent>>,
    pub(super) visit: Option<Visit>,
    pub(super) hosting: Option<Hosting>,
    pub(super) tasks: JoinSet<Done>,
    pub(super) fault: Option<Fault>,
    pub(super) tick: Instant,
    pub(super) views: watch::Sender<Arc<View>>,
}

/// Something that took its time.
pub(super) enum Done {
    Hosted(Result<Hosting, HostingError>),
    Reached(Option<std::net::SocketAddr>),
    /// A room that is over is no longer hosted.
    Closed,
}

impl DeskLoop {
    pub(super) fn new(config: DeskConfig, views: watch::Sender<Arc<View>>) -> Self {
        let settings = config.folders.load_settings();
        speak(settings.language);
        let desk = Self {
            rooms: config.folders.load_rooms(),
            settings,
            nearby: Nearby::default(),
            browsing: None,
            visit: None,
            hosting: None,
            tasks: JoinSet::new(),
            fault: None,
            tick: clock::now(),
            views,
            config,
        };
        desk.show(); // before the first frame is drawn
        desk
    }

    /// Runs until nobody has wishes any more.
    pub(super) async fn run(mut self, mut wishes: mpsc::Receiver<Wish>) {
        self.browsing = self.config.discovery.browse();
        if let Some(link) = self.config.link.take() {
            self.on_wish(Wish::Join(link));
        }
        loop {
            self.settle();
            self.show();
            let tick = self.visit.as_ref().map(|_| self.tick);
            tokio::select! {
                wish = wishes.recv() => match wish {
                    Some(wish) => self.on_wish(wish),
                    None => break,
                },
                Some(event) = next(&self.browsing) => drop(self.nearby.handle(event)),
                () = changed(&mut self.visit) => {}
                Some(done) = self.tasks.join_next() => self.on_done(done),
                () = until(tick) => {
                    self.tick = clock::now() + TICK;
                    self.print_statistics();
                    self.look_at_addresses();
                }
            }
        }
        self.leave(Leaving::All);
        self.visit = None;
        // What is still on its way out may finish; the servers bound how long that takes.
        while self.tasks.join_next().await.is_some() {}
    }

    fn on_wish(&mut self, wish: Wish) {
        match wish {
            Wish::Start => self.start(),
            Wish::Join(text) => match doors::read(&text) {
                Some(target) => self.approach(target),
                None => self.fault = Some(Fault::WrongLink),
            },
            Wish::JoinNearby(room) => self.approach(Target::Number(room)),
            Wish::JoinRecent(place) => {
                if let Some(link) = self.rooms.link(place) {
                    self.approach(Target::Link(link));
                }
            }
            Wish::ForgetRecent => {
                self.rooms.forget();
                self.config.folders.save_rooms(&self.rooms);
            }
            Wish::Enter => self.enter(),
            Wish::Leave => self.leave(Leaving::Me),
            Wish::EndForAll => self.leave(Leaving::All),
            Wish::SetNick(nick) => self.change(|settings| settings.nick = nick),
            Wish::SetMicrophone(switch) => self.switch(DeviceKind::Microphone, switch),
            Wish::SetCamera(switch) => self.switch(DeviceKind::Camera, switch),
            Wish::Choose(kind, choice) => self.choose(kind, choice),
            Wish::TestSound => self.wish_media(MediaWish::Chime),
            Wish::Say(text) => self.intend(Intent::Say(text)),
            Wish::SetVolume(peer, volume) => {
                let percent = (volume.clamp(0.0, 2.0) * 100.0).round() as u8;
                if let Some(visit) = &mut self.visit {
                    visit.volumes.insert(peer, f32::from(percent) / 100.0);
                }
                self.wish_media(MediaWish::Volume(peer, Volume::from_percent(percent)));
            }
            Wish::Admit(peer) => self.intend(Intent::Moderate(HostAct::Admit, peer)),
            Wish::Deny(peer) => self.intend(Intent::Moderate(HostAct::Deny, peer)),
            Wish::Kick(peer) => self.intend(Intent::Moderate(HostAct::Kick, peer)),
            Wish::ChooseAddress(address) => {
                if let Some(visit) = &mut self.visit {
                    visit.picked = Some(address);
                }
                self.look_at_addresses();
            }
            Wish::Change(settings) => self.change(|old| *old = *settings),
            Wish::Dismiss => self.fault = None,
            Wish::DismissCrash => self.config.crash = None,
        }
    }

    fn on_done(&mut self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(Done::Hosted(hosted)) => self.on_hosted(hosted),
            Ok(Done::Reached(Some(address))) => {
                let nick = self.settings.nick.clone();
                let visit = self.visit.as_mut().filter(|visit| matches!(visit.step, Step::Seeking(_)));
                if let (Some(visit), Some(server)) = (visit, places::at(address)) {
                    visit.enter(server, nick);
                }
            }
            Ok(Done::Reached(None)) => self.give_up(Fault::HostUnreachable),
            Ok(Done::Closed) => {}
            Err(error) => tracing::error!(%error, "a task of the desk ended"),
        }
    }

    /// What follows from what has changed.
    fn settle(&mut self) {
        self.seek();
        let Some(visit) = &mut self.visit else { return };
        let view = visit.view();
        if let Some(reason) = visit::ended(&view.call.phase) {
            let fault = visit::fault(reason, view.signal_fault.as_ref());
            self.visit = None;
            self.fault = fault.or(self.fault.take());
            if let Some(hosting) = self.hosting.take() {
                self.close(hosting);
            }
            return;
        }
        if view.call.phase == Phase::InRoom && visit.since.is_none() {
            self.on_entered();
        }
    }

    fn look_at_addresses(&mut self) {
        if let Some(visit) = self.visit.as_mut().filter(|_| self.hosting.is_some()) {
            visit.addresses = addresses::addresses(visit.picked);
        }
    }

    /// For whoever asked for them on the command line.
    fn print_statistics(&self) {
        let Some(visit) = self.visit.as_ref().filter(|_| self.config.stamps == Stamps::Read) else { return };
        let mut out = std::io::stdout().lock();
        let line = statistics::line(&visit.view());
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            tracing::warn!(%error, "nobody reads the statistics");
        }
    }

    pub(super) fn leave(&mut self, leaving: Leaving) {
        let Some(visit) = &mut self.visit else { return };
        visit.announced = None;
        if visit.step != Step::Entered {
            self.visit = None;
            return;
        }
        // A room cannot outlive the program that serves it.
        let ends = leaving == Leaving::All || self.hosting.is_some();
        visit.engine.wish(if ends { Intent::EndRoom } else { Intent::Leave });
        self.visit = None; // waits until that is said
        if let Some(hosting) = self.hosting.take() {
            self.close(hosting);
        }
    }

    /// Stops hosting once everybody has read that the room is over.
    pub(super) fn close(&mut self, hosting: Hosting) {
        self.tasks.spawn(async move {
            hosting.emptied(LAST_WORDS).await;
            // It waits for its thread.
            drop(tokio::task::spawn_blocking(move || drop(hosting)).await);
            Done::Closed
        });
    }

    fn intend(&self, intent: Intent) {
        if let Some(visit) = &self.visit {
            visit.engine.wish(intent);
        }
    }

    fn switch(&mut self, kind: DeviceKind, switch: Switch) {
        let Some(visit) = &mut self.visit else { return };
        let at_door = visit.step == Step::AtDoor;
        match kind {
            DeviceKind::Microphone => {
                visit.microphone = switch;
                visit.engine.wish(Intent::SetMicrophone(switch));
                if at_door {
                    self.settings.join_microphone = switch;
                }
            }
            DeviceKind::Camera => {
                visit.camera = switch;
                visit.engine.wish(Intent::SetCamera(switch));
                if at_door {
                    self.settings.join_camera = switch;
                }
            }
            DeviceKind::Speaker => {}
        }
    }

    fn wish_media(&self, wish: MediaWish) {
        if let Some(visit) = &self.visit {
            visit.engine.wish_media(wish);
        }
    }

    fn choose(&mut self, kind: DeviceKind, choice: DeviceChoice) {
        self.wish_media(MediaWish::Choose(kind, choice.clone()));
        self.change(|settings| match kind {
            DeviceKind::Camera => settings.camera = choice,
            DeviceKind::Microphone => settings.microphone = choice,
            DeviceKind::Speaker => settings.speaker = choice,
        });
    }

    fn change(&mut self, change: impl FnOnce(&mut Settings)) {
        let before = self.settings.clone();
        change(&mut self.settings);
        if self.settings == before {
            return;
        }
        if self.settings.language != before.language {
            speak(self.settings.language);
        }
        if self.settings.processing != before.processing {
            self.wish_media(MediaWish::Treat(self.settings.processing));
        }
        self.config.folders.save_settings(&self.settings);
    }

    fn show(&self) {
        let now = Moment { at: clock::now(), unix_s: clock::unix_s() };
        let hosting = self.hosting.as_ref().map(Hosting::facts);
        let stage = self.visit.as_ref().map(|visit| show::stage(visit, &self.settings.nick, hosting, now));
        let view = View {
            stage: stage.unwrap_or(Stage::Home),
            settings: self.settings.clone(),
            devices: self.visit.as_ref().map(|visit| show::devices(&visit.view().devices)).unwrap_or_default(),
            nearby: self.nearby.rooms(),
            recent: self.rooms.shown(),
            fault: self.fault.clone(),
            crash: self.config.crash.clone(),
            log: self.config.log.clone(),
        };
        self.views.send_replace(Arc::new(view));
        self.config.repaint.ask();
    }
}

/// Who leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    Me,
    All,
}

fn speak(language: LanguageChoice) {
    let language = match language {
        LanguageChoice::System => Language::of_system(),
        LanguageChoice::English => Language::English,
        LanguageChoice::Chinese => Language::Chinese,
    };
    language.speak();
}

async fn next(browsing: &Option<Receiver<ServiceEvent>>) -> Option<ServiceEvent> {
    match browsing {
        Some(browsing) => browsing.recv_async().await.ok(),
        None => std::future::pending().await,
    }
}

async fn changed(visit: &mut Option<Visit>) {
    match visit {
        Some(visit) => visit.changed().await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
