//! How an `rtc` peer connection is set up here: codecs, timers, interceptors; each departure from its defaults with the
//! reason. Builds, and keeps nothing.

use std::time::{Duration, Instant};

use hearth_base::{TrackKind, TrackSource, VideoCodec};
use rtc::interceptor::{NackResponderBuilder, Registry, Slot, TwccReceiverBuilder};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::interceptor_registry::configure_rtcp_reports;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8, MediaEngine,
};
use rtc::peer_connection::configuration::setting_engine::{SettingEngine, SettingEngineBuilder};
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RTCRtpRtxParameters, RtpCodecKind,
};
use rtc::shared::error::Result;

use super::arrivals::{ArrivalReporter, ReportSwitch};
use super::in_chain::InChain;
use super::red::{self, RedSwitch, RedTap};
use super::repair::{self, RepairTap};
use super::send_log::{self, SendLog};
use super::sender_clock::{self, SenderClock};
use super::tap::{self, RtcpTap};
use super::undeclared::StreamTeller;
use super::{LinkConfig, LocalTrack};

/// RTP clock of every video codec (RFC 6184 section 8.2.1, RFC 7741 section 6.1).
const VIDEO_CLOCK: u32 = 90_000;
/// RTP clock of Opus (RFC 7587 section 4.1).
const AUDIO_CLOCK: u32 = 48_000;

/// The one codec of sound.
pub(super) const OPUS_TYPE: &str = MIME_TYPE_OPUS;

const OPUS: u8 = 111;
/// Payload types in our offers, each followed by that of its retransmissions.
const H264: u8 = 102;
const VP8: u8 = 96;

/// Packets kept for retransmission: 1024 are 4 seconds of 2.5 Mbit/s. Full: the oldest goes, and is not repaired.
const SEND_BUFFER: u16 = 1024;

/// The header extension of the time when a packet left. Nobody here reads it. A Chromium that takes RFC 8888 (156,
/// where a field trial is set) answers our offers without transport-wide numbers; without this one as well it sent no
/// padding, never tried whether the path bears more than the 300 kbps that it begins with, and stayed there.
const ABSOLUTE_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";

/// Between two reports of what came. What fills a queue is seen so much later, and a report costs about 60 bytes.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(50);

/// No answer for so long and the path is faltering: three keep-alives, so that one loss does not cry wolf.
const DISCONNECTED: Duration = Duration::from_millis(1500);
/// How long a dead path is still listened to: a link that returns before that heals in 0.3 s without any restart.
const FAILED: Duration = Duration::from_secs(25);
const KEEP_ALIVE: Duration = Duration::from_millis(500);

/// Ours in the crate's chain.
pub(super) struct Taps {
    pub(super) teller: StreamTeller,
    pub(super) clock: SenderClock,
    pub(super) log: SendLog,
    pub(super) repair: RepairTap,
    pub(super) reports: ReportSwitch,
    pub(super) red: RedSwitch,
}

pub(super) fn peer_connection(config: &LinkConfig, taps: Taps, now: Instant) -> Result<RTCPeerConnection> {
    let mut engine = media_engine(config)?;
    let registry = configure_rtcp_reports(Registry::new());
    // Browsers estimate their uplink by transport-wide feedback and hardly send without it.
    register_transport_wide(&mut engine)?;
    let reporter = ArrivalReporter::new(taps.reports, FEEDBACK_INTERVAL, config.repair_ssrc);
    let registry = registry
        .with(Slot::TwccReceiver, TwccReceiverBuilder::new().with_interval(FEEDBACK_INTERVAL).build())
        .with(Slot::Rfc8888, InChain::new(reporter))
        .with(Slot::from(send_log::SLOT), InChain::new(taps.log))
        .with(Slot::from(repair::SLOT), InChain::new(taps.repair))
        .with(Slot::from(red::SLOT), InChain::new(RedTap::new(taps.red)))
        .with(Slot::NackResponder, NackResponderBuilder::new().with_size(SEND_BUFFER).build())
        .with(Slot::from(sender_clock::SLOT), InChain::new(taps.clock))
        .with(Slot::from(tap::SLOT), InChain::new(RtcpTap::new(taps.teller)));
    RTCPeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_media_engine(engine)
        .with_setting_engine(setting_engine())
        .with_interceptor_registry(registry)
        .build(now)
}

/// Packets of both kinds carry transport-wide numbers, and are reported.
fn register_transport_wide(engine: &mut MediaEngine) -> Result<()> {
    for kind in [RtpCodecKind::Video, RtpCodecKind::Audio] {
        engine.register_feedback(RTCPFeedback { typ: "transport-cc".to_owned(), parameter: String::new() }, kind);
        let uri = send_log::TRANSPORT_WIDE.to_owned();
        engine.register_header_extension(RTCRtpHeaderExtensionCapability { uri }, kind, None)?;
    }
    let uri = ABSOLUTE_SEND_TIME.to_owned();
    engine.register_header_extension(RTCRtpHeaderExtensionCapability { uri }, RtpCodecKind::Video, None)?;
    Ok(())
}

