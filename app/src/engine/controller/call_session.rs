//! One visit to a room: from the door to the goodbye.
//!
//! Owner of: the engine of the visit, what the person wants of the devices meanwhile, and how others come in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_base::ScreenFault;
use hearth_call::{CallPhase, Command, Switch};
use hearth_protocol::{InviteSecret, PeerId, RoomLink, RoomName};
use tokio::sync::watch;

use super::advertisement::Advertisement;
use super::faults::{self, NotifiedCounts};
use super::links::Target;
use super::passwords::RoomAddress;
use super::profile::Profile;
use crate::engine::discovery::Card;
use crate::engine::{CallView, Engine, ServerAddress, SignalFault};
use crate::view::{Fault, PEOPLE, Settings};

/// How long who knocks waits for a server that is out of reach. Somebody at the door of a house that burnt down should
/// be told.
const KNOCKING: Duration = Duration::from_secs(15);
/// How long who is alone in a room waits for a server that is out of reach. With others there, the call goes on
/// without.
const ALONE: Duration = Duration::from_secs(60);

/// One visit.
pub(super) struct CallSession {
    pub(super) engine: Engine,
    views: CallViews,
    pub(super) target: Target,
    pub(super) step: Step,
    pub(super) media: WantedMedia,
    secrets: InviteSecrets,
    /// Where the call went, once it did.
    pub(super) server: Option<ServerAddress>,
    pub(super) notified: NotifiedCounts,
    /// Since when the server is out of reach.
    unheard: Option<Instant>,
    /// Why nothing is shared any more, as the person was told.
    pub(super) shared_fault: Option<ScreenFault>,
    /// When we came in.
    pub(super) since: Option<Instant>,
    pub(super) advertisement: Advertisement,
}

/// What the call says of itself.
struct CallViews {
    newest: watch::Receiver<Arc<CallView>>,
    /// Whether the call's thread is gone, though nobody told it to end.
    is_broken: bool,
}

impl CallViews {
    /// Waits until the call is a different one, or broken.
    async fn changed(&mut self) {
        if self.is_broken {
            std::future::pending::<()>().await;
        }
        self.is_broken = self.newest.changed().await.is_err();
    }
}

/// What the person wants of devices and of what is played; what has become of it, the engine knows.
pub(super) struct WantedMedia {
    pub(super) microphone: Switch,
    pub(super) camera: Switch,
    /// How loud somebody is played who is not played as they are.
    pub(super) volumes: BTreeMap<PeerId, f32>,
}

/// The secrets of the room that the link holds.
struct InviteSecrets {
    /// Of a room that we make.
    made: InviteSecret,
    /// The secret that it was given since, as far as it is remembered.
    renewed: Option<InviteSecret>,
}

/// How far a visit is, before the call takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// In front of the mirror.
    AtDoor,
    /// A server is started or looked for; given up at a time, where there is one.
    Seeking(Option<Instant>),
    /// The call knows its server.
    Entered,
}

impl CallSession {
    pub(super) fn new(engine: Engine, target: Target, microphone: Switch, camera: Switch) -> Self {
        Self {
            views: CallViews { newest: engine.views(), is_broken: false },
            engine,
            target,
            step: Step::AtDoor,
            media: WantedMedia { microphone, camera, volumes: BTreeMap::new() },
            secrets: InviteSecrets { made: InviteSecret::from_random(rand::random()), renewed: None },
            server: None,
            notified: NotifiedCounts::default(),
            unheard: None,
            shared_fault: None,
            since: None,
            advertisement: Advertisement::default(),
        }
    }

    pub(super) fn view(&self) -> Arc<CallView> {
        self.views.newest.borrow().clone()
    }

    /// Waits until the call is a different one, or broken.
    pub(super) async fn changed(&mut self) {
        self.views.changed().await;
    }

    /// Whether our own server is what is waited for.
    pub(super) fn waits_for_host(&self) -> bool {
        self.target == Target::Host && matches!(self.step, Step::Seeking(_))
    }

