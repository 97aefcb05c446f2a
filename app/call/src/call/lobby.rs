//! The door of a room: waiting for the host, and the password that opens it without them.
//!
//! Owner of: what the door asks, as long as we stand before it (in the phase). The password stays with the call, so
//! that it comes back into the room by itself; nothing else learns it but the server.

use std::time::{Duration, Instant};

use hearth_protocol::{ClientMessage, ErrorCode, Join, RequestId, RoomPassword};

use super::{Call, CallPhase, CloseReason, EndReason, Wanted};
use crate::session::SessionState;
use crate::snapshot::{PasswordPrompt, PasswordPromptState};

/// Longest time that a server can keep us from trying again; anyone who is told to wait for longer asks the host.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// The server's answer to a join that does not open the door.
#[derive(Clone, Copy, Debug)]
pub(super) struct JoinRefusal {
    pub(super) code: ErrorCode,
    pub(super) retry_after: Option<u32>,
    pub(super) capacity: Option<u32>,
}

impl Call {
    /// The person says a password. While the last one is looked at, or too many were wrong, there is nothing to be
    /// said.
    pub(super) fn on_password(&mut self, password: RoomPassword, now: Instant) {
        let ask = match &mut self.phase {
            CallPhase::Asked(ask) | CallPhase::Lobby(Some(ask)) if ask.state.takes_a_try(now) => ask,
            CallPhase::Asked(_)
            | CallPhase::Lobby(_)
            | CallPhase::Idle
            | CallPhase::Joining
            | CallPhase::InRoom
            | CallPhase::Resuming { .. }
            | CallPhase::Ended(_) => return,
        };
        ask.state = PasswordPromptState::Trying;
        self.room.password = Some(password);
        if matches!(self.phase, CallPhase::Lobby(_)) {
            // Whatever comes of it, we wait on; what is said now arrives also after a broken connection.
            let id = self.next_request();
            self.room.attempt = Some(id);
            self.say_join(id);
        } else {
            self.server.give_up = Some(now + super::JOINING);
            if self.shared.session.state() == SessionState::Up {
                self.say_want(); // else once there is a session
            }
        }
        self.shared.outputs.changed();
    }

    /// Asks to be let into the room that is wanted, where it is one that is there.
    pub(super) fn say_join(&mut self, id: RequestId) {
        let Some(Wanted::Join { room, secret }) = &self.room.wanted else { return };
        let (room, invite) = (room.clone(), *secret);
        let (nick, password, media) =
            (self.nick.clone(), self.room.password.clone(), self.shared.publications.media_state());
        self.shared.session.say(ClientMessage::Join(Join { id, room, nick, invite, password, media }));
    }

    /// The host is asked. For as long as it takes: people look at their phones between two sips of tea.
    pub(super) fn on_waiting(&mut self, id: RequestId, has_password: bool) {
        // Who is kept waiting with the right password is told nothing by saying it again.
        let ask = (has_password && self.room.password.is_none()).then(|| self.ask(PasswordPromptState::Wanted));
        let is_answer = match &self.phase {
            CallPhase::Joining | CallPhase::Asked(_) => id == self.room.request,
            CallPhase::Lobby(_) => Some(id) == self.room.attempt,
            CallPhase::Idle | CallPhase::InRoom | CallPhase::Resuming { .. } | CallPhase::Ended(_) => false,
        };
        if is_answer {
            self.phase = CallPhase::Lobby(ask);
            self.room.attempt = None;
            self.server.give_up = None;
            self.server.backoff.reset();
            self.shared.outputs.changed();
        }
    }

    /// Whether `id` is that of a join whose answer is awaited.
    pub(super) fn is_awaited(&self, id: RequestId) -> bool {
        let is_before_it = matches!(self.phase, CallPhase::Joining | CallPhase::Lobby(_) | CallPhase::Asked(_));
        is_before_it && (id == self.room.request || Some(id) == self.room.attempt)
    }

    /// The door stays shut. Where a password would open it, that is no end.
    pub(super) fn on_refused_at_door(&mut self, id: RequestId, refusal: JoinRefusal, now: Instant) {
        let said = self.room.password.take(); // it opens nothing, and is not said again by itself
        let is_attempt = self.room.attempt.take_if(|attempt| *attempt == id).is_some();
        self.room.refusals = self.room.refusals.saturating_add(u32::from(said.is_some()));
        let state = if refusal.code == ErrorCode::BadPassword {
            match (&self.phase, said) {
                // It was brought along, and is a different one by now: what does the door say to somebody who has none?
                (CallPhase::Joining, Some(_)) => return self.say_want(),
                (_, Some(_)) => PasswordPromptState::Wrong,
                (_, None) => PasswordPromptState::Wanted,
            }
        } else if refusal.code == ErrorCode::RateLimited && said.is_some() {
            let wait = Duration::from_secs(refusal.retry_after.unwrap_or_default().into());
            PasswordPromptState::TooOften { until: now + wait.min(LONGEST_WAIT) }
        } else if is_attempt {
            self.note_refused(refusal);
            PasswordPromptState::Wanted
        } else {
            return self.end(ended(refusal), CloseReason::Silent, now);
        };
        let ask = self.ask(state);
        self.phase = match self.phase {
            CallPhase::Lobby(_) => CallPhase::Lobby(Some(ask)),
            CallPhase::Asked(_)
            | CallPhase::Idle
            | CallPhase::Joining
            | CallPhase::InRoom
            | CallPhase::Resuming { .. }
            | CallPhase::Ended(_) => CallPhase::Asked(ask),
        };
        self.server.give_up = None;
        self.shared.outputs.changed();
    }

    fn ask(&self, state: PasswordPromptState) -> PasswordPrompt {
        PasswordPrompt { state, refusals: self.room.refusals }
    }
}

impl PasswordPromptState {
    fn takes_a_try(self, now: Instant) -> bool {
        match self {
            Self::Wanted | Self::Wrong => true,
            Self::TooOften { until } => until <= now,
            Self::Trying => false,
        }
    }
}

fn ended(refusal: JoinRefusal) -> EndReason {
    if refusal.code == ErrorCode::Full {
        EndReason::Full { capacity: refusal.capacity.unwrap_or_default() }
    } else {
        EndReason::Refused(refusal.code)
    }
}
