//! The signalling server under a script of what its connections say.
//!
//! ```text
//! 0 TEXT     connection 0 (to 3) says TEXT; it is made where there is none
//! ~0         connection 0 is lost
//! *0 TEXT    legacy page 0 (or 1) says the packet TEXT; it connects where it has not
//! *~0        legacy page 0 is lost
//! +500       500 ms pass
//! !          the server is started again, with the key that it had
//! ```
//! In TEXT, `$S` is the next number of the connection's session, `$P1` the id, `$T1` the token and `$K1` the ticket of
//! anyone who spoke last on connection 1, and `$Q0` the id of page 0.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hearth_protocol::{Numbered, PeerId, ServerMessage};
use hearth_signal::rooms::{
    ConnId, EarlierRun, Epoch, LegacyCaller, LegacyPacket, LegacyRequest, LegacyRules, Output, PageId, Rooms,
    RoomsConfig, TicketKey,
};

/// Lines of a script that are looked at: longer ones find nothing that shorter ones do not, and slow the fuzzer.
const LINES: usize = 400;
/// What one input may bring about: a message to each other member, or what was kept for a session that came back.
const OUTPUTS: usize = 4096;

#[derive(Default)]
struct Client {
    conn: Option<ConnId>,
    id: String,
    token: String,
    ticket: String,
    said: u64,
}

#[derive(Default)]
struct Page {
    conn: Option<ConnId>,
    id: String,
}

struct Script {
    rooms: Rooms,
    now: Instant,
    started: Instant,
    earlier: Vec<EarlierRun>,
    clients: [Client; 4],
    pages: [Page; 2],
    starts: u8,
    next_conn: u64,
    closed: BTreeSet<ConnId>,
}

/// Runs a script.
pub fn run(text: &str, now: Instant) {
    let mut script = Script {
        rooms: server(7, Vec::new(), now),
        now,
        started: now,
        earlier: Vec::new(),
        clients: Default::default(),
        pages: Default::default(),
        starts: 7,
        next_conn: 0,
        closed: BTreeSet::new(),
    };
    for line in text.lines().take(LINES) {
        script.line(line);
        script.drain();
        script.check();
    }
}

fn server(seed: u8, earlier: Vec<EarlierRun>, now: Instant) -> Rooms {
    let tickets = Some(TicketKey::new([1; 32]));
    let config = RoomsConfig { tickets, earlier, legacy: Some(LegacyRules::default()), ..RoomsConfig::default() };
    Rooms::new(config, [seed; 32], Epoch { at: now, unix_s: 1_800_000_000 })
}

impl Script {
    fn line(&mut self, line: &str) {
        if line == "!" {
            self.restart();
        } else if let Some(line) = line.strip_prefix('*') {
            self.page_line(line);
        } else if let Some(ms) = line.strip_prefix('+').and_then(|ms| ms.parse::<u32>().ok()) {
            self.wait(Duration::from_millis(u64::from(ms.min(3_600_000))));
        } else if let Some(client) = line.strip_prefix('~').and_then(number) {
            if let Some(conn) = self.clients[client].conn.take() {
                self.rooms.handle_disconnected(conn, self.now);
            }
        } else if let Some((client, text)) = line.split_once(' ').and_then(|(n, text)| Some((number(n)?, text))) {
            let conn = self.connection(client);
            let text = self.filled(client, text);
            self.rooms.handle_message(conn, &text, self.now);
        }
    }

    fn restart(&mut self) {
        self.starts = self.starts.wrapping_add(1);
        let lived = self.now.saturating_duration_since(self.started);
        self.earlier.push(EarlierRun { run: self.rooms.run(), lived });
        self.started = self.now;
        self.rooms = server(self.starts, self.earlier.clone(), self.now);
        self.clients.iter_mut().for_each(|client| client.conn = None);
        self.pages.iter_mut().for_each(|page| page.conn = None);
    }

