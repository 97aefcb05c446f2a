//! The world: real calls, the real signalling core and the real TURN core over a simulated network, in virtual time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hearth_base::{TrackSource, VideoCodec};
use hearth_call::{Command, Input, SignallingState, Switch, TransportPolicy};
use hearth_netsim::{LinkConfig, Network, NodeId};
use hearth_protocol::{InviteSecret, RoomName};
use hearth_signal::rooms::{ConnId, EarlierRun, Output as RoomOutput, Rooms};
use serde_json::Value;

use hearth_turn::Server as Turn;

use crate::client::{Client, Wish};
use crate::servers::{TURN, rooms, turn};

pub const TURN_NODE: NodeId = NodeId(200);
/// A machine that has nothing to do with the call.
pub const BYSTANDER: NodeId = NodeId(201);
/// One way between a client and the signalling server.
const SIGNAL_DELAY: Duration = Duration::from_millis(20);

/// Changes a message on its way.
pub type Tamper = Box<dyn Fn(&mut Value)>;

/// Something on its way over a WebSocket, which neither loses nor reorders.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wire {
    Opened(usize, ConnId),
    Refused(usize),
    ToServer(ConnId, String),
    ServerSawClose(ConnId),
    ToClient(ConnId, String),
    /// By a client's stream to the relay, or back.
    ToRelay(SocketAddr, Vec<u8>),
    FromRelay(SocketAddr, Vec<u8>),
    ClientSawClose(ConnId),
}

pub struct World {
    pub now: Instant,
    pub start: Instant,
    pub seed: u64,
    pub net: Network,
    pub clients: Vec<Client>,
    pub turn: Turn,
    pub turn_up: bool,
    pub rooms: Rooms,
    server_up: bool,
    /// Clients that no longer reach the server.
    barred: BTreeSet<usize>,
    /// Of servers, so far: each has a seed of its own.
    pub restarts: u64,
    /// The runs of the server before this one, and when this one began.
    earlier: Vec<EarlierRun>,
    started: Instant,
    wires: BinaryHeap<Reverse<(Instant, u64, Wire)>>,
    next_wire: u64,
    next_conn: u64,
    conns: BTreeMap<ConnId, usize>,
    /// Closed in order: what was said before the close still arrives.
    closing: BTreeSet<ConnId>,
    pub room: Option<RoomName>,
    /// Changes what the server says to clients, as somebody in between could.
    pub tamper: Option<Tamper>,
    raw: BTreeMap<ConnId, Vec<String>>,
    raw_seqs: BTreeMap<ConnId, u64>,
    /// The secret of the room that the first one makes; nobody else brings it along by themselves.
    pub secret: Option<InviteSecret>,
    /// What arrived at a machine that has nothing to do with the call: when, and how many bytes.
    pub at_bystander: Vec<(Instant, usize)>,
    /// How often the server was dialled.
    pub dials: u64,
    /// Events so far: a call that spins would show here.
    pub steps: u64,
}

impl World {
    pub fn new(seed: u64, link: LinkConfig) -> Self {
        #[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere")]
        let now = Instant::now();
        let mut net = Network::new(seed, link);
        net.add_address(TURN_NODE, TURN.ip());
        let mut world = Self {
            now,
            start: now,
            seed,
            net,
            clients: Vec::new(),
            turn: turn(seed, now),
            turn_up: true,
            rooms: rooms(seed, Vec::new(), now),
            earlier: Vec::new(),
            started: now,
            server_up: true,
            barred: BTreeSet::new(),
            restarts: 0,
            wires: BinaryHeap::new(),
            next_wire: 0,
            next_conn: 0,
            conns: BTreeMap::new(),
            closing: BTreeSet::new(),
            room: None,
            tamper: None,
            raw: BTreeMap::new(),
            raw_seqs: BTreeMap::new(),
            secret: None,
            at_bystander: Vec::new(),
            dials: 0,
            steps: 0,
        };
        world.drain_turn();
        world
    }

