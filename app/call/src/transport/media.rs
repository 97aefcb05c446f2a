//! Media between a peer's connection and its streams.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_base::{Bitrate, EncodedAudio, FrameKind, TrackId, TrackKind, TrackSource, VideoCodec};
use hearth_protocol::Pc;
use rand::RngExt;

use super::Transport;
use super::generation::Generation;
use super::inbound::FeedbackRequest;
use crate::context::{Context, PeerOutput};
use crate::peer_connection::{Feedback, PeerConnection, RtpIn};
use crate::send::pacer::Queued;

/// A picture of ours, cut into payloads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutgoingFrame<'a> {
    pub(crate) track: TrackId,
    pub(crate) codec: VideoCodec,
    pub(crate) kind: FrameKind,
    /// When it was taken, after the call's own beginning.
    pub(crate) since_start: Duration,
    pub(crate) payloads: &'a [Bytes],
}

impl Transport {
    pub(crate) fn number_tracks(&mut self, context: &mut Context<'_>) {
        for track in &context.link.tracks {
            self.outbound.begin(track.id, context.rng.random(), context.rng.random());
        }
    }

    /// Which of our tracks of video go to them, and in which codec.
    pub(crate) fn watches(&self) -> impl Iterator<Item = (TrackId, VideoCodec)> {
        let link = self.connection.as_ref().map(|connection| &connection.link).filter(|link| link.is_connected());
        link.into_iter().flat_map(PeerConnection::sent_video)
    }

    /// Anyone who has just come needs a picture to begin with.
    pub(crate) fn want_key_frames(&self, connection: &Generation, context: &mut Context<'_>) {
        let wanted = connection.link.sent_video().map(|(track, codec)| PeerOutput::KeyFrameWanted(track, codec));
        context.outputs.extend(wanted);
    }

    /// A picture of ours.
    pub(crate) fn handle_video(&mut self, frame: &OutgoingFrame<'_>, context: &mut Context<'_>, now: Instant) {
        let OutgoingFrame { track, codec, kind, since_start, payloads } = *frame;
        if !self.watches().any(|watched| watched == (track, codec)) {
            return;
        }
        if self.outbound.handle_video(track, kind, since_start, payloads, now) == Queued::No {
            context.outputs.push_back(PeerOutput::KeyFrameWanted(track, codec));
        }
        self.drain(context, now);
    }

    /// Sound of ours.
    pub(crate) fn handle_audio(&mut self, audio: &EncodedAudio, context: &mut Context<'_>, now: Instant) {
        if !self.takes(audio.track) {
            return;
        }
        let Some(packet) = self.outbound.handle_audio(audio) else { return };
        if let Some(connection) = &mut self.connection {
            match connection.link.send_rtp(packet, now) {
                Ok(()) => self.outbound.packets += 1,
                Err(error) => tracing::debug!(%error, "sound not sent"),
            }
            connection.drain(now);
        }
        self.drain(context, now);
    }

    fn takes(&self, track: TrackId) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| connection.link.is_connected() && connection.link.takes(track))
    }

    /// Lets out what may go, and asks for what is missing.
    pub(crate) fn serve_media(&mut self, connection: &mut Generation, now: Instant) {
        while let Some(packet) = self.outbound.poll_packet(now) {
            match connection.link.send_rtp(packet, now) {
                Ok(()) => self.outbound.packets += 1,
                Err(error) => tracing::debug!(%error, "picture not sent"),
            }
        }
        let round_trip = connection.link.round_trip();
        self.inbound.set_rate_feedback(connection.rate_feedback);
        for ask in self.inbound.poll_asks(round_trip, now) {
            make(&ask, connection, now);
        }
        connection.drain(now);
    }

    pub(crate) fn on_packet(&mut self, mut packet: RtpIn, connection: &mut Generation, context: &mut Context<'_>) {
        packet.source = source(self.pc, packet.source);
        let round_trip = connection.link.round_trip();
        let mut received = Vec::new();
        self.inbound.handle_packet(packet, round_trip, context.next_track, &mut received);
        let from = self.to;
        context.outputs.extend(received.into_iter().map(|what| PeerOutput::Received { from, what }));
    }

    pub(crate) fn on_feedback(
        &mut self,
        feedback: Feedback,
        connection: &Generation,
        context: &mut Context<'_>,
        now: Instant,
    ) {
        match feedback {
            Feedback::KeyFrameWanted(track) => {
                self.counters.key_frames_wanted += 1;
                let sent = connection.link.sent_video().find(|(sent, _)| *sent == track);
                context.outputs.extend(sent.map(|(track, codec)| PeerOutput::KeyFrameWanted(track, codec)));
            }
            Feedback::Nack { packets, .. } => self.counters.nacks_received += u64::from(packets),
            Feedback::Loss { fraction, .. } => {
                self.outbound.handle_loss(fraction, now);
                if let Some(round_trip) = connection.link.round_trip() {
                    self.outbound.handle_round_trip(round_trip, now);
                }
                context.outputs.push_back(PeerOutput::Rates);
            }
        }
    }

    /// The decoder of a track erred; whether the track is this peer's.
    pub(crate) fn handle_decoder_lost(&mut self, track: TrackId, context: &mut Context<'_>, now: Instant) {
        let ask = self.inbound.handle_decoder_lost(track, now);
        if let (Some(ask), Some(connection)) = (ask, &mut self.connection) {
            make(&ask, connection, now);
        }
        self.drain(context, now);
    }

    /// What the link bears, and the share that it loses.
    pub(crate) fn rates(&self) -> (Bitrate, f64) {
        (self.outbound.estimate(), self.outbound.loss)
    }
}

/// What a track shows: the pages that send a screen through a connection of its own call it no name that we know.
fn source(pc: Pc, said: TrackSource) -> TrackSource {
    match (pc, said.kind()) {
        (Pc::Main, _) => said,
        (Pc::Screen, TrackKind::Video) => TrackSource::Screen,
        (Pc::Screen, TrackKind::Audio) => TrackSource::System,
    }
}

fn make(ask: &FeedbackRequest, connection: &mut Generation, now: Instant) {
    match ask {
        FeedbackRequest::Packets { ssrc, missing } => connection.link.send_nack(*ssrc, missing, now),
        FeedbackRequest::KeyFrame { ssrc } => connection.link.send_picture_loss(*ssrc, now),
        FeedbackRequest::Rate { ssrcs, bitrate } => connection.link.send_max_bitrate(ssrcs, *bitrate, now),
    }
}
