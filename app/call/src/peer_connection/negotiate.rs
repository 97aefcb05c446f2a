//! Offers, answers and candidates of a connection (JSEP, RFC 8829). Who gives way when two offers cross is decided
//! outside; here is only how it is done.

use std::net::SocketAddr;
use std::time::Instant;

use hearth_base::{TrackKind, TrackSource, VideoCodec};
use rtc::ice::candidate::CandidateConfig;
use rtc::ice::candidate::candidate_host::CandidateHostConfig;
use rtc::ice::candidate::candidate_relay::CandidateRelayConfig;
use rtc::ice::candidate::candidate_server_reflexive::CandidateServerReflexiveConfig;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::{RTCIceCandidate, RTCIceCandidateInit};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;

use super::{LinkError, LinkEvent, LocalTrack, PeerConnection, Sender, build};
use crate::description::live_streams;
use crate::path::{CandidateKind, LocalCandidate, unspecified};

/// Whether the two sides have a video codec in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Video {
    /// As far as is known.
    Shared,
    /// They speak of video and can take none of ours.
    Lacking,
}

/// Streams remembered as ended. Full: the first goes, and a late packet of it would begin a track.
const ENDED: usize = 64;
/// Name of the data channel that the first offer opens.
const CHANNEL: &str = "hearth";

impl PeerConnection {
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

    /// An offer of these tracks in place of those there were, on the same path, handshake and keys.
    pub(crate) fn create_further_offer(&mut self, tracks: Vec<LocalTrack>, now: Instant) -> Result<String, LinkError> {
        let gone: Vec<_> = self.senders.extract_if(.., |sender| !tracks.contains(&sender.track)).collect();
        for sender in gone {
            self.pc.remove_track(sender.id)?;
        }
        let codecs = self.config.video_codecs.clone();
        for track in &tracks {
            let is_known = self.senders.iter().any(|sender| sender.track == *track);
            if !is_known && (track.source.kind() == TrackKind::Audio || !codecs.is_empty()) {
                self.add(*track, &codecs)?;
            }
        }
        self.config.tracks = tracks;
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
    /// track is added, and in an answer they are the offerer's. Without `video` none of ours is offered in return: they
    /// can take none, and the crate refuses a track that finds no codec.
    pub(crate) fn answer(&mut self, offer: &str, video: Video, now: Instant) -> Result<String, LinkError> {
        let readable = self.undeclared.readable(offer);
        self.pc.set_remote_description(now, RTCSessionDescription::offer(readable.clone())?)?;
        self.end_unnamed(&readable);
        if self.senders.is_empty() {
            self.add_tracks(video)?;
        }
        let answer = self.pc.create_answer(None)?;
        let sdp = answer.sdp.clone();
        self.pc.set_local_description(now, answer)?;
        self.find_sent(&self.config.video_codecs.clone());
        self.find_received();
        self.drain(now);
        Ok(sdp)
    }

    /// Takes their answer to our offer, in which they can take `theirs` of video.
    pub(crate) fn handle_answer(&mut self, answer: &str, theirs: &[VideoCodec], now: Instant) -> Result<(), LinkError> {
        self.choose_codecs(theirs)?;
        let readable = self.undeclared.readable(answer);
        self.pc.set_remote_description(now, RTCSessionDescription::answer(readable.clone())?)?;
        self.end_unnamed(&readable);
        self.find_sent(theirs);
        self.find_received();
        self.drain(now);
        Ok(())
    }

    /// Has the crate read their description again, with the streams that have come and that it does not name.
    pub(super) fn declare_streams(&mut self, now: Instant) {
        if !self.undeclared.poll() {
            return;
        }
        // Between an offer and its answer they wait.
        if self.pc.pending_local_description().is_some() || self.pc.pending_remote_description().is_some() {
            return;
        }
        let Some(theirs) = self.pc.current_remote_description() else { return };
        let Some(offer) = self.undeclared.declare(&theirs.sdp) else { return };
        match self.answer(&offer, Video::Shared, now) {
            Ok(_) => tracing::info!("a stream came that their description does not name"),
            Err(error) => tracing::info!(%error, "a stream that their description does not name is not taken"),
        }
    }

    /// Adds one of our addresses; the text is for the other side. A server-reflexive one is for the other side alone:
    /// its checks would be those of its base once more (RFC 8445, section 6.1.2.4), and the crate leaves none of them
    /// out.
    pub(crate) fn add_local_candidate(
        &mut self,
        candidate: LocalCandidate,
        priority: u32,
        now: Instant,
    ) -> Result<String, LinkError> {
        let base_config = |address: SocketAddr| CandidateConfig {
            network: "udp".to_owned(),
            address: address.ip().to_string(),
            port: address.port(),
            component: 1,
            priority,
            ..CandidateConfig::default()
        };
        let made = match candidate.kind {
            CandidateKind::Host => {
                CandidateHostConfig { base_config: base_config(candidate.address), ..CandidateHostConfig::default() }
                    .new_candidate_host()?
            }
            CandidateKind::ServerReflexive { base } => CandidateServerReflexiveConfig {
                base_config: base_config(candidate.address),
                rel_addr: unspecified(base).to_string(),
                rel_port: base.port(),
                url: None,
            }
            .new_candidate_server_reflexive()?,
            CandidateKind::Relay { base, .. } => CandidateRelayConfig {
                base_config: base_config(candidate.address),
                rel_addr: unspecified(base).to_string(),
                rel_port: base.port(),
                ..CandidateRelayConfig::default()
            }
            .new_candidate_relay()?,
        };
        let init = RTCIceCandidate::from(&made).to_json()?;
        let text = init.candidate.clone();
        match candidate.kind {
            CandidateKind::ServerReflexive { .. } => {}
            CandidateKind::Host | CandidateKind::Relay { .. } => self.pc.add_local_candidate(init)?,
        }
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
            if track.source.kind() == TrackKind::Video && !can_video {
                continue;
            }
            let codecs = self.config.video_codecs.clone();
            let is_answering = self.pc.remote_description().is_some();
            match track.source.kind() {
                TrackKind::Video if is_answering => self.add_answering(track, &codecs),
                TrackKind::Audio | TrackKind::Video => self.add(track, &codecs)?,
            }
        }
        Ok(())
    }

