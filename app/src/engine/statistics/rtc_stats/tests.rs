//! The shape of a line's objects, and what they say of a connection that is written by hand. Calls nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use hearth_base::{Bitrate, Layer, NtpTime, Resolution, TrackId, VideoCodec};
use hearth_call::{
    CandidatePairStats, ClockReading, PairSnapshot, PeerStats, ReceivedPackets, RemoteInboundStats, SentPackets,
    TransportStats,
};
use hearth_media::threads::{DecodeCounters, FrameTimes, LayerCounters};
use hearth_media::tick::TrackReport;

use super::*;
use crate::engine::{RemoteStats, SourceLimits, clock};

/// Their clock, now.
const THEIRS: NtpTime = NtpTime(0xEE00_0000_0000_0000);

fn inbound(source: TrackSource) -> InboundStats {
    let is_video = source == TrackSource::Camera;
    InboundStats {
        track: TrackId(if is_video { 7 } else { 6 }),
        source,
        codec: if is_video { Codec::Video(VideoCodec::Vp8) } else { Codec::Audio(AudioCodec::Opus) },
        ssrc: if is_video { 11 } else { 12 },
        packets: ReceivedPackets { mid: Some("1".to_owned()), jitter: 0.004, packets_lost: -1, ..Default::default() },
        frames_received: is_video.then_some(90),
        fec_packets_received: 0,
        fec_bytes_received: 0,
        packets_recovered: 0,
        packets_missed: is_video.then_some(0),
        gaps: is_video.then_some(0),
    }
}

fn outbound(source: TrackSource) -> OutboundStats {
    let is_video = source == TrackSource::Camera;
    OutboundStats {
        track: TrackId(u32::from(is_video)),
        source,
        codec: if is_video { Codec::Video(VideoCodec::H264) } else { Codec::Audio(AudioCodec::Opus) },
        layer: is_video.then_some(Layer(1)),
        watched: is_video.then_some(Layer(2)),
        ssrc: if is_video { 1 } else { 2 },
        active: true,
        packets: SentPackets { mid: Some("0".to_owned()), packets_sent: 500, ..Default::default() },
        frames_sent: is_video.then_some(80),
        target_bitrate: is_video.then_some(Bitrate::from_kbps(640)),
        fec_packets_sent: 3,
        remote: Some(RemoteInboundStats { round_trip_time: Some(0.08), fraction_lost: 0.25, ..Default::default() }),
    }
}

/// The one in use has a rate; all are to one address of theirs.
fn pair(number: u32, local: &str, available_outgoing_bitrate: Option<f64>) -> CandidatePairStats {
    let end = |kind: &str, address: &str| (kind.to_owned(), address.to_owned());
    CandidatePairStats {
        number,
        is_selected: available_outgoing_bitrate.is_some(),
        state: "succeeded",
        nominated: true,
        packets_sent: 590,
        packets_received: 690,
        bytes_sent: 59_000,
        bytes_received: 69_000,
        current_round_trip_time: Some(0.0805),
        total_round_trip_time: 4.0,
        responses_received: 50,
        available_outgoing_bitrate,
        candidates: PairSnapshot { local: end("relay", local), remote: end("host", "2001:db8::9 4000") },
    }
}

fn connection(now: Instant) -> ConnectionStats {
    ConnectionStats {
        transport: TransportStats {
            packets_sent: 600,
            packets_received: 700,
            bytes_sent: 60_000,
            bytes_received: 70_000,
            ice_role: "controlling".to_owned(),
            ice_state: "connected".to_owned(),
            dtls_state: "connected",
            dtls_cipher: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".to_owned(),
            srtp_cipher: "AEAD_AES_128_GCM".to_owned(),
            selected_candidate_pair_changes: 1,
        },
        pairs: vec![pair(1, "192.0.2.7 49152", Some(1_200_000.0)), pair(0, "192.0.2.7 49153", None)],
        inbound: vec![inbound(TrackSource::Microphone), inbound(TrackSource::Camera)],
        outbound: vec![outbound(TrackSource::Microphone), outbound(TrackSource::Camera)],
        clock: Some(ClockReading { ours: now, theirs: THEIRS }),
    }
}

fn counted(limits: SourceLimits) -> Counted {
    let now = clock::now();
    let newest = Some((Some(THEIRS.minus(Duration::from_millis(70))), now));
    let times =
        FrameTimes { frame_width: Some(640), frame_height: Some(360), freeze_count: 2, newest, ..Default::default() };
    let decoded = DecodeCounters { frames_decoded: 88, times, ..Default::default() };
    let remote = |source, decoded, played| RemoteStats { source, decoded, stamps: None, played, chirps: None };
    let layer =
        LayerCounters { frames_encoded: 81, frame_width: Some(1280), frame_height: Some(720), ..Default::default() };
    let camera = CameraStats {
        frames: 100,
        frames_per_second: 30.0,
        size: Some(Resolution::HD),
        limits,
        layers: [((Layer(1), VideoCodec::H264), layer)].into(),
    };
    let tracks = [
        (TrackId(6), remote(TrackSource::Microphone, None, Some(TrackReport::default()))),
        (TrackId(7), remote(TrackSource::Camera, Some(decoded), None)),
    ];
    let media = MediaStats { camera, tracks: tracks.into(), ..Default::default() };
    let peers = vec![PeerStats { id: peer(), connections: vec![connection(now)] }];
    Counted { at: Duration::from_millis(1_764_500_000_250), peers, media }
}

