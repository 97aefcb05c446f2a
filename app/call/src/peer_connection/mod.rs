//! One peer connection: the only room that names `rtc`.
//!
//! Everything above speaks of tracks, packets and states of its own; everything that the crate must be protected from,
//! or that we must be protected from in it, is met here and in the files below, each with its trap:
//! - `flight`: a lost DTLS flight would end the call; `reassembly`: so would a message cut in two ways;
//! - `tap`: inbound RTCP would not reach us;
//! - `undeclared`: streams that no description names would be dropped;
//! - `build`: defaults that are wrong for a call;
//! - `rtt`: the crate's statistics have no round trip;
//! - `in_chain`: its chain of interceptors, for those of ours below;
//! - `arrivals`: its reports of what came would grow where packets get lost;
//! - `send_log`, `send_history`: nothing would tell when a packet left, and whether it came;
//! - `red`: it knows no redundant sound;
//! - `repair`: packets of a kind that it does not know would be dropped;
//! - `sender_clock`: its sender reports give the time when a packet left for the time when it was captured;
//! - `check`: it selects a pair once, and checks no other any more;
//! - `turn`: its TURN client, as a path; `stun`: its codec, for what its client does not ask.
//!
//! Owner of: the crate's connection, its data channel, its senders. It neither opens sockets nor decides anything: what
//! to do about a state is the transport's business.

mod arrivals;
mod build;
mod check;
mod drive;
mod dtls_record;
mod feedback;
pub(crate) mod flight;
mod in_chain;
mod media;
mod negotiate;
mod pair;
pub(crate) mod reassembly;
mod red;
mod repair;
mod rtt;
mod send_history;
mod send_log;
mod sender_clock;
mod stats;
mod stun;
mod tap;
mod turn;
mod undeclared;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use hearth_base::{NtpTime, TrackId, TrackKind, TrackSource, VideoCodec};
use rtc::data_channel::RTCDataChannelId;
use rtc::peer_connection::RTCPeerConnection;
use rtc::rtp_transceiver::RTCRtpSenderId;

pub(crate) use check::{CheckRequest, IceCredentials, IceRole};
pub(crate) use feedback::Feedback;
pub(crate) use media::{RtpIn, RtpOut, SentVideo};
pub(crate) use negotiate::Video;
pub(crate) use red::RedTypes;
pub(crate) use send_history::{PacketResult, SendHistory, TransportFeedback};
pub(crate) use send_log::Departure;
pub(crate) use stats::{LinkStats, SentStream};
pub(crate) use stun::{BindingAnswer, RequestId, binding_answer, binding_request};
pub(crate) use turn::{RelayAddress, RelayFamily, RelayPath, TurnServer};

use crate::connection_stats::RemoteInboundStats;
use crate::media::fec::RepairPacket;
use crate::snapshot::PairSnapshot;
use crate::stats::TransportCounters;
use arrivals::ReportSwitch;
use flight::FlightRepeater;
use reassembly::Reassembly;
use red::RedSwitch;
use repair::RepairPort;
use rtt::RoundTrip;
use sender_clock::CaptureTeller;
use stats::SentReports;
use undeclared::Undeclared;

/// What the crate refused, in its words: for the log and the counters, never for a person.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct LinkError(String);

impl LinkError {
    pub(crate) fn new(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

impl From<rtc::shared::error::Error> for LinkError {
    fn from(error: rtc::shared::error::Error) -> Self {
        Self::new(error)
    }
}

/// A track that we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalTrack {
    pub(crate) id: TrackId,
    pub(crate) source: TrackSource,
    /// Drawn by the call: the crate would draw its own, and no run would be like another.
    pub(crate) ssrc: u32,
    /// Of the retransmissions; used by video alone.
    pub(crate) rtx_ssrc: u32,
}

/// What a connection is made of.
#[derive(Clone, Debug)]
pub(crate) struct LinkConfig {
    pub(crate) tracks: Vec<LocalTrack>,
    /// What we can encode and decode, the best first.
    pub(crate) video_codecs: Vec<VideoCodec>,
    /// Of the packets of repair that we send; drawn by the call, too.
    pub(crate) repair_ssrc: u32,
}

/// What happened on a connection.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// ICE found, lost or gave up its path.
    Ice(IceState),
    /// The handshake is done: media can be sent.
    Connected,
    /// The connection is dead for good and must be rebuilt.
    Dead(LinkError),
    /// The data channel is open.
    ChannelOpen,
    /// A text came through it.
    ChannelText(String),
    /// A packet of media came.
    Rtp(RtpIn),
    /// How the time stamps of this stream and its sender's wall clock go together.
    SenderReport { ssrc: u32, ntp: NtpTime, time: u32 },
    /// Nothing comes of this stream any more: they said so.
    TrackEnded { ssrc: u32 },
    /// A check of the path came back after so long.
    RoundTrip(std::time::Duration),
    /// A packet of repair came, and what it repairs; sound has one codec.
    Repair(RepairPacket, Option<VideoCodec>),
    /// The other side said how it fares.
    Feedback(Feedback),
}

/// The path, as ICE sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IceState {
    Checking,
    Connected,
    Disconnected,
    Failed,
}

/// A datagram for the path whose address is `local`.
#[derive(Debug)]
pub(crate) struct LinkTransmit {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) payload: Bytes,
}

/// The crate decrypts where a datagram lies: as it is where nobody else has it, and a copy where somebody has.
fn owned(payload: Bytes) -> BytesMut {
    payload.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared))
}

