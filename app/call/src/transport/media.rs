//! Media between a transport's connection and its streams.

use std::time::{Duration, Instant};

use hearth_base::{Bitrate, EncodedFrame, Switch, TrackId, TrackKind, TrackSource, VideoCodec};
use rand::RngExt;

use super::generation::Generation;
use super::inbound::FeedbackRequest;
use super::outbound::RouteChange;
use super::{Transport, TransportKind};
use crate::media::fec::RepairPacket;
use crate::peer_connection::{Feedback, RtpIn, SentVideo};
use crate::publications::{Encoding, LinkRate, OutgoingFrame};
use crate::send::governor::LinkReport;
use crate::send::pacer::Queued;
use crate::shared::Shared;
use crate::watching::Watching;

impl Transport {
    /// Draws where the numbers of our tracks begin.
    pub(crate) fn number_tracks(&mut self, shared: &mut Shared) {
        for publication in shared.publications.tracks() {
            if !self.outbound.is_numbered(publication.track.id) {
                self.outbound.begin(publication.track.id, shared.rng.random(), shared.rng.random());
            }
        }
    }

    /// Our tracks are others now: they are offered as soon as there is a connection, and no offer of ours is out.
    pub(crate) fn handle_publications(&mut self, shared: &mut Shared, now: Instant) {
        self.number_tracks(shared);
        self.negotiation.need();
        self.drain(shared, now);
    }

    /// What of our video goes to them, or is about to.
    pub(crate) fn takes(&self) -> impl Iterator<Item = Encoding> {
        let connected = self.connection.iter().filter(|connection| connection.link.is_connected());
        connected.flat_map(|connection| self.outbound.encodings(connection.link.sent_video()))
    }

    /// Tells the table of our tracks what is taken, where that has changed.
    pub(super) fn tell_taken(&self, shared: &mut Shared) {
        if !shared.publications.is_subscribed(self.id, self.takes()) {
            shared.publications.subscribe(self.id, self.takes().collect(), &mut shared.outputs);
        }
    }

    /// Takes the rate of a link that is dead out of it: it would bind the others.
    pub(super) fn tell_dead(&mut self, shared: &mut Shared, now: Instant) {
        if self.is_alive() {
            return;
        }
        if self.outbound.handle_ended() {
            shared.governor.handle_ended(self.id, now);
        }
        if shared.publications.has_rate(self.id) {
            shared.publications.set_rate(self.id, None, &mut shared.outputs, now);
        }
    }

    /// Tells it what the link bears. A layer that is wanted from now on begins with a key frame.
    pub(super) fn tell_rate(&mut self, connection: &Generation, shared: &mut Shared, now: Instant) {
        if !self.is_alive() {
            return shared.publications.set_rate(self.id, None, &mut shared.outputs, now);
        }
        let is_enabled = |track| if shared.publications.is_enabled(track) { Switch::On } else { Switch::Off };
        let sent: Vec<_> = connection.link.sent_video().map(|video| (video, is_enabled(video.track))).collect();
        let (layers, begun) = self.outbound.choose_layers(&sent, now);
        let rate = LinkRate { layers, loss: self.outbound.loss };
        shared.publications.set_rate(self.id, Some(rate), &mut shared.outputs, now);
        if begun.is_empty() || !connection.link.is_connected() {
            return;
        }
        // First what is taken: who asks an encoder for a key frame that nobody takes keeps it for ever.
        let takes = self.outbound.encodings(connection.link.sent_video());
        if !shared.publications.is_subscribed(self.id, takes.iter().copied()) {
            shared.publications.subscribe(self.id, takes, &mut shared.outputs);
        }
        for encoding in begun {
            shared.publications.ask_key_frame(encoding, &mut shared.outputs, now);
        }
    }

    /// They look at this of our pictures from now on.
    pub(crate) fn set_watched(&mut self, watched: Watching, shared: &mut Shared, now: Instant) {
        if !self.outbound.set_watched(watched) {
            return;
        }
        if let Some(connection) = self.connection.take() {
            self.tell_rate(&connection, shared, now);
            self.connection = Some(connection);
            self.tell_taken(shared);
        }
    }

    /// A participant who has just connected needs a frame to begin with.
    pub(super) fn want_key_frames(&self, connection: &Generation, shared: &mut Shared, now: Instant) {
        for encoding in self.outbound.encodings(connection.link.sent_video()) {
            shared.publications.ask_key_frame(encoding, &mut shared.outputs, now);
        }
    }

