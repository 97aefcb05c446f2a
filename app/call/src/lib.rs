//! One call as a sans-IO state machine: rooms, peers, paths and packets, without a socket, a clock or a codec.
//!
//! [`Call`] is fed [`Input`]s with the time at which they happened and asked for [`Output`]s. The shell round it (the
//! engine of the desktop client, or a test in virtual time) owns sockets, clock and devices. Its modules:
//! - [`Call`] itself: the person's actions, the room, who is in it;
//! - `session`: our end of signalling, which survives its connection;
//! - `participant`: one other person: who they are, what they send, what they say;
//! - `transport`: a connection to one of them through all of its generations: ICE, sockets, the media on it;
//! - `peer_connection`: the only module that names `rtc`, with every trap of that crate met;
//! - `media`: packets and frames; `send`: estimate, pacing, layers.
//!
//! What is deliberately not here: devices and codecs (`hearth-media`), anything that waits.
//!
//! ```
//! use std::time::Instant;
//!
//! use hearth_base::VideoCodec;
//! use hearth_call::{Call, CallConfig, CallPhase, Command, Input, Loopback, Output, TransportPolicy};
//! use hearth_protocol::RoomName;
//!
//! let now = Instant::now(); // the shell's clock; the call reads none
//! let config = CallConfig {
//!     seed: [7; 32],
//!     nick: "Ann".to_owned(),
//!     video_codecs: vec![VideoCodec::Vp8],
//!     transport: TransportPolicy::All,
//!     loopback: Loopback::Refused,
//! };
//! let mut call = Call::new(config);
//! let room = RoomName::parse("123456789")?;
//! call.handle(Input::Command(Command::Join { room, secret: None, password: None }), now);
//! // It wants a connection to the signalling server; the shell opens one and reports `Input::Signalling`.
//! let outputs: Vec<Output> = std::iter::from_fn(|| call.poll_output()).collect();
//! assert!(outputs.iter().any(|output| matches!(output, Output::DialSignal)));
//! assert_eq!(call.snapshot().phase, CallPhase::Joining);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "virtual time begins somewhere"))]

mod addresses;
mod backoff;
mod call;
mod candidates;
mod channel;
mod chat;
mod connection_stats;
mod description;
mod direct;
#[doc(hidden)]
pub mod fuzz;
mod io;
mod media;
mod negotiation;
mod our_description;
mod outputs;
mod participant;
mod participants;
mod path;
mod peer_connection;
mod publications;
mod reflexive;
mod send;
mod session;
mod shared;
mod snapshot;
mod sockets;
mod stats;
mod stream;
mod topology;
mod transport;
mod watching;

pub use addresses::{AdapterType, LocalAddress};
pub use call::Call;
pub use candidates::Loopback;
pub use chat::ChatMessage;
pub use connection_stats::{
    CandidatePairStats, ClockReading, ConnectionStats, InboundStats, OutboundStats, PeerStats, ReceivedPackets,
    RemoteInboundStats, SentPackets, TransportStats,
};
pub use hearth_base::Switch;
pub use io::{
    CallConfig, Command, Hand, HostAct, HostRule, Input, MediaCommand, Output, SignallingState, TransportPolicy,
};
pub use send::stills::PictureFlow;
pub use snapshot::{
    CallPhase, ConnectionSnapshot, DescriptionProblem, EndReason, PairSnapshot, PasswordPrompt, PasswordPromptState,
    PeerPhase, PeerSnapshot, PublishedTrack, RefusedRequest, Route, Snapshot,
};
pub use sockets::{SocketId, SocketKind};
pub use stats::{PeerCounters, TransportCounters};
pub use stream::{RelayStream, StreamSecurity, is_media};
pub use watching::Watching;