    /// A further machine, without a call yet.
    pub fn add_client(&mut self, transport: TransportPolicy) -> usize {
        self.add_client_with(transport, &VideoCodec::ALL)
    }

    /// The same, with these codecs alone.
    pub fn add_client_with(&mut self, transport: TransportPolicy, codecs: &[VideoCodec]) -> usize {
        let index = self.clients.len();
        let client = Client::new(index as u8, self.seed, transport, codecs, self.now);
        self.net.add_address(client.node, client.address);
        self.clients.push(client);
        index
    }

    /// Puts a client behind the access link of another client.
    pub fn share_node(&mut self, index: usize, with: usize) {
        self.clients[index].node = self.clients[with].node;
        self.net.add_address(self.clients[index].node, self.clients[index].address);
    }

    /// The first one makes the room, everybody else joins it.
    pub fn enter(&mut self, index: usize) {
        let command = match &self.room {
            None => Command::Create { secret: self.secret, capacity: None },
            Some(room) => Command::Join { room: room.clone(), secret: None, password: None },
        };
        self.give(index, Input::Command(command));
        if self.room.is_none() {
            self.run_until(Duration::from_secs(5), |world| world.clients[index].call.snapshot().room.is_some());
            self.room = self.clients[index].call.snapshot().room;
            assert!(self.room.is_some(), "seed {}: no room", self.seed);
        }
    }

    pub fn give(&mut self, index: usize, input: Input) {
        if !self.clients[index].crashed {
            self.clients[index].call.handle(input, self.now);
            self.drain_client(index);
        }
    }

    /// Lets a track of a client out, or none of it any more.
    pub fn enable(&mut self, index: usize, source: TrackSource, enabled: Switch) {
        let track = self.clients[index].call.snapshot().track(source).expect("published");
        self.give(index, Input::Command(Command::SetEnabled(track.id, enabled)));
    }

    /// Kills a client as `kill -9` does: its sockets close, and nothing is said.
    pub fn crash(&mut self, index: usize) {
        self.clients[index].crashed = true;
        self.hang_up(index);
        self.net.remove_address(self.clients[index].address);
    }

    /// Cuts a client's WebSocket: both ends see it.
    pub fn cut_signal(&mut self, index: usize) {
        self.hang_up(index);
        self.give(index, Input::Signalling(SignallingState::Down));
    }

    fn hang_up(&mut self, index: usize) {
        if let Some(conn) = self.clients[index].conn.take() {
            self.conns.remove(&conn);
            self.send_wire(Wire::ServerSawClose(conn));
        }
    }

    /// Stops the signalling server: its memory is lost.
    pub fn stop_server(&mut self) {
        self.server_up = false;
        self.restarts += 1;
        self.earlier.push(EarlierRun { run: self.rooms.run(), lived: self.now - self.started });
        self.started = self.now;
        self.rooms = rooms(self.seed + self.restarts, self.earlier.clone(), self.now);
        for index in 0..self.clients.len() {
            if self.clients[index].conn.take().is_some() {
                self.give(index, Input::Signalling(SignallingState::Down));
            }
        }
        self.conns.clear();
        self.closing.clear();
    }

    /// From now on a client does not reach the server.
    pub fn bar_signal(&mut self, index: usize) {
        self.barred.insert(index);
    }

    /// It reaches it again.
    pub fn admit_signal(&mut self, index: usize) {
        self.barred.remove(&index);
    }

    pub fn start_server(&mut self) {
        self.server_up = true;
    }

    /// Gives a client another address.
    pub fn move_client(&mut self, index: usize, address: IpAddr) {
        let client = &mut self.clients[index];
        self.net.remove_address(client.address);
        client.move_to(address);
        self.net.add_address(client.node, address);
        self.cut_signal(index);
        self.give(index, Input::Interfaces(vec![address.into()]));
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub fn run(&mut self, time: Duration) {
        self.run_to(self.now + time, |_| false);
    }

    /// Runs until `done`, for at most `limit`; whether it was done.
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        self.run_to(self.now + limit, done)
    }