    /// A frame of ours.
    pub(crate) fn handle_video(&mut self, frame: &OutgoingFrame, shared: &mut Shared, now: Instant) {
        let Encoding { track, codec, .. } = frame.encoding;
        let link = self.connection.as_ref().map(|connection| &connection.link);
        let is_sent = |sent: SentVideo| (sent.track, sent.codec) == (track, codec);
        if !link.is_some_and(|link| link.is_connected() && link.sent_video().any(is_sent))
            || !self.outbound.takes_frame(frame.encoding, frame.frame.kind)
        {
            return;
        }
        if shared.publications.goes_without(self.id, &frame.frame) || self.outbound.drops(&frame.frame) {
            return self.drain(shared, now);
        }
        if self.outbound.handle_video(frame, now) == Queued::No {
            shared.publications.ask_key_frame(frame.encoding, &mut shared.outputs, now);
        }
        self.drain(shared, now);
    }

    /// A packet of ours.
    pub(crate) fn handle_audio(&mut self, audio: &EncodedFrame, shared: &mut Shared, now: Instant) {
        let Some(connection) = &mut self.connection else { return };
        if !connection.link.is_connected() || !connection.link.takes(audio.track) {
            return;
        }
        let Some(packet) = self.outbound.handle_audio(audio, now) else { return };
        let sent = packet.clone();
        match connection.link.send_rtp(packet, now) {
            Ok(()) => {
                self.outbound.packets += 1;
                for repair in self.outbound.handle_sent_audio(&sent, &connection.link, now) {
                    connection.link.send_repair(repair.payload, repair.time, now);
                }
            }
            Err(error) => tracing::debug!(%error, "audio not sent"),
        }
        connection.drain(&mut shared.outputs, now);
        self.drain(shared, now);
    }

    /// They need a key frame of what they get.
    fn ask_key_frame(&self, track: TrackId, connection: &Generation, shared: &mut Shared, now: Instant) {
        let encodings = self.outbound.encodings(connection.link.sent_video());
        for encoding in encodings.into_iter().filter(|encoding| encoding.track == track) {
            shared.publications.ask_key_frame(encoding, &mut shared.outputs, now);
        }
    }

    /// Lets out what may go, and asks for what is missing.
    pub(super) fn serve_media(&mut self, connection: &mut Generation, shared: &mut Shared, now: Instant) {
        while let Some(track) = self.outbound.poll_stale(now) {
            self.ask_key_frame(track, connection, shared, now);
        }
        if self.outbound.poll_still(connection.link.sent_video().map(|video| video.track), now) {
            let encodings = self.outbound.encodings(connection.link.sent_video());
            encodings.into_iter().for_each(|one| shared.publications.ask_key_frame(one, &mut shared.outputs, now));
        }
        loop {
            if let Some(repair) = self.outbound.poll_repair(&connection.link, now) {
                connection.link.send_repair(repair.payload, repair.time, now);
            } else if let Some(packet) = self.outbound.poll_packet(&connection.link, now) {
                match connection.link.send_rtp(packet, now) {
                    Ok(()) => self.outbound.packets += 1,
                    Err(error) => tracing::debug!(%error, "video not sent"),
                }
            } else {
                break;
            }
        }
        let round_trip = connection.link.round_trip();
        self.inbound.set_rate_feedback(connection.rate_feedback);
        for request in self.inbound.poll_asks(round_trip, now) {
            make(&request, connection, now);
        }
        connection.drain(&mut shared.outputs, now);
    }

    pub(super) fn on_repair(
        &mut self,
        repair: RepairPacket,
        codec: Option<VideoCodec>,
        connection: &Generation,
        shared: &mut Shared,
        now: Instant,
    ) {
        self.inbound.handle_repair(repair, codec, connection.link.round_trip(), shared, now);
    }

    pub(super) fn on_packet(&mut self, mut packet: RtpIn, connection: &Generation, shared: &mut Shared) {
        packet.source = source(self.kind, packet.source);
        let round_trip = connection.link.round_trip();
        self.inbound.handle_packet(packet, self.to, round_trip, shared);
    }

    /// A check came back. Before there is a path it may be of any pair, and a short one that is not taken would make
    /// the path look queued.
    pub(super) fn on_round_trip(
        &mut self,
        sample: Duration,
        connection: &mut Generation,
        shared: &mut Shared,
        now: Instant,
    ) {
        if !connection.link.is_connected() {
            return;
        }
        self.look_at_route(connection, shared, now);
        self.remote_clock.handle_round_trip(sample, now);
        self.outbound.handle_round_trip(sample, now);
        self.tell_rate(connection, shared, now);
    }

