//! What the panel "Connection" shows: of each of the others, what the last two minutes were like.
//!
//! Owner of: the samples, in bounded memory, and the counters of a second ago. Knows no clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_base::{NtpTime, TrackSource};
use hearth_call::{ClockReading, ConnectionStats, PeerPhase, PeerSnapshot};
use hearth_media::threads::DecodeCounters;
use hearth_protocol::{PeerId, PeerKind};

use super::{Counted, MediaStats};
use crate::view::{ConnectionHistory, ConnectionPath, ConnectionSample, PathEnd};

/// A picture that was decoded so long ago says nothing of now.
const FRESH: Duration = Duration::from_secs(2);
/// Beyond this, or by so much before it was captured, no picture is under way: a clock was set, or somebody lies.
const LONGEST: f64 = 10.0;
const EARLIEST: f64 = -0.02;

/// The samples of everybody.
#[derive(Debug, Default)]
pub(super) struct ConnectionRecorder {
    peers: BTreeMap<PeerId, Recorded>,
}

#[derive(Debug, Default)]
struct Recorded {
    before: Option<(Instant, Totals)>,
    history: Arc<ConnectionHistory>,
}

/// Counters of all connections to somebody, together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Totals {
    bytes_sent: u64,
    bytes_received: u64,
    packets_sent: u64,
    repair_sent: u64,
    freezes: u64,
}

impl ConnectionRecorder {
    /// A second is over. Forgets who is gone.
    pub(super) fn record(&mut self, counted: &Counted, peers: &[PeerSnapshot], now: Instant) {
        self.peers.retain(|id, _| peers.iter().any(|peer| peer.id == *id));
        for peer in peers {
            let connections: Vec<&ConnectionStats> =
                counted.peers.iter().filter(|of| of.id == peer.id).flat_map(|of| &of.connections).collect();
            let recorded = self.peers.entry(peer.id).or_default();
            let totals = totals(&connections, &counted.media);
            let before = recorded.before.replace((now, totals));
            let mut sample = state(peer, &connections, &counted.media, now);
            if let (Some((since, before)), true) = (before, peer.connection.is_connected()) {
                sample.add_rates(before, totals, now.saturating_duration_since(since));
            }
            let history = Arc::make_mut(&mut recorded.history);
            history.push(sample);
            history.unix_s = counted.at.as_secs();
            history.path = path(peer);
        }
    }

    /// Each of them, to be shown.
    pub(super) fn histories(&self) -> BTreeMap<PeerId, Arc<ConnectionHistory>> {
        self.peers.iter().map(|(id, recorded)| (*id, recorded.history.clone())).collect()
    }
}

impl ConnectionSample {
    /// What was counted since a moment ago. Counters begin again with a connection.
    fn add_rates(&mut self, before: Totals, after: Totals, passed: Duration) {
        let seconds = passed.as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let grown = |of: fn(&Totals) -> u64| {
            let (old, new) = (of(&before), of(&after));
            new.checked_sub(old).unwrap_or(new)
        };
        self.sent = Some(grown(|totals| totals.bytes_sent) as f64 * 8.0 / seconds);
        self.received = Some(grown(|totals| totals.bytes_received) as f64 * 8.0 / seconds);
        let (packets, repair) = (grown(|totals| totals.packets_sent), grown(|totals| totals.repair_sent));
        self.repair = (packets > 0).then(|| repair as f64 / packets as f64);
        self.freezes = Some(u32::try_from(grown(|totals| totals.freezes)).unwrap_or(u32::MAX));
    }
}

fn totals(connections: &[&ConnectionStats], media: &MediaStats) -> Totals {
    let mut totals = Totals::default();
    for connection in connections {
        totals.bytes_sent += connection.transport.bytes_sent;
        totals.bytes_received += connection.transport.bytes_received;
        for stream in &connection.outbound {
            let ahead = stream.fec_packets_sent;
            totals.packets_sent += stream.packets.packets_sent + ahead;
            totals.repair_sent += stream.packets.retransmitted_packets_sent + ahead;
        }
        let decoded = connection.inbound.iter().filter_map(|stream| decoded(media, stream.track));
        totals.freezes += decoded.map(|decoded| u64::from(decoded.times.freeze_count)).sum::<u64>();
    }
    totals
}

fn decoded(media: &MediaStats, track: hearth_base::TrackId) -> Option<&DecodeCounters> {
    media.tracks.get(&track)?.decoded.as_ref()
}

