//! What goes into a call and what comes out of it. Every variant is a value: a test writes them by hand.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use hearth_base::{Bitrate, EncodedFrame, Layer, Switch, TemporalLayers, TrackId, TrackSource, VideoCodec};
use hearth_protocol::{ClientMessage, InviteSecret, Numbered, PeerId, RoomName, RoomPassword, ServerMessage};

use crate::addresses::LocalAddress;
use crate::candidates::Loopback;
use crate::sockets::{SocketId, SocketKind};
use crate::watching::Watching;

/// How a call is set up.
#[derive(Clone, Debug)]
pub struct CallConfig {
    /// All of the call's chance comes from this: two calls of one seed and one input are the same.
    pub seed: [u8; 32],
    /// What the others call us.
    pub nick: String,
    /// What the media side can encode and decode, the best first.
    pub video_codecs: Vec<VideoCodec>,
    /// Which ways media may take.
    pub transport: TransportPolicy,
    /// Whether peers may be on this very machine's loopback.
    pub loopback: Loopback,
}

/// Which ways media may take (RTCIceTransportPolicy).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransportPolicy {
    /// The best that works.
    #[default]
    All,
    /// Through a relay only: nobody learns our address.
    RelayOnly,
}

/// What the person wants.
#[derive(Clone, Debug)]
pub enum Command {
    /// A new room, with us in it.
    Create {
        /// Who knows this secret comes in, others wait for the host; everybody comes in, without one.
        secret: Option<InviteSecret>,
        /// How many people it holds; the server's limit where it is none.
        capacity: Option<u32>,
    },
    /// Into a room.
    Join {
        /// Which.
        room: RoomName,
        /// What lets in.
        secret: Option<InviteSecret>,
        /// What the host asks of those who have no secret.
        password: Option<RoomPassword>,
    },
    /// To open a door that asks for a password.
    Password(RoomPassword),
    /// To be called so; before the room only.
    SetNick(String),
    /// To say something to all.
    Say(String),
    /// To be seen with a raised hand, or no longer.
    SetHand(Hand),
    /// What only a host may do to somebody.
    Moderate(HostAct, PeerId),
    /// What only a host may decide about the room.
    Rule(HostRule),
    /// Out of the room, and everybody else too; only a host may.
    EndRoom,
    /// Sends a further track, enabled; the snapshot has its number. In a call, those who are there are offered it.
    /// Ignored beyond eight tracks.
    Publish(TrackSource),
    /// Sends a track no more.
    Unpublish(TrackId),
    /// Whether frames of a track really go out, and the others are told that it is on. What the person wants of a
    /// device is the shell's: a camera that is wanted and is not there is not enabled.
    SetEnabled(TrackId, Switch),
    /// What of somebody's pictures is looked at from now on: they send no more than that.
    Watch(PeerId, Watching),
    /// Out of the room, for good.
    Leave,
}

/// What a host does to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostAct {
    /// Lets them in.
    Admit,
    /// Sends them away from the door.
    Deny,
    /// Takes them out of the room.
    Kick,
    /// Hands the role over to them.
    MakeHost,
}

/// What a host decides about the whole room.
#[derive(Clone, Debug, PartialEq)]
pub enum HostRule {
    /// Everybody else is silenced; they may speak again by themselves.
    MuteAll,
    /// Nobody comes in any more, nor waits at the door.
    Lock,
    /// People come in again.
    Unlock,
    /// What is asked of people who come without the invitation; nothing, where it is none.
    Password(Option<RoomPassword>),
    /// The link has this secret from now on; the old one lets nobody in.
    Invite(InviteSecret),
}

/// Whether somebody asks for the floor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hand {
    /// No.
    #[default]
    Down,
    /// They have raised a hand.
    Up,
}

/// The state of the connection to the signalling server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignallingState {
    /// Open, and nothing said on it yet.
    Up,
    /// Closed, or never opened.
    Down,
}