fn peer() -> PeerId {
    PeerId::from_random([5; 12])
}

/// The members of each type of object, beside `type`, `id` and `timestamp`; of streams, of each kind.
fn shape(objects: &[Value]) -> BTreeMap<String, BTreeSet<String>> {
    let mut shape: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for object in objects {
        let members = object.as_object().unwrap();
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let is_of_kind = text("type").unwrap().ends_with("-rtp") || text("type") == Some("media-source");
        let kind = if is_of_kind { text("kind").unwrap() } else { "" };
        assert!(text("id").is_some() && members["timestamp"] == json!(1_764_500_000_250.0), "{object}");
        let names = members.keys().filter(|name| !matches!(name.as_str(), "type" | "id" | "timestamp"));
        let name = format!("{} {kind}", text("type").unwrap());
        shape.entry(name.trim_end().to_owned()).or_default().extend(names.cloned());
    }
    shape
}

/// All members; what the specification does not name is behind the bar.
const SHAPE: [(&str, &str); 12] = [
    (
        "transport",
        "packetsSent packetsReceived bytesSent bytesReceived iceRole iceState dtlsState dtlsCipher srtpCipher \
      selectedCandidatePairId selectedCandidatePairChanges |",
    ),
    (
        "candidate-pair",
        "transportId localCandidateId remoteCandidateId state nominated packetsSent packetsReceived \
      bytesSent bytesReceived currentRoundTripTime totalRoundTripTime responsesReceived availableOutgoingBitrate |",
    ),
    ("local-candidate", "transportId candidateType address port protocol |"),
    ("remote-candidate", "transportId candidateType address port protocol |"),
    ("codec", "transportId mimeType clockRate channels |"),
    (
        "media-source audio",
        "trackIdentifier kind audioLevel totalSamplesDuration | blocksMissed packetsEncoded \
      packetsRefused encoderErrors",
    ),
    ("media-source video", "trackIdentifier kind frames framesPerSecond width height |"),
    (
        "outbound-rtp audio",
        "kind transportId codecId mediaSourceId remoteId mid ssrc active packetsSent bytesSent \
      headerBytesSent retransmittedPacketsSent retransmittedBytesSent nackCount pliCount firCount | source \
      fecPacketsSent",
    ),
    (
        "outbound-rtp video",
        "kind transportId codecId mediaSourceId remoteId mid ssrc active packetsSent bytesSent \
      headerBytesSent retransmittedPacketsSent retransmittedBytesSent nackCount pliCount firCount framesSent \
      targetBitrate framesEncoded keyFramesEncoded frameWidth frameHeight totalEncodeTime qualityLimitationReason | \
      source fecPacketsSent layer framesLeftOut framesWithoutRoom framesRefused encoderErrors",
    ),
    (
        "remote-inbound-rtp",
        "kind ssrc transportId codecId localId packetsLost fractionLost jitter roundTripTime \
      totalRoundTripTime roundTripTimeMeasurements |",
    ),
    (
        "inbound-rtp audio",
        "kind trackIdentifier transportId codecId mid ssrc packetsReceived packetsLost jitter \
      bytesReceived headerBytesReceived nackCount pliCount fecPacketsReceived fecBytesReceived packetsDiscarded \
      jitterBufferDelay jitterBufferTargetDelay jitterBufferEmittedCount totalSamplesReceived totalSamplesDuration \
      concealedSamples concealmentEvents insertedSamplesForDeceleration removedSamplesForAcceleration audioLevel | \
      source packetsRecovered recoveredSamples",
    ),
    (
        "inbound-rtp video",
        "kind trackIdentifier transportId codecId mid ssrc packetsReceived packetsLost jitter \
      bytesReceived headerBytesReceived nackCount pliCount fecPacketsReceived fecBytesReceived framesReceived \
      framesDecoded keyFramesDecoded framesDropped totalDecodeTime frameWidth frameHeight framesPerSecond \
      totalInterFrameDelay totalSquaredInterFrameDelay freezeCount totalFreezesDuration pauseCount \
      totalPausesDuration | source packetsRecovered packetsMissed gaps decoderErrors cameraToScreenTime",
    ),
];

