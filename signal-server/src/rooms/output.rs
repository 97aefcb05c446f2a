//! What the rooms tell the gateway, and the names that both use.
//!
//! Owner of: what should be done and was not asked for yet.

use std::collections::VecDeque;
use std::sync::Arc;

use hearth_protocol::PeerId;

use super::LegacyEvent;
use super::load::Load;

/// One connection, named by the gateway; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// What should be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a text frame.
    Send {
        /// To whom.
        conn: ConnId,
        /// The JSON.
        text: Arc<str>,
        /// To be dropped once the text is written, where it is a different one's word: what it counts as waiting until
        /// then.
        load: Option<Load>,
    },
    /// Tell a legacy page something.
    Legacy {
        /// To whom.
        conn: ConnId,
        /// What.
        event: LegacyEvent,
    },
    /// Close the connection, after what was sent before. The rooms have forgotten it already.
    Close {
        /// Which.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
}

/// What an input leaves to be done.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    /// Drained by the caller after each input; one input yields at most a few messages for each in a room and its
    /// lobby, or one resume queue.
    pub(super) queue: VecDeque<Output>,
    /// Sessions whose queue has just overflowed; ended before the input that did it is done with.
    pub(super) doomed: Vec<PeerId>,
}

/// Why the server closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CloseReason {
    /// No hello in time.
    NoHello,
    /// No common version.
    Version,
    /// A message beyond the limit.
    TooLong,
    /// A hole in the client's numbers: resume, and send again what the server names.
    Sequence,
    /// Too many bad messages, or too many messages; the session has ended.
    Flood,
    /// The session was taken over by another connection.
    Replaced,
}

impl CloseReason {
    /// The WebSocket close code (RFC 6455, section 7.4; 4000 and up are the application's).
    pub fn code(self) -> u16 {
        match self {
            Self::TooLong => 1009,
            Self::NoHello => 4000,
            Self::Version => 4001,
            Self::Sequence => 4002,
            Self::Flood => 4003,
            Self::Replaced => 4004,
        }
    }

    /// The reason that is beside the code, for a developer.
    pub fn text(self) -> &'static str {
        match self {
            Self::TooLong => "message too long",
            Self::NoHello => "no hello",
            Self::Version => "no common version",
            Self::Sequence => "numbers missing: resume",
            Self::Flood => "too many bad messages",
            Self::Replaced => "session taken over",
        }
    }
}

/// What has happened since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each name says what is counted")]
pub struct Counters {
    pub messages: u64,
    pub bad_messages: u64,
    pub rate_limited: u64,
    pub wrong_guesses: u64,
    /// People who were made to wait at a door.
    pub knocks: u64,
    /// Members put out by a host.
    pub kicks: u64,
    /// Signals for somebody who is not in the sender's room.
    pub stray_signals: u64,
    /// Words of legacy pages for which our own protocol has none.
    pub untold: u64,
    pub resumed: u64,
    /// Members who came back by a ticket, after a restart.
    pub restored: u64,
    pub timed_out: u64,
    pub floods: u64,
    pub overflows: u64,
}
