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
mod room;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hearth_base::TrackId;
use hearth_protocol::{
    ClientMessage, InviteSecret, LobbyEntry, MediaState, PeerId, RequestId, Role, RoomName, RoomPassword, RoomState,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::backoff::Backoff;
use crate::channel::ChannelMessage;
use crate::chat::Chat;
use crate::context::{Context, PeerOutput};
use crate::io::{CallConfig, Command, Hand, Input, Output, SignallingState, Switch};
use crate::media::protect::{FrameProtection, Open};
use crate::participant::Peer;
use crate::peer_connection::{LinkConfig, LocalTrack};
use crate::send::layers::{LayerPolicy, OneLayer};
use crate::session::{Session, SessionState};
use crate::snapshot::{CallPhase, EndReason, RefusedRequest, Snapshot};
use crate::topology::{Mesh, Topology};
use crate::transport::CloseReason;
use crate::transport::checks::CheckBudget;
use crate::transport::gather::IceConfig;

/// How long a room is tried to be entered.
const JOINING: Duration = Duration::from_secs(15);
/// Between tries to reach the server.
const FIRST_DIAL: Duration = Duration::from_millis(250);
const LONGEST_DIAL: Duration = Duration::from_secs(4);

/// One call.
pub struct Call {
    config: CallConfig,
    link: LinkConfig,
    phase: CallPhase,
    server: Server,
    room: Room,
    peers: BTreeMap<PeerId, Peer>,
    ice_config: IceConfig,
    switches: MuteStates,
    hand: Hand,
    seams: Seams,
    numbers: Numbers,
    /// Kept here, so that it outlives connections and peers.
    checks: CheckBudget,
    outgoing: media::Outgoing,
    chat: Chat,
    names: names::Names,
    outputs: VecDeque<Output>,
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

/// What the person wants of the devices.
#[derive(Clone, Copy, Debug, Default)]
struct MuteStates {
    microphone: Switch,
    camera: Switch,
}

/// The session with the server, when the server is dialled, and until when that makes sense.
#[derive(Debug)]
struct Server {
    session: Session,
    backoff: Backoff,
    dial_at: Option<Instant>,
    give_up: Option<Instant>,
}

/// The parts that may be a different one later.
struct Seams {
    topology: Box<dyn Topology>,
    layers: Box<dyn LayerPolicy>,
    protection: Box<dyn FrameProtection>,
}

/// What is counted up, and drawn.
struct Numbers {
    rng: ChaCha12Rng,
    next_socket: u32,
    next_track: u32,
    next_came: u64,
    next_request: u32,
}

impl Call {
    /// A call that has not begun. `now` is where its media's time begins.
    pub fn new(config: CallConfig, now: Instant) -> Self {
        let mut numbers = Numbers {
            rng: ChaCha12Rng::from_seed(config.seed),
            next_socket: 0,
            next_track: 0,
            next_came: 0,
            next_request: 0,
        };
        let tracks = config.tracks.iter().map(|source| {
            let id = TrackId(numbers.next_track);
            numbers.next_track += 1;
            LocalTrack { id, source: *source, ssrc: numbers.rng.random(), rtx_ssrc: numbers.rng.random() }
        });
        let link = LinkConfig { tracks: tracks.collect(), video_codecs: config.video_codecs.clone() };
        Self {
            link,
            phase: CallPhase::Idle,
            server: Server {
                session: Session::new(concat!("hearth/", env!("CARGO_PKG_VERSION")).to_owned()),
                backoff: Backoff::new(FIRST_DIAL, LONGEST_DIAL),
                dial_at: None,
                give_up: None,
            },
            room: Room::default(),
            peers: BTreeMap::new(),
            ice_config: IceConfig {
                interfaces: Vec::new(),
                relays: Vec::new(),
                stun: Vec::new(),
                policy: config.transport,
            },
            switches: MuteStates::default(),
            hand: Hand::default(),
            seams: Seams { topology: Box::new(Mesh), layers: Box::new(OneLayer), protection: Box::new(Open) },
            numbers,
            checks: CheckBudget::default(),
            outgoing: media::Outgoing::new(now),
            chat: Chat::default(),
            names: names::Names::default(),
            outputs: VecDeque::new(),
            config,
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
            Input::Signalling(SignallingState::Up) => self.on_signal_up(),
            Input::Signalling(SignallingState::Down) => self.on_signal_down(now),
            Input::Datagram { socket, from, payload } => {
                self.first_peer(now, |peer, context| peer.handle_datagram(socket, from, &payload, context, now));
            }
            Input::Socket { socket, local } => {
                let known = self.first_peer(now, |peer, context| peer.handle_socket(socket, local, context, now));
                if !known && local.is_some() {
                    // Opened for a connection that is gone meanwhile.
                    self.outputs.push_back(Output::CloseSocket(socket));
                }
            }
            Input::Interfaces(interfaces) => self.on_interfaces(interfaces, now),
            Input::Video(frame) => self.on_video(frame, now),
            Input::Audio(frame) => self.on_audio(&frame, now),
            Input::DecoderLost(track) => {
                self.each_peer(now, |peer, context| peer.handle_decoder_lost(track, context, now));
            }
            Input::Resolved { name, address } => self.on_resolved(&name, address, now),
            Input::Timeout => self.on_timeout(now),
        }
        self.flush_session();
    }

    /// What should be done; ask until there is nothing.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to give [`Input::Timeout`]; a time that has passed means at once.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let peers = self.peers.values_mut().filter_map(Peer::poll_timeout).min();
        [peers, self.server.dial_at, self.server.give_up].into_iter().flatten().min()
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
            chat: self.chat.lines(),
            microphone: self.switches.microphone,
            camera: self.switches.camera,
            hand: self.hand,
            peers: self.peers.values().map(Peer::snapshot).collect(),
            tracks: self.link.tracks.iter().map(|track| (track.id, track.source)).collect(),
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
                    self.config.nick = nick;
                }
            }
            Command::Say(text) => self.on_say(&text, now),
            Command::SetHand(hand) => self.on_hand(hand, now),
            Command::Moderate(act, peer) => self.on_host_act(act, peer),
            Command::Rule(rule) => self.on_host_rule(rule),
            Command::EndRoom => self.on_end_room(now),
            Command::SetMicrophone(switch) => {
                self.switches.microphone = switch;
                self.tell_media(now);
            }
            Command::SetCamera(switch) => {
                self.switches.camera = switch;
                self.on_camera(switch, now);
                self.tell_media(now);
            }
            Command::Leave => self.end(EndReason::Left, CloseReason::Bye, now),
        }
    }

    fn enter(&mut self, wanted: Wanted, now: Instant) {
        if self.phase == CallPhase::Idle {
            self.room.wanted = Some(wanted);
            self.phase = CallPhase::Joining;
            self.server.give_up = Some(now + JOINING);
            self.outputs.extend([Output::DialSignal, Output::Changed]);
        }
    }

    fn on_say(&mut self, text: &str, now: Instant) {
        if !matches!(self.phase, CallPhase::InRoom | CallPhase::Resuming { .. }) {
            return;
        }
        if let Some((n, text)) = self.chat.say(text, now) {
            self.each_peer(now, |peer, context| peer.handle_said(n, &text, context, now));
            self.outputs.push_back(Output::Changed);
        }
    }

    /// Everything is closed and given back; nothing happens after this.
    fn end(&mut self, reason: EndReason, farewell: CloseReason, now: Instant) {
        if self.server.session.state() == SessionState::Up {
            self.server.session.say(ClientMessage::Leave);
            self.flush_session();
        }
        for (_, mut peer) in std::mem::take(&mut self.peers) {
            self.with_context(now, |context| peer.close(farewell, context, now));
        }
        self.phase = CallPhase::Ended(reason);
        (self.server.dial_at, self.server.give_up) = (None, None);
        self.outputs.extend([Output::HangUpSignal, Output::Changed]);
    }

    fn on_interfaces(&mut self, interfaces: Vec<IpAddr>, now: Instant) {
        if self.ice_config.interfaces == interfaces {
            return;
        }
        let gone = self.ice_config.interfaces.iter().any(|old| !interfaces.contains(old));
        self.ice_config.interfaces = interfaces;
        // An address more is no reason to touch what works: a restart breaks before it makes.
        if gone {
            self.each_peer(now, |peer, context| peer.handle_moved(context, now));
        }
    }

    fn on_timeout(&mut self, now: Instant) {
        if self.server.give_up.is_some_and(|at| at <= now) {
            return self.end(EndReason::Unreachable, CloseReason::Silent, now);
        }
        if self.server.dial_at.is_some_and(|at| at <= now) {
            self.server.dial_at = None;
            self.outputs.push_back(Output::DialSignal);
        }
        self.each_peer(now, |peer, context| {
            if peer.poll_timeout().is_some_and(|due| due <= now) {
                peer.handle_timeout(context, now);
            }
        });
    }

    fn media_state(&self) -> MediaState {
        let sends = |kind| self.link.tracks.iter().any(|track| track.source.kind() == kind);
        MediaState {
            audio: self.switches.microphone == Switch::On && sends(hearth_base::TrackKind::Audio),
            video: self.switches.camera == Switch::On && sends(hearth_base::TrackKind::Video),
            screen: false,
        }
    }

    /// Runs `act` with what the peers share, and does what they leave behind.
    fn with_context<R>(&mut self, now: Instant, act: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let media = self.media_state();
        let mut outputs = VecDeque::new();
        let mut context = Context {
            link: &self.link,
            ice_config: &self.ice_config,
            loopback: self.config.loopback,
            can_signal: self.server.session.state() == SessionState::Up,
            media: ChannelMessage::Media { audio: media.audio, video: media.video, screen: media.screen },
            hand: self.hand,
            said: &self.chat.said,
            next_socket: &mut self.numbers.next_socket,
            next_track: &mut self.numbers.next_track,
            checks: &mut self.checks,
            rng: &mut self.numbers.rng,
            outputs: &mut outputs,
        };
        let result = act(&mut context);
        for output in outputs {
            self.on_peer_output(output, now);
        }
        result
    }

    fn each_peer(&mut self, now: Instant, mut act: impl FnMut(&mut Peer, &mut Context<'_>)) {
        let mut peers = std::mem::take(&mut self.peers);
        for peer in peers.values_mut() {
            self.with_context(now, |context| act(peer, context));
        }
        self.restore(peers, now);
    }

    /// Asks one peer after the other, until one says that it was meant.
    fn first_peer(&mut self, now: Instant, mut act: impl FnMut(&mut Peer, &mut Context<'_>) -> bool) -> bool {
        let mut peers = std::mem::take(&mut self.peers);
        let found = peers.values_mut().any(|peer| self.with_context(now, |context| act(peer, context)));
        self.restore(peers, now);
        found
    }

    /// Puts the peers back, but for those who said goodbye meanwhile.
    fn restore(&mut self, peers: BTreeMap<PeerId, Peer>, now: Instant) {
        self.peers = peers;
        for id in std::mem::take(&mut self.outgoing.said_bye) {
            self.drop_peer(id, now);
        }
    }

    fn drop_peer(&mut self, id: PeerId, now: Instant) {
        let Some(mut peer) = self.peers.remove(&id) else { return };
        self.with_context(now, |context| peer.close(CloseReason::Silent, context, now));
        (self.outgoing.rates_changed, self.outgoing.watching_changed) = (true, true);
        self.tell_rates();
        self.outputs.push_back(Output::Changed);
    }

    fn on_peer_output(&mut self, output: PeerOutput, now: Instant) {
        match output {
            PeerOutput::Say { to, pc, sid, body } => self.say_to(to, pc, sid, body),
            PeerOutput::Open { socket, kind } => self.outputs.push_back(Output::OpenSocket { socket, kind }),
            PeerOutput::Close(socket) => self.outputs.push_back(Output::CloseSocket(socket)),
            PeerOutput::Transmit { socket, to, payload } => {
                self.outputs.push_back(Output::Transmit { socket, to, payload });
            }
            PeerOutput::Received { from, what } => self.on_received(from, what),
            PeerOutput::Chat { from, nick, text } => {
                self.chat.hear(from, &nick, &text, now);
                self.outputs.push_back(Output::Changed);
            }
            PeerOutput::End(track) => {
                self.outputs.push_back(Output::Media(crate::io::MediaCommand::End(track)));
            }
            PeerOutput::KeyFrameWanted(track, codec) => self.ask_key_frame((track, codec), now),
            PeerOutput::Connected => (self.outgoing.rates_changed, self.outgoing.watching_changed) = (true, true),
            PeerOutput::Bye(id) => self.outgoing.said_bye.push(id),
            PeerOutput::Changed => {
                self.outgoing.watching_changed = true;
                self.outputs.push_back(Output::Changed);
            }
            PeerOutput::Rates => self.outgoing.rates_changed = true,
        }
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("phase", &self.phase).field("peers", &self.peers.len()).finish_non_exhaustive()
    }
}