#[test]
fn each_object_has_the_members_that_the_specification_names() {
    let found = shape(&report(&counted(SourceLimits::default()), peer(), PeerKind::Native));
    for (kind, members) in SHAPE {
        let (kinds, members): (Vec<_>, BTreeSet<String>) = (
            found
                .keys()
                .filter(|found| found.trim_end_matches(" audio").trim_end_matches(" video") == kind || *found == kind)
                .collect(),
            members.split_whitespace().filter(|name| *name != "|").map(str::to_owned).collect(),
        );
        assert!(!kinds.is_empty(), "no {kind} in {:?}", found.keys());
        kinds.into_iter().for_each(|name| assert_eq!(found[name], members, "{name}"));
    }
    let known: BTreeSet<&str> = SHAPE.iter().map(|(kind, _)| kind.split(' ').next().unwrap()).collect();
    let types: BTreeSet<&str> = found.keys().map(|kind| kind.split(' ').next().unwrap()).collect();
    assert_eq!(types, known);
}

#[test]
fn ids_are_unique_and_whatever_points_to_one_finds_it() {
    let objects = report(&counted(SourceLimits::default()), peer(), PeerKind::Native);
    let ids: Vec<&str> = objects.iter().map(|object| object["id"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    for (name, target) in objects.iter().flat_map(|object| object.as_object().unwrap()) {
        if name.ends_with("Id") {
            assert!(ids.contains(&target.as_str().unwrap()), "{name} {target}");
        }
    }
    assert!(report(&counted(SourceLimits::default()), PeerId::from_random([6; 12]), PeerKind::Native).is_empty());
}

#[test]
fn units_are_those_of_the_specification() {
    let objects = report(&counted(SourceLimits::default()), peer(), PeerKind::Native);
    let of = |kind: &str, ssrc: u32| objects.iter().find(|o| o["type"] == kind && o["ssrc"] == ssrc).unwrap();
    let (ours, theirs) = (of("outbound-rtp", 1), of("inbound-rtp", 11));
    assert_eq!(
        (&ours["targetBitrate"], &ours["framesSent"], &ours["layer"]),
        (&json!(640_000.0), &json!(80), &json!(1))
    );
    assert_eq!(
        (&theirs["framesDecoded"], &theirs["freezeCount"], &theirs["jitter"]),
        (&json!(88), &json!(2), &json!(0.004))
    );
    let of_type = |kind: &str| objects.iter().filter(|object| object["type"] == kind).collect::<Vec<_>>();
    let (pairs, transport) = (of_type("candidate-pair"), of_type("transport"));
    assert_eq!(pairs.len(), 2);
    assert_eq!(transport[0]["selectedCandidatePairId"], pairs[0]["id"]);
    assert_eq!((of_type("local-candidate").len(), of_type("remote-candidate").len()), (2, 1));
    let candidate = of_type("remote-candidate")[0];
    assert_eq!((&candidate["address"], &candidate["port"]), (&json!("2001:db8::9"), &json!(4000)));
}

#[test]
fn the_time_from_camera_to_screen_is_told_of_our_own_kind_alone() {
    for kind in [PeerKind::Native, PeerKind::Web, PeerKind::Legacy] {
        let objects = report(&counted(SourceLimits::default()), peer(), kind);
        let times: Vec<f64> = objects.iter().filter_map(|object| object.get("cameraToScreenTime")?.as_f64()).collect();
        match (kind, times.as_slice()) {
            (PeerKind::Native, [time]) => assert!((time - 0.07).abs() < 1e-6, "{time}"),
            (PeerKind::Web | PeerKind::Legacy, []) => {}
            (_, times) => panic!("{kind:?}: {times:?}"),
        }
    }
}

#[test]
fn what_limits_a_picture_is_told_bandwidth_first() {
    let reason = |limits, width, watched: Option<Layer>| {
        let mut counted = counted(limits);
        for stats in counted.peers.iter_mut().flat_map(|peer| &mut peer.connections) {
            stats.outbound.iter_mut().for_each(|stream| stream.watched = watched);
        }
        counted.media.camera.layers.values_mut().for_each(|layer| layer.frame_width = Some(width));
        let objects = report(&counted, peer(), PeerKind::Native);
        let found = objects.iter().find_map(|object| object.get("qualityLimitationReason")).unwrap();
        found.as_str().unwrap().to_owned()
    };
    let limits = |is_rate_held, is_overloaded| SourceLimits { is_rate_held, is_overloaded };
    for (held, overloaded, width, watched, expected) in [
        (false, false, 1280, 2, "none"),
        (false, true, 1280, 2, "cpu"),
        (true, true, 1280, 2, "bandwidth"),
        (false, true, 640, 2, "bandwidth"),
        (false, false, 640, 1, "none"), // a small tile
    ] {
        assert_eq!(reason(limits(held, overloaded), width, Some(Layer(watched))), expected);
    }
}
