//! What was counted of the connections to one participant, under the names and in the units of W3C's "Identifiers for
//! WebRTC's Statistics API": seconds and bits a second as floating-point numbers, counters since the connection began.
//!
//! A member that is not measured is absent, and what the specification has no name for is said to be so. Owns nothing.

use std::time::Instant;

use hearth_base::{Bitrate, Codec, Layer, NtpTime, TrackId, TrackSource};
use hearth_protocol::PeerId;
use serde::Serialize;

use crate::snapshot::PairSnapshot;

/// Of one participant.
#[derive(Clone, Debug)]
pub struct PeerStats {
    /// Who.
    pub id: PeerId,
    /// The connection that carries everything, and behind it the one that an older page sends its screen by.
    pub connections: Vec<ConnectionStats>,
}

/// Of one connection, since its last handshake began.
#[derive(Clone, Debug)]
pub struct ConnectionStats {
    /// Of everything on it.
    pub transport: TransportStats,
    /// Of the pairs that media went by, the latest first: sixteen at most.
    pub pairs: Vec<CandidatePairStats>,
    /// Their streams.
    pub inbound: Vec<InboundStats>,
    /// Our streams.
    pub outbound: Vec<OutboundStats>,
    /// What the other side's wall clock says, by its reports; none until there were some.
    pub clock: Option<ClockReading>,
}

/// A moment on two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// By this machine's monotonic clock.
    pub ours: Instant,
    /// By the other side's wall clock, as its sender reports tell it.
    pub theirs: NtpTime,
}

impl ClockReading {
    /// Returns what their clock says at another moment of ours.
    pub fn at(self, moment: Instant) -> NtpTime {
        let later = moment.saturating_duration_since(self.ours);
        let earlier = self.ours.saturating_duration_since(moment);
        self.theirs.plus(later).minus(earlier)
    }
}

/// RTCTransportStats.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransportStats {
    /// Datagrams, those of checks and handshakes too.
    pub packets_sent: u64,
    /// The same.
    pub packets_received: u64,
    /// Bytes of the payloads of UDP.
    pub bytes_sent: u64,
    /// The same.
    pub bytes_received: u64,
    /// RTCIceRole.
    pub ice_role: String,
    /// RTCIceTransportState.
    pub ice_state: String,
    /// RTCDtlsTransportState.
    pub dtls_state: &'static str,
    /// As the library names it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dtls_cipher: String,
    /// The same.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub srtp_cipher: String,
    /// How often another pair was selected: by ICE, or by renomination.
    pub selected_candidate_pair_changes: u32,
}

/// RTCIceCandidatePairStats, of a pair that media goes by, or went by.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidatePairStats {
    /// Which of the connection's, by their first use.
    #[serde(skip)]
    pub number: u32,
    /// Whether media goes by it now.
    #[serde(skip)]
    pub is_selected: bool,
    /// RTCStatsIceCandidatePairState.
    pub state: &'static str,
    /// Whether it may carry data.
    pub nominated: bool,
    /// Datagrams on it, without its checks.
    pub packets_sent: u64,
    /// The same.
    pub packets_received: u64,
    /// Bytes of those.
    pub bytes_sent: u64,
    /// The same.
    pub bytes_received: u64,
    /// The answer to its last check took so long, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_round_trip_time: Option<f64>,
    /// All answers together, seconds.
    pub total_round_trip_time: f64,
    /// Answers to checks.
    pub responses_received: u64,
    /// Of the one in use: what it is thought to bear, bits a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_outgoing_bitrate: Option<f64>,
    /// Both ends.
    #[serde(skip)]
    pub candidates: PairSnapshot,
}

