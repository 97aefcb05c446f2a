//! What all participants of a call share, and what they leave behind in it.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use hearth_base::{TrackId, VideoCodec};
use hearth_protocol::{Pc, PeerId, SignalBody};
use rand_chacha::ChaCha12Rng;

use crate::candidates::Loopback;
use crate::channel::ChannelMessage;
use crate::chat::Said;
use crate::io::Hand;
use crate::path::{SocketId, SocketKind};
use crate::peer_connection::LinkConfig;
use crate::transport::checks::CheckBudget;
use crate::transport::gather::IceConfig;
use crate::transport::inbound::Received;

/// What all peers of a call share.
pub(crate) struct Context<'a> {
    pub(crate) link: &'a LinkConfig,
    pub(crate) ice_config: &'a IceConfig,
    pub(crate) loopback: Loopback,
    /// Whether the server can be reached.
    pub(crate) can_signal: bool,
    /// What we send at the moment, for the others' marks.
    pub(crate) media: ChannelMessage,
    /// Whether our hand is raised.
    pub(crate) hand: Hand,
    /// What we said in the room.
    pub(crate) said: &'a Said,
    pub(crate) next_socket: &'a mut u32,
    pub(crate) next_track: &'a mut u32,
    /// Checks toward addresses that never answered, over all peers.
    pub(crate) checks: &'a mut CheckBudget,
    pub(crate) rng: &'a mut ChaCha12Rng,
    pub(crate) outputs: &'a mut VecDeque<PeerOutput>,
}

/// What a peer wants done, or what happened to it.
#[derive(Debug)]
pub(crate) enum PeerOutput {
    Say {
        to: PeerId,
        pc: Pc,
        sid: hearth_protocol::SessionId,
        body: SignalBody,
    },
    Open {
        socket: SocketId,
        kind: SocketKind,
    },
    Close(SocketId),
    Transmit {
        socket: SocketId,
        to: SocketAddr,
        payload: Bytes,
    },
    Received {
        from: PeerId,
        what: Received,
    },
    /// They said something.
    Chat {
        from: PeerId,
        nick: String,
        text: String,
    },
    End(TrackId),
    KeyFrameWanted(TrackId, VideoCodec),
    Connected,
    Bye(PeerId),
    Changed,
    /// What the links bear, or lose, is another amount.
    Rates,
}
