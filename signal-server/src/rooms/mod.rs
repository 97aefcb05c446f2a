//! Sessions and rooms: everything that signalling decides, as a state machine.
//!
//! [`Rooms`] owns every session and every room. It is told what happens (`handle_*`, each with the time), and asked
//! what should be done (`poll_output`, `poll_timeout`). After each `handle_*` the caller drains `poll_output`.
//! It deliberately opens no socket, reads no clock, draws no randomness but from its seed, and logs nothing: tests run
//! hours of it in milliseconds.
//!
//! ```text
//! connection:  connected -> greeting --hello--> in session --resume--> in another session
//!                              | 10 s without hello, a version we do not speak
//!                              v
//!                            closed
//! session:     attached --connection lost--> away (only from a room or its door) --resume--> attached
//!                 |                            | grace over, or queue full
//!                 v flood, lost outside a room v
//!               ended: its room hears peer_left
//! standing:    outside --create, join--> inside --leave, kick, end_room--> outside
//!                 |   ^                    ^
//!                 |   +--deny, leave, end--|--+
//!                 +--join without the secret--> waiting: admit takes it inside
//! ```

mod answers;
mod attempts;
mod bucket;
mod clocks;
mod config;
mod grants;
mod greeting;
mod ice;
mod legacy;
mod load;
mod lobby;
mod membership;
mod moderation;
mod names;
mod outbox;
mod output;
mod relay;
mod restored;
mod resumption;
mod room;
mod session;
mod source;
mod tickets;
mod timers;

pub use config::{Creators, Epoch, IceConfig, RoomsConfig, TurnRest, TurnSecret};
pub use grants::Grant;
pub use legacy::{
    AckId, BadPacket, BadRequest, LegacyCaller, LegacyEvent, LegacyPacket, LegacyRequest, LegacyRules, PageId,
};
pub(crate) use legacy::{CONNECTED, DISCONNECT, no_namespace};
pub use load::Load;
pub use output::{CloseReason, ConnId, Counters, Output};
pub use source::Source;
pub use tickets::{EarlierRun, RunId, TicketKey};

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hearth_protocol::{ClientMessage, LeaveReason, Numbered, PeerId, RequestId, RoomName, ServerMessage};
use rand::Rng as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use serde::Deserialize;

use attempts::Attempts;
use bucket::Bucket;
use clocks::Run;
use grants::RelayAccess;
use moderation::{HostOrder, Rule};
use output::Outputs;
use resumption::Resumption;
use room::Room;
use session::{Conn, ConnPhase, Session};
use timers::{Timer, Timers};

/// How long a connection may stand without having said hello.
/// 10 s: a phone on a bad link needs 3 s for its first round trips, and a silent connection is worth nothing.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// All sessions and rooms of one server.
pub struct Rooms {
    config: RoomsConfig,
    run: Run,
    rng: ChaCha20Rng,
    conns: BTreeMap<ConnId, Conn>,
    sessions: BTreeMap<PeerId, Session>,
    resumption: Resumption,
    rooms: BTreeMap<RoomName, Room>,
    attempts: Attempts,
    timers: Timers,
    relay_access: RelayAccess,
    outputs: Outputs,
    counters: Counters,
}