    /// What was measured so far was measured on the path that was: where it leads another way, it is forgotten.
    pub(super) fn look_at_route(&mut self, connection: &mut Generation, shared: &mut Shared, now: Instant) {
        let change = self.outbound.handle_route(connection.link.selected_pair(), now);
        if change == RouteChange::Other {
            connection.link.forget_round_trip();
        }
        if change != RouteChange::None {
            self.begin_on_path(connection, shared, now);
        }
    }

    /// Nothing is known of this path, but perhaps of the access link before it.
    pub(super) fn begin_on_path(&mut self, connection: &Generation, shared: &mut Shared, now: Instant) {
        let first = self.link_report(connection, shared);
        let most = shared.governor.handle_path(self.id, first, now);
        self.outbound.begin_at_most(most);
    }

    fn link_report(&self, connection: &Generation, shared: &Shared) -> LinkReport {
        let has_pictures = connection.link.sent_video().any(|video| {
            shared.publications.is_enabled(video.track) && self.outbound.watched_layer(video.source).is_some()
        });
        self.outbound.report(has_pictures, shared.publications.is_thinned(self.id))
    }

    /// What others of our links do means something for this one.
    fn report_to_governor(&mut self, connection: &Generation, shared: &mut Shared, now: Instant) {
        if !self.is_alive() {
            return;
        }
        let report = self.link_report(connection, shared);
        if let Some(part) = shared.governor.handle_report(self.id, report, now) {
            self.outbound.handle_part(part);
        }
    }

    pub(super) fn on_feedback(
        &mut self,
        feedback: Feedback,
        connection: &Generation,
        shared: &mut Shared,
        now: Instant,
    ) {
        self.outbound.handle_heard();
        match feedback {
            Feedback::Reporting => {}
            Feedback::KeyFrameWanted(track) => {
                self.history.counters.key_frames_wanted += 1;
                self.ask_key_frame(track, connection, shared, now);
            }
            Feedback::Nack { packets, .. } => self.history.counters.nacks_received += u64::from(packets),
            Feedback::Transport(feedback) => {
                self.outbound.handle_feedback(&feedback, now);
                self.report_to_governor(connection, shared, now);
                connection.link.set_loss(self.outbound.random_loss());
                self.tell_rate(connection, shared, now);
            }
            Feedback::MaxBitrate(most) => {
                self.outbound.handle_max_bitrate(most, now);
                self.tell_rate(connection, shared, now);
            }
            Feedback::Report { track, report } => {
                let is_video = connection.link.sent_video().any(|video| video.track == track);
                let kind = if is_video { TrackKind::Video } else { TrackKind::Audio };
                self.outbound.handle_report(track, kind, report, now);
                self.tell_rate(connection, shared, now);
            }
        }
    }

    /// The decoder of a track erred; nothing, where the track is somebody else's.
    pub(crate) fn handle_decoder_lost(&mut self, track: TrackId, shared: &mut Shared, now: Instant) {
        let request = self.inbound.handle_decoder_lost(track, now);
        if let (Some(request), Some(connection)) = (request, &mut self.connection) {
            make(&request, connection, now);
        }
        self.drain(shared, now);
    }

    /// What the link is thought to bear.
    pub(crate) fn estimate(&self) -> Bitrate {
        self.outbound.estimate()
    }
}

/// What a track shows: the pages that send a screen through a connection of its own call it no name that we know.
fn source(kind: TransportKind, said: TrackSource) -> TrackSource {
    match (kind, said.kind()) {
        (TransportKind::Main | TransportKind::LegacyMain, _) => said,
        (TransportKind::LegacyScreen, TrackKind::Video) => TrackSource::Screen,
        (TransportKind::LegacyScreen, TrackKind::Audio) => TrackSource::System,
    }
}

fn make(request: &FeedbackRequest, connection: &mut Generation, now: Instant) {
    match request {
        FeedbackRequest::Packets { ssrc, missing } => connection.link.send_nack(*ssrc, missing, now),
        FeedbackRequest::KeyFrame { ssrc } => connection.link.send_picture_loss(*ssrc, now),
        FeedbackRequest::Rate { ssrcs, bitrate } => connection.link.send_max_bitrate(ssrcs, *bitrate, now),
    }
}