/// What is so now, beside what was counted.
fn state(peer: &PeerSnapshot, connections: &[&ConnectionStats], media: &MediaStats, now: Instant) -> ConnectionSample {
    if !matches!(peer.connection.phase, PeerPhase::Connected(_)) {
        return ConnectionSample::default();
    }
    let ours = connections.iter().flat_map(|connection| &connection.outbound);
    let camera = ours.clone().find(|stream| stream.source == TrackSource::Camera && stream.active);
    let encoded = camera.and_then(|stream| media.camera.layers.get(&(stream.layer?, stream.codec.video()?)));
    let targets = ours.filter(|stream| stream.active).filter_map(|stream| stream.target_bitrate);
    let target: u64 = targets.map(|rate| rate.bps()).sum();
    let theirs =
        connections.iter().flat_map(|connection| connection.inbound.iter().map(|stream| (*connection, stream)));
    let is_shown = |decoded: &&DecodeCounters| {
        decoded.times.newest.is_some_and(|(_, at)| now.saturating_duration_since(at) < FRESH)
    };
    let shown = theirs
        .filter(|(_, stream)| stream.source == TrackSource::Camera)
        .find_map(|(connection, stream)| Some((connection, decoded(media, stream.track).filter(is_shown)?)));
    let is_ours = peer.kind == PeerKind::Native;
    ConnectionSample {
        target: (target > 0).then_some(target as f64),
        loss: Some(peer.connection.loss),
        round_trip: peer.connection.round_trip.map(|time| time.as_secs_f64()),
        queue: peer.connection.queue.map(|time| time.as_secs_f64()),
        height_sent: encoded.and_then(|layer| layer.frame_height),
        height_received: shown.and_then(|(_, decoded)| decoded.times.frame_height),
        camera_to_screen: shown
            .filter(|_| is_ours)
            .and_then(|(connection, decoded)| camera_to_screen(connection, decoded)),
        ..ConnectionSample::default()
    }
}

/// How old the newest picture was when it was decoded, by its sender's clock: seconds. What a window takes to draw it,
/// and the screen to show it, is not in it.
pub(super) fn camera_to_screen(connection: &ConnectionStats, decoded: &DecodeCounters) -> Option<f64> {
    let (captured, at) = decoded.times.newest?;
    let age = age(connection.clock?, captured?, at);
    (EARLIEST..LONGEST).contains(&age).then_some(age.max(0.0))
}

fn age(clock: ClockReading, captured: NtpTime, at: Instant) -> f64 {
    let shown = clock.at(at);
    shown.0.wrapping_sub(captured.0).cast_signed() as f64 / 4_294_967_296.0
}

fn path(peer: &PeerSnapshot) -> Option<ConnectionPath> {
    let PeerPhase::Connected(route) = peer.connection.phase else { return None };
    let pair = peer.connection.pair.as_ref()?;
    let end = |(kind, address): &(String, String)| {
        let (ip, port) = address.split_once(' ').unwrap_or((address, ""));
        let ip = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
        PathEnd { kind: kind.clone(), address: format!("{ip}:{port}") }
    };
    Some(ConnectionPath { route, local: end(&pair.local), remote: end(&pair.remote) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_time_that_passed_and_counters_may_begin_again() {
        let before =
            Totals { bytes_sent: 1000, bytes_received: 50_000, packets_sent: 100, repair_sent: 10, freezes: 3 };
        let after = Totals { bytes_sent: 3500, bytes_received: 500, packets_sent: 150, repair_sent: 15, freezes: 4 };
        let mut sample = ConnectionSample::default();
        sample.add_rates(before, after, Duration::from_millis(2000));
        assert_eq!((sample.sent, sample.received), (Some(10_000.0), Some(2000.0)), "the second one was rebuilt");
        assert_eq!((sample.repair, sample.freezes), (Some(0.1), Some(1)));
        let mut sample = ConnectionSample::default();
        sample.add_rates(before, before, Duration::from_secs(1));
        assert_eq!((sample.sent, sample.repair), (Some(0.0), None), "of no packets nothing is a share");
        let mut sample = ConnectionSample::default();
        sample.add_rates(before, after, Duration::ZERO);
        assert_eq!(sample, ConnectionSample::default());
    }

    #[test]
    fn a_picture_is_as_old_as_its_senders_clock_says() {
        let now = crate::engine::clock::now();
        let theirs = NtpTime(0xEE00_0000_0000_0000);
        let clock = ClockReading { ours: now, theirs };
        for (captured_before, decoded_before, expected) in [(300, 100, 0.2), (100, 300, -0.2), (90, 0, 0.09)] {
            let [captured, decoded] = [captured_before, decoded_before].map(Duration::from_millis);
            let found = age(clock, theirs.minus(captured), now.checked_sub(decoded).unwrap());
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        let later = age(clock, theirs, now + Duration::from_secs(3));
        assert!((later - 3.0).abs() < 1e-6);
    }
}
