//! A room: who is in it, who waits at its door, who decides there, and whom it no longer lets in by the link alone.
//!
//! It knows people by their sessions and tells them nothing itself.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hearth_protocol::{InviteHash, InviteSecret, PeerId, Role, RoomPassword, RoomState};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::Source;
use super::attempts::{AttemptLimiter, COMINGS, RateLimit};
use super::bucket::Bucket;
use super::restored::Restored;

/// People who wait at one door. Cap 32: more than a host will read, fewer than would bury the list. Full: one more gets
/// `rate_limited` and may knock again later.
pub(super) const LOBBY: usize = 32;
/// People put out of a room that it remembers. Cap 64: five times a full room. Full: the oldest is forgotten; should
/// they come back by the link, the host can put them out once more.
const BARRED: usize = 64;
/// Longest name of somebody who was put out that is kept, bytes: 64 of them travel in each ticket.
const BARRED_NICK: usize = 24;
/// Wrong passwords of all sources together. Thirty: a class that was given a wrong one. Then one a minute: four digits
/// take three days on average, wherever the guesses come from. Who has the link needs no password.
const WRONG_PASSWORDS: RateLimit = RateLimit { burst: 30, every: Duration::from_secs(60) };

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
    /// Who came in of late.
    pub(super) comings: AttemptLimiter,
    pub(super) wrong: WrongGuesses,
    pub(super) rules: RoomRules,
    /// What it was before the server was restarted; none for a room that was made in this run.
    pub(super) restored: Option<Restored>,
}

/// The rules of a room, as far as they outlive it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RoomRules {
    /// Drawn when the room was made: what tells it from others of its name.
    pub(super) born: u64,
    /// Rises with each change.
    pub(super) generation: u32,
    pub(super) capacity: u32,
    pub(super) is_locked: bool,
    pub(super) invite: Option<InviteHash>,
    pub(super) password: Option<PasswordDigest>,
    pub(super) barred: Vec<Barred>,
}

impl RoomRules {
    /// Whether everybody comes in: then anyone who opened the name again meanwhile took nothing.
    pub(super) fn are_open(&self) -> bool {
        self.invite.is_none() && self.password.is_none() && !self.is_locked
    }
}

/// What was tried in vain to come in.
#[derive(Debug)]
pub(super) struct WrongGuesses {
    /// How often somebody came with a wrong secret.
    pub(super) invites: u32,
    /// How often somebody came with a wrong password.
    pub(super) passwords: u32,
    /// When the host was last told of that.
    pub(super) told_at: Option<Instant>,
    /// Passwords that may still be wrong.
    pub(super) left: Bucket,
}

/// Somebody who was put out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Barred {
    peer: PeerId,
    source: Option<Source>,
    nick: String,
}

/// What is kept of a password: nothing that could be used elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PasswordDigest {
    salt: [u8; 16],
    digest: [u8; 32],
}

impl PasswordDigest {
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
pub(super) enum Admission {
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
    /// So many passwords were wrong that none is looked at for a while.
    TooManyWrong,
}

impl Room {
    /// An empty room; `born` tells it from others of its name.
    pub(super) fn new(born: u64, invite: Option<InviteHash>, capacity: u32, now: Instant) -> Self {
        Self {
            members: BTreeSet::new(),
            lobby: Vec::new(),
            host: None,
            came: 0,
            comings: AttemptLimiter::new(COMINGS),
            wrong: WrongGuesses {
                invites: 0,
                passwords: 0,
                told_at: None,
                left: Bucket::new(WRONG_PASSWORDS.burst, WRONG_PASSWORDS.every, now),
            },
            rules: RoomRules {
                born,
                generation: 0,
                capacity,
                is_locked: false,
                invite,
                password: None,
                barred: Vec::new(),
            },
            restored: None,
        }
    }

    /// Judges `peer`, who comes from `source` and shows this. The secret of the invitation lets in by itself, also from
    /// where somebody else was put out; a password does where one is set; without either, the door of an invite room is
    /// where one waits. So does anyone who was put out, or comes from there without the secret: no password helps them.
    pub(super) fn door(&self, peer: PeerId, source: Option<Source>, shown: Credentials<'_>) -> Admission {
        let is_barred = self.is_barred(peer, source);
        match (&self.rules.invite, shown.secret, &self.rules.password, shown.password) {
            _ if self.rules.is_locked => Admission::Locked,
            (Some(hash), Some(secret), ..) if !hash.admits(secret) => Admission::WrongSecret,
            // The room that the link is of is over, and this is a different one.
            (None, Some(_), ..) => Admission::WrongSecret,
            (Some(_), Some(_), ..) if self.was_put_out(peer) => Admission::Knock,
            (Some(_), Some(_), ..) => Admission::Open,
            _ if is_barred => Admission::Knock,
            (_, _, Some(password), Some(given)) if !password.admits(given) => Admission::WrongPassword,
            (_, _, Some(_), Some(_)) => Admission::Open,
            (Some(_), None, _, _) => Admission::Knock,
            (None, _, Some(_), None) => Admission::PasswordWanted,
            (None, _, None, _) => Admission::Open,
        }
    }