fn setting_engine() -> SettingEngine {
    SettingEngineBuilder::new()
        // The client of a handshake suffers more from loss; browsers take that part when they answer.
        .with_answering_dtls_role(RTCDtlsRole::Server)
        .with_ice_timeouts(Some(DISCONNECTED), Some(FAILED), Some(KEEP_ALIVE))
        // The default tick of 200 ms is most of the time that a local call takes to connect.
        // Most of these attempts never leave: `transport::checks` paces them, and each pair needs a few that do.
        .with_ice_connection_attempts(Some(Duration::from_millis(50)), Some(60))
        .with_host_acceptance_min_wait(Some(Duration::ZERO))
        .with_srflx_acceptance_min_wait(Some(Duration::from_millis(100)))
        .with_prflx_acceptance_min_wait(Some(Duration::from_millis(100)))
        // A direct path is better, so it is given a moment; two seconds of silence are not.
        .with_relay_acceptance_min_wait(Some(Duration::from_millis(300)))
        // Our sockets change with the network, so candidates of an earlier generation are dead.
        .with_discard_local_candidates_during_ice_restart(true)
        .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
        .build()
}

fn media_engine(config: &LinkConfig) -> Result<MediaEngine> {
    let mut engine = MediaEngine::default();
    engine.register_codec(parameters(OPUS, opus()), RtpCodecKind::Audio)?;
    for codec in &config.video_codecs {
        let payload_type = match codec {
            VideoCodec::H264 => H264,
            VideoCodec::Vp8 => VP8,
        };
        engine.register_codec(parameters(payload_type, video(*codec)), RtpCodecKind::Video)?;
        // Without its `apt` and an rtx ssrc in the encoding there is no retransmission stream.
        engine.register_codec(parameters(payload_type + 1, rtx(payload_type)), RtpCodecKind::Video)?;
    }
    Ok(engine)
}

/// The track as `rtc` has it. Its stream is named by what it shows, which is how the other side tells a screen from a
/// camera; sound belongs to the same stream, as an older page shows no more than one.
///
/// A track of video has an encoding for each of `codecs`, all with the same ssrc: when it is added, the crate offers
/// all of them in this order, and keeps the first encoding alone. That one says what is sent: for any other codec the
/// crate would answer no NACKs.
pub(super) fn media_stream_track(track: &LocalTrack, codecs: &[VideoCodec]) -> MediaStreamTrack {
    let kind = kind_of(track.source);
    let codecs = match track.source.kind() {
        TrackKind::Audio => vec![opus()],
        TrackKind::Video => codecs.iter().map(|codec| video(*codec)).collect(),
    };
    let rtx = (kind == RtpCodecKind::Video).then_some(RTCRtpRtxParameters { ssrc: track.rtx_ssrc });
    let encoding = |codec| RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(track.ssrc),
            rtx: rtx.clone(),
            ..Default::default()
        },
        codec,
        active: true,
        ..Default::default()
    };
    let name = source_name(track.source);
    MediaStreamTrack::new(
        stream_name(track.source).to_owned(),
        format!("{name}-{}", track.id.0),
        name.to_owned(),
        kind,
        codecs.into_iter().map(encoding).collect(),
    )
}

fn stream_name(source: TrackSource) -> &'static str {
    match source {
        TrackSource::Camera | TrackSource::Microphone => "camera",
        TrackSource::Screen | TrackSource::System => "screen",
    }
}

pub(super) fn source_name(source: TrackSource) -> &'static str {
    match source {
        TrackSource::Camera => "camera",
        TrackSource::Screen => "screen",
        TrackSource::Microphone => "microphone",
        TrackSource::System => "system",
    }
}

fn parameters(payload_type: u8, rtp_codec: RTCRtpCodec) -> RTCRtpCodecParameters {
    RTCRtpCodecParameters { rtp_codec, payload_type }
}

fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: AUDIO_CLOCK,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

fn video(codec: VideoCodec) -> RTCRtpCodec {
    let fmtp = match codec {
        VideoCodec::H264 => "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        VideoCodec::Vp8 => "",
    };
    let feedback = |typ: &str, parameter: &str| RTCPFeedback { typ: typ.to_owned(), parameter: parameter.to_owned() };
    RTCRtpCodec {
        mime_type: mime_type(codec).to_owned(),
        clock_rate: VIDEO_CLOCK,
        channels: 0,
        sdp_fmtp_line: fmtp.to_owned(),
        // REMB is for those who know nothing newer.
        rtcp_feedback: vec![
            feedback("goog-remb", ""),
            feedback("ccm", "fir"),
            feedback("nack", ""),
            feedback("nack", "pli"),
        ],
    }
}

fn rtx(apt: u8) -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_RTX.to_owned(),
        clock_rate: VIDEO_CLOCK,
        channels: 0,
        sdp_fmtp_line: format!("apt={apt}"),
        rtcp_feedback: Vec::new(),
    }
}

pub(super) fn kind_of(source: TrackSource) -> RtpCodecKind {
    match source.kind() {
        TrackKind::Audio => RtpCodecKind::Audio,
        TrackKind::Video => RtpCodecKind::Video,
    }
}

pub(super) fn mime_type(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::H264 => MIME_TYPE_H264,
        VideoCodec::Vp8 => MIME_TYPE_VP8,
    }
}
