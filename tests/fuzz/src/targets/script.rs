//! The signalling server under a script of what its connections say.
//!
//! ```text
//! 0 TEXT     connection 0 (to 3) says TEXT; it is made where there is none
//! ~0         connection 0 is lost
//! +500       500 ms pass
//! ```
//! In TEXT, `$S` is the next number of the connection's session, `$P1` the id and `$T1` the token of whoever spoke last
//! on connection 1.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hearth_protocol::{Numbered, ServerMessage};
use hearth_signal::rooms::{ConnId, Epoch, Output, Rooms, RoomsConfig};

/// Lines of a script that are looked at: longer ones find nothing that shorter ones do not, and slow the fuzzer.
const LINES: usize = 400;
/// What one input may bring about: a message to each other member, or what was kept for a session that came back.
const OUTPUTS: usize = 4096;

#[derive(Default)]
struct Client {
    conn: Option<ConnId>,
    id: String,
    token: String,
    said: u64,
}

struct Script {
    rooms: Rooms,
    now: Instant,
    clients: [Client; 4],
    next_conn: u64,
    closed: BTreeSet<ConnId>,
}

/// Runs a script.
pub fn run(text: &str, now: Instant) {
    let rooms = Rooms::new(RoomsConfig::default(), [7; 32], Epoch { at: now, unix_s: 1_800_000_000 });
    let mut script = Script { rooms, now, clients: Default::default(), next_conn: 0, closed: BTreeSet::new() };
    for line in text.lines().take(LINES) {
        script.line(line);
        script.drain();
        script.check();
    }
}

impl Script {
    fn line(&mut self, line: &str) {
        if let Some(ms) = line.strip_prefix('+').and_then(|ms| ms.parse::<u32>().ok()) {
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
                Output::Send { conn, text } => {
                    assert!(!self.closed.contains(&conn), "something is said on a closed connection");
                    let message: Numbered<ServerMessage> =
                        serde_json::from_str(&text).expect("what we say can be read");
                    self.heard(conn, message.message);
                }
                Output::Close { conn, .. } => {
                    assert!(self.closed.insert(conn), "a connection is closed twice");
                    let client = self.clients.iter_mut().find(|client| client.conn == Some(conn));
                    if let Some(client) = client {
                        client.conn = None;
                    }
                }
            }
        }
    }

    fn heard(&mut self, conn: ConnId, message: ServerMessage) {
        let ServerMessage::Session { peer_id, resume_token, last_seq, .. } = message else { return };
        if let Some(client) = self.clients.iter_mut().find(|client| client.conn == Some(conn)) {
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
