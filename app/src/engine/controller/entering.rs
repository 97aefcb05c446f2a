//! The way into a room: to the door, through it, to the server that the door leads to.
//!
//! Owner of: nothing; the controller's loop owns the visit (see `run`).

use std::net::SocketAddr;
use std::time::Duration;

use hearth_base::TrackSource;
use hearth_call::{Loopback, TransportPolicy};
use hearth_protocol::RoomName;

use super::call_session::{CallSession, Step};
use super::links::{self, Target};
use super::places;
use super::run::{AppLoop, Done, Leaving};
use crate::engine::discovery::FoundRoom;
use crate::engine::hosting::{Hosting, HostingConfig, HostingError};
use crate::engine::{Choices, Engine, EngineConfig, Recordings, Showing, clock};
use crate::view::Fault;

/// How long a number is looked for on this network before the server of the settings is asked: an announcement is
/// answered within a second, and the first question may be lost.
const LOOKING: Duration = Duration::from_secs(3);

impl AppLoop {
    /// To the door of a room of our own: here, or on the server of the settings.
    pub(super) fn start(&mut self) {
        let server = self.profile.settings.server.trim();
        if server.is_empty() {
            return self.approach(Target::Host);
        }
        // The number is the server's to give; the name stands for it until then.
        match links::on_server(server, RoomName::from_random(0)) {
            Ok(link) => self.approach(Target::Create(link)),
            Err(fault) => self.fault = Some(fault),
        }
    }

    /// In front of the mirror: devices run, and nobody hears or sees us yet.
    pub(super) fn approach(&mut self, target: Target) {
        self.leave(Leaving::Me);
        self.fault = None;
        let settings = &self.profile.settings;
        let (microphone, camera) = (settings.join_microphone, settings.joins_with_camera());
        match Engine::spawn(self.engine_config()) {
            Ok(engine) => {
                self.visits += 1;
                self.visit = Some(CallSession::new(engine, target, microphone, camera));
            }
            Err(error) => self.fault = Some(Fault::Other(error.to_string())),
        }
    }

    fn engine_config(&self) -> EngineConfig {
        let (resolution, frame_rate) = self.profile.settings.picture.format();
        EngineConfig {
            nick: self.profile.settings.nick.clone(),
            tracks: vec![TrackSource::Microphone, TrackSource::Camera],
            video_codecs: Vec::new(),
            choices: Choices {
                camera: self.profile.settings.camera.clone(),
                microphone: self.profile.settings.microphone.clone(),
                speaker: self.profile.settings.speaker.clone(),
            },
            microphone: self.profile.settings.join_microphone,
            camera: self.profile.settings.joins_with_camera(),
            processing: self.profile.settings.processing,
            resolution,
            frame_rate,
            source_id: self.config.source_id,
            transport: TransportPolicy::All,
            loopback: Loopback::Refused,
            discovery: self.config.discovery.clone(),
            showing: Showing::Window { repaint: self.config.repaint.clone(), stamps: self.config.stamps },
            recordings: Recordings::default(),
        }
    }

    /// Through the door.
    pub(super) fn enter(&mut self) {
        let Some(visit) = self.visit.as_mut().filter(|visit| visit.step == Step::AtDoor) else { return };
        visit.step = Step::Seeking(None);
        match visit.target.clone() {
            Target::Host => self.host(),
            Target::Create(link) | Target::Link(link) => visit.enter(places::of(&link), &self.profile),
            Target::Number(_) => visit.step = Step::Seeking(Some(clock::now() + LOOKING)),
        }
        self.profile.save_settings();
    }

    /// Starts our servers, once those of the last room have given their port back.
    pub(super) fn host(&mut self) {
        let Some(visit) = self.visit.as_mut().filter(|visit| visit.waits_for_host()) else { return };
        if self.servers.is_port_busy() {
            return; // asked again when they are done
        }
        visit.advertisement.look();
        let (state, relays) = (self.profile.folders.keys(), visit.advertisement.served());
        let config = HostingConfig { state, port: self.profile.settings.port, relays };
        self.servers.on_starting();
        self.tasks.spawn(async move { Done::Hosted(Hosting::start(config).await) });
    }

