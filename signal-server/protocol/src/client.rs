//! What a client says.

use serde::{Deserialize, Serialize};

use crate::{
    InviteHash, InviteSecret, MediaState, PeerId, PeerKind, RequestId, ResumeToken, RoomName, RoomPassword, Signal,
    Ticket,
};

/// A message from client to server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// The first message: the versions that the client speaks, its name and version, and perhaps the session that it
    /// wants back. Answered by `session`, or by `error {unsupported_version}` and the end.
    Hello {
        /// Versions, the preferred one first.
        v: Vec<u32>,
        /// Program and version, for the log: at most 64 bytes are kept.
        #[serde(default)]
        client: String,
        /// What it is, as the others are told: a screen, for one, is sent differently to each kind.
        #[serde(default)]
        kind: PeerKind,
        /// The session to come back to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume: Option<Resume>,
    },
    /// Asks for a session back on a connection that already said hello; answered by `session` or
    /// `error {no_such_session}`.
    Resume(Resume),
    /// Makes a room and joins it as its host.
    Create(Create),
    /// Joins a room.
    Join(Join),
    /// Says what this peer sends now; the others hear `peer_updated`.
    Update {
        /// What is sent now.
        media: MediaState,
    },
    /// A word for another peer of the room.
    Signal(Signal),
    /// Leaves the room; the session goes on.
    Leave,
    /// The host lets in somebody who waits.
    Admit(Moderation),
    /// The host sends away somebody who waits: their join is answered by `error {denied}`.
    Deny(Moderation),
    /// The host takes somebody out of the room: they hear `kicked`, the others `peer_left {kicked}`.
    Kick(Moderation),
    /// The host makes somebody else of the room the host: both, and all others, hear who may do what now.
    MakeHost(Moderation),
    /// The host silences everybody: each hears `muted`. Only they themselves can speak again.
    MuteAll {
        /// Comes back if it is refused.
        #[serde(default)]
        id: RequestId,
    },
    /// The host closes the room: nobody comes in any more, nor waits at the door.
    Lock {
        /// Comes back if it is refused.
        #[serde(default)]
        id: RequestId,
    },
    /// The host opens it again.
    Unlock {
        /// Comes back if it is refused.
        #[serde(default)]
        id: RequestId,
    },
    /// The host asks a password of who comes without the invitation's secret, or asks it no longer.
    SetPassword {
        /// Comes back if it is refused.
        #[serde(default)]
        id: RequestId,
        /// The new one; without it there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<RoomPassword>,
    },
    /// The host changes the secret of the invitation: everybody in the room hears the new one, and the old link lets
    /// nobody in.
    RenewInvite {
        /// Comes back if it is refused.
        #[serde(default)]
        id: RequestId,
        /// The new secret. The server passes it on and keeps its hash alone.
        invite: InviteSecret,
    },
    /// The host ends the room for all.
    EndRoom {
        /// Comes back if it is refused.
        #[serde(default)]
        id: RequestId,
    },
    /// A type that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A session to come back to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// The token that `session` gave.
    pub token: ResumeToken,
    /// The last server message that arrived.
    pub last_seq: u64,
    /// The last ticket that came, should the server not know the token any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
}

/// A room to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Create {
    /// Comes back in the answer.
    #[serde(default)]
    pub id: RequestId,
    /// The name wished for; without one the server picks a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomName>,
    /// What the others call this peer.
    #[serde(default)]
    pub nick: String,
    /// Makes the room an invite room: who knows the secret behind this hash comes in, who knows the name alone waits
    /// until the host lets them in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite_hash: Option<InviteHash>,
    /// How many people it is to hold; the server's limit where it is left out or greater.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// What this peer sends.
    #[serde(default)]
    pub media: MediaState,
}

/// What a host does to somebody; refused with `error {not_host}` to anybody else. It has no answer of its own: what it
/// brings about is told to everybody whom it concerns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moderation {
    /// Comes back if it is refused.
    #[serde(default)]
    pub id: RequestId,
    /// To whom.
    pub peer: PeerId,
}

/// A room to join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Join {
    /// Comes back in the answer.
    #[serde(default)]
    pub id: RequestId,
    /// The room.
    pub room: RoomName,
    /// What the others call this peer.
    #[serde(default)]
    pub nick: String,
    /// The secret from the invitation's link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<InviteSecret>,
    /// What the host asks of those who have no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<RoomPassword>,
    /// What this peer sends.
    #[serde(default)]
    pub media: MediaState,
}
