//! The limits that a server announces in `welcome`, so that no client finds them by being refused.

use serde::{Deserialize, Serialize};

/// What a server takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Longest message, bytes.
    pub message_bytes: u32,
    /// Longest nickname, bytes; a longer one is cut.
    pub nick_bytes: u32,
    /// People in a room.
    pub room_peers: u32,
    /// Messages a second that a client may send for ever.
    pub messages_per_s: u32,
    /// Messages that it may send at once.
    pub message_burst: u32,
    /// Bytes a second that a client may send for ever; 0 from a server that does not say.
    #[serde(default)]
    pub bytes_per_s: u32,
    /// Bytes that it may send at once.
    #[serde(default)]
    pub byte_burst: u32,
    /// Seconds that a session outlives its connection.
    pub resume_grace_s: u32,
    /// Messages kept for a client that is away; beyond that its session ends.
    pub resume_queue: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // An SDP of a call with a dozen tracks is 30 kB; browsers' are the longest.
            message_bytes: 256 * 1024,
            nick_bytes: 64,
            // A mesh of more melts the access link before the server notices (PRODUCT: a room holds 12).
            room_peers: 12,
            // A join into a full room is 11 offers or answers and about 8 candidates each.
            messages_per_s: 50,
            message_burst: 400,
            // Eleven offers of the longest kind are 330 kB.
            bytes_per_s: 128 * 1024,
            byte_burst: 2 * 1024 * 1024,
            resume_grace_s: 30,
            resume_queue: 512,
        }
    }
}