    pub(super) fn on_hosted(&mut self, hosted: Result<Hosting, HostingError>) {
        self.servers.on_started();
        let waits = self.visit.as_ref().is_some_and(CallSession::waits_for_host);
        match hosted {
            Ok(hosting) if waits => {
                let server = places::own(hosting.facts().port, hosting.facts().spki);
                self.servers.hosting = Some(hosting);
                if let (Some(visit), Some(server)) = (&mut self.visit, server) {
                    visit.enter(server, &self.profile);
                }
            }
            Ok(hosting) => self.close(hosting), // nobody wants it any more
            Err(HostingError::PortUsed(port)) if waits => self.give_up(Fault::BusyPort(port)),
            Err(error) if waits => self.give_up(Fault::Hosting(error.to_string())),
            Err(error) => tracing::info!(%error, "no servers, and nobody waits for them any more"),
        }
    }

    /// A number leads to a room on this network, else to the server of the settings, else nowhere.
    pub(super) fn seek(&mut self) {
        let Some(visit) = &mut self.visit else { return };
        let (Target::Number(room), Step::Seeking(Some(until))) = (&visit.target, visit.step) else { return };
        if let Some(found) = self.browser.nearby.find(room).cloned() {
            visit.step = Step::Seeking(None);
            return self.reach(found);
        }
        if until > clock::now() {
            return;
        }
        match links::on_server(self.profile.settings.server.trim(), room.clone()) {
            Ok(link) => visit.enter(places::of(&link), &self.profile),
            Err(Fault::UnencryptedServer) => self.give_up(Fault::UnencryptedServer),
            Err(_) => self.give_up(Fault::NoSuchRoom),
        }
    }

    fn reach(&mut self, found: FoundRoom) {
        let visit = self.visits;
        self.tasks.spawn(async move { Done::Reached(visit, links::reach(found).await) });
    }

    /// A found room answered at an address, or nowhere.
    pub(super) fn on_reached(&mut self, visit: u64, address: Option<SocketAddr>) {
        let current = self.visit.as_mut().filter(|_| visit == self.visits);
        let Some(visit) = current.filter(|visit| matches!(visit.step, Step::Seeking(_))) else { return };
        match address.and_then(places::at) {
            Some(server) => visit.enter(server, &self.profile),
            None => self.give_up(Fault::HostUnreachable),
        }
    }

    pub(super) fn on_entered(&mut self) {
        let Some(visit) = &mut self.visit else { return };
        visit.since = Some(clock::now());
        let Some(room) = visit.view().call.room.clone() else { return };
        if let (Target::Host, Some(hosting)) = (&visit.target, &self.servers.hosting) {
            let card = visit.card(room, &self.profile.settings);
            visit.advertisement.announce(&self.config.discovery, card, hosting.facts().port);
        } else if let Some(link) = visit.link(room) {
            self.profile.remember_room(&link, clock::unix_s());
        }
    }

    /// The host has changed the link: the one that is remembered lets nobody in any more.
    pub(super) fn note_renewed(&mut self) {
        let Some(visit) = &mut self.visit else { return };
        if !visit.is_renewed() || matches!(visit.target, Target::Host) {
            return;
        }
        if let Some(link) = visit.view().call.room.clone().and_then(|room| visit.link(room)) {
            self.profile.remember_room(&link, clock::unix_s());
        }
    }

    /// The network reads what has become of our room.
    pub(super) fn note_card(&mut self) {
        let Some(visit) = &mut self.visit else { return };
        let Some(room) = visit.view().call.room.clone() else { return };
        let card = visit.card(room, &self.profile.settings);
        if let Some(announced) = visit.advertisement.announced() {
            announced.update(card, clock::now());
        }
    }

    pub(super) fn give_up(&mut self, fault: Fault) {
        self.visit = None;
        self.fault = Some(fault);
    }
}
