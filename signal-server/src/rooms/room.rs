//! A room: who is in it, who waits at its door, who decides there, and whom it no longer lets in by the link alone.
//!
//! It knows people by their sessions and tells them nothing itself.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use hearth_protocol::{InviteHash, InviteSecret, PeerId, Role, RoomState};

use super::Source;

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
    /// How many it holds.
    pub(super) capacity: u32,
    /// How many have ever come in.
    pub(super) came: u64,
    /// How often somebody came with a wrong secret.
    pub(super) wrong_invites: u32,
    /// When the host was last told of that.
    pub(super) told_at: Option<Instant>,
    invite: Option<InviteHash>,
    barred: VecDeque<(PeerId, Option<Source>)>,
}

/// What a room's door says to somebody who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Come in.
    Open,
    /// Wait until the host lets you in.
    Knock,
}

impl Room {
    pub(super) fn new(invite: Option<InviteHash>, capacity: u32) -> Self {
        Self {
            members: BTreeSet::new(),
            lobby: Vec::new(),
            host: None,
            capacity,
            came: 0,
            wrong_invites: 0,
            told_at: None,
            invite,
            barred: VecDeque::new(),
        }
    }

    /// Judges `peer`, who comes from `source` with that secret; none when it is the wrong one.
    pub(super) fn door(&self, peer: PeerId, source: Option<Source>, secret: Option<&InviteSecret>) -> Option<Door> {
        let barred = |(who, from): &(PeerId, Option<Source>)| *who == peer || (from.is_some() && *from == source);
        match (&self.invite, secret) {
            (Some(hash), Some(secret)) if !hash.admits(secret) => None,
            (Some(_), None) => Some(Door::Knock),
            (Some(_), Some(_)) | (None, _) if self.barred.iter().any(barred) => Some(Door::Knock),
            (Some(_), Some(_)) | (None, _) => Some(Door::Open),
        }
    }

    /// From now on `peer`, and whoever comes from `source`, waits at the door.
    pub(super) fn bar(&mut self, peer: PeerId, source: Option<Source>) {
        if self.barred.len() >= BARRED {
            self.barred.pop_front();
        }
        self.barred.push_back((peer, source));
    }

    pub(super) fn is_full(&self) -> bool {
        self.members.len() >= self.capacity as usize
    }

    pub(super) fn role(&self, peer: PeerId) -> Role {
        if self.host == Some(peer) { Role::Host } else { Role::Guest }
    }

    /// The room as `viewer` may know it.
    pub(super) fn state(&self, viewer: PeerId) -> RoomState {
        let wrong_invites = if self.host == Some(viewer) { self.wrong_invites } else { 0 };
        RoomState { invite_only: self.invite.is_some(), capacity: self.capacity, wrong_invites }
    }
}
