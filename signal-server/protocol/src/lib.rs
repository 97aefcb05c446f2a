//! The wire types of Hearth's signalling, version 1: one enum for each direction, shared by server, app and fuzzers.
//!
//! JSON text frames over a WebSocket of subprotocol [`SUBPROTOCOL`]; the guest page's script mirrors these types.
//! Unknown message types and unknown fields are ignored, so that either side may be the newer one.
//! The protocol is described for other implementers in `signal-server/PROTOCOL.md`.
//! This crate holds no state, opens no socket and reads no clock.
//!
//! ```
//! use hearth_protocol::{ClientMessage, Numbered, RoomLink};
//!
//! // Unknown fields are ignored: the other side may be newer.
//! let said: Numbered<ClientMessage> = serde_json::from_str(r#"{"type":"leave","seq":3,"later":true}"#)?;
//! assert_eq!((said.seq, said.message), (Some(3), ClientMessage::Leave));
//!
//! let link = RoomLink::parse("https://192.168.0.5:8443/r/123456789")?;
//! assert_eq!(link.websocket().as_str(), "wss://192.168.0.5:8443/ws");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod fingerprint;
mod ids;
mod limits;
mod link;
mod names;
mod server;
mod signal;

pub use client::{ClientMessage, Create, Join, Moderation, Resume};
pub use fingerprint::fingerprint_hex;
pub use ids::{BadId, InviteHash, InviteSecret, PeerId, RequestId, ResumeToken, RoomName, RoomPassword, Ticket};
pub use limits::Limits;
pub use link::{BadLink, RoomLink, SpkiHash};
pub use names::clean_name;
pub use server::{
    ErrorCode, IceServer, Joined, LeaveReason, LobbyEntry, MediaState, PeerEntry, PeerKind, Role, RoomState,
    ServerMessage,
};
pub use signal::{
    Candidate, ChatText, Description, DescriptionKind, Pc, Refusal, RefusalCode, SessionId, Signal, SignalBody,
};

use serde::{Deserialize, Serialize};

/// The version of the protocol that this crate speaks.
pub const VERSION: u32 = 1;

/// The WebSocket subprotocol; a client that is no browser (and so sends no `Origin`) must name it.
pub const SUBPROTOCOL: &str = "hearth.v1";

/// A message with its place in the sender's stream.
///
/// After `session`, each side numbers what it sends from 1 upwards without holes. A client that resumes says the last
/// number that it received and is told the last number that the server received, so that nothing is lost or doubled.
/// Messages before `session` (`welcome`, `hello`, `resume`, `session` itself) carry no number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Numbered<M> {
    /// The number; absent outside a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The message itself, its fields beside `seq`.
    #[serde(flatten)]
    pub message: M,
}

impl<M> Numbered<M> {
    /// A message outside the numbered stream.
    pub fn bare(message: M) -> Self {
        Self { seq: None, message }
    }
}

#[cfg(test)]
mod tests;