/// A track's sender in the crate.
#[derive(Debug)]
struct Sender {
    track: LocalTrack,
    id: RTCRtpSenderId,
    /// Of video: what it is sent in, the best of ours that they can take; known once there is an answer.
    codec: Option<VideoCodec>,
    /// As negotiated; known once there is an answer.
    payload_type: Option<u8>,
}

/// One peer connection.
pub(crate) struct PeerConnection {
    pc: RTCPeerConnection,
    config: LinkConfig,
    senders: Vec<Sender>,
    /// Of their streams, as their packets came; the connection's own streams bound their number.
    sources: BTreeMap<u32, TrackSource>,
    /// Of those that ended: a packet that is late begins none of them again.
    ended: BTreeSet<u32>,
    /// Of their video, by the payload types that were agreed on last.
    codecs: BTreeMap<u8, VideoCodec>,
    undeclared: Undeclared,
    channel: Option<RTCDataChannelId>,
    handshake: Handshake,
    round_trip: RoundTrip,
    clock: CaptureTeller,
    sent: SentPackets,
    /// What they said last of each track of ours.
    remote_reports: BTreeMap<TrackId, RemoteInboundStats>,
    repair: RepairPort,
    reports: ReportSwitch,
    red: RedSwitch,
    timeout: Option<Instant>,
    /// The path in use, where it is not the one that the crate selected.
    moved_to: Option<PairSnapshot>,
    transmits: VecDeque<LinkTransmit>,
    events: VecDeque<LinkEvent>,
    /// What was refused, and what was repaired.
    pub(crate) counters: TransportCounters,
}

/// What left, and what is known of it.
struct SentPackets {
    departures: Receiver<Departure>,
    history: SendHistory,
    reports: SentReports,
}

/// The DTLS handshake, and what keeps it going.
#[derive(Debug)]
struct Handshake {
    phase: HandshakePhase,
    repeater: FlightRepeater,
    reassembly: Reassembly,
    /// Where it goes from and to.
    route: Option<(SocketAddr, SocketAddr)>,
}

/// Where the handshake stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HandshakePhase {
    Running,
    Done,
    Dead,
}

impl PeerConnection {
    /// A connection to be offered or answered.
    ///
    /// # Errors
    /// What the crate says: nothing, for the configurations made here.
    pub(crate) fn new(config: LinkConfig, now: Instant) -> Result<Self, LinkError> {
        let (teller, undeclared) = undeclared::pair();
        let (clock, sender_clock) = sender_clock::pair();
        let reports = ReportSwitch::default();
        let (log, departures) = send_log::pair(config.repair_ssrc, reports.clone());
        let red = RedSwitch::default();
        let (repair, repair_tap) = repair::pair(config.repair_ssrc);
        let taps = build::Taps {
            teller,
            clock: sender_clock,
            log,
            repair: repair_tap,
            reports: reports.clone(),
            red: red.clone(),
        };
        let pc = build::peer_connection(&config, taps, now)?;
        Ok(Self {
            pc,
            config,
            senders: Vec::new(),
            sources: BTreeMap::new(),
            ended: BTreeSet::new(),
            codecs: BTreeMap::new(),
            undeclared,
            channel: None,
            handshake: Handshake {
                phase: HandshakePhase::Running,
                repeater: FlightRepeater::new(),
                reassembly: Reassembly::default(),
                route: None,
            },
            round_trip: RoundTrip::default(),
            clock,
            repair,
            reports,
            red,
            sent: SentPackets { departures, history: SendHistory::default(), reports: SentReports::default() },
            remote_reports: BTreeMap::new(),
            timeout: None,
            moved_to: None,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            counters: TransportCounters::default(),
        })
    }

    /// Next thing that happened.
    pub(crate) fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    /// Next datagram to send.
    pub(crate) fn poll_transmit(&mut self) -> Option<LinkTransmit> {
        self.transmits.pop_front()
    }

    /// When to call [`Self::handle_timeout`]; it may lie in the past.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [self.timeout, self.handshake.repeater.poll_timeout()].into_iter().flatten().min()
    }

    /// The round trip of the path, by its checks.
    pub(crate) fn round_trip(&self) -> Option<std::time::Duration> {
        self.round_trip.get()
    }

    /// Media goes by another path: its round trip is not known yet.
    pub(crate) fn forget_round_trip(&mut self) {
        self.round_trip.reset();
    }

    /// Bytes that left and that nobody has reported yet; none, where reports were not agreed on.
    pub(crate) fn in_flight(&self) -> u64 {
        self.sent.history.in_flight()
    }

    /// Bytes of all streams that left so far, with all that is around them; none, where reports were not agreed on.
    pub(crate) fn departed(&self) -> u64 {
        self.sent.history.departed()
    }

    /// Whether media can be sent.
    pub(crate) fn is_connected(&self) -> bool {
        self.handshake.phase == HandshakePhase::Done
    }

    /// What we can encode and decode, the best first.
    pub(crate) fn video_codecs(&self) -> &[VideoCodec] {
        &self.config.video_codecs
    }

    fn kind_of_source(name: &str, fallback: TrackKind) -> TrackSource {
        match (name, fallback) {
            ("screen", TrackKind::Video) => TrackSource::Screen,
            ("screen", TrackKind::Audio) => TrackSource::System,
            (_, TrackKind::Video) => TrackSource::Camera,
            (_, TrackKind::Audio) => TrackSource::Microphone,
        }
    }
}

#[cfg(test)]
mod tests;
