//! The loop that owns the controller: actions, devices, settings, goodbyes. The way into a room is in `entering`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_base::{DeviceChoice, DeviceKind, ScreenEntry, ScreenFault, TrackSource, Volume};
use hearth_call::{CallPhase, Command, HostAct, HostRule, Switch};
use hearth_protocol::{InviteSecret, PeerId, Role};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::AppConfig;
use super::activations::Activations;
use super::browser::RoomBrowser;
use super::call_session::{CallSession, Step};
use super::links::{self, Target};
use super::looking::Looking;
use super::profile::Profile;
use super::servers::Servers;
use super::show::{self, Moment};
use super::waits::{changed, until};
use crate::engine::hosting::{Hosting, HostingError};
use crate::engine::instance::Summons;
use crate::engine::{MediaAction, ShowingEvent, Stamps, clock, statistics};
use crate::view::{Action, Devices, Fault, LanguageChoice, Screens, Settings, Stage, View};
use crate::words::Language;

/// How often the clock in a room, and the addresses of an invitation, are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long a room's servers may take to tell everybody that it is over.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Everything that the controller's thread owns.
pub(super) struct AppLoop {
    pub(super) config: AppConfig,
    pub(super) profile: Profile,
    pub(super) browser: RoomBrowser,
    pub(super) visit: Option<CallSession>,
    /// Visits so far.
    pub(super) visits: u64,
    pub(super) servers: Servers,
    pub(super) tasks: JoinSet<Done>,
    pub(super) looking: Looking,
    pub(super) screens: Screens,
    pub(super) fault: Option<Fault>,
    pub(super) activations: Activations,
    pub(super) tick: Instant,
    pub(super) views: watch::Sender<Arc<View>>,
}

/// Something that took its time.
pub(super) enum Done {
    Hosted(Result<Hosting, HostingError>),
    /// Of the visit of this number: it may be a different one by now.
    Reached(u64, Option<SocketAddr>),
    /// A room that is over is no longer hosted.
    Closed,
    /// What of this desktop could be shared.
    Screens(Result<Vec<ScreenEntry>, ScreenFault>),
}

impl AppLoop {
    pub(super) fn new(config: AppConfig, views: watch::Sender<Arc<View>>) -> Self {
        let mut profile = Profile::load(config.folders.clone(), config.name.as_deref());
        profile.choose(&config.files);
        speak(profile.settings.language);
        let mut controller = Self {
            profile,
            browser: RoomBrowser::new(config.discovery.clone()),
            visit: None,
            visits: 0,
            servers: Servers::default(),
            tasks: JoinSet::new(),
            looking: Looking::default(),
            screens: Screens::default(),
            fault: None,
            activations: Activations::default(),
            tick: clock::now(),
            views,
            config,
        };
        controller.show(); // before the first frame is drawn
        controller
    }

    /// Runs until nobody has actions any more.
    pub(super) async fn run(mut self, mut actions: mpsc::Receiver<Action>) {
        self.browser.browse();
        let mut summons = Summons::listen(self.config.instance.take());
        if let Some(link) = self.config.link.take() {
            self.on_action(Action::Join(link));
        }
        let mut is_news = true;
        loop {
            if std::mem::replace(&mut is_news, true) {
                self.settle();
                self.browser.set_awaited(self.visit.is_some());
                self.show();
            }
            let tick = self.visit.as_ref().map(|_| self.tick);
            tokio::select! {
                action = actions.recv() => match action {
                    Some(action) => self.on_action(action),
                    None => break,
                },
                // What the network says of itself is mostly nothing new, and no reason to draw.
                event = self.browser.next() => is_news = self.browser.on_found(event),
                link = summons.next() => self.on_summoned(&link),
                () = changed(&mut self.visit) => {}
                () = self.looking.changed() => {}
                Some(done) = self.tasks.join_next() => self.on_done(done),
                () = until(tick) => {
                    self.tick = clock::now() + TICK;
                    self.print_statistics();
                    self.look_at_addresses();
                }
            }
        }
        self.leave(Leaving::Me);
        // What is still on its way out may finish; the servers bound how long that takes.
        while self.tasks.join_next().await.is_some() {}
    }

