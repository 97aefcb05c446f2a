//! Two links in one room, without a network: what a connected member may say, and what becomes of it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hearth_base::{TrackId, TrackSource, VideoCodec};
use rtc::rtcp;
use rtc::rtcp::goodbye::Goodbye;
use rtc::rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{NackPair, TransportLayerNack};

use super::*;
use crate::candidates;
use crate::channel::ChannelMessage;
use crate::path::{CandidateKind, LocalCandidate};

const VIDEO_SSRC: u32 = 22;

/// What a description says of video.
fn said(sdp: &str) -> Vec<VideoCodec> {
    crate::description::check_description(sdp).unwrap().video.unwrap_or_default()
}

struct Pair {
    links: [PeerConnection; 2],
    now: Instant,
    events: [Vec<LinkEvent>; 2],
}

fn address(index: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, index as u8 + 1], 5000))
}

impl Pair {
    fn connected() -> Self {
        Self::with([&VideoCodec::ALL; 2])
    }

    /// Two that can do so much of video; the first one offers.
    fn with(codecs: [&[VideoCodec]; 2]) -> Self {
        Self::described(codecs, str::to_owned)
    }

    /// The same; each reads of the other's description what `told` leaves of it.
    fn described([first, second]: [&[VideoCodec]; 2], told: impl Fn(&str) -> String) -> Self {
        let now = Instant::now();
        let config = |base: u32, codecs: &[VideoCodec]| LinkConfig {
            tracks: vec![
                LocalTrack { id: TrackId(0), source: TrackSource::Microphone, ssrc: base + 1, rtx_ssrc: base + 5 },
                LocalTrack { id: TrackId(1), source: TrackSource::Camera, ssrc: base + 2, rtx_ssrc: base + 6 },
            ],
            video_codecs: codecs.to_vec(),
            repair_ssrc: base + 9,
        };
        let links = [
            PeerConnection::new(config(10, first), now).unwrap(),
            PeerConnection::new(config(20, second), now).unwrap(),
        ];
        let mut pair = Self { links, now, events: [Vec::new(), Vec::new()] };
        let offer = told(&pair.links[0].create_first_offer(now).unwrap());
        let answer = told(&pair.links[1].answer(&offer, Video::Shared, now).unwrap());
        pair.links[0].handle_answer(&answer, &said(&answer), now).unwrap();
        pair.exchange_candidates();
        pair.run(Duration::from_secs(3));
        for events in &pair.events {
            assert!(events.iter().any(|event| matches!(event, LinkEvent::ChannelOpen)), "{events:?}");
        }
        pair
    }

    /// Lets time pass, a millisecond at a time, and delivers everything at once.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            for index in [0, 1] {
                while let Some(transmit) = self.links[index].poll_transmit() {
                    let other = &mut self.links[1 - index];
                    other.handle_datagram(transmit.remote, transmit.local, transmit.payload, self.now);
                }
                if self.links[index].poll_timeout().is_some_and(|due| due <= self.now) {
                    self.links[index].handle_timeout(self.now);
                }
                let events = std::iter::from_fn(|| self.links[index].poll_event());
                self.events[index].extend(events);
            }
            self.now += Duration::from_millis(1);
        }
    }

    fn exchange_candidates(&mut self) {
        for index in [0, 1] {
            let candidate = LocalCandidate { kind: CandidateKind::Host, address: address(index) };
            let text =
                self.links[index].add_local_candidate(candidate, candidate.kind.priority(0xFFFF), self.now).unwrap();
            assert!(candidates::check_candidate(&text, candidates::Loopback::Refused).is_ok(), "{text}");
            self.links[1 - index].add_remote_candidate(&text, self.now).unwrap();
        }
    }

    /// What the other one takes when this one sends packets with these numbers, of sound and of video.
    fn came_of(&mut self, index: usize, numbers: std::ops::RangeInclusive<u16>) -> Vec<(u16, Option<VideoCodec>)> {
        for sequence in numbers {
            for track in [TrackId(0), TrackId(1)] {
                let payload = Bytes::from_static(b"x");
                let packet = RtpOut { track, sequence, time: 1, captured: self.now, marker: true, payload };
                self.links[index].send_rtp(packet, self.now).unwrap();
                self.run(Duration::from_millis(20));
            }
        }
        self.events[1 - index].drain(..).filter_map(rtp).collect()
    }

    fn send_rtcp(&mut self, packets: Vec<Box<dyn rtcp::Packet>>) {
        let id = self.links[0].senders[1].id;
        let mut sender = self.links[0].pc.rtp_sender(id).unwrap();
        drop(sender.write_rtcp(self.now, packets));
        let now = self.now;
        self.links[0].drain(now);
        self.run(Duration::from_millis(20));
    }

    fn feedback(&mut self) -> Vec<Feedback> {
        let events = std::mem::take(&mut self.events[1]);
        let feedback = |event| if let LinkEvent::Feedback(feedback) = event { Some(feedback) } else { None };
        events.into_iter().filter_map(feedback).collect()
    }
}

