//! The call: one room, everybody in it, our media to them and theirs to us.
//!
//! ```text
//! Idle -> Joining -> InRoom <-> Resuming -> Ended
//!            |  ^        ^                      ^
//!            v  |        |                      |
//!      Asked, Lobby -----+----------------------+
//! ```
//! Owner of: the session with the server, the peers, what the person wants. Driven from outside: [`Call::handle`] with
//! everything that happens, then [`Call::poll_output`] until it is empty, and [`Call::poll_timeout`] for the next time.
//! It reads no clock, opens no socket, knows no codec and draws all of its chance from one seed.

mod hand;
mod host;
mod lobby;
mod media;
mod names;
mod network;
mod room;

use std::time::{Duration, Instant};

use hearth_protocol::{
    ClientMessage, InviteSecret, LobbyEntry, PeerId, RequestId, Role, RoomName, RoomPassword, RoomState,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::backoff::Backoff;
use crate::chat::Chat;
use crate::connection_stats::PeerStats;
use crate::io::{CallConfig, Command, Hand, Input, Output, SignallingState};
use crate::outputs::Outputs;
use crate::participants::Participants;
use crate::publications::Publications;
use crate::send::governor::Governor;
use crate::session::Session;
use crate::shared::{Ice, Shared};
use crate::snapshot::{CallPhase, EndReason, PublishedTrack, RefusedRequest, Snapshot};
use crate::sockets::SocketTable;
use crate::topology::{Mesh, Topology};
use crate::transport::CloseReason;
use crate::transport::checks::CheckBudget;
use crate::transport::gather::IceConfig;
use crate::transport::renewals::RenewalPace;

/// How long a room is tried to be entered.
const JOINING: Duration = Duration::from_secs(15);
/// Between tries to reach the server.
const FIRST_DIAL: Duration = Duration::from_millis(250);
const LONGEST_DIAL: Duration = Duration::from_secs(4);

/// One call.
pub struct Call {
    nick: String,
    phase: CallPhase,
    server: Server,
    room: Room,
    participants: Participants,
    shared: Shared,
    seams: Seams,
    names: names::Names,
    next_request: u32,
}

/// How we come into a room.
#[derive(Debug)]
enum Wanted {
    /// As its host.
    Create { secret: Option<InviteSecret>, capacity: Option<u32> },
    /// As a guest.
    Join { room: RoomName, secret: Option<InviteSecret> },
}

/// What is known of the room.
#[derive(Debug, Default)]
struct Room {
    /// How we came in, or want to.
    wanted: Option<Wanted>,
    /// What the door is told besides, as long as it is not known to be wrong.
    password: Option<RoomPassword>,
    name: Option<RoomName>,
    me: Option<PeerId>,
    role: Role,
    state: RoomState,
    lobby: Vec<LobbyEntry>,
    request: RequestId,
    /// Passwords that did not open the door.
    refusals: u32,
    /// While we wait: the join that brings a password along.
    attempt: Option<RequestId>,
    refused_signals: u64,
    /// The server restored our place, and will say what the room is like.
    is_returning: bool,
    /// How often the host has silenced us.
    silenced: u32,
    refused: Option<RefusedRequest>,
    /// The secret that the invitation was given while we were here.
    renewed: Option<InviteSecret>,
}

/// When the server is dialled, and until when that makes sense.
#[derive(Debug)]
struct Server {
    backoff: Backoff,
    dial_at: Option<Instant>,
    /// How often a network that changes may cut the wait short.
    hurries: RenewalPace,
    give_up: Option<Instant>,
}

/// The parts that may be a different one later.
struct Seams {
    topology: Box<dyn Topology>,
}

impl Call {
    /// A call that has not begun.
    pub fn new(config: CallConfig) -> Self {
        let ice_config =
            IceConfig { interfaces: Vec::new(), relays: Vec::new(), stun: Vec::new(), policy: config.transport };
        let mut rng = ChaCha12Rng::from_seed(config.seed);
        Self {
            nick: config.nick,
            phase: CallPhase::Idle,
            server: Server {
                backoff: Backoff::new(FIRST_DIAL, LONGEST_DIAL),
                dial_at: None,
                hurries: RenewalPace::default(),
                give_up: None,
            },
            room: Room::default(),
            participants: Participants::default(),
            shared: Shared {
                session: Session::new(concat!("hearth/", env!("CARGO_PKG_VERSION")).to_owned()),
                ice: Ice {
                    config: ice_config,
                    loopback: config.loopback,
                    sockets: SocketTable::default(),
                    checks: CheckBudget::default(),
                },
                publications: Publications::new(config.video_codecs, rng.random()),
                governor: Governor::default(),
                hand: Hand::default(),
                chat: Chat::default(),
                rng,
                outputs: Outputs::default(),
            },
            seams: Seams { topology: Box::new(Mesh) },
            names: names::Names::default(),
            next_request: 0,
        }
    }

    /// Something happened.
    pub fn handle(&mut self, input: Input, now: Instant) {
        if matches!(self.phase, CallPhase::Ended(_)) {
            return; // nothing after the end
        }
        match input {
            Input::Command(command) => self.on_command(command, now),
            Input::Signal(message) => self.on_server(message, now),
            Input::Signalling(SignallingState::Up) => self.shared.session.handle_up(),
            Input::Signalling(SignallingState::Down) => self.on_signal_down(now),
            Input::Datagram { socket, from, payload } => {
                self.participants.handle_datagram(socket, from, payload, &mut self.shared, now);
            }
            Input::Socket { socket, local } => {
                self.participants.handle_socket(socket, local, &mut self.shared, now);
            }
            Input::Interfaces(interfaces) => self.on_interfaces(interfaces, now),
            Input::Woke => self.on_woken(now),
            Input::Frame(frame) => self.on_frame(frame, now),
            Input::DecoderLost(track) => {
                self.participants.handle_decoder_lost(track, &mut self.shared, now);
            }
            Input::Resolved { name, address } => self.on_resolved(&name, address, now),
            Input::Timeout => self.on_timeout(now),
        }
        self.flush_session();
    }

    /// What should be done; ask until there is nothing.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.shared.outputs.pop()
    }

    /// When to give [`Input::Timeout`]; a time that has passed means at once.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.participants.poll_timeout(), self.server.dial_at, self.server.give_up].into_iter().flatten().min()
    }

    /// Our tracks, in the order in which they were published.
    pub fn tracks(&self) -> Vec<PublishedTrack> {
        self.shared.publications.snapshots()
    }

    /// What was counted of the connections to each of the others. It costs more than a snapshot: once a second will do.
    pub fn stats(&mut self, now: Instant) -> Vec<PeerStats> {
        self.participants.stats(&self.shared, now)
    }

    /// What should be seen now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            phase: self.phase.clone(),
            room: self.room.name.clone(),
            me: self.room.me,
            role: self.room.role,
            room_state: self.room.state.clone(),
            lobby: self.room.lobby.clone(),
            chat: self.shared.chat.lines(),
            hand: self.shared.hand,
            peers: self.participants.snapshots(),
            tracks: self.tracks(),
            refused_signals: self.room.refused_signals,
            silenced: self.room.silenced,
            refused: self.room.refused,
            renewed: self.room.renewed,
            password: self.room.password.clone(),
        }
    }

    fn on_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Create { secret, capacity } => self.enter(Wanted::Create { secret, capacity }, now),
            Command::Join { room, secret, password } => {
                self.room.password = password;
                self.enter(Wanted::Join { room, secret }, now);
            }
            Command::Password(password) => self.on_password(password, now),
            Command::SetNick(nick) => {
                if self.phase == CallPhase::Idle {
                    self.nick = nick;
                }
            }
            Command::Say(text) => self.on_say(&text, now),
            Command::SetHand(hand) => self.on_hand(hand, now),
            Command::Moderate(act, peer) => self.on_host_act(act, peer),
            Command::Rule(rule) => self.on_host_rule(rule),
            Command::EndRoom => self.on_end_room(now),
            Command::Publish(source) => self.on_publish(source, now),
            Command::Unpublish(track) => self.on_unpublish(track, now),
            Command::SetEnabled(track, enabled) => self.on_set_enabled(track, enabled, now),
            Command::Watch(peer, watching) => self.participants.watch(peer, watching, &mut self.shared, now),
            Command::Leave => self.end(EndReason::Left, CloseReason::Bye, now),
        }
    }

    fn enter(&mut self, wanted: Wanted, now: Instant) {
        if self.phase == CallPhase::Idle {
            self.room.wanted = Some(wanted);
            self.phase = CallPhase::Joining;
            self.server.give_up = Some(now + JOINING);
            self.shared.outputs.push(Output::DialSignal);
            self.shared.outputs.changed();
        }
    }

    fn on_say(&mut self, text: &str, now: Instant) {
        if !matches!(self.phase, CallPhase::InRoom | CallPhase::Resuming { .. }) {
            return;
        }
        if let Some((n, text)) = self.shared.chat.say(text, now) {
            self.participants.handle_said(n, &text, &mut self.shared, now);
            self.shared.outputs.changed();
        }
    }

    /// Everything is closed and given back; nothing happens after this.
    fn end(&mut self, reason: EndReason, farewell: CloseReason, now: Instant) {
        if self.shared.can_signal() {
            self.shared.session.say(ClientMessage::Leave);
            self.flush_session();
        }
        self.participants.close_all(farewell, &mut self.shared, now);
        self.phase = CallPhase::Ended(reason);
        (self.server.dial_at, self.server.give_up) = (None, None);
        self.shared.outputs.push(Output::HangUpSignal);
        self.shared.outputs.changed();
    }

    fn on_timeout(&mut self, now: Instant) {
        if self.server.give_up.is_some_and(|at| at <= now) {
            return self.end(EndReason::Unreachable, CloseReason::Silent, now);
        }
        if self.server.dial_at.is_some_and(|at| at <= now) {
            self.server.dial_at = None;
            self.shared.outputs.push(Output::DialSignal);
        }
        self.participants.handle_timeout(&mut self.shared, now);
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("phase", &self.phase)
            .field("peers", &self.participants.len())
            .finish_non_exhaustive()
    }
}
