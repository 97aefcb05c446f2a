//! What a server is told once, at its start.
//!
//! Values only; nothing here changes while the server runs.

use std::fmt;
use std::time::{Duration, Instant};

use hearth_protocol::{IceServer, Limits};

use super::{EarlierRun, LegacyRules, TicketKey};

/// The rules of one server.
#[derive(Clone, Debug)]
pub struct RoomsConfig {
    /// Announced to every client, and kept.
    pub limits: Limits,
    /// Seconds between the pings of the gateway, as announced to every client.
    pub ping_s: u32,
    /// Who may make rooms.
    pub creators: Creators,
    /// Rooms open at once; one more is refused with `rate_limited`.
    pub max_rooms: usize,
    /// The STUN and TURN servers that members are given.
    pub ice: IceConfig,
    /// What seals the tickets by which rooms outlive a restart; without it they do not.
    pub tickets: Option<TicketKey>,
    /// The runs of this server before this one, the oldest first: tickets of others are none.
    pub earlier: Vec<EarlierRun>,
    /// Whether legacy pages come in, and by which rules.
    pub legacy: Option<LegacyRules>,
}

impl Default for RoomsConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            // Home routers forget an idle TCP mapping after a minute or more; a dead link should show within 30 s.
            ping_s: 10,
            creators: Creators::Anybody,
            // With 12 people each, more than the sockets of one process.
            max_rooms: 10_000,
            ice: IceConfig::default(),
            tickets: None,
            earlier: Vec::new(),
            legacy: None,
        }
    }
}

/// Who may make rooms; others hear `not_host`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Creators {
    /// Anyone who reaches the server.
    #[default]
    Anybody,
    /// Who is seen at a loopback address. Where a relay serves the members of rooms, a room of one's own would be a way
    /// to it round the door of the room that the server is there for.
    ThisMachine,
}

/// The STUN and TURN servers that members are given.
#[derive(Clone, Debug, Default)]
pub struct IceConfig {
    /// Handed out as they are.
    pub fixed: Vec<IceServer>,
    /// A TURN server that shares a secret with us.
    pub turn: Option<TurnRest>,
}

/// A TURN server that accepts time-limited credentials made from a shared secret (the "REST" scheme that coturn,
/// pion and hearth-turn share: user `expiry:name`, password base64(HMAC-SHA1(secret, user))).
#[derive(Clone, Debug)]
pub struct TurnRest {
    /// `turn:` and `turns:` addresses.
    pub urls: Vec<String>,
    /// What both servers know.
    pub secret: TurnSecret,
    /// How long a credential is good. Members get a new one after three quarters of it.
    pub lifetime: Duration,
    /// How long one is good that a legacy page is given before it is in a room.
    pub before_join: Duration,
}

/// The secret shared with a TURN server. It is printed nowhere.
#[derive(Clone)]
pub struct TurnSecret(Vec<u8>);

impl TurnSecret {
    /// Takes the secret; none when it is empty, because a TURN server refuses what an empty key signs.
    pub fn new(secret: impl Into<Vec<u8>>) -> Option<Self> {
        let secret = secret.into();
        (!secret.is_empty()).then_some(Self(secret))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for TurnSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TurnSecret(..)")
    }
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    /// On the clock that every `now` is of.
    pub at: Instant,
    /// On the calendar: seconds since 1970 in UTC.
    pub unix_s: u64,
}

impl Epoch {
    /// How far the calendar of `other` is from what this one foretold for its moment: a clock that was set, or a
    /// machine that slept.
    pub(super) fn off_by(&self, other: &Self) -> Duration {
        Duration::from_secs(self.unix_s_at(other.at).abs_diff(other.unix_s))
    }

    /// Seconds since 1970 at `now`.
    pub(super) fn unix_s_at(&self, now: Instant) -> u64 {
        self.unix_s.saturating_add(now.saturating_duration_since(self.at).as_secs())
    }
}
