//! What only a host may do, and what only a host hears: the lobby, and who has to go.
//!
//! The server decides who is the host; an action of somebody else is refused there, not here.

use std::time::Instant;

use hearth_protocol::{ClientMessage, InviteSecret, LobbyEntry, Moderation, PeerId, Role, RoomState};

use super::{Call, CallPhase, CloseReason, EndReason, Output, Wanted};
use crate::io::{HostAct, HostRule};

/// People who wait at most, whatever a server says.
const MAX_LOBBY: usize = 64;

impl Call {
    pub(super) fn on_host_act(&mut self, act: HostAct, peer: PeerId) {
        if !matches!(self.phase, CallPhase::InRoom | CallPhase::Resuming { .. }) {
            return;
        }
        let moderation = Moderation { id: self.next_request(), peer };
        self.shared.session.say(match act {
            HostAct::Admit => ClientMessage::Admit(moderation),
            HostAct::Deny => ClientMessage::Deny(moderation),
            HostAct::Kick => ClientMessage::Kick(moderation),
            HostAct::MakeHost => ClientMessage::MakeHost(moderation),
        });
    }

    pub(super) fn on_host_rule(&mut self, rule: HostRule) {
        if !matches!(self.phase, CallPhase::InRoom | CallPhase::Resuming { .. }) {
            return;
        }
        if let HostRule::Password(password) = &rule
            && self.room.role == Role::Host
        {
            self.room.password.clone_from(password); // for coming again ourselves
        }
        let id = self.next_request();
        self.shared.session.say(match rule {
            HostRule::MuteAll => ClientMessage::MuteAll { id },
            HostRule::Lock => ClientMessage::Lock { id },
            HostRule::Unlock => ClientMessage::Unlock { id },
            HostRule::Password(password) => ClientMessage::SetPassword { id, password },
            HostRule::Invite(invite) => ClientMessage::RenewInvite { id, invite },
        });
    }

    /// The host has silenced everybody. Not a sound goes out from here on; the device follows.
    pub(super) fn on_muted(&mut self, now: Instant) {
        if self.phase != CallPhase::InRoom {
            return;
        }
        self.room.silenced = self.room.silenced.saturating_add(1);
        self.shared.publications.silence(&mut self.shared.outputs, now);
        self.shared.outputs.push(Output::Silenced);
        self.tell_media(now);
    }

    /// The link is a different one: for those who are given it, and for coming again ourselves.
    pub(super) fn on_invite_renewed(&mut self, invite: InviteSecret) {
        if let Some(Wanted::Create { secret, .. } | Wanted::Join { secret, .. }) = &mut self.room.wanted {
            *secret = Some(invite);
        }
        self.room.renewed = Some(invite);
        self.shared.outputs.changed();
    }

    /// Ends the room for all, and the call with it. Where the server is out of reach only the call ends.
    pub(super) fn on_end_room(&mut self, now: Instant) {
        if matches!(self.phase, CallPhase::InRoom | CallPhase::Resuming { .. }) {
            let id = self.next_request();
            self.shared.session.say(ClientMessage::EndRoom { id });
        }
        self.end(EndReason::Left, CloseReason::Bye, now);
    }

    pub(super) fn on_lobby_request(&mut self, entry: LobbyEntry) {
        let lobby = &mut self.room.lobby;
        lobby.retain(|known| known.id != entry.id);
        if lobby.len() < MAX_LOBBY {
            lobby.push(entry);
        }
        self.shared.outputs.changed();
    }

    pub(super) fn on_lobby_left(&mut self, id: PeerId) {
        self.room.lobby.retain(|known| known.id != id);
        self.shared.outputs.changed();
    }

    pub(super) fn on_room_state(&mut self, role: Role, state: RoomState) {
        self.room.role = role;
        self.room.state = state;
        if role == Role::Guest {
            self.room.lobby.clear();
        }
        self.shared.outputs.changed();
    }
}