    fn on_action(&mut self, action: Action) {
        match action {
            Action::Start => self.start(),
            Action::Join(text) => match links::read(&text) {
                Ok(target) => self.approach(target),
                Err(fault) => self.fault = Some(fault),
            },
            Action::JoinNearby(room) => self.approach(Target::Number(room)),
            Action::JoinRecent(place) => {
                if let Some(link) = self.profile.rooms.link(place) {
                    self.approach(Target::Link(link));
                }
            }
            Action::ForgetRecent => {
                self.profile.forget_rooms();
            }
            Action::Enter => self.enter(),
            Action::Unlock(password) => self.intend(Command::Password(password)),
            Action::Leave => self.leave(Leaving::Me),
            Action::GoElsewhere => self.go_elsewhere(),
            Action::Stay => self.activations.elsewhere = None,
            Action::EndForAll => self.leave(Leaving::All),
            Action::SetNick(nick) => self.change(|settings| settings.nick = nick),
            Action::SetMicrophone(switch) => self.switch(DeviceKind::Microphone, switch),
            Action::SetCamera(switch) => self.switch(DeviceKind::Camera, switch),
            Action::Choose(kind, choice) => self.choose(kind, choice),
            Action::LookAtScreens => self.look_at_screens(),
            Action::Share(entry) => self.share(entry),
            Action::LookAtDevices(wanted) => self.looking.set(wanted),
            Action::TestSound => self.wish_media(MediaAction::Chime),
            Action::Say(text) => self.intend(Command::Say(text)),
            Action::SetHand(hand) => self.intend(Command::SetHand(hand)),
            Action::SetVolume(peer, volume) => self.set_volume(peer, volume),
            Action::Watch(peer, watching) => self.intend(Command::Watch(peer, watching)),
            Action::Admit(peer) => self.intend(Command::Moderate(HostAct::Admit, peer)),
            Action::Deny(peer) => self.intend(Command::Moderate(HostAct::Deny, peer)),
            Action::Kick(peer) => self.intend(Command::Moderate(HostAct::Kick, peer)),
            Action::RenewLink => {
                self.intend(Command::Rule(HostRule::Invite(InviteSecret::from_random(rand::random()))));
            }
            Action::MakeHost(peer) => self.intend(Command::Moderate(HostAct::MakeHost, peer)),
            Action::MuteAll => self.intend(Command::Rule(HostRule::MuteAll)),
            Action::SetLocked(true) => self.intend(Command::Rule(HostRule::Lock)),
            Action::SetLocked(false) => self.intend(Command::Rule(HostRule::Unlock)),
            Action::SetPassword(password) => self.intend(Command::Rule(HostRule::Password(password))),
            Action::ChooseAddress(address) => {
                if let Some(visit) = &mut self.visit {
                    visit.advertisement.picked = Some(address);
                }
                self.look_at_addresses();
            }
            Action::Change(settings) => self.on_settings(*settings),
            Action::Dismiss => self.fault = None,
            Action::DismissCrash => self.config.crash = None,
        }
    }

    fn set_volume(&mut self, peer: PeerId, volume: f32) {
        let percent = (volume.clamp(0.0, 2.0) * 100.0).round() as u8;
        if let Some(visit) = &mut self.visit {
            visit.media.volumes.insert(peer, f32::from(percent) / 100.0);
        }
        self.wish_media(MediaAction::Volume(peer, Volume::from_percent(percent)));
    }

    fn on_settings(&mut self, settings: Settings) {
        let begins = settings.audio_only && !self.profile.settings.audio_only;
        self.change(|old| *old = settings);
        if begins {
            self.switch(DeviceKind::Camera, Switch::Off);
        }
    }