/// What goes in.
#[derive(Debug)]
pub enum Input {
    /// The person wants something.
    Command(Command),
    /// The server said something.
    Signal(Numbered<ServerMessage>),
    /// The connection to the server opened or closed.
    Signalling(SignallingState),
    /// A datagram arrived on a socket, or more bytes on a stream.
    Datagram {
        /// Which.
        socket: SocketId,
        /// From whom.
        from: SocketAddr,
        /// All of it.
        payload: Bytes,
    },
    /// A socket that was asked for is open, or could not be opened, or is a stream that has ended.
    Socket {
        /// Which.
        socket: SocketId,
        /// Its address; `None` when it could not be opened, or is open no more.
        local: Option<SocketAddr>,
    },
    /// The addresses of this machine that others may reach, all of them, the best first.
    Interfaces(Vec<LocalAddress>),
    /// This machine has slept: whatever was known of the network may hold no more.
    Woke,
    /// A frame of ours.
    Frame(EncodedFrame),
    /// Somebody answered for a name of [`Output::Resolve`], or nobody did in time.
    Resolved {
        /// The name.
        name: String,
        /// Who has it.
        address: Option<IpAddr>,
    },
    /// A decoder erred on a track of theirs: only a key frame helps.
    DecoderLost(TrackId),
    /// The time that [`crate::Call::poll_timeout`] gave has come.
    Timeout,
}

/// What comes out.
#[derive(Debug)]
pub enum Output {
    /// Send a datagram; on a stream, these bytes, which are one message ([`crate::is_media`] says whether it matters).
    Transmit {
        /// From which socket.
        socket: SocketId,
        /// To whom; a stream has one other end.
        to: SocketAddr,
        /// All of it.
        payload: Bytes,
    },
    /// Say something to the server. Lost when the link is down: the session says it again.
    Signal(Numbered<ClientMessage>),
    /// Open a connection to the server, and report [`Input::Signalling`].
    DialSignal,
    /// Close it.
    HangUpSignal,
    /// Open a socket, and report [`Input::Socket`].
    OpenSocket {
        /// How it will be called.
        socket: SocketId,
        /// Which sort.
        kind: SocketKind,
    },
    /// Close it.
    CloseSocket(SocketId),
    /// Ask the local network, by multicast alone, who has this name, and report [`Input::Resolved`].
    Resolve(String),
    /// Something for the encoders and decoders.
    Media(MediaCommand),
    /// A frame of theirs.
    Frame(EncodedFrame),
    /// The host has silenced us: close the microphone, until the person opens it.
    Silenced,
    /// The snapshot is a different one.
    Changed,
}

/// Something for the media side to do.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaCommand {
    /// Whether anybody takes this layer in this codec: what nobody takes need not be encoded. Nothing is, to begin
    /// with.
    Subscribed {
        /// Our track.
        track: TrackId,
        /// Its layer.
        layer: Layer,
        /// How it is encoded.
        codec: VideoCodec,
        /// Whether.
        by_anybody: bool,
    },
    /// The next picture of this layer in this codec is to stand alone.
    KeyFrame {
        /// Our track.
        track: TrackId,
        /// Its layer.
        layer: Layer,
        /// How it is encoded.
        codec: VideoCodec,
    },
    /// How this layer should be encoded, in each codec.
    Target {
        /// Our track.
        track: TrackId,
        /// Its layer.
        layer: Layer,
        /// Bits a second, of all its temporal layers.
        bitrate: Bitrate,
        /// How many these are.
        temporal: TemporalLayers,
    },
    /// The share of packets that the worst of the links loses, 0 to 1: for Opus's in-band FEC.
    Loss(f64),
    /// A track of theirs begins.
    Begin {
        /// The track.
        track: TrackId,
        /// Whose.
        peer: PeerId,
        /// From where.
        source: TrackSource,
    },
    /// It is over.
    End(TrackId),
}
