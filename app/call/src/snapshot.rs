//! What a person, a test or a log sees of a call: values, nothing that lives.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_base::{Bitrate, Layer, Switch, TrackId, TrackSource, VideoCodec};
use hearth_protocol::{
    ErrorCode, InviteSecret, LobbyEntry, MediaState, PeerId, PeerKind, RefusalCode, Role, RoomName, RoomPassword,
    RoomState,
};

use crate::chat::ChatMessage;
use crate::io::Hand;
use crate::send::stills::PictureFlow;
use crate::stats::PeerCounters;
use crate::watching::Watching;

/// One look at a call.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Where the call stands.
    pub phase: CallPhase,
    /// The room, once known.
    pub room: Option<RoomName>,
    /// Who we are in it.
    pub me: Option<PeerId>,
    /// What we may do.
    pub role: Role,
    /// What the server says of the room.
    pub room_state: RoomState,
    /// Who waits to be let in; only a host knows.
    pub lobby: Vec<LobbyEntry>,
    /// What was said, the oldest first.
    pub chat: Arc<VecDeque<ChatMessage>>,
    /// Whether our hand is raised.
    pub hand: Hand,
    /// Who else is there, in the order of their ids.
    pub peers: Vec<PeerSnapshot>,
    /// Our tracks, in the order in which they were published.
    pub tracks: Vec<PublishedTrack>,
    /// Signalling messages that were refused.
    pub refused_signals: u64,
    /// How often the host has silenced everybody. The microphone was off each time, until the person said otherwise.
    pub silenced: u32,
    /// What the server did not let us do last, while we were in the room.
    pub refused: Option<RefusedRequest>,
    /// The secret that the invitation was given while we were in the room: it is in links from then on.
    pub renewed: Option<InviteSecret>,
    /// The password that the door was told, as far as it is not known to be wrong: what opens it another time.
    pub password: Option<RoomPassword>,
}

impl Snapshot {
    /// Returns our first track of this source.
    pub fn track(&self, source: TrackSource) -> Option<PublishedTrack> {
        self.tracks.iter().copied().find(|track| track.source == source)
    }
}

/// A track that we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedTrack {
    /// Its number.
    pub id: TrackId,
    /// What it shows, or lets hear.
    pub source: TrackSource,
    /// Whether its frames really go out.
    pub enabled: Switch,
}

/// The server did not let us do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedRequest {
    /// How often that has been so: the same refusal again is a different one.
    pub count: u32,
    /// Why.
    pub code: ErrorCode,
    /// With `full`: how many people the room holds.
    pub capacity: Option<u32>,
}

/// Where a call stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CallPhase {
    /// Nothing is wanted yet.
    #[default]
    Idle,
    /// On the way into a room.
    Joining,
    /// The host is asked to let us in; where there is one, a password does, too.
    Lobby(Option<PasswordPrompt>),
    /// The door opens to a password, which the person has to say.
    Asked(PasswordPrompt),
    /// In it.
    InRoom,
    /// The server is out of reach; the media flows on.
    Resuming {
        /// Tries so far.
        attempt: u32,
    },
    /// Over.
    Ended(EndReason),
}

impl CallPhase {
    /// Whether somebody, or something, keeps us waiting before the room.
    pub fn is_at_door(&self) -> bool {
        matches!(self, Self::Lobby(_) | Self::Asked(_))
    }
}

/// How it is with the password that a door asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PasswordPrompt {
    /// What should be done.
    pub state: PasswordPromptState,
    /// How many passwords did not open the door: the same answer again is a different one.
    pub refusals: u32,
}

/// What should be done about a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordPromptState {
    /// To be said.
    #[default]
    Wanted,
    /// The server looks at one.
    Trying,
    /// It was a different one.
    Wrong,
    /// Too many were wrong.
    TooOften {
        /// When one may be said again.
        until: Instant,
    },
}

/// Why a call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// We left.
    Left,
    /// The room is full.
    Full {
        /// How many people it holds; 0 from a server that does not say.
        capacity: u32,
    },
    /// The host took us out of the room.
    Kicked,
    /// The server said no.
    Refused(ErrorCode),
    /// The server could not be reached in time.
    Unreachable,
    /// The room is over.
    RoomEnded,
}

