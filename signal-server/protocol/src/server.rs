//! What the server says.

use serde::{Deserialize, Serialize};

use crate::{InviteSecret, Limits, PeerId, RequestId, ResumeToken, RoomName, Signal, Ticket};

/// A message from server to client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The first message on every connection.
    Welcome {
        /// The versions that the server speaks.
        v: Vec<u32>,
        /// What it can do beyond them.
        #[serde(default)]
        features: Vec<String>,
        /// What it takes.
        limits: Limits,
        /// Seconds between its pings: two missed and the connection is dead.
        ping_s: u32,
    },
    /// The answer to `hello` and `resume`.
    Session {
        /// Who the client is from now on.
        peer_id: PeerId,
        /// What brings it back; renewed at each resume.
        resume_token: ResumeToken,
        /// Whether this is the session asked for (else it is new, and the client is in no room).
        resumed: bool,
        /// The last client message that arrived; what came after it must be sent again.
        last_seq: u64,
    },
    /// The answer to `create` and `join`.
    Joined(Joined),
    /// The request was refused, or a message was bad.
    Error {
        /// The request; absent for errors that answer none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<RequestId>,
        /// Why.
        code: ErrorCode,
        /// For a developer; a person reads the sentence of `code`.
        #[serde(default)]
        message: String,
        /// Seconds after which to try again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
        /// With `full`: how many people the room holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        capacity: Option<u32>,
    },
    /// A join waits for the host; `joined` or `error {denied}` follows.
    Waiting {
        /// The request.
        #[serde(default)]
        id: RequestId,
        /// Another join, with the room's password, lets in without the host. False where there is one that would not.
        #[serde(default)]
        has_password: bool,
    },
    /// To the host: somebody waits.
    LobbyRequest {
        /// Who.
        peer: LobbyEntry,
    },
    /// To the host: they wait no longer, whether let in, sent away or gone by themselves.
    LobbyLeft {
        /// Who.
        id: PeerId,
    },
    /// The host has taken us out of the room.
    Kicked,
    /// The host has silenced everybody: a client turns its microphone off, and on again only when its person does.
    Muted,
    /// The room is a different one than it was, or we may do something else in it.
    RoomState {
        /// What we may do now.
        #[serde(default)]
        role: Role,
        /// The room.
        room_state: RoomState,
    },
    /// The invitation has another secret: it is in links from now on, and brings back anyone who has to come in again.
    InviteRenewed {
        /// The secret.
        invite: InviteSecret,
    },
    /// What brings us back to this place, should the server be restarted: in place of the one before.
    Ticket {
        /// To be shown with the token.
        ticket: Ticket,
    },
    /// Somebody came.
    PeerJoined {
        /// Who.
        peer: PeerEntry,
    },
    /// Somebody changed, or came back from away.
    PeerUpdated {
        /// Who, with everything that is true now.
        peer: PeerEntry,
    },
    /// Somebody's connection to the server broke. Keep the media: it does not pass through the server.
    PeerAway {
        /// Who.
        id: PeerId,
    },
    /// Somebody is gone.
    PeerLeft {
        /// Who.
        id: PeerId,
        /// Why.
        reason: LeaveReason,
    },
    /// A word from another peer.
    Signal(Signal),
    /// The room is over.
    RoomEnded {
        /// Why.
        reason: LeaveReason,
    },
    /// New credentials, given before the old ones run out.
    IceRefresh {
        /// Replaces the earlier list.
        ice_servers: Vec<IceServer>,
        /// Seconds until these run out.
        ice_expires: u32,
    },
    /// The server goes down soon: a client may look for another.
    ServerDraining,
    /// A type that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A room, seen by who has just come in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Joined {
    /// The request.
    #[serde(default)]
    pub id: RequestId,
    /// The room.
    pub room: RoomName,
    /// Who else is here.
    pub peers: Vec<PeerEntry>,
    /// STUN and TURN servers.
    #[serde(default)]
    pub ice_servers: Vec<IceServer>,
    /// Seconds until their credentials run out; 0 when they never do.
    #[serde(default)]
    pub ice_expires: u32,
    /// What this peer may do.
    #[serde(default)]
    pub role: Role,
    /// The state of the room.
    #[serde(default)]
    pub room_state: RoomState,
}

/// Somebody in the room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeerEntry {
    /// Who.
    pub id: PeerId,
    /// What people call them.
    #[serde(default)]
    pub nick: String,
    /// What they run.
    #[serde(default)]
    pub kind: PeerKind,
    /// What they send.
    #[serde(default)]
    pub media: MediaState,
    /// What they may do.
    #[serde(default)]
    pub role: Role,
    /// Whether *you* give way to them when two offers cross (perfect negotiation). The one who joined later is polite,
    /// and makes the first offer.
    #[serde(default)]
    pub polite: bool,
    /// Whether their connection to the server is broken at the moment.
    #[serde(default)]
    pub away: bool,
}

/// Somebody who waits to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LobbyEntry {
    /// Who: the id that they keep in the room.
    pub id: PeerId,
    /// What they call themselves.
    #[serde(default)]
    pub nick: String,
    /// What they run.
    #[serde(default)]
    pub kind: PeerKind,
    /// The name of somebody whom the host removed, and who was at the same address; may be empty, as a name may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_address_as: Option<String>,
}

/// What a peer runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerKind {
    /// The desktop client.
    Native,
    /// The guest page.
    #[default]
    Web,
    /// A SimpleWebRTC page.
    Legacy,
}

/// What a peer sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaState {
    /// A microphone that is on.
    #[serde(default)]
    pub audio: bool,
    /// A camera that is on.
    #[serde(default)]
    pub video: bool,
    /// A shared screen.
    #[serde(default)]
    pub screen: bool,
}

/// What a peer may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Made the room.
    Host,
    /// Was let in.
    #[default]
    Guest,
}

/// The state of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomState {
    /// Only the invitation's secret lets in at once.
    #[serde(default)]
    pub invite_only: bool,
    /// How many people it holds; 0 from a server that does not say.
    #[serde(default)]
    pub capacity: u32,
    /// Nobody comes in any more.
    #[serde(default)]
    pub locked: bool,
    /// Who comes without the secret is asked for a password.
    #[serde(default)]
    pub has_password: bool,
    /// To the host alone: how often somebody came with a wrong secret.
    #[serde(default)]
    pub wrong_invites: u32,
    /// To the host alone: how often somebody came with a wrong password.
    #[serde(default)]
    pub wrong_passwords: u32,
}

/// A STUN or TURN server, as RTCIceServer has it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:` and `turn:` addresses.
    pub urls: Vec<String>,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The credential is a secret; the user of a REST credential is a time and harmless.
        f.debug_struct("IceServer").field("urls", &self.urls).field("username", &self.username).finish_non_exhaustive()
    }
}

/// Why somebody is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// Said so.
    Left,
    /// Did not come back in the grace.
    TimedOut,
    /// The host ended the room.
    Ended,
    /// The host took them out.
    Kicked,
    /// The server refused to go on: a flood, or a queue that overflowed.
    Dropped,
    /// Something that a newer server knows.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the codes of SIGNALLING say themselves what they are")]
pub enum ErrorCode {
    Full,
    Taken,
    Locked,
    BadPassword,
    BadInvite,
    Denied,
    Banned,
    RateLimited,
    BadRoom,
    NoSuchRoom,
    RoomEnded,
    NotHost,
    NotInRoom,
    NoSuchSession,
    BadMessage,
    UnsupportedVersion,
    /// A code of a newer server.
    #[serde(other)]
    Unknown,
}
