//! How much a link bears.
//!
//! Two ways to know: [`feedback`] by reports of each packet (transport-wide feedback), which see a queue grow within a
//! tenth of a second; and [`loss_and_delay`] by what every peer says, once a second. The first decides as soon as there
//! is a report. No file here reads a clock.

mod competition;
mod delivery;
mod feedback;
mod frames_lost;
mod growth;
mod loss_and_delay;
mod losses;
mod queue;
mod tolerance;
mod trains;

use std::time::{Duration, Instant};

use hearth_base::{Bitrate, TrackKind};

pub(crate) use feedback::FeedbackEstimator;
pub(crate) use loss_and_delay::LossAndDelay;

use crate::peer_connection::TransportFeedback;

/// Estimates what one link bears, from what the other side reports.
pub(crate) trait Estimator: Send {
    /// Share of the packets of one track lost since its last report, 0 to 1, and what the track is.
    fn handle_loss(&mut self, kind: TrackKind, fraction: f64, now: Instant);
    /// A round trip was measured.
    fn handle_round_trip(&mut self, round_trip: Duration, now: Instant);
    /// What became of packets.
    fn handle_feedback(&mut self, feedback: &TransportFeedback, now: Instant);
    /// They take no more than this (REMB).
    fn handle_max_bitrate(&mut self, most: Bitrate, now: Instant);
    /// Media takes another path from now on: what was learnt of the old one says nothing of it.
    fn handle_new_route(&mut self, now: Instant);
    /// Another connection in the place of the last: its reports are by another clock.
    fn handle_new_connection(&mut self);
    /// By what others send who share the bottleneck, this part of the rate is right from now on.
    fn handle_part(&mut self, part: f64);
    /// So much is this link's part of a bottleneck that others fill: it begins with no more, on a path of which nothing
    /// is known yet.
    fn begin_at_most(&mut self, most: Bitrate);
    /// Whether they take less than the link would bear.
    fn is_capped(&self) -> bool;
    /// What left of late, where that is known.
    fn sent(&self) -> Option<Bitrate>;
    /// What the link bears.
    fn estimate(&self) -> Bitrate;
    /// How packets should leave.
    fn pacing(&self) -> Pacing;
    /// The share of packets that the link loses by chance, whatever is sent; 0 to 1.
    fn random_loss(&self) -> f64;
    /// The share of a frame's packets that few frames lose more than, by chance; 0 to 1.
    fn frame_loss(&self) -> f64;
    /// How long packets wait on the way because of what is sent; `None` where nobody reports it.
    fn queue(&self) -> Option<Duration>;
}

/// How packets should leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pacing {
    /// So fast while something waits.
    pub(crate) rate: Bitrate,
    /// With so many bytes at most on the way that nobody has reported yet.
    pub(crate) window: u64,
}

/// Bounds of the estimate: below the first there is no picture, above the second none that looks better at 720p.
const LEAST: Bitrate = Bitrate::from_kbps(40);
const MOST: Bitrate = Bitrate::from_kbps(4_000);
/// Where it begins: a LAN bears more, and a mobile link about this.
const FIRST: Bitrate = Bitrate::from_kbps(1_000);
/// The part of what the link bears that is used: the rest is for frames that are larger than they should be, and for
/// others.
const USED: f64 = 0.9;
/// Where nothing is known, packets leave at this many times the rate: a frame is out well before the next one, a key
/// frame in about three intervals, and the link's own queue stays short.
const HEADROOM: f64 = 2.5;
