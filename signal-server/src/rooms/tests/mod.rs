//! The rooms in virtual time: clients without sockets, a clock that is only added to.

mod backlog;
mod clocks;
mod fairness;
mod flood;
mod grants;
mod joining;
mod legacy;
mod lobby;
mod moderation;
mod random;
mod restart;
mod resume;
mod rules;
mod succession;
mod table;
mod talking;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use hearth_protocol::{
    ClientMessage, Create, ErrorCode, InviteSecret, Join, Joined, MediaState, Moderation, Numbered, PeerId, PeerKind,
    RequestId, Resume, ResumeToken, RoomName, ServerMessage, Signal, SignalBody,
};

use super::*;

#[expect(clippy::disallowed_methods, reason = "an Instant can be made in no other way; the tests only add to it")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// A server, its clock, and everybody who is connected.
struct Bench {
    rooms: Rooms,
    now: Instant,
    next_conn: u64,
    inboxes: BTreeMap<ConnId, Vec<Numbered<ServerMessage>>>,
    /// What legacy pages heard.
    events: BTreeMap<ConnId, Vec<LegacyEvent>>,
    closed: BTreeMap<ConnId, CloseReason>,
    /// Who takes nothing of what is sent to them, and what waits for them by that.
    slow: BTreeSet<ConnId>,
    unread: Vec<Load>,
    /// When the server was started.
    started: Instant,
}

/// A client as the server should see it.
#[derive(Clone, Debug)]
struct Client {
    conn: ConnId,
    id: PeerId,
    token: ResumeToken,
    sent: u64,
    /// The last number that arrived.
    heard: u64,
}

impl Bench {
    fn new() -> Self {
        Self::with(RoomsConfig::default())
    }

    fn with(config: RoomsConfig) -> Self {
        let now = start();
        let rooms = Rooms::new(config, [7; 32], Epoch { at: now, unix_s: 1_800_000_000 });
        Self {
            rooms,
            now,
            next_conn: 0,
            inboxes: BTreeMap::new(),
            events: BTreeMap::new(),
            closed: BTreeMap::new(),
            slow: BTreeSet::new(),
            unread: Vec::new(),
            started: now,
        }
    }

    fn is_slow(&self, conn: ConnId) -> bool {
        self.slow.contains(&conn)
    }

    fn drain(&mut self) {
        while let Some(output) = self.rooms.poll_output() {
            match output {
                Output::Send { conn, text, load } => {
                    if self.is_slow(conn) {
                        self.unread.extend(load);
                    }
                    let message = serde_json::from_str(&text).unwrap();
                    self.inboxes.entry(conn).or_default().push(message);
                }
                Output::Legacy { conn, event } => self.events.entry(conn).or_default().push(event),
                Output::Close { conn, reason } => assert!(self.closed.insert(conn, reason).is_none(), "closed twice"),
            }
        }
    }

    /// A connection from an address that nobody else has.
    fn connect(&mut self) -> ConnId {
        self.connect_from(address(self.next_conn))
    }

    fn connect_from(&mut self, address: IpAddr) -> ConnId {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        self.rooms.handle_connected_from(conn, address, self.now);
        self.drain();
        conn
    }

    /// A client in a session of its own, in no room.
    fn client(&mut self) -> Client {
        let conn = self.connect();
        self.greet(conn)
    }

    fn client_from(&mut self, address: IpAddr) -> Client {
        let conn = self.connect_from(address);
        self.greet(conn)
    }