/// Somebody else.
#[derive(Clone, Debug)]
pub struct PeerSnapshot {
    /// Who.
    pub id: PeerId,
    /// Their name.
    pub nick: String,
    /// What they run.
    pub kind: PeerKind,
    /// What they may do.
    pub role: Role,
    /// Rises in the order in which people came to be known.
    pub came: u64,
    /// What they say they send.
    pub media: MediaState,
    /// Whether their hand is raised.
    pub hand: Hand,
    /// Whether their connection to the server is broken.
    pub away: bool,
    /// Their tracks.
    pub tracks: Vec<(TrackId, TrackSource)>,
    /// What we look at of their pictures.
    pub watching: Watching,
    /// How we are connected to them.
    pub connection: ConnectionSnapshot,
}

/// The connection to one participant: how it stands, what it bears, and what was counted.
#[derive(Clone, Debug)]
pub struct ConnectionSnapshot {
    /// How it stands.
    pub phase: PeerPhase,
    /// The round trip.
    pub round_trip: Option<Duration>,
    /// The share of our packets that they lose, 0 to 1.
    pub loss: f64,
    /// What the link to them is thought to bear.
    pub estimate: Bitrate,
    /// How long what we send waits on the way for what we sent before; `None` where they report no times.
    pub queue: Option<Duration>,
    /// How pictures go over it: ours to them, and theirs to us, as they say.
    pub pictures: (PictureFlow, PictureFlow),
    /// What they get of each of our tracks of video: its layer, 0 for the smallest, once it has begun.
    pub layers: Vec<(TrackId, Layer)>,
    /// Both ends' candidates of the path in use.
    pub pair: Option<PairSnapshot>,
    /// DTLS fingerprints, theirs and ours: what the room's code is made of.
    pub fingerprints: Option<(String, String)>,
    /// What they get our picture in; `None` while nothing goes to them.
    pub video_codec: Option<VideoCodec>,
    /// Whether they speak of video and can take none of ours.
    pub lacks_video_codec: bool,
    /// Why no connection can come about, where one side's description is not taken.
    pub problem: Option<DescriptionProblem>,
    /// Handshakes so far: 1, unless the connection had to be rebuilt.
    pub handshakes: u32,
    /// ICE restarts so far.
    pub restarts: u32,
    /// What was counted.
    pub counters: PeerCounters,
}

impl ConnectionSnapshot {
    /// Whether media goes.
    pub const fn is_connected(&self) -> bool {
        matches!(self.phase, PeerPhase::Connected(_))
    }
}

/// Why a description is not taken, as far as a person can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptionProblem {
    /// There is no audio codec in common.
    NoCommonAudio,
    /// Their program builds calls in a way that Hearth does not know (no BUNDLE, no rtcp-mux, no fingerprint).
    Incompatible,
}

impl DescriptionProblem {
    pub(crate) fn of(code: RefusalCode) -> Self {
        match code {
            RefusalCode::Audio => Self::NoCommonAudio,
            RefusalCode::Bundle
            | RefusalCode::RtcpMux
            | RefusalCode::Fingerprint
            | RefusalCode::Credentials
            | RefusalCode::Malformed
            | RefusalCode::Unknown => Self::Incompatible,
        }
    }
}

/// The two candidates that media goes between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairSnapshot {
    /// Ours: `host`, `srflx`, `prflx` or `relay`, and the address.
    pub local: (String, String),
    /// Theirs.
    pub remote: (String, String),
}

impl PairSnapshot {
    /// Whether both lead the same way: between the same addresses, through a relay or not. A candidate that is found
    /// before it is told (`prflx`, then `host`) and a router that gives another port change no way.
    pub(crate) fn is_route_of(&self, other: &Self) -> bool {
        fn ends((kind, address): &(String, String)) -> (bool, &str) {
            (kind == "relay", address.split(' ').next().unwrap_or_default())
        }
        ends(&self.local) == ends(&other.local) && ends(&self.remote) == ends(&other.remote)
    }
}

/// How the connection to a peer stands.
///
/// ```text
/// Negotiating -> Connecting -> Connected <-> Faltering -> Restarting -> Connected
///      ^              |                                       |
///      +--- Failed <--+---------------------------------------+        any -> (gone from the snapshot)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerPhase {
    /// Offer and answer are under way.
    Negotiating,
    /// Checks and handshake are under way.
    Connecting,
    /// Media flows, directly or through a relay.
    Connected(Route),
    /// Nothing has been heard for a moment.
    Faltering,
    /// A new path is looked for.
    Restarting {
        /// Tries so far.
        attempt: u32,
    },
    /// It did not work; it is tried again.
    Failed,
}

/// Which way media takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// From socket to socket.
    Direct,
    /// Through a TURN server, ours or theirs.
    Relayed,
}
