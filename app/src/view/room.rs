//! A room as its window shows it.

use std::sync::Arc;

use hearth_call::{DescriptionProblem, Hand, PictureFlow, Route, Switch};
use hearth_protocol::{MediaState, PeerId, PeerKind, Role, RoomName};

use super::{ConnectionHistory, Invite, VideoFeed};

/// A room, and us in it or before it.
#[derive(Clone, Debug, Default)]
pub struct Room {
    /// How far we are.
    pub progress: Progress,
    /// Its number or name, once known.
    pub name: Option<RoomName>,
    /// What we may do.
    pub role: Role,
    /// Who comes in, and how.
    pub admission: Admission,
    /// Ourselves.
    pub me: Me,
    /// Who else is there, in the order of their coming.
    pub people: Vec<Person>,
    /// Who waits to be let in; only a host knows.
    pub lobby: Vec<Knocker>,
    /// What was said, the oldest first.
    pub chat: Vec<ChatLine>,
    /// How others come in.
    pub invite: Option<Invite>,
    /// What we know of its server.
    pub server: RoomServer,
    /// Seconds since we came in.
    pub seconds: u64,
}

/// Who comes into a room, and how: its rules, and what they ask of us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// How many people it holds; 0 while unknown.
    pub capacity: u32,
    /// Whether nobody comes in any more.
    pub is_locked: bool,
    /// Whether who comes without the link is asked for a password.
    pub has_password: bool,
    /// Whether who comes without the link or the password waits for the host; else nobody waits here.
    pub is_invite_only: bool,
    /// How it is with the password that would let us in; none where none would.
    pub prompt: Option<PasswordPrompt>,
}

/// A room's server, as far as a person should know of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomServer {
    /// Whether it is the right one.
    pub key: ServerKey,
    /// Whether it has been out of reach for longer than a change of networks takes: the call goes on, and nobody else
    /// can come.
    pub is_lost: bool,
}

/// Who vouches for a server's key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerKey {
    /// It has none, or it is not known yet.
    #[default]
    Absent,
    /// Nobody.
    Unverified {
        /// Words of the key: to be compared with those that the host sees.
        words: String,
    },
    /// The link, or an authority.
    Verified,
}

impl ServerKey {
    /// The words to be compared, where nobody vouches for the key.
    pub fn unverified_words(&self) -> Option<&str> {
        match self {
            Self::Unverified { words } => Some(words),
            Self::Absent | Self::Verified => None,
        }
    }
}

/// How far we are into a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// On the way.
    #[default]
    Entering,
    /// The door asks for a password.
    Asked,
    /// The host is asked.
    Waiting,
    /// In it.
    In,
    /// The server is out of reach; the media flows on.
    Reconnecting,
}

/// How it is with a password that lets us in: `hearth_call::PasswordPrompt`, with seconds in the place of an instant,
/// as the window has no clock and is drawn again when they change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PasswordPrompt {
    /// What should be done.
    pub state: PasswordPromptState,
    /// How many did not open the door: the same answer again is a different one.
    pub refusals: u32,
}

/// What should be done about a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordPromptState {
    /// To be typed.
    #[default]
    Wanted,
    /// The server looks at it.
    Trying,
    /// It was a different one.
    Wrong,
    /// Too many were wrong.
    TooOften {
        /// After so many seconds one may be tried again.
        seconds: u64,
    },
}

/// Ourselves.
#[derive(Clone, Debug, Default)]
pub struct Me {
    /// Who we are, once the room knows us: our colour hangs on it, as the others see it.
    pub id: Option<PeerId>,
    /// What the others call us.
    pub nick: String,
    /// What is wanted of the microphone; what has become of it, `Devices` says.
    pub microphone: Switch,
    /// What is wanted of the camera.
    pub camera: Switch,
    /// Our own picture.
    pub feed: Option<VideoFeed>,
    /// How loud the microphone is, 0 to 1.
    pub level: f32,
    /// Whether our hand is raised.
    pub hand: Hand,
    /// Whether we speak while the microphone is off.
    pub is_muted_talking: bool,
    /// What we share of our desktop.
    pub shared: Option<SharedScreen>,
}

/// Something of our desktop that the others see.
#[derive(Clone, Debug)]
pub struct SharedScreen {
    /// What it is called.
    pub name: String,
    /// How it looks to them.
    pub feed: Option<VideoFeed>,
}

impl Me {
    /// By what our colour is chosen.
    pub fn color_id(&self) -> String {
        self.id.map_or_else(|| "me".to_owned(), |id| id.to_string())
    }
}

/// Somebody else.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who.
    pub id: PeerId,
    /// Their name; may be empty.
    pub nick: String,
    /// What they run.
    pub kind: PeerKind,
    /// What they may do.
    pub role: Role,
    /// What they say that they send.
    pub media: MediaState,
    /// Whether they are heard to speak.
    pub is_speaking: bool,
    /// Their picture.
    pub feed: Option<VideoFeed>,
    /// Their screen, beside their picture or in its place.
    pub screen: Option<VideoFeed>,
    /// Whether their hand is raised.
    pub hand: Hand,
    /// How we are connected.
    pub quality: Quality,
    /// What the connection was like of late.
    pub connection: Arc<ConnectionHistory>,
    /// How loud they are played: 1 is as they are, 0 to 2.
    pub volume: f32,
    /// Why no connection to them can come about.
    pub problem: Option<DescriptionProblem>,
    /// Whether they can show none of the pictures that we send: then they have sound alone.
    pub lacks_video_codec: bool,
    /// How pictures go, while there are any: ours to them, and theirs to us.
    pub pictures: (PictureFlow, PictureFlow),
}

/// How the connection to somebody stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quality {
    /// On its way.
    #[default]
    Connecting,
    /// Loses hardly anything.
    Good(Route),
    /// Loses what is seen or heard.
    Poor(Route),
    /// Nothing comes through; a way is looked for.
    Lost,
}

/// Somebody who waits to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knocker {
    /// Who.
    pub id: PeerId,
    /// What they call themselves.
    pub nick: String,
    /// What they run.
    pub kind: PeerKind,
    /// Whom the host removed from the same address; may be empty, as a name may be.
    pub same_address_as: Option<String>,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatLine {
    /// Who said it.
    pub from: Speaker,
    /// What.
    pub text: String,
    /// Seconds since 1970 when it came.
    pub unix_s: u64,
}

/// Who said something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// We.
    Me,
    /// Somebody, who may be gone by now: the name is what they were called then.
    Person {
        /// Who.
        id: PeerId,
        /// Their name.
        nick: String,
    },
}