    fn on_done(&mut self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(Done::Hosted(hosted)) => self.on_hosted(hosted),
            Ok(Done::Reached(visit, address)) => self.on_reached(visit, address),
            Ok(Done::Closed) => self.servers.on_ended(),
            Ok(Done::Screens(listed)) => self.on_screens(listed),
            Err(error) => {
                tracing::error!(%error, "a task of the controller ended");
                self.servers.on_lost();
            }
        }
        self.host(); // where that was waited for
    }

    /// What follows from what has changed.
    fn settle(&mut self) {
        self.seek();
        let Some(visit) = &mut self.visit else { return };
        let view = visit.view();
        if let Some(end) = visit.ended(&view, clock::now()) {
            self.visit = None;
            self.activations.elsewhere = None;
            self.fault = end.or(self.fault.take());
            if let Some(hosting) = self.servers.hosting.take() {
                self.close(hosting);
            }
            return;
        }
        if let Some(fault) = visit.notified.refused(&view) {
            self.fault = Some(fault);
        }
        if visit.silenced(&view) {
            let host = view.call.peers.iter().find(|peer| peer.role == Role::Host);
            self.fault = Some(Fault::Silenced(host.map(|host| host.nick.clone()).unwrap_or_default()));
        }
        if let (CallPhase::InRoom, Some(place)) = (&view.call.phase, visit.place()) {
            self.profile.passwords.keep(place, view.call.password.clone());
        }
        if view.call.phase == CallPhase::InRoom && visit.since.is_none() {
            self.on_entered();
        }
        self.note_sharing();
        self.note_renewed();
        self.note_card();
    }

    /// Another network means other addresses in the link, and in the announcement.
    fn look_at_addresses(&mut self) {
        let (Some(visit), Some(hosting)) = (&mut self.visit, &self.servers.hosting) else { return };
        let before = visit.advertisement.served();
        visit.advertisement.look();
        let now = visit.advertisement.served();
        let is_other = before.iter().any(|old| !now.contains(old)) || now.len() != before.len();
        if let (Some(room), true) = (visit.view().call.room.clone(), is_other && visit.advertisement.is_announced()) {
            let card = visit.card(room, &self.profile.settings);
            visit.advertisement.announce(&self.config.discovery, card, hosting.facts().port);
        }
    }

    /// For anyone who asked for them on the command line.
    fn print_statistics(&self) {
        let Some(visit) = self.visit.as_ref().filter(|_| self.config.stamps == Stamps::Read) else { return };
        let mut out = std::io::stdout().lock();
        let line = statistics::line(&visit.view());
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            tracing::warn!(%error, "nobody reads the statistics");
        }
    }

    pub(super) fn leave(&mut self, leaving: Leaving) {
        self.activations.elsewhere = None;
        let Some(mut visit) = self.visit.take() else { return };
        visit.advertisement.withdraw();
        // A room cannot outlive the program that serves it.
        if leaving == Leaving::All || self.servers.hosting.is_some() {
            visit.engine.end_room();
        } else {
            drop(visit); // leaves; both wait until that is said
        }
        if let Some(hosting) = self.servers.hosting.take() {
            self.close(hosting);
        }
    }

    /// Stops hosting once everybody has read that the room is over.
    pub(super) fn close(&mut self, hosting: Hosting) {
        self.servers.on_ending();
        self.tasks.spawn(async move {
            hosting.emptied(LAST_WORDS).await;
            // It waits for its thread.
            drop(tokio::task::spawn_blocking(move || drop(hosting)).await);
            Done::Closed
        });
    }

    fn intend(&self, command: Command) {
        if let Some(visit) = &self.visit {
            visit.engine.command(command);
        }
    }

    fn switch(&mut self, kind: DeviceKind, switch: Switch) {
        let Some(visit) = &mut self.visit else { return };
        let at_door = visit.step == Step::AtDoor;
        match kind {
            DeviceKind::Microphone => {
                visit.media.microphone = switch;
                self.fault = self.fault.take().filter(|fault| !matches!(fault, Fault::Silenced(_)));
                visit.engine.media_action(MediaAction::Want(TrackSource::Microphone, switch));
                if at_door {
                    self.profile.settings.join_microphone = switch;
                }
            }
            DeviceKind::Camera => {
                visit.media.camera = switch;
                visit.engine.media_action(MediaAction::Want(TrackSource::Camera, switch));
                if at_door {
                    self.profile.settings.join_camera = switch;
                }
            }
            DeviceKind::Speaker => {}
        }
    }

    fn wish_media(&self, action: MediaAction) {
        if let Some(visit) = &self.visit {
            visit.engine.media_action(action);
        }
    }

    fn choose(&mut self, kind: DeviceKind, choice: DeviceChoice) {
        if self.choice(kind) == choice {
            // Chosen once more: what failed is tried at once.
            self.wish_media(MediaAction::Choose(kind, choice.clone()));
        }
        self.change(|settings| match kind {
            DeviceKind::Camera => settings.camera = choice,
            DeviceKind::Microphone => settings.microphone = choice,
            DeviceKind::Speaker => settings.speaker = choice,
        });
    }

    fn choice(&self, kind: DeviceKind) -> DeviceChoice {
        match kind {
            DeviceKind::Camera => self.profile.settings.camera.clone(),
            DeviceKind::Microphone => self.profile.settings.microphone.clone(),
            DeviceKind::Speaker => self.profile.settings.speaker.clone(),
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Settings)) {
        let before = self.profile.settings.clone();
        change(&mut self.profile.settings);
        if self.profile.settings == before {
            return;
        }
        if self.profile.settings.language != before.language {
            speak(self.profile.settings.language);
        }
        if self.profile.settings.processing != before.processing {
            self.wish_media(MediaAction::Treat(self.profile.settings.processing));
        }
        for (kind, old) in [
            (DeviceKind::Camera, before.camera),
            (DeviceKind::Microphone, before.microphone),
            (DeviceKind::Speaker, before.speaker),
        ] {
            let choice = self.choice(kind);
            if choice != old {
                self.wish_media(MediaAction::Choose(kind, choice));
            }
        }
        self.profile.save_settings();
    }

    fn show(&mut self) {
        let now = Moment { at: clock::now(), unix_s: clock::unix_s() };
        let hosting = self.servers.hosting.as_ref().map(Hosting::facts);
        let stage =
            self.visit.as_ref().map(|visit| show::stage(visit, &self.profile.settings.nick, hosting.as_ref(), now));
        let view = View {
            stage: stage.unwrap_or(Stage::Home),
            settings: self.profile.settings.clone(),
            devices: match &self.visit {
                Some(visit) => show::devices(&visit.view().devices, self.config.files.clone()),
                None => Devices {
                    lists: self.looking.lists().clone(),
                    files: self.config.files.clone(),
                    ..Devices::default()
                },
            },
            screens: self.screens.clone(),
            nearby: self.browser.nearby.rooms(),
            recent: self.profile.rooms.shown(),
            fault: self.fault.clone(),
            crash: self.config.crash.clone(),
            summoned: self.activations.count,
            elsewhere: self.activations.shown_elsewhere(),
            log: self.config.log.clone(),
        };
        self.views.send_replace(Arc::new(view));
        self.config.repaint.ask(ShowingEvent::View);
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