#[test]
fn redundant_sound_in_the_descriptions_is_no_trouble_to_the_crate() {
    let mut pair = Pair::described([&VideoCodec::ALL; 2], |sdp| crate::our_description::with_red(sdp, None));
    let red = crate::description::check_description;
    for link in &pair.links {
        link.red.agree(Some(RedTypes { red: 63, opus: 111 }));
        link.set_loss(0.2);
    }
    assert!(red(&crate::our_description::with_red(&pair.links[0].pc.local_description().unwrap().sdp, None)).is_ok());
    // Of sound each packet is there once, with nothing lost; video goes on as it does.
    let came = pair.came_of(0, 40..=45);
    let of =
        |codec: Option<VideoCodec>| came.iter().filter(|(_, one)| *one == codec).map(|(n, _)| *n).collect::<Vec<_>>();
    assert_eq!((of(None), of(Some(VideoCodec::H264))), ((40..=45).collect(), (40..=45).collect()));
}

fn sent_camera(codec: VideoCodec) -> SentVideo {
    SentVideo { track: TrackId(1), source: TrackSource::Camera, codec }
}

#[test]
fn texts_on_the_channel_arrive_as_they_are_and_nonsense_is_no_message() {
    let mut pair = Pair::connected();
    let long = "x".repeat(60_000);
    let mut refused = 0;
    for text in ["", "{", "null", "[[[[[[[[", r#"{"type":"bye","type":"bye"}"#, r#"{"type":"media"}"#, "\u{0}", &long] {
        pair.events[1].clear();
        let now = pair.now;
        pair.links[0].send_text(text, now).unwrap();
        pair.run(Duration::from_millis(200));
        let text = |event: &_| if let LinkEvent::ChannelText(text) = event { Some(text.clone()) } else { None };
        let heard = pair.events[1].iter().find_map(text);
        refused += u32::from(heard.is_none_or(|heard| ChannelMessage::parse(&heard).is_none()));
    }
    assert_eq!(refused, 8);
    assert!(pair.links[1].is_connected());
}

#[test]
fn a_picture_loss_behind_an_empty_report_arrives() {
    let mut pair = Pair::connected();
    pair.feedback();
    let pli = PictureLossIndication { sender_ssrc: 1, media_ssrc: VIDEO_SSRC };
    pair.send_rtcp(vec![Box::new(ReceiverReport::default()), Box::new(pli)]);
    assert!(pair.feedback().contains(&Feedback::KeyFrameWanted(TrackId(1))));
}

#[test]
fn feedback_about_nothing_of_ours_says_nothing() {
    let mut pair = Pair::connected();
    pair.feedback();
    let report = |ssrc| ReceptionReport { ssrc, fraction_lost: 255, total_lost: 0xFF_FFFF, ..Default::default() };
    let cases: Vec<Vec<Box<dyn rtcp::Packet>>> = vec![
        vec![Box::new(PictureLossIndication { sender_ssrc: 0, media_ssrc: 999 })],
        vec![Box::new(FullIntraRequest { sender_ssrc: 0, media_ssrc: 0, fir: vec![FirEntry::default(); 30] })],
        vec![Box::new(TransportLayerNack {
            sender_ssrc: 0,
            media_ssrc: 999,
            nacks: vec![NackPair { packet_id: 65_535, lost_packets: 0xFFFF }; 200],
        })],
        vec![Box::new(ReceiverReport { ssrc: 1, reports: vec![report(999); 31], ..Default::default() })],
        vec![Box::new(Goodbye { sources: vec![VIDEO_SSRC; 31], ..Default::default() })],
        (0..40).map(|_| Box::new(Goodbye::default()) as Box<dyn rtcp::Packet>).collect(),
    ];
    for packets in cases {
        pair.send_rtcp(packets);
    }
    // The connection's own reports may have come meanwhile; nothing else has.
    let others: Vec<_> =
        pair.feedback().into_iter().filter(|f| !matches!(f, Feedback::Report { .. } | Feedback::Reporting)).collect();
    assert_eq!(others, []);
    assert!(pair.links[1].is_connected());
}

#[test]
fn media_before_the_handshake_is_refused_and_not_lost_in_silence() {
    let now = Instant::now();
    let config = LinkConfig {
        tracks: vec![LocalTrack { id: TrackId(0), source: TrackSource::Microphone, ssrc: 1, rtx_ssrc: 2 }],
        video_codecs: Vec::new(),
        repair_ssrc: 3,
    };
    let mut link = PeerConnection::new(config, now).unwrap();
    link.create_first_offer(now).unwrap();
    let packet = RtpOut {
        track: TrackId(0),
        sequence: 1,
        time: 1,
        captured: now,
        marker: false,
        payload: Bytes::from_static(b"x"),
    };
    assert!(link.send_rtp(packet, now).is_err());
}