/// RTCInboundRtpStreamStats, as far as the network knows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InboundStats {
    /// The track that its frames are of.
    #[serde(skip)]
    pub track: TrackId,
    /// What it shows, or lets hear.
    #[serde(skip)]
    pub source: TrackSource,
    /// What its newest packet was encoded in.
    #[serde(skip)]
    pub codec: Codec,
    /// Of its packets.
    pub ssrc: u32,
    /// What the library counted.
    #[serde(flatten)]
    pub packets: ReceivedPackets,
    /// Of video: frames that were put together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_received: Option<u64>,
    /// Packets of repair for it.
    pub fec_packets_received: u64,
    /// Bytes of their payloads.
    pub fec_bytes_received: u64,
    /// Beyond the specification: packets that were made again of repair.
    pub packets_recovered: u64,
    /// Beyond the specification, of video: packets that did not come by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets_missed: Option<u64>,
    /// Beyond the specification, of video: holes that no repair closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaps: Option<u64>,
}

/// What the library counts of a stream of theirs.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceivedPackets {
    /// Its media section's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// Packets, those that were sent again too.
    pub packets_received: u64,
    /// RFC 3550, section 6.4.1, as the last report said.
    pub packets_lost: i64,
    /// The same, seconds.
    pub jitter: f64,
    /// Bytes of payload.
    pub bytes_received: u64,
    /// Bytes of headers.
    pub header_bytes_received: u64,
    /// Requests for packets that we sent.
    pub nack_count: u32,
    /// Requests for key frames that we sent.
    pub pli_count: u32,
}

/// RTCOutboundRtpStreamStats, as far as the network knows it; and what they say of the stream.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboundStats {
    /// The track that its frames are of.
    #[serde(skip)]
    pub track: TrackId,
    /// What it shows, or lets hear.
    #[serde(skip)]
    pub source: TrackSource,
    /// What it is encoded in.
    #[serde(skip)]
    pub codec: Codec,
    /// Of video, beyond the specification: which of the track's sizes they get, 0 for the smallest; once it has begun.
    #[serde(serialize_with = "layer", skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// Of video: the largest of them that they look at.
    #[serde(skip)]
    pub watched: Option<Layer>,
    /// Of its packets.
    pub ssrc: u32,
    /// Whether its frames go out.
    pub active: bool,
    /// What the library counted.
    #[serde(flatten)]
    pub packets: SentPackets,
    /// Of video: frames that left whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_sent: Option<u64>,
    /// Of video: what its encoder was told last, bits a second.
    #[serde(serialize_with = "bits", skip_serializing_if = "Option::is_none")]
    pub target_bitrate: Option<Bitrate>,
    /// Beyond the specification: packets of repair for it.
    pub fec_packets_sent: u64,
    /// What they said last.
    #[serde(skip)]
    pub remote: Option<RemoteInboundStats>,
}

/// What the library counts of a stream of ours.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SentPackets {
    /// Its media section's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// Packets, those that were sent again too.
    pub packets_sent: u64,
    /// Bytes of payload.
    pub bytes_sent: u64,
    /// Bytes of headers, without those of what was sent again.
    pub header_bytes_sent: u64,
    /// Packets that were sent again.
    pub retransmitted_packets_sent: u64,
    /// Bytes of those.
    pub retransmitted_bytes_sent: u64,
    /// Requests for packets that came.
    pub nack_count: u32,
    /// Requests for key frames that came (PLI).
    pub pli_count: u32,
    /// The same, as FIR.
    pub fir_count: u32,
}

/// RTCRemoteInboundRtpStreamStats: what their last report says of a stream of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoteInboundStats {
    /// RFC 3550, section 6.4.1.
    pub packets_lost: i64,
    /// Since the report before, 0 to 1.
    pub fraction_lost: f64,
    /// Seconds.
    pub jitter: f64,
    /// By our sender reports, seconds; absent until they have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_time: Option<f64>,
    /// All of those together, seconds.
    pub total_round_trip_time: f64,
    /// How many there were.
    pub round_trip_time_measurements: u64,
}

fn layer<S: serde::Serializer>(layer: &Option<Layer>, serializer: S) -> Result<S::Ok, S::Error> {
    layer.map(|layer| layer.0).serialize(serializer)
}

fn bits<S: serde::Serializer>(rate: &Option<Bitrate>, serializer: S) -> Result<S::Ok, S::Error> {
    rate.map(|rate| rate.bps() as f64).serialize(serializer)
}
