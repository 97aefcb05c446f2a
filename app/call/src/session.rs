//! Our end of a signalling session: numbering, greeting, coming back.
//!
//! ```text
//! Down -> Greeting -> Up -> Down ...
//!   ^        |         ^
//!   |        | session |
//!   +--------+---------+
//! ```
//! Owner of: the token, both counters, and what was said and may have to be said again. What a message means is the
//! call's business.

use std::collections::VecDeque;

use hearth_protocol::{
    ClientMessage, ErrorCode, Numbered, PeerId, PeerKind, Resume, ResumeToken, ServerMessage, Ticket, VERSION,
};

/// Messages kept to be said again: a join into a full room is 11 offers and some 90 candidates. Full: the oldest goes,
/// and a session that needed it cannot be resumed.
const UNSAID: usize = 512;

/// Where the session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionState {
    /// No connection.
    Down,
    /// Said hello; waiting for `session`.
    Greeting,
    /// Messages go through.
    Up,
}

/// What a server message means to the session.
#[derive(Debug, PartialEq)]
pub(crate) enum SessionEvent {
    /// Nothing for the call.
    Nothing,
    /// The session is there. `Resumed` keeps the room, `Fresh` is outside of any.
    Session { id: PeerId, kept: SessionKept },
    /// For the call.
    Message(ServerMessage),
    /// The two do not speak the same version.
    Unsupported,
}

/// Whether a session survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionKept {
    /// With everything that was said meanwhile.
    Resumed,
    /// By the ticket: the server was restarted, and what we were in its memory is begun again under our old id.
    Restored,
    /// Nobody knows us.
    Fresh,
}

/// The session.
#[derive(Debug)]
pub(crate) struct Session {
    client: String,
    state: SessionState,
    id: Option<PeerId>,
    token: Option<ResumeToken>,
    ticket: Option<Ticket>,
    heard: u64,
    said: u64,
    unsaid: VecDeque<(u64, ClientMessage)>,
    out: VecDeque<Numbered<ClientMessage>>,
}

impl Session {
    pub(crate) fn new(client: String) -> Self {
        Self {
            client,
            state: SessionState::Down,
            id: None,
            token: None,
            ticket: None,
            heard: 0,
            said: 0,
            unsaid: VecDeque::new(),
            out: VecDeque::new(),
        }
    }

    pub(crate) fn state(&self) -> SessionState {
        self.state
    }

    /// The connection opened: hello, and the session back where there was one.
    pub(crate) fn handle_up(&mut self) {
        self.state = SessionState::Greeting;
        let ticket = self.ticket.clone();
        let resume = self.token.map(|token| Resume { token, last_seq: self.heard, ticket });
        let hello =
            ClientMessage::Hello { v: vec![VERSION], client: self.client.clone(), kind: PeerKind::Native, resume };
        self.out.push_back(Numbered::bare(hello));
    }

    /// It closed.
    pub(crate) fn handle_down(&mut self) {
        self.state = SessionState::Down;
        self.out.clear();
    }

    /// Says something, now or once the session is there.
    pub(crate) fn say(&mut self, message: ClientMessage) {
        self.said += 1;
        if self.unsaid.len() == UNSAID {
            self.unsaid.pop_front();
        }
        self.unsaid.push_back((self.said, message.clone()));
        if self.state == SessionState::Up {
            self.out.push_back(Numbered { seq: Some(self.said), message });
        }
    }

    /// The server said something.
    pub(crate) fn handle(&mut self, numbered: Numbered<ServerMessage>) -> SessionEvent {
        if let Some(seq) = numbered.seq {
            if seq <= self.heard {
                return SessionEvent::Nothing; // said again after a resumption
            }
            self.heard = seq;
        }
        match numbered.message {
            ServerMessage::Session { peer_id, resume_token, resumed, last_seq } => {
                if self.state != SessionState::Greeting {
                    return SessionEvent::Nothing;
                }
                self.on_session(resume_token, resumed, last_seq);
                let is_known = self.id.replace(peer_id) == Some(peer_id);
                let kept = match (resumed, is_known) {
                    (true, _) => SessionKept::Resumed,
                    (false, true) => SessionKept::Restored,
                    (false, false) => SessionKept::Fresh,
                };
                SessionEvent::Session { id: peer_id, kept }
            }
            ServerMessage::Ticket { ticket } => {
                self.ticket = Some(ticket);
                SessionEvent::Nothing
            }
            ServerMessage::Welcome { v, .. } if !v.contains(&VERSION) => SessionEvent::Unsupported,
            ServerMessage::Error { code: ErrorCode::UnsupportedVersion, .. } => SessionEvent::Unsupported,
            ServerMessage::Welcome { .. } | ServerMessage::Unknown => SessionEvent::Nothing,
            message @ (ServerMessage::Joined(_)
            | ServerMessage::Waiting { .. }
            | ServerMessage::LobbyRequest { .. }
            | ServerMessage::LobbyLeft { .. }
            | ServerMessage::Kicked
            | ServerMessage::Muted
            | ServerMessage::InviteRenewed { .. }
            | ServerMessage::RoomState { .. }
            | ServerMessage::Error { .. }
            | ServerMessage::PeerJoined { .. }
            | ServerMessage::PeerUpdated { .. }
            | ServerMessage::PeerAway { .. }
            | ServerMessage::PeerLeft { .. }
            | ServerMessage::Signal(_)
            | ServerMessage::RoomEnded { .. }
            | ServerMessage::IceRefresh { .. }
            | ServerMessage::ServerDraining) => SessionEvent::Message(message),
        }
    }