    fn add(&mut self, track: LocalTrack, codecs: &[VideoCodec]) -> Result<(), LinkError> {
        let id = self.pc.add_track(build::media_stream_track(&track, codecs))?;
        let codec = codecs.first().copied().filter(|_| track.source.kind() == TrackKind::Video);
        self.senders.push(Sender { track, id, codec, payload_type: None });
        Ok(())
    }

    /// The offer has said which codecs there are. A name may hide a profile that is none of ours, so the crate is
    /// asked: it refuses a track whose codec it has not found in the offer.
    fn add_answering(&mut self, track: LocalTrack, codecs: &[VideoCodec]) {
        if !codecs.iter().any(|codec| self.add(track, &[*codec]).is_ok()) {
            tracing::info!("their video and ours have the same names and are not the same");
        }
    }

    /// The crate binds a sender to its track's codec while it reads the answer, so the best that they can take has to
    /// be the track's before.
    fn choose_codecs(&mut self, theirs: &[VideoCodec]) -> Result<(), LinkError> {
        let Some(best) = self.config.video_codecs.iter().copied().find(|codec| theirs.contains(codec)) else {
            return Ok(());
        };
        for sender in self.senders.iter_mut().filter(|sender| sender.codec.is_some_and(|codec| codec != best)) {
            if let Some(mut rtp) = self.pc.rtp_sender(sender.id) {
                rtp.replace_track(build::media_stream_track(&sender.track, &[best]))?;
                sender.codec = Some(best);
            }
        }
        Ok(())
    }

    /// The payload types are the offerer's, so they are known only now. What is not among `theirs` is not sent: where a
    /// section is refused, the crate keeps the codecs of the offer.
    fn find_sent(&mut self, theirs: &[VideoCodec]) {
        let ours = &self.config.video_codecs;
        for sender in &mut self.senders {
            let Some(mut rtp) = self.pc.rtp_sender(sender.id) else { continue };
            let agreed = &rtp.get_parameters().rtp_parameters.codecs;
            let find = |mime: &str| {
                let codec = agreed.iter().find(|codec| codec.rtp_codec.mime_type.eq_ignore_ascii_case(mime));
                codec.map(|codec| codec.payload_type)
            };
            match sender.track.source.kind() {
                TrackKind::Audio => sender.payload_type = find(build::OPUS_TYPE),
                TrackKind::Video => {
                    // What the sender is bound to goes first.
                    let possible = sender.codec.iter().chain(ours).filter(|codec| theirs.contains(codec));
                    let found = possible.copied().find_map(|codec| Some((codec, find(build::mime_type(codec))?)));
                    sender.payload_type = found.map(|(_, payload_type)| payload_type);
                    sender.codec = found.map(|(codec, _)| codec).or(sender.codec);
                }
            }
        }
    }

    /// Whether a track of ours found no place in their offer. Anyone who offers no video is not asked for it: that
    /// counts for what is beside one camera and one microphone.
    pub(crate) fn has_unoffered(&mut self) -> bool {
        let is_further =
            |sender: &Sender| !matches!(sender.track.source, TrackSource::Camera | TrackSource::Microphone);
        let further: Vec<_> = self.senders.iter().filter(|one| is_further(one)).map(|one| one.id).collect();
        let mut transceivers = 0..self.pc.get_transceivers().count();
        transceivers.any(|id| {
            let transceiver = self.pc.rtp_transceiver(id);
            transceiver.is_some_and(|one| one.mid().is_none() && one.sender().is_some_and(|id| further.contains(&id)))
        })
    }

    /// Ends the streams that came so far and that their description does not name any more.
    fn end_unnamed(&mut self, theirs: &str) {
        let Some(live) = live_streams(theirs) else { return };
        self.ended.retain(|ssrc| !live.contains(ssrc));
        let gone: Vec<_> = self.sources.keys().copied().filter(|ssrc| !live.contains(ssrc)).collect();
        for ssrc in gone {
            self.sources.remove(&ssrc);
            if self.ended.len() == ENDED {
                self.ended.pop_first();
            }
            self.ended.insert(ssrc);
            self.events.push_back(LinkEvent::TrackEnded { ssrc });
        }
    }

    fn find_received(&mut self) {
        self.codecs.clear();
        let receivers: Vec<_> = self.pc.get_receivers().collect();
        for id in receivers {
            let Some(mut receiver) = self.pc.rtp_receiver(id) else { continue };
            for codec in &receiver.get_parameters().rtp_parameters.codecs {
                let mime = &codec.rtp_codec.mime_type;
                let ours = &self.config.video_codecs;
                let known = ours.iter().find(|ours| build::mime_type(**ours).eq_ignore_ascii_case(mime));
                self.codecs.extend(known.map(|known| (codec.payload_type, *known)));
            }
        }
    }
}