    /// Whether the visit is over, and what a person should know of that.
    pub(super) fn ended(&mut self, view: &CallView, now: Instant) -> Option<Option<Fault>> {
        if self.views.is_broken && !matches!(view.call.phase, CallPhase::Ended(_)) {
            return Some(Some(Fault::Broken));
        }
        match view.call.phase {
            CallPhase::Ended(reason) => Some(faults::fault(reason, view.signal_fault.as_ref())),
            CallPhase::Idle | CallPhase::Joining | CallPhase::Lobby(_) | CallPhase::Asked(_) => {
                self.unheard = view.signal_fault.as_ref().map(|_| self.unheard.unwrap_or(now));
                match &view.signal_fault {
                    // It will not become the right one.
                    Some(SignalFault::WrongServer) => Some(Some(Fault::WrongHost)),
                    Some(_) if view.call.phase.is_at_door() && self.is_unheard(KNOCKING, now) => {
                        Some(Some(Fault::HostUnreachable))
                    }
                    Some(_) | None => None,
                }
            }
            CallPhase::Resuming { .. } if !is_with_others(view) => {
                self.unheard = Some(self.unheard.unwrap_or(now));
                self.is_unheard(ALONE, now).then_some(Some(Fault::HostUnreachable))
            }
            CallPhase::InRoom | CallPhase::Resuming { .. } => {
                self.unheard = None;
                None
            }
        }
    }

    /// Whether the host has silenced us since it was last asked: the microphone is off then, until the person turns it
    /// on.
    pub(super) fn silenced(&mut self, view: &CallView) -> bool {
        let silenced = self.notified.silenced(view);
        if silenced {
            self.media.microphone = Switch::Off;
        }
        silenced
    }

    fn is_unheard(&self, patience: Duration, now: Instant) -> bool {
        self.unheard.is_some_and(|since| now.saturating_duration_since(since) >= patience)
    }

    /// Goes to a server and does there what the target means.
    pub(super) fn enter(&mut self, server: ServerAddress, profile: &Profile) {
        let capacity = Some(profile.settings.people.clamp(*PEOPLE.start(), *PEOPLE.end()));
        let join = |room: &RoomName, secret| {
            let password = profile.passwords.of(&(server.websocket.clone(), room.clone()));
            Command::Join { room: room.clone(), secret, password }
        };
        let command = match &self.target {
            Target::Host | Target::Create(_) => Command::Create { secret: Some(self.secrets.made), capacity },
            Target::Link(link) => join(&link.room, link.secret),
            Target::Number(room) => join(room, None),
        };
        self.step = Step::Entered;
        self.server = Some(server.clone());
        self.engine.command(Command::SetNick(profile.settings.nick.clone()));
        self.engine.enter(server, command);
    }

    /// The room, once it is known where it is.
    pub(super) fn place(&self) -> Option<RoomAddress> {
        let room = match &self.target {
            Target::Host | Target::Create(_) => self.view().call.room.clone()?,
            Target::Link(link) => link.room.clone(),
            Target::Number(room) => room.clone(),
        };
        Some((self.server.as_ref()?.websocket.clone(), room))
    }

    /// The link to the room that we are in, as far as we may give it away: with the secret that opened it.
    pub(super) fn link(&self, room: RoomName) -> Option<RoomLink> {
        match &self.target {
            Target::Link(link) => {
                let mut link = link.clone();
                link.secret = self.view().call.renewed.or(link.secret);
                Some(link)
            }
            Target::Create(server) => {
                let pin = self.view().server.map(|(spki, _)| spki);
                RoomLink::new(server.server().as_str(), room, Some(self.secret()), pin).ok()
            }
            Target::Number(_) => {
                let websocket = &self.server.as_ref()?.websocket;
                let port = websocket.port_or_known_default()?;
                let server = format!("https://{}:{port}", websocket.host_str()?);
                // The key that was believed once is the one that is expected from then on.
                let pin = self.view().server.map(|(spki, _)| spki);
                RoomLink::new(&server, room, self.view().call.renewed, pin).ok()
            }
            Target::Host => None, // which address, the controller decides
        }
    }

    /// What the network may read of the room that we host.
    pub(super) fn card(&self, room: RoomName, settings: &Settings) -> Card {
        let call = &self.view().call;
        let name = settings.nick.trim();
        Card {
            room,
            host: (settings.show_name && !name.is_empty()).then(|| name.to_owned()),
            people: u32::try_from(call.peers.len()).unwrap_or(u32::MAX).saturating_add(1),
            is_locked: call.room_state.locked,
        }
    }

    /// Whether the link has another secret since this was last asked.
    pub(super) fn is_renewed(&mut self) -> bool {
        let renewed = self.view().call.renewed;
        std::mem::replace(&mut self.secrets.renewed, renewed) != renewed
    }

    /// The secret of the room that we made, as it is by now.
    pub(super) fn secret(&self) -> InviteSecret {
        self.view().call.renewed.unwrap_or(self.secrets.made)
    }
}

/// Whether anybody is still heard.
fn is_with_others(view: &CallView) -> bool {
    view.call.peers.iter().any(|peer| peer.connection.is_connected())
}
