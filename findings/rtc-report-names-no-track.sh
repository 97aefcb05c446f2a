#!/usr/bin/env bash
# The crate rtc 0.21.1, two peer connections of it in one program, with a track of video from one to the other.
# A good engineer's guess: a transport-wide report (transport-cc) is about all streams of a connection, so it is handed on whichever of them
# its "media source" field names. libwebrtc and the crate's own recorder write the stream of the packet that came last there, and after a
# retransmission that is the RTX stream.
# Seen: a report that names the track's stream is handed on; the same one that names its RTX stream, which the description declares, is
# dropped without an error, as is any RTCP whose first packet names no stream of a track. Who sends repair or many retransmissions hears
# less than half of the reports, and holds back as if the path had died.
# Needs cargo.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/src"
cat >"$folder/Cargo.toml" <<'TOML'
[package]
name = "reports"
version = "0.0.0"
edition = "2024"

[dependencies]
rtc = "=0.21.1"

[workspace]
TOML
cat >"$folder/src/main.rs" <<'RUST'
use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc::interceptor::{Attribute, AttributedPacket, Interceptor, Packet, Registry, Slot, StreamInfo, TaggedPacket};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_RTX, MIME_TYPE_VP8, MediaEngine};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, SymbolTypeTcc, TransportLayerCc,
};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpRtxParameters,
    RtpCodecKind,
};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};

const SSRC: u32 = 1000;
const RTX: u32 = 2000;

fn vp8() -> RTCRtpCodec {
    RTCRtpCodec { mime_type: MIME_TYPE_VP8.to_owned(), clock_rate: 90_000, ..Default::default() }
}

fn connection(now: Instant) -> Result<RTCPeerConnection, Box<dyn Error>> {
    let rtx = RTCRtpCodec {
        mime_type: MIME_TYPE_RTX.to_owned(),
        clock_rate: 90_000,
        sdp_fmtp_line: "apt=96".to_owned(),
        ..Default::default()
    };
    let mut engine = MediaEngine::default();
    for (payload_type, rtp_codec) in [(96, vp8()), (97, rtx)] {
        engine.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type }, RtpCodecKind::Video)?;
    }
    Ok(RTCPeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_media_engine(engine)
        .with_interceptor_registry(Registry::new().with(Slot::from(14_000), Mark::default()))
        .build(now)?)
}

/// Marks what comes for the application, without which RTCP ends inside of the crate, as is documented.
#[derive(Default)]
struct Mark {
    came: VecDeque<TaggedPacket>,
    leaves: VecDeque<TaggedPacket>,
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Mark {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = rtc::shared::error::Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Self::Error> {
        let TaggedPacket { now, transport, message } = packet;
        let message = match message.packet {
            Packet::Rtcp(packets) => AttributedPacket::new(Packet::Rtcp(packets)).with(Attribute::DeliverToApplication),
            _ => message,
        };
        self.came.push_back(TaggedPacket { now, transport, message });
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.came.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Self::Error> {
        self.leaves.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.leaves.pop_front()
    }

    fn handle_timeout(&mut self, _: Instant) -> Result<(), Self::Error> {
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }
}

impl Interceptor for Mark {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

fn report(media_ssrc: u32) -> Box<dyn rtc::rtcp::Packet> {
    let symbol = SymbolTypeTcc::PacketReceivedSmallDelta;
    let chunk = RunLengthChunk { packet_status_symbol: symbol, run_length: 1, ..Default::default() };
    Box::new(TransportLayerCc {
        sender_ssrc: 1,
        media_ssrc,
        packet_status_count: 1,
        packet_chunks: vec![PacketStatusChunk::RunLengthChunk(chunk)],
        recv_deltas: vec![RecvDelta { type_tcc_packet: symbol, delta: 250 }],
        ..Default::default()
    })
}

/// Moves datagrams between the two for so long; returns the streams that reports to the first one named.
fn run(sides: &mut [RTCPeerConnection; 2], addresses: [SocketAddr; 2], time: &mut Instant, ms: u64) -> Vec<u32> {
    let mut heard = Vec::new();
    for _ in 0..ms / 5 {
        *time += Duration::from_millis(5);
        for from in 0..2 {
            let _ = sides[from].handle_timeout(*time);
            while sides[from].poll_event().is_some() {}
            while let Some(message) = sides[from].poll_read() {
                if let (0, RTCMessage::RtcpPacket(_, packets)) = (from, message.message) {
                    let reports = packets.iter().filter_map(|one| one.as_any().downcast_ref::<TransportLayerCc>());
                    heard.extend(reports.map(|report| report.media_ssrc));
                }
            }
            while let Some(out) = sides[from].poll_write() {
                let transport = TransportContext {
                    local_addr: addresses[1 - from],
                    peer_addr: addresses[from],
                    transport_protocol: TransportProtocol::UDP,
                    ecn: None,
                };
                let _ = sides[1 - from].handle_read(TaggedBytesMut { now: *time, transport, message: out.message });
            }
        }
    }
    heard
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut now = Instant::now();
    let addresses: [SocketAddr; 2] = ["10.0.0.1:5000".parse()?, "10.0.0.2:5000".parse()?];
    let mut sides = [connection(now)?, connection(now)?];
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(SSRC),
            rtx: Some(RTCRtpRtxParameters { ssrc: RTX }),
            ..Default::default()
        },
        codec: vp8(),
        active: true,
        ..Default::default()
    };
    let track = MediaStreamTrack::new("s".into(), "t".into(), "t".into(), RtpCodecKind::Video, vec![encoding]);
    sides[0].add_track(track)?;
    let offer = sides[0].create_offer(None)?;
    println!("declared: {}", offer.sdp.lines().find(|line| line.contains("FID")).unwrap_or("nothing"));
    sides[0].set_local_description(now, offer.clone())?;
    sides[1].set_remote_description(now, RTCSessionDescription::offer(offer.sdp)?)?;
    let answer = sides[1].create_answer(None)?;
    sides[1].set_local_description(now, answer.clone())?;
    sides[0].set_remote_description(now, RTCSessionDescription::answer(answer.sdp)?)?;
    for (at, address) in addresses.iter().enumerate() {
        let candidate = format!("candidate:1 1 udp 2130706431 {} {} typ host", address.ip(), address.port());
        let init = RTCIceCandidateInit { candidate, sdp_mid: Some("0".into()), sdp_mline_index: Some(0), ..Default::default() };
        sides[at].add_local_candidate(init.clone())?;
        sides[1 - at].add_remote_candidate(init)?;
    }
    run(&mut sides, addresses, &mut now, 5000);
    for named in [SSRC, RTX] {
        let id = sides[1].get_receivers().next().ok_or("no receiver")?;
        sides[1].rtp_receiver(id).ok_or("no receiver")?.write_rtcp(now, vec![report(named)])?;
        let heard = run(&mut sides, addresses, &mut now, 200);
        println!("a report that names {named}: {}", if heard == [named] { "handed on" } else { "dropped" });
    }
    Ok(())
}
RUST
seen=$(cargo run --quiet --manifest-path "$folder/Cargo.toml")
echo "$seen"
# declared: a=ssrc-group:FID 1000 2000
# a report that names 1000: handed on
# a report that names 2000: dropped
[[ $seen == *"names 1000: handed on"*"names 2000: dropped" ]] || { echo "this has changed"; exit 1; }