#[test]
fn crossed_offers_can_be_rolled_back_and_answered() {
    let mut pair = Pair::connected();
    let now = pair.now;
    let theirs = pair.links[0].create_restart_offer(now).unwrap();
    pair.links[1].create_restart_offer(now).unwrap();
    pair.links[1].roll_back(now).unwrap();
    let answer = pair.links[1].answer(&theirs, Video::Shared, now).unwrap();
    pair.links[0].handle_answer(&answer, &said(&answer), now).unwrap();
    pair.exchange_candidates();
    pair.events = [Vec::new(), Vec::new()];
    pair.run(Duration::from_secs(2));
    for events in &pair.events {
        let back = events.iter().any(|event| matches!(event, LinkEvent::Ice(IceState::Connected)));
        assert!(back, "{events:?}");
    }
}

#[test]
fn each_side_sends_the_best_that_both_have_and_loses_none_of_it() {
    use VideoCodec::{H264, Vp8};
    for (first, second, expected) in [
        (&[H264, Vp8][..], &[H264, Vp8][..], H264),
        (&[H264, Vp8], &[Vp8], Vp8),
        (&[Vp8], &[H264, Vp8], Vp8),
        (&[H264, Vp8], &[H264], H264),
        (&[Vp8], &[Vp8], Vp8),
    ] {
        let mut pair = Pair::with([first, second]);
        for index in [0, 1] {
            let sent: Vec<_> = pair.links[index].sent_video().collect();
            assert_eq!(sent, [sent_camera(expected)], "{first:?} offers to {second:?}");
            let packet = |sequence| RtpOut {
                track: TrackId(1),
                sequence,
                time: 1,
                captured: pair.now,
                marker: true,
                payload: Bytes::from_static(b"x"),
            };
            let now = pair.now;
            pair.links[index].send_rtp(packet(1), now).unwrap();
            while pair.links[index].poll_transmit().is_some() {} // lost
            pair.links[index].send_rtp(packet(2), now).unwrap();
            pair.run(Duration::from_millis(20));
            let ssrc = pair.links[index].senders[1].track.ssrc;
            let now = pair.now;
            pair.links[1 - index].send_nack(ssrc, &[1], now);
            pair.run(Duration::from_millis(20));
            let came: Vec<_> = pair.events[1 - index].drain(..).filter_map(rtp).collect();
            assert_eq!(came, [(2, Some(expected)), (1, Some(expected))], "{first:?} offers to {second:?}");
        }
    }
}

/// A description without the lines that hold any of these.
fn without(sdp: &str, words: &[&str]) -> String {
    let kept = sdp.lines().filter(|line| !words.iter().any(|word| line.contains(word)));
    kept.flat_map(|line| [line, "\r\n"]).collect()
}

#[test]
fn streams_that_no_description_names_are_taken_from_their_second_packet_on() {
    // What is left out, and the first packet that is taken.
    for (words, first) in [(&["a=ssrc"][..], 2), (&["a=ssrc", "a=msid"], 2), (&["msid"], 1)] {
        let mut pair = Pair::described([&VideoCodec::ALL; 2], |sdp| without(sdp, words));
        for index in [0, 1] {
            let came = pair.came_of(index, 1..=4);
            assert_eq!(came, streams(first..=4), "of {index} without {words:?}");
        }
        // The next description leaves them out as well.
        let now = pair.now;
        let offer = without(&pair.links[0].create_restart_offer(now).unwrap(), words);
        let answer = without(&pair.links[1].answer(&offer, Video::Shared, now).unwrap(), words);
        pair.links[0].handle_answer(&answer, &said(&answer), now).unwrap();
        pair.exchange_candidates();
        pair.run(Duration::from_secs(2));
        for index in [0, 1] {
            assert_eq!(pair.came_of(index, 5..=6), streams(5..=6), "of {index}, later, without {words:?}");
        }
    }
}

/// Sound and video with these numbers.
fn streams(numbers: std::ops::RangeInclusive<u16>) -> Vec<(u16, Option<VideoCodec>)> {
    numbers.flat_map(|n| [(n, None), (n, Some(VideoCodec::H264))]).collect()
}

fn rtp(event: LinkEvent) -> Option<(u16, Option<VideoCodec>)> {
    if let LinkEvent::Rtp(packet) = event { Some((packet.sequence, packet.codec)) } else { None }
}

#[test]
fn a_name_that_hides_another_profile_falls_back_to_what_both_have() {
    let now = Instant::now();
    let mut pair = Pair::connected();
    let track = LocalTrack { id: TrackId(1), source: TrackSource::Camera, ssrc: 1, rtx_ssrc: 2 };
    let new = || {
        PeerConnection::new(
            LinkConfig { tracks: vec![track], video_codecs: VideoCodec::ALL.to_vec(), repair_ssrc: 7 },
            now,
        )
        .unwrap()
    };
    // As a browser whose hardware does High profile alone.
    let offer = new().create_first_offer(now).unwrap().replace("42e01f", "64001f");
    pair.links[0] = new();
    pair.links[0].answer(&offer, Video::Shared, now).unwrap();
    assert_eq!(pair.links[0].sent_video().collect::<Vec<_>>(), [sent_camera(VideoCodec::Vp8)]);
}