    fn page_line(&mut self, line: &str) {
        let page = |text: &str| number(text).filter(|page| *page < 2);
        if let Some(page) = line.strip_prefix('~').and_then(page) {
            if let Some(conn) = self.pages[page].conn.take() {
                self.rooms.handle_disconnected(conn, self.now);
            }
        } else if let Some((page, text)) = line.split_once(' ').and_then(|(n, text)| Some((page(n)?, text))) {
            let conn = self.page(page);
            let text = self.filled(0, text);
            match LegacyPacket::read(&text) {
                Ok(LegacyPacket::Event { ack, name, arguments }) => match LegacyRequest::read(&name, arguments, ack) {
                    Ok(request) => self.rooms.handle_legacy(conn, request, text.len(), self.now),
                    Err(_) => self.rooms.handle_bad_legacy(conn, self.now),
                },
                Ok(_) => {}
                Err(_) => self.rooms.handle_bad_legacy(conn, self.now),
            }
        }
    }

    fn page(&mut self, page: usize) -> ConnId {
        if let Some(conn) = self.pages[page].conn {
            return conn;
        }
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        let [low, ..] = conn.0.to_le_bytes();
        let (id, cookie) = (PeerId::from_random([low; 12]), PageId([page as u8; 16]));
        if self.pages[page].id.is_empty() {
            self.pages[page].id = id.to_string();
        }
        self.pages[page].conn = Some(conn);
        let caller = LegacyCaller { id, address: [10, 0, 1, low].into(), page: Some(cookie) };
        self.rooms.handle_legacy_connected(conn, caller, self.now);
        self.drain();
        conn
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        // Each timer at its own time, as a shell would have it; a server sets few.
        while let Some(due) = self.rooms.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.rooms.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn connection(&mut self, client: usize) -> ConnId {
        if let Some(conn) = self.clients[client].conn {
            return conn;
        }
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        self.clients[client].conn = Some(conn);
        let [low, ..] = conn.0.to_le_bytes();
        self.rooms.handle_connected_from(conn, [10, 0, 0, low].into(), self.now);
        self.drain();
        conn
    }

    fn filled(&mut self, speaker: usize, text: &str) -> String {
        if !text.contains('$') {
            return text.to_owned();
        }
        let mut text = text.to_owned();
        for (index, client) in self.clients.iter().enumerate() {
            text = text.replace(&format!("$P{index}"), &client.id).replace(&format!("$T{index}"), &client.token);
            text = text.replace(&format!("$K{index}"), &client.ticket);
        }
        for (index, page) in self.pages.iter().enumerate() {
            text = text.replace(&format!("$Q{index}"), &page.id);
        }
        if text.contains("$S") {
            let speaker = &mut self.clients[speaker];
            speaker.said += 1;
            text = text.replace("$S", &speaker.said.to_string());
        }
        text
    }

    fn drain(&mut self) {
        let mut count = 0;
        while let Some(output) = self.rooms.poll_output() {
            count += 1;
            assert!(count <= OUTPUTS, "one input brings about more than {OUTPUTS} outputs");
            match output {
                Output::Send { conn, text, .. } => {
                    assert!(!self.closed.contains(&conn), "something is said on a closed connection");
                    let message: Numbered<ServerMessage> =
                        serde_json::from_str(&text).expect("what we say can be read");
                    self.heard(conn, message.message);
                }
                Output::Legacy { conn, event } => {
                    assert!(!self.closed.contains(&conn), "a page is told something on a closed connection");
                    let text = event.to_packet();
                    assert!(text.starts_with(['2', '3']), "{text}");
                }
                Output::Close { conn, .. } => {
                    assert!(self.closed.insert(conn), "a connection is closed twice");
                    let client = self.clients.iter_mut().find(|client| client.conn == Some(conn));
                    if let Some(client) = client {
                        client.conn = None;
                    }
                    self.pages.iter_mut().filter(|page| page.conn == Some(conn)).for_each(|page| page.conn = None);
                }
            }
        }
    }

    fn heard(&mut self, conn: ConnId, message: ServerMessage) {
        let Some(client) = self.clients.iter_mut().find(|client| client.conn == Some(conn)) else { return };
        if let ServerMessage::Ticket { ticket } = &message {
            ticket.as_str().clone_into(&mut client.ticket);
        }
        if let ServerMessage::Session { peer_id, resume_token, last_seq, .. } = message {
            client.id = peer_id.to_string();
            client.token = resume_token.reveal();
            client.said = last_seq;
        }
    }

    fn check(&self) {
        assert!(self.rooms.room_count() <= self.rooms.session_count(), "a room without anybody");
        assert!(self.rooms.member_addresses().len() <= self.rooms.session_count(), "an address of nobody");
    }
}

/// One of the four.
fn number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number| *number < 4)
}