    /// Whether the secret that is shown is this room's own.
    pub(super) fn is_invited(&self, shown: Credentials<'_>) -> bool {
        matches!((&self.rules.invite, shown.secret), (Some(hash), Some(secret)) if hash.admits(secret))
    }

    /// Whether a password that is shown is looked at; always, where that changes nothing.
    pub(super) fn judges_password(&mut self, shown: Credentials<'_>, now: Instant) -> bool {
        let is_judged = self.rules.password.is_some() && shown.password.is_some();
        !is_judged || self.wrong.left.has_one(now)
    }

    /// Asks this password from now on, or none; `salt` is drawn again each time.
    pub(super) fn set_password(&mut self, password: Option<&RoomPassword>, salt: [u8; 16]) {
        self.rules.password = password.map(|password| PasswordDigest { salt, digest: password.digest(&salt) });
    }

    /// From now on `peer`, and anyone who comes from `source` without the secret, waits at the door. `nick` is what the
    /// host is told of them.
    pub(super) fn bar(&mut self, peer: PeerId, source: Option<Source>, nick: &str) {
        let barred = &mut self.rules.barred;
        if barred.len() >= BARRED {
            barred.remove(0);
        }
        let nick = nick.get(..nick.floor_char_boundary(BARRED_NICK)).unwrap_or_default().to_owned();
        barred.push(Barred { peer, source, nick });
    }

    /// Anyone who was put out in this run stays out, whatever a newer ticket says.
    pub(super) fn keep_barred(&mut self, earlier: Vec<Barred>) {
        let barred = &mut self.rules.barred;
        for one in earlier {
            if !barred.iter().any(|known| known.peer == one.peer) {
                barred.push(one);
            }
        }
        barred.drain(..barred.len().saturating_sub(BARRED));
    }

    /// Whether `peer`, or somebody from `source`, was put out.
    pub(super) fn is_barred(&self, peer: PeerId, source: Option<Source>) -> bool {
        self.barred_as(peer, source).is_some()
    }

    /// Whether somebody from `source` was put out.
    pub(super) fn is_barred_from(&self, source: Option<Source>) -> bool {
        source.is_some() && self.rules.barred.iter().any(|barred| barred.source == source)
    }

    /// Whether `peer` itself was put out.
    pub(super) fn was_put_out(&self, peer: PeerId) -> bool {
        self.rules.barred.iter().any(|barred| barred.peer == peer)
    }

    /// The name of who was put out and is `peer`, or came from the same `source`: the latest of them.
    pub(super) fn barred_as(&self, peer: PeerId, source: Option<Source>) -> Option<&str> {
        let is_it = |barred: &&Barred| barred.peer == peer || (barred.source.is_some() && barred.source == source);
        self.rules.barred.iter().rev().find(is_it).map(|barred| barred.nick.as_str())
    }

    /// Whether the host's seat is kept for who may be on the way back: nobody has its power then.
    pub(super) fn is_seat_kept(&self) -> bool {
        self.restored.as_ref().is_some_and(|restored| restored.seat_until.is_some())
    }

    pub(super) fn is_full(&self) -> bool {
        self.members.len() >= self.rules.capacity as usize
    }

    pub(super) fn role(&self, peer: PeerId) -> Role {
        if self.host == Some(peer) { Role::Host } else { Role::Guest }
    }

    /// The room as `viewer` may know it.
    pub(super) fn state(&self, viewer: PeerId) -> RoomState {
        let is_host = self.host == Some(viewer);
        let (wrong_invites, wrong_passwords) =
            if is_host { (self.wrong.invites, self.wrong.passwords) } else { (0, 0) };
        RoomState {
            invite_only: self.rules.invite.is_some(),
            capacity: self.rules.capacity,
            locked: self.rules.is_locked,
            has_password: self.rules.password.is_some(),
            wrong_invites,
            wrong_passwords,
        }
    }
}
