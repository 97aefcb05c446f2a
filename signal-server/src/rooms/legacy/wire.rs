//! What is remembered of a legacy page beside its session.
//!
//! Values only: what the page is told, and when, is decided elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use hearth_protocol::{MediaState, PeerId};

use super::PageId;
use super::event::LegacyEvent;
use super::request::AckId;
use super::talk::Talks;

/// How long a page that lost its connection is still a member.
/// 12 s: its library tries again after one to five seconds; a page that was closed is seen to be gone by its media.
pub(crate) const HOLD: Duration = Duration::from_secs(12);

/// What is remembered of a legacy page beside its session.
#[derive(Debug)]
pub(crate) struct LegacyWire {
    pub(in crate::rooms) page: Option<PageId>,
    /// The request that is being answered.
    pub(super) asked: Option<Asked>,
    /// It came back on another connection, and has not asked for a room since.
    pub(super) is_back: bool,
    /// Its conversations with peers that speak our own protocol.
    pub(super) talks: Talks,
    /// What the page has been told of the others in its room.
    pub(super) known: BTreeMap<PeerId, MediaState>,
    /// What it missed while it was away; at most [`super::MISSED`].
    pub(super) missed: Vec<LegacyEvent>,
}

/// A request whose answer the rooms will give.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Join(Option<AckId>),
    /// With the name as the page said it, and as it wants to read it again.
    Create(Option<AckId>, String),
}