impl Rooms {
    /// An empty server. `seed` decides every id, token and room number; `epoch` ties `now` to the calendar, which only
    /// the expiry of TURN credentials needs.
    pub fn new(config: RoomsConfig, seed: [u8; 32], epoch: Epoch) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        Self {
            config,
            run: Run { id: RunId(rng.next_u64()), started: epoch.at, epoch },
            rng,
            conns: BTreeMap::new(),
            sessions: BTreeMap::new(),
            resumption: Resumption::default(),
            rooms: BTreeMap::new(),
            attempts: Attempts::default(),
            timers: Timers::default(),
            relay_access: RelayAccess::default(),
            outputs: Outputs::default(),
            counters: Counters::default(),
        }
    }

    /// What has happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What the tickets of this run carry: to be remembered with how long it lived.
    pub fn run(&self) -> RunId {
        self.run.id
    }

    /// Open rooms.
    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// Sessions, those that are away included.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Changes whenever [`Self::member_addresses`] may have.
    pub fn presence(&self) -> u64 {
        self.relay_access.presence
    }

    /// The addresses from which those who are in rooms were last seen to come; who is away within the grace counts.
    pub fn member_addresses(&self) -> BTreeSet<IpAddr> {
        let inside = self.sessions.values().filter(|session| session.member().is_some());
        inside.filter_map(|session| session.address).collect()
    }

    /// A connection was made from nobody knows where; `conn` was never used before.
    pub fn handle_connected(&mut self, conn: ConnId, now: Instant) {
        self.connected(conn, None, now);
    }

    /// A connection was made from `address`; wrong guesses and knocks are counted by where they come from.
    pub fn handle_connected_from(&mut self, conn: ConnId, address: IpAddr, now: Instant) {
        self.connected(conn, Some(address.to_canonical()), now);
    }

    fn connected(&mut self, conn: ConnId, address: Option<IpAddr>, now: Instant) {
        self.conns.insert(conn, Conn { address, phase: ConnPhase::Greeting, abuse_score: Bucket::abuse_score(now) });
        self.timers.set(Timer::Hello(conn), now + HELLO_WITHIN);
        let limits = self.config.limits.clone();
        let v = vec![hearth_protocol::VERSION];
        let features = self.features();
        self.send_bare(conn, ServerMessage::Welcome { v, features, limits, ping_s: self.config.ping_s });
    }

    /// What a client may find here beyond what every server has.
    fn features(&self) -> Vec<String> {
        match self.config.creators {
            Creators::Anybody => vec!["create".to_owned()],
            Creators::ThisMachine => Vec::new(),
        }
    }

    /// A text frame arrived on `conn`.
    pub fn handle_message(&mut self, conn: ConnId, text: &str, now: Instant) {
        let Some(state) = self.conns.get(&conn) else { return }; // closed by us, with this still on its way
        let phase = state.phase;
        self.counters.messages += 1;
        if text.len() > self.config.limits.message_bytes as usize {
            self.counters.bad_messages += 1;
            self.close(conn, CloseReason::TooLong, now);
        } else {
            match (serde_json::from_str::<Numbered<ClientMessage>>(text), phase) {
                (Ok(message), ConnPhase::Greeting) => self.on_greeting(conn, message.message, now),
                (Ok(message), ConnPhase::InSession(peer)) => self.on_numbered(conn, peer, message, text.len(), now),
                (Err(e), ConnPhase::Greeting) => self.on_bad_message(conn, None, &e.to_string(), now),
                (Err(e), ConnPhase::InSession(peer)) => {
                    self.count_malformed(peer, text);
                    self.on_bad_message(conn, None, &e.to_string(), now);
                }
            }
        }
        self.end_doomed(now);
    }

    /// `conn` is gone, nobody knows why: anyone who spoke through it may come back.
    pub fn handle_disconnected(&mut self, conn: ConnId, now: Instant) {
        self.detach(conn, now);
        self.end_doomed(now);
    }

    /// `conn` was closed by its client, who said goodbye: anyone who spoke through it has left, and the seat is free.
    pub fn handle_goodbye(&mut self, conn: ConnId, now: Instant) {
        if let Some(ConnPhase::InSession(peer)) = self.conns.get(&conn).map(|state| state.phase) {
            self.end_session(peer, LeaveReason::Left, now);
        }
        self.detach(conn, now);
        self.end_doomed(now);
    }

    /// The time that [`Self::poll_timeout`] named has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Hello(conn) => self.close(conn, CloseReason::NoHello, now),
                Timer::Grace(peer) => {
                    self.counters.timed_out += 1;
                    self.end_session(peer, LeaveReason::TimedOut, now);
                }
                Timer::Seats => self.give_up_seats(now),
                Timer::Ice(peer) => self.refresh_ice(peer, now),
                Timer::Credential(peer) => self.relay_access.grants.withdraw(peer),
                Timer::WrongGuesses(host) => self.tell_wrong_guesses(host, now),
                Timer::Ticket(peer) => self.renew_ticket(peer, now),
                Timer::News(peer) => self.tell_news(peer, now),
            }
        }
        self.attempts.forget_old(now);
        self.end_doomed(now);
    }

    /// The server is going down: every client is told, so that it may look for another.
    pub fn handle_draining(&mut self, now: Instant) {
        let peers: Vec<PeerId> = self.sessions.keys().copied().collect();
        for peer in peers {
            self.tell(peer, &ServerMessage::ServerDraining, now);
        }
        self.end_doomed(now);
    }

    /// What should be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.queue.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// A message within a session: numbered without holes, within the budget.
    fn on_numbered(
        &mut self,
        conn: ConnId,
        peer: PeerId,
        message: Numbered<ClientMessage>,
        bytes: usize,
        now: Instant,
    ) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let id = request_of(&message.message);
        let Some(native) = session.native_mut() else { return };
        match message.seq {
            None => return self.on_unnumbered(conn, message.message, now),
            Some(seq) if seq <= native.received => return, // sent again after a resume, but it had arrived
            Some(seq) if seq > native.received + 1 => {
                // What is missing can only come through a resume, which tells the client where to start.
                return self.close(conn, CloseReason::Sequence, now);
            }
            Some(seq) => native.received = seq,
        }
        if let Some(old) = native.previous_token.take() {
            self.resumption.tokens.remove(&old); // the client has shown that the new token arrived
        }
        if !session.budget.take(bytes, now) {
            return self.refuse_flood(conn, peer, id, "too many messages, or too long ones", now);
        }
        match message.message {
            ClientMessage::Create(create) => self.on_create(conn, peer, create, now),
            ClientMessage::Join(join) => self.on_join(conn, peer, join, now),
            ClientMessage::Update { media } => self.on_update(peer, media, now),
            ClientMessage::Signal(signal) => self.on_signal(conn, peer, signal, bytes, now),
            ClientMessage::Leave => self.leave(peer, LeaveReason::Left, now),
            ClientMessage::Admit(about) => self.on_order((conn, peer), HostOrder::Admit, &about, now),
            ClientMessage::Deny(about) => self.on_order((conn, peer), HostOrder::Deny, &about, now),
            ClientMessage::Kick(about) => self.on_order((conn, peer), HostOrder::Kick, &about, now),
            ClientMessage::MakeHost(about) => self.on_order((conn, peer), HostOrder::MakeHost, &about, now),
            ClientMessage::MuteAll { id } => self.on_rule((conn, peer), id, Rule::MuteAll, now),
            ClientMessage::Lock { id } => self.on_rule((conn, peer), id, Rule::Lock, now),
            ClientMessage::Unlock { id } => self.on_rule((conn, peer), id, Rule::Unlock, now),
            ClientMessage::SetPassword { id, password } => {
                self.on_rule((conn, peer), id, Rule::Password(password), now);
            }
            ClientMessage::RenewInvite { id, invite } => {
                self.on_rule((conn, peer), id, Rule::Invite(invite), now);
            }
            ClientMessage::EndRoom { id } => self.on_end_room(peer, id, now),
            ClientMessage::Hello { .. } | ClientMessage::Resume(_) => {
                self.on_bad_message(conn, None, "a greeting carries no number", now);
            }
            ClientMessage::Unknown => {} // of a newer version
        }
    }

    /// A message without a number within a session: only `resume` may be that.
    fn on_unnumbered(&mut self, conn: ConnId, message: ClientMessage, now: Instant) {
        match message {
            ClientMessage::Resume(resume) => self.on_resume(conn, resume, now),
            ClientMessage::Hello { .. } => self.on_bad_message(conn, None, "hello was said already", now),
            ClientMessage::Create(_)
            | ClientMessage::Join(_)
            | ClientMessage::Update { .. }
            | ClientMessage::Signal(_)
            | ClientMessage::Leave
            | ClientMessage::Admit(_)
            | ClientMessage::Deny(_)
            | ClientMessage::Kick(_)
            | ClientMessage::MakeHost(_)
            | ClientMessage::MuteAll { .. }
            | ClientMessage::Lock { .. }
            | ClientMessage::Unlock { .. }
            | ClientMessage::SetPassword { .. }
            | ClientMessage::RenewInvite { .. }
            | ClientMessage::EndRoom { .. } => {
                let id = request_of(&message);
                self.on_bad_message(conn, id, "no number within a session", now);
            }
            ClientMessage::Unknown => {}
        }
    }

    /// A message that cannot be read still takes its number, or the next one would look like a hole.
    fn count_malformed(&mut self, peer: PeerId, text: &str) {
        #[derive(Deserialize)]
        struct OnlySeq {
            seq: u64,
        }
        let native = self.sessions.get_mut(&peer).and_then(Session::native_mut);
        let (Ok(only), Some(native)) = (serde_json::from_str::<OnlySeq>(text), native) else { return };
        if only.seq == native.received + 1 {
            native.received = only.seq;
        }
    }
}

/// The number by which the client will recognise the answer.
fn request_of(message: &ClientMessage) -> Option<RequestId> {
    match message {
        ClientMessage::Create(create) => Some(create.id),
        ClientMessage::Join(join) => Some(join.id),
        ClientMessage::Admit(to) | ClientMessage::Deny(to) | ClientMessage::Kick(to) | ClientMessage::MakeHost(to) => {
            Some(to.id)
        }
        ClientMessage::EndRoom { id }
        | ClientMessage::MuteAll { id }
        | ClientMessage::Lock { id }
        | ClientMessage::Unlock { id }
        | ClientMessage::SetPassword { id, .. }
        | ClientMessage::RenewInvite { id, .. } => Some(*id),
        ClientMessage::Hello { .. }
        | ClientMessage::Resume(_)
        | ClientMessage::Update { .. }
        | ClientMessage::Signal(_)
        | ClientMessage::Leave
        | ClientMessage::Unknown => None,
    }
}

#[cfg(test)]
mod tests;