    fn on_session(&mut self, token: ResumeToken, resumed: bool, last_seq: u64) {
        self.token = Some(token);
        self.state = SessionState::Up;
        if resumed {
            self.unsaid.retain(|(seq, _)| *seq > last_seq);
            let again = self.unsaid.iter().map(|(seq, message)| Numbered { seq: Some(*seq), message: message.clone() });
            self.out.extend(again);
        } else {
            // A new stream. What was said in the old one meant a room that we are not in.
            (self.heard, self.said) = (0, 0);
            self.unsaid.clear();
        }
    }

    /// The next message for the server.
    pub(crate) fn poll(&mut self) -> Option<Numbered<ClientMessage>> {
        self.out.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(resumed: bool, last_seq: u64) -> Numbered<ServerMessage> {
        Numbered::bare(ServerMessage::Session {
            peer_id: PeerId::from_random([1; 12]),
            resume_token: ResumeToken::from_random([2; 32]),
            resumed,
            last_seq,
        })
    }

    fn drained(session: &mut Session) -> Vec<Option<u64>> {
        std::iter::from_fn(|| session.poll()).map(|message| message.seq).collect()
    }

    fn up() -> Session {
        let mut client = Session::new("test".into());
        client.handle_up();
        assert_eq!(drained(&mut client), [None]);
        assert!(matches!(client.handle(session(false, 0)), SessionEvent::Session { kept: SessionKept::Fresh, .. }));
        client
    }

    #[test]
    fn what_the_server_missed_is_said_again_and_nothing_else() {
        let mut client = up();
        (0..3).for_each(|_| client.say(ClientMessage::Leave));
        assert_eq!(drained(&mut client), [Some(1), Some(2), Some(3)]);
        client.handle_down();
        client.say(ClientMessage::Leave);
        assert_eq!(drained(&mut client), []);
        client.handle_up();
        drained(&mut client);
        assert!(matches!(client.handle(session(true, 2)), SessionEvent::Session { kept: SessionKept::Resumed, .. }));
        assert_eq!(drained(&mut client), [Some(3), Some(4)]);
    }

    #[test]
    fn what_was_heard_is_not_heard_again() {
        let mut client = up();
        let message = |seq| Numbered { seq: Some(seq), message: ServerMessage::ServerDraining };
        assert!(matches!(client.handle(message(1)), SessionEvent::Message(_)));
        assert_eq!(client.handle(message(1)), SessionEvent::Nothing);
        assert!(matches!(client.handle(message(2)), SessionEvent::Message(_)));
    }

    #[test]
    fn a_session_that_was_not_asked_for_is_none() {
        let mut client = up();
        assert_eq!(client.handle(session(true, 9)), SessionEvent::Nothing);
    }

    #[test]
    fn the_last_ticket_is_shown_and_a_place_that_it_restored_is_known_by_its_id() {
        let mut client = up();
        let ticket = Ticket::from_sealed(b"tea");
        client.handle(Numbered { seq: Some(1), message: ServerMessage::Ticket { ticket: ticket.clone() } });
        client.handle_down();
        client.handle_up();
        let hello = client.poll().map(|hello| hello.message);
        let Some(ClientMessage::Hello { resume: Some(resume), .. }) = hello else { panic!("{hello:?}") };
        assert_eq!(resume.ticket, Some(ticket));
        assert!(matches!(client.handle(session(false, 0)), SessionEvent::Session { kept: SessionKept::Restored, .. }));
    }

    #[test]
    fn a_fresh_session_begins_at_one() {
        let mut client = up();
        client.say(ClientMessage::Leave);
        drained(&mut client);
        client.handle_down();
        client.handle_up();
        drained(&mut client);
        client.handle(session(false, 0));
        client.say(ClientMessage::Leave);
        assert_eq!(drained(&mut client), [Some(1)]);
    }
}
