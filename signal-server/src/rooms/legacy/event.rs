//! What a legacy page hears: events and answers, as values of JSON.
//!
//! Holds no state; the gateway puts them into packets.

use hearth_protocol::{IceServer, PeerId};
use serde_json::{Map, Value, json};

use super::AckId;

/// One thing that a legacy page hears.
#[derive(Clone, Debug, PartialEq)]
pub enum LegacyEvent {
    /// The STUN servers: in the place of those that the page has.
    StunServers(Vec<IceServer>),
    /// The TURN servers: beside those that the page has.
    TurnServers(Vec<IceServer>),
    /// A word from another one, stamped with who said it.
    Message(Map<String, Value>),
    /// Somebody is gone, or their screen.
    Remove {
        /// Who.
        id: PeerId,
        /// Their screen only.
        only_screen: bool,
    },
    /// The answer to a request.
    Ack {
        /// Which.
        ack: AckId,
        /// The arguments of the page's callback.
        values: Vec<Value>,
    },
}

impl LegacyEvent {
    /// The event's name and argument; none for an answer.
    pub fn named(&self) -> Option<(&'static str, Value)> {
        Some(match self {
            Self::StunServers(servers) => ("stunservers", to_value(servers)),
            Self::TurnServers(servers) => ("turnservers", to_value(servers)),
            Self::Message(message) => ("message", Value::Object(message.clone())),
            Self::Remove { id, only_screen: true } => ("remove", json!({ "id": id.as_str(), "type": "screen" })),
            Self::Remove { id, only_screen: false } => ("remove", json!({ "id": id.as_str() })),
            Self::Ack { .. } => return None,
        })
    }
}

/// What a page is told of somebody who is in the room when it comes: for each `true` it makes a peer connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientEntry {
    pub(super) id: PeerId,
    pub(super) screen: bool,
}

/// The answer to a `join`.
pub(super) fn joined(clients: &[ClientEntry]) -> Vec<Value> {
    // Always a picture: who has no camera now is met all the same, and may have one later. Never `audio`, which the
    // page would take for a connection of its own.
    let one = |client: &ClientEntry| {
        (client.id.as_str().to_owned(), json!({ "screen": client.screen, "video": true, "audio": false }))
    };
    let clients: Map<String, Value> = clients.iter().map(one).collect();
    vec![Value::Null, json!({ "clients": clients })]
}

fn to_value(servers: &[IceServer]) -> Value {
    serde_json::to_value(servers).unwrap_or_default()
}
