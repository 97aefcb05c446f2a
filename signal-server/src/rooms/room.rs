//! A room: who is in it, who waits at its door, who decides there, and whom it no longer lets in by the link alone.
//!
//! It knows people by their sessions and tells them nothing itself.

use std::collections::BTreeSet;
use std::time::Instant;

use hearth_protocol::{InviteHash, InviteSecret, PeerId, Role, RoomPassword, RoomState};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::Source;
use super::tickets::RoomRules;

/// People who wait at one door. Cap 32: more than a host will read, fewer than would bury the list. Full: one more gets
/// `rate_limited` and may knock again later.
pub(super) const LOBBY: usize = 32;
/// People put out of a room that it remembers. Cap 64: five times a full room. Full: the oldest is forgotten; should
/// they come back by the link, the host can put them out once more.
const BARRED: usize = 64;

/// A room.
#[derive(Debug)]
pub(super) struct Room {
    /// Everybody in it, away or not.
    pub(super) members: BTreeSet<PeerId>,
    /// Everybody at its door, in the order in which they came; at most [`LOBBY`].
    pub(super) lobby: Vec<PeerId>,
    /// Who decides. None while nobody is there who could.
    pub(super) host: Option<PeerId>,
    /// How many have ever come in.
    pub(super) came: u64,
    /// How often somebody came with a wrong secret.
    pub(super) wrong_invites: u32,
    /// When the host was last told of that.
    pub(super) told_at: Option<Instant>,
    pub(super) rules: RoomRules,
    /// It was there before the server was restarted.
    pub(super) is_restored: bool,
    /// Until when the host's seat is kept, after a restart of the server.
    pub(super) seat_until: Option<Instant>,
}

/// What is kept of a password: nothing that could be used elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Password {
    salt: [u8; 16],
    digest: [u8; 32],
}

impl Password {
    fn admits(&self, password: &RoomPassword) -> bool {
        self.digest.ct_eq(&password.digest(&self.salt)).into()
    }
}

/// What somebody shows at the door.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Credentials<'a> {
    pub(super) secret: Option<&'a InviteSecret>,
    pub(super) password: Option<&'a RoomPassword>,
}

/// What a room's door says to somebody who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Come in.
    Open,
    /// Wait until the host lets you in.
    Knock,
    /// It lets nobody in.
    Locked,
    /// The secret is another room's.
    WrongSecret,
    /// There is a password, and this is not it.
    WrongPassword,
    /// There is a password, and none was given.
    PasswordWanted,
}

impl Room {
    pub(super) fn new(invite: Option<InviteHash>, capacity: u32) -> Self {
        Self {
            members: BTreeSet::new(),
            lobby: Vec::new(),
            host: None,
            came: 0,
            wrong_invites: 0,
            told_at: None,
            rules: RoomRules { generation: 0, capacity, is_locked: false, invite, password: None, barred: Vec::new() },
            is_restored: false,
            seat_until: None,
        }
    }

    /// Judges `peer`, who comes from `source` and shows this. The secret of the invitation lets in by itself; a password
    /// does where one is set; without either, the door of an invite room is where one waits.
    pub(super) fn door(&self, peer: PeerId, source: Option<Source>, shown: Credentials<'_>) -> Door {
        let admitted = if self.is_barred(peer, source) { Door::Knock } else { Door::Open };
        match (&self.rules.invite, shown.secret, &self.rules.password, shown.password) {
            _ if self.rules.is_locked => Door::Locked,
            (Some(hash), Some(secret), ..) if !hash.admits(secret) => Door::WrongSecret,
            (Some(_), Some(_), ..) => admitted,
            (_, _, Some(password), Some(given)) if !password.admits(given) => Door::WrongPassword,
            (_, _, Some(_), Some(_)) => admitted,
            (Some(_), None, _, _) => Door::Knock,
            (None, _, Some(_), None) => Door::PasswordWanted,
            (None, _, None, _) => admitted,
        }
    }

    /// Asks this password from now on, or none; `salt` is drawn anew each time.
    pub(super) fn set_password(&mut self, password: Option<&RoomPassword>, salt: [u8; 16]) {
        self.rules.password = password.map(|password| Password { salt, digest: password.digest(&salt) });
    }

    /// From now on `peer`, and whoever comes from `source`, waits at the door.
    pub(super) fn bar(&mut self, peer: PeerId, source: Option<Source>) {
        let barred = &mut self.rules.barred;
        if barred.len() >= BARRED {
            barred.remove(0);
        }
        barred.push((peer, source));
    }

    /// Whether `peer`, or somebody from `source`, was put out.
    pub(super) fn is_barred(&self, peer: PeerId, source: Option<Source>) -> bool {
        let is_it = |(who, from): &(PeerId, Option<Source>)| *who == peer || (from.is_some() && *from == source);
        self.rules.barred.iter().any(is_it)
    }

    pub(super) fn is_full(&self) -> bool {
        self.members.len() >= self.rules.capacity as usize
    }

    pub(super) fn role(&self, peer: PeerId) -> Role {
        if self.host == Some(peer) { Role::Host } else { Role::Guest }
    }

    /// The room as `viewer` may know it.
    pub(super) fn state(&self, viewer: PeerId) -> RoomState {
        let wrong_invites = if self.host == Some(viewer) { self.wrong_invites } else { 0 };
        RoomState {
            invite_only: self.rules.invite.is_some(),
            capacity: self.rules.capacity,
            locked: self.rules.is_locked,
            has_password: self.rules.password.is_some(),
            wrong_invites,
        }
    }
}
