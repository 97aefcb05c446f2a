//! Offers, answers and candidates of a connection (JSEP, RFC 8829). Who gives way when two offers cross is decided
//! outside; here stands only how it is done.

use std::net::SocketAddr;
use std::time::Instant;

use rtc::ice::candidate::CandidateConfig;
use rtc::ice::candidate::candidate_host::CandidateHostConfig;
use rtc::ice::candidate::candidate_relay::CandidateRelayConfig;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::{RTCIceCandidate, RTCIceCandidateInit};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;

use super::{Link, LinkError, Sender, build};
use crate::path::{CandidateKind, LocalCandidate};

/// Whether the two sides have a video codec in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Video {
    /// As far as is known.
    Shared,
    /// They speak of video and can take none of ours.
    Lacking,
}

/// Name of the data channel that the first offer opens.
const CHANNEL: &str = "hearth";

impl Link {
    /// The first offer: every track, and the data channel, which opens in the first offer or never.
    pub(crate) fn create_first_offer(&mut self, now: Instant) -> Result<String, LinkError> {
        self.add_tracks(Video::Shared)?;
        // Nobody who sends no picture should therefore see none.
        for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
            let wanted = kind == RtpCodecKind::Audio || !self.config.video_codecs.is_empty();
            let sent = self.config.tracks.iter().any(|track| build::kind_of(track.source) == kind);
            if wanted && !sent {
                self.pc.add_transceiver_from_kind(kind, None)?;
            }
        }
        let channel = self.pc.create_data_channel(CHANNEL, None)?.id();
        self.channel = Some(channel);
        self.create_offer(now)
    }

    /// An offer that restarts ICE on the same handshake and keys (RFC 8445 section 9).
    pub(crate) fn create_restart_offer(&mut self, now: Instant) -> Result<String, LinkError> {
        self.pc.restart_ice();
        self.round_trip.reset();
        self.create_offer(now)
    }

    fn create_offer(&mut self, now: Instant) -> Result<String, LinkError> {
        let offer = self.pc.create_offer(None)?;
        let sdp = offer.sdp.clone();
        self.pc.set_local_description(now, offer)?;
        self.drain(now);
        Ok(sdp)
    }

    /// Takes our own offer back, to answer theirs: the crate does not do it by itself.
    pub(crate) fn roll_back(&mut self, now: Instant) -> Result<(), LinkError> {
        self.pc.set_local_description(now, RTCSessionDescription::rollback(None)?)?;
        self.drain(now);
        Ok(())
    }

    /// Answers their offer. Our tracks are added after it is read: the crate takes the ids of header extensions when a
    /// track is added, and in an answer they are the offerer's.
    /// Without `video` none of ours is offered in return: they can take none, and the crate refuses a track that finds no
    /// codec.
    pub(crate) fn answer(&mut self, offer: &str, video: Video, now: Instant) -> Result<String, LinkError> {
        self.pc.set_remote_description(now, RTCSessionDescription::offer(offer.to_owned())?)?;
        if self.senders.is_empty() {
            self.add_tracks(video)?;
        }
        let answer = self.pc.create_answer(None)?;
        let sdp = answer.sdp.clone();
        self.pc.set_local_description(now, answer)?;
        self.find_payload_types();
        self.drain(now);
        Ok(sdp)
    }

    /// Takes their answer to our offer.
    pub(crate) fn handle_answer(&mut self, answer: &str, now: Instant) -> Result<(), LinkError> {
        self.pc.set_remote_description(now, RTCSessionDescription::answer(answer.to_owned())?)?;
        self.find_payload_types();
        self.drain(now);
        Ok(())
    }

    /// Adds one of our addresses; the text is for the other side.
    pub(crate) fn add_local_candidate(&mut self, candidate: LocalCandidate, now: Instant) -> Result<String, LinkError> {
        let base_config = |address: SocketAddr| CandidateConfig {
            network: "udp".to_owned(),
            address: address.ip().to_string(),
            port: address.port(),
            component: 1,
            ..CandidateConfig::default()
        };
        let made = match candidate.kind {
            CandidateKind::Host => {
                CandidateHostConfig { base_config: base_config(candidate.address), ..CandidateHostConfig::default() }
                    .new_candidate_host()?
            }
            CandidateKind::Relay { base } => CandidateRelayConfig {
                base_config: base_config(candidate.address),
                rel_addr: base.ip().to_string(),
                rel_port: base.port(),
                ..CandidateRelayConfig::default()
            }
            .new_candidate_relay()?,
        };
        let init = RTCIceCandidate::from(&made).to_json()?;
        let text = init.candidate.clone();
        self.pc.add_local_candidate(init)?;
        self.drain(now);
        Ok(text)
    }

    /// Adds one of their addresses, which the caller has found fit.
    pub(crate) fn add_remote_candidate(&mut self, candidate: &str, now: Instant) -> Result<(), LinkError> {
        let init = RTCIceCandidateInit { candidate: candidate.to_owned(), ..RTCIceCandidateInit::default() };
        self.pc.add_remote_candidate(init)?;
        self.drain(now);
        Ok(())
    }

    fn add_tracks(&mut self, video: Video) -> Result<(), LinkError> {
        for track in self.config.tracks.clone() {
            let can_video = video == Video::Shared && !self.config.video_codecs.is_empty();
            if build::kind_of(track.source) == RtpCodecKind::Video && !can_video {
                continue;
            }
            let id = self.pc.add_track(build::media_stream_track(&track))?;
            self.senders.push(Sender { track, id, payload_type: None });
        }
        Ok(())
    }

    /// The payload types are the offerer's, so they are known only now.
    fn find_payload_types(&mut self) {
        for sender in &mut self.senders {
            let mime = build::mime_type(sender.track.source);
            sender.payload_type = self.pc.rtp_sender(sender.id).and_then(|mut rtp| {
                let parameters = &rtp.get_parameters().rtp_parameters;
                let codec = parameters.codecs.iter().find(|c| c.rtp_codec.mime_type.eq_ignore_ascii_case(mime))?;
                Some(codec.payload_type)
            });
        }
    }
}