    fn greet(&mut self, conn: ConnId) -> Client {
        self.say_text(conn, r#"{"type":"hello","v":[1],"kind":"native"}"#);
        let session = self.take(conn).pop().unwrap();
        let ServerMessage::Session { peer_id: id, resume_token: token, resumed: false, last_seq: 0 } = session else {
            panic!("{session:?}")
        };
        Client { conn, id, token, sent: 0, heard: 0 }
    }

    /// A client in a room that it made.
    fn host(&mut self, invite: Option<InviteSecret>) -> (Client, RoomName) {
        let mut host = self.client();
        let create = Create {
            id: RequestId(1),
            room: None,
            nick: "Host".into(),
            invite_hash: invite.map(|s| s.hash()),
            capacity: None,
            media: MediaState::default(),
        };
        self.say(&mut host, ClientMessage::Create(create));
        let room = joined(self.hear(&mut host)).room;
        (host, room)
    }

    /// A client that has come into `room`.
    fn guest(&mut self, room: &RoomName) -> Client {
        let mut guest = self.client();
        self.say(&mut guest, join(room, None));
        joined(self.hear(&mut guest));
        guest
    }

    /// A client that waits at the door of `room`; the host must be asked for its news by the caller.
    fn knocker(&mut self, room: &RoomName) -> Client {
        let mut knocker = self.client();
        self.say(&mut knocker, join(room, None));
        assert_eq!(
            self.hear(&mut knocker).last(),
            Some(&ServerMessage::Waiting { id: RequestId(2), has_password: false })
        );
        knocker
    }

    fn say_text(&mut self, conn: ConnId, text: &str) {
        self.rooms.handle_message(conn, text, self.now);
        self.drain();
    }

    fn say(&mut self, client: &mut Client, message: ClientMessage) {
        client.sent += 1;
        let text = serde_json::to_string(&Numbered { seq: Some(client.sent), message }).unwrap();
        self.say_text(client.conn, &text);
    }

    /// What came over `conn` since the last look, without its numbers.
    fn take(&mut self, conn: ConnId) -> Vec<ServerMessage> {
        self.inboxes.remove(&conn).unwrap_or_default().into_iter().map(|n| n.message).collect()
    }

    /// What the client heard since the last look; its numbers must be without holes.
    fn hear(&mut self, client: &mut Client) -> Vec<ServerMessage> {
        let messages = self.inboxes.remove(&client.conn).unwrap_or_default();
        for seq in messages.iter().filter_map(|m| m.seq) {
            assert_eq!(seq, client.heard + 1, "a hole in what {client:?} hears");
            client.heard = seq;
        }
        messages.into_iter().map(|n| n.message).collect()
    }

    /// Closes its connection on purpose.
    fn say_goodbye(&mut self, client: &Client) {
        self.rooms.handle_goodbye(client.conn, self.now);
        self.drain();
    }

    fn cut(&mut self, client: &Client) {
        self.rooms.handle_disconnected(client.conn, self.now);
        self.drain();
    }

    /// Comes back by the token; true when the session was there.
    fn come_back(&mut self, client: &mut Client) -> bool {
        client.conn = self.connect();
        let resume = Some(Resume { token: client.token, last_seq: client.heard, ticket: None });
        let hello = ClientMessage::Hello { v: vec![1], client: String::new(), kind: PeerKind::Native, resume };
        self.say_text(client.conn, &serde_json::to_string(&hello).unwrap());
        let inbox = self.inboxes.get_mut(&client.conn).unwrap();
        let ServerMessage::Session { peer_id, resume_token, resumed, .. } = inbox.remove(1).message else { panic!() };
        inbox.remove(0);
        client.token = resume_token;
        assert_eq!(resumed, peer_id == client.id);
        resumed
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.rooms.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.rooms.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }
}

fn join(room: &RoomName, invite: Option<InviteSecret>) -> ClientMessage {
    let media = MediaState { audio: true, ..MediaState::default() };
    ClientMessage::Join(Join {
        id: RequestId(2),
        room: room.clone(),
        nick: "Guest".into(),
        invite,
        password: None,
        media,
    })
}

fn about(peer: PeerId) -> Moderation {
    Moderation { id: RequestId(7), peer }
}

fn address(number: u64) -> IpAddr {
    let [.., a, b, c] = number.to_be_bytes();
    IpAddr::from([10, a, b, c])
}

/// The types of the messages, errors by their code.
fn summary(messages: &[ServerMessage]) -> String {
    let one = |message: &ServerMessage| {
        let value = serde_json::to_value(message).unwrap();
        let text = |key: &str| value.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        format!("{} {}", text("type"), text("code")).trim().to_owned()
    };
    messages.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn signal(to: PeerId, word: &str) -> ClientMessage {
    let body = SignalBody::End(word.into());
    let sid = hearth_protocol::SessionId(1);
    ClientMessage::Signal(Signal { to: Some(to), from: Some(to), pc: hearth_protocol::Pc::Main, sid, body })
}

fn joined(messages: Vec<ServerMessage>) -> Joined {
    let found = messages.iter().find_map(|m| if let ServerMessage::Joined(j) = m { Some(j.clone()) } else { None });
    found.unwrap_or_else(|| panic!("not joined: {messages:?}"))
}

fn errors(messages: &[ServerMessage]) -> Vec<ErrorCode> {
    messages.iter().filter_map(|m| if let ServerMessage::Error { code, .. } = m { Some(*code) } else { None }).collect()
}