    fn run_to(&mut self, end: Instant, done: impl Fn(&Self) -> bool) -> bool {
        while !done(self) {
            let next = self.next_event();
            if next > end {
                self.now = end;
                return done(self);
            }
            self.now = self.now.max(next);
            self.step();
        }
        true
    }

    fn next_event(&mut self) -> Instant {
        let clients = self.clients.iter().filter(|client| !client.has_ended() && !client.asleep);
        let clients = clients.flat_map(|c| [c.wake, Some(c.next_picture), Some(c.next_sound)]).flatten().min();
        let wire = self.wires.peek().map(|Reverse((at, ..))| *at);
        let times = [clients, wire, self.net.poll_timeout(), self.rooms.poll_timeout(), self.turn.poll_timeout()];
        times.into_iter().flatten().min().unwrap_or(self.now + Duration::from_secs(1))
    }

    fn step(&mut self) {
        self.steps += 1;
        let now = self.now;
        while self.wires.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Some(Reverse((_, _, wire))) = self.wires.pop() else { break };
            self.on_wire(wire);
        }
        while let Some(delivery) = self.net.poll_delivery(now) {
            if delivery.node == TURN_NODE {
                self.on_turn_datagram(delivery.from, delivery.to, &delivery.payload);
            } else if delivery.node == BYSTANDER {
                self.at_bystander.push((now, delivery.payload.len()));
            } else {
                let lives = |client: &Client| client.address == delivery.to.ip();
                let index = self.clients.iter().position(lives).unwrap_or(delivery.node.0 as usize);
                let is_heard = !self.clients[index].deaf || !is_media(&delivery.payload);
                if !self.clients[index].crashed && is_heard {
                    self.clients[index].deliver(delivery.from, delivery.to, delivery.payload, now);
                    self.drain_client(index);
                }
            }
        }
        if self.rooms.poll_timeout().is_some_and(|at| at <= now) {
            self.rooms.handle_timeout(now);
            self.drain_rooms();
        }
        if self.turn.poll_timeout().is_some_and(|at| at <= now) {
            self.turn.handle_timeout(now);
            self.drain_turn();
        }
        for index in 0..self.clients.len() {
            self.step_client(index);
        }
    }

    fn step_client(&mut self, index: usize) {
        let now = self.now;
        let client = &mut self.clients[index];
        if client.has_ended() || client.asleep {
            return;
        }
        if client.wake.is_some_and(|at| at <= now) {
            client.call.handle(Input::Timeout, now);
        }
        client.speak(now);
        self.drain_client(index);
    }

    pub fn drain_client(&mut self, index: usize) {
        let now = self.now;
        let wishes = self.clients[index].drain(now);
        let ended = self.clients[index].has_ended();
        for wish in wishes {
            match wish {
                Wish::Send { from, to, payload } => match &mut self.clients[index].cutter {
                    None => self.net.send(from, to, payload, now),
                    Some(cutter) => {
                        cutter.cut(payload).into_iter().for_each(|payload| self.net.send(from, to, payload, now));
                    }
                },
                Wish::Stream { from, message } => self.send_wire(Wire::ToRelay(from, message)),
                Wish::Say(message) => {
                    let text = serde_json::to_string(&message).expect("a message is JSON");
                    if let Some(conn) = self.clients[index].conn {
                        self.send_wire(Wire::ToServer(conn, text));
                    }
                }
                Wish::Dial => {
                    self.dials += 1;
                    let conn = ConnId(self.next_conn);
                    self.next_conn += 1;
                    let up = self.server_up && !self.barred.contains(&index);
                    self.send_wire(if up { Wire::Opened(index, conn) } else { Wire::Refused(index) });
                }
                Wish::HangUp => {
                    self.closing.extend(self.clients[index].conn);
                    self.hang_up(index);
                    if !ended {
                        self.give(index, Input::Signalling(SignallingState::Down));
                    }
                }
            }
        }
        let client = &mut self.clients[index];
        // A time that has passed means "at once", which in virtual time is a millisecond on.
        client.wake = client.call.poll_timeout().map(|at| at.max(now + Duration::from_millis(1)));
    }

    pub fn send_wire(&mut self, wire: Wire) {
        let order = self.next_wire;
        self.next_wire += 1;
        self.wires.push(Reverse((self.now + SIGNAL_DELAY, order, wire)));
    }

    fn on_wire(&mut self, wire: Wire) {
        match wire {
            Wire::Refused(index) => self.give(index, Input::Signalling(SignallingState::Down)),
            Wire::Opened(index, _) if !self.server_up => self.give(index, Input::Signalling(SignallingState::Down)),
            Wire::Opened(index, conn) => {
                if self.clients[index].crashed {
                    return;
                }
                self.hang_up(index); // one that was dialled before, and given up
                self.conns.insert(conn, index);
                self.clients[index].conn = Some(conn);
                self.rooms.handle_connected(conn, self.now);
                self.drain_rooms();
                self.give(index, Input::Signalling(SignallingState::Up));
            }
            Wire::ToServer(conn, text) => {
                let open = self.conns.contains_key(&conn) || self.raw.contains_key(&conn);
                if open || self.closing.contains(&conn) {
                    self.rooms.handle_message(conn, &text, self.now);
                    self.drain_rooms();
                }
            }
            Wire::ToRelay(from, message) => self.on_stream_message(from, &message),
            Wire::FromRelay(to, message) => self.on_stream_answer(to, message),
            Wire::ServerSawClose(conn) => {
                self.closing.remove(&conn);
                self.rooms.handle_disconnected(conn, self.now);
                self.drain_rooms();
            }
            Wire::ToClient(conn, text) => {
                if let Some(index) = self.conns.get(&conn).copied() {
                    let mut message = serde_json::from_str(&text).expect("the server speaks JSON");
                    if let Some(tamper) = &self.tamper {
                        tamper(&mut message);
                    }
                    let message = serde_json::from_value(message).expect("a message of the protocol");
                    self.give(index, Input::Signal(message));
                } else if let Some(heard) = self.raw.get_mut(&conn) {
                    heard.push(text);
                }
            }
            Wire::ClientSawClose(conn) => {
                if let Some(index) = self.conns.remove(&conn) {
                    self.clients[index].conn = None;
                    self.give(index, Input::Signalling(SignallingState::Down));
                }
            }
        }
    }

    /// A connection with nobody behind it but the test.
    pub fn open_raw(&mut self) -> ConnId {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        self.raw.insert(conn, Vec::new());
        self.rooms.handle_connected(conn, self.now);
        self.drain_rooms();
        conn
    }

    pub fn raw_say(&mut self, conn: ConnId, text: &str) {
        self.send_wire(Wire::ToServer(conn, text.to_owned()));
    }

    pub fn raw_heard(&self, conn: ConnId) -> Vec<Value> {
        let heard = self.raw.get(&conn).into_iter().flatten();
        heard.map(|text| serde_json::from_str(text).expect("JSON")).collect()
    }

    pub fn next_raw_seq(&mut self, conn: ConnId) -> u64 {
        let seq = self.raw_seqs.entry(conn).or_default();
        *seq += 1;
        *seq
    }

    fn drain_rooms(&mut self) {
        while let Some(output) = self.rooms.poll_output() {
            match output {
                RoomOutput::Send { conn, text, .. } => self.send_wire(Wire::ToClient(conn, text.to_string())),
                RoomOutput::Legacy { .. } => {} // no page is in this world
                RoomOutput::Close { conn, .. } => self.send_wire(Wire::ClientSawClose(conn)),
            }
        }
    }
}

/// Whether this is RTP, which RTCP is told from by its packet types (RFC 5761, section 4).
fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, kind, ..] if !(192..=223).contains(kind))
}
