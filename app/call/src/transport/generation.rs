//! One incarnation of the connection to a peer: the link and the paths under it, tied together.
//!
//! Owner of: both, and what is known of the other side's description. It does what it is told about offers; who gives
//! way and when to restart is decided above.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use hearth_base::VideoCodec;
use hearth_protocol::{Candidate, Description, DescriptionKind, PeerId};
use rand_chacha::ChaCha12Rng;

use super::checks::{Check, CheckBudget, Checks};
use super::gather::{GatherOutput, Gathering, IceConfig};
use crate::candidates::{self, CandidateError, Loopback, MAX_CANDIDATES, TakenCandidates};
use crate::description::{self, CheckedDescription, DescriptionError, RateFeedback};
use crate::path::{LocalCandidate, SocketId, SocketKind};
use crate::peer_connection::{LinkConfig, LinkError, LinkEvent, LinkTransmit, PeerConnection, Video};

/// What a connection wants done, or what happened on it.
#[derive(Debug)]
pub(crate) enum ConnectionOutput {
    Open { socket: SocketId, kind: SocketKind },
    Close(SocketId),
    Transmit { socket: SocketId, to: SocketAddr, payload: Bytes },
    Candidate(Candidate),
    EndOfCandidates(String),
    Event(LinkEvent),
}

/// A description or candidate was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error(transparent)]
    Description(#[from] DescriptionError),
    #[error(transparent)]
    Candidate(#[from] CandidateError),
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// One incarnation.
pub(crate) struct Generation {
    pub(crate) link: PeerConnection,
    gathering: Gathering,
    loopback: Loopback,
    candidates: Vec<LocalCandidate>,
    our_ufrag: Option<String>,
    their_ufrag: Option<String>,
    /// Their candidates that came before their description.
    early: Vec<String>,
    /// Their candidates of this generation.
    taken: TakenCandidates,
    /// Both sides', ours second.
    pub(crate) fingerprints: (Option<String>, Option<String>),
    /// Which codecs they can take, as far as we know them, once they have spoken of video.
    their_video: Option<Vec<VideoCodec>>,
    /// How they learn what the path to us bears, as they said last.
    pub(crate) rate_feedback: RateFeedback,
    checks: Checks,
    outputs: VecDeque<ConnectionOutput>,
}

impl Generation {
    pub(crate) fn new(
        config: LinkConfig,
        ice_config: &IceConfig,
        loopback: Loopback,
        next_socket: &mut u32,
        rng: ChaCha12Rng,
        now: Instant,
    ) -> Result<Self, LinkError> {
        let mut connection = Self {
            link: PeerConnection::new(config, now)?,
            gathering: Gathering::new(ice_config, next_socket, rng, now),
            loopback,
            candidates: Vec::new(),
            our_ufrag: None,
            their_ufrag: None,
            early: Vec::new(),
            taken: TakenCandidates::default(),
            fingerprints: (None, None),
            their_video: None,
            rate_feedback: RateFeedback::default(),
            checks: Checks::default(),
            outputs: VecDeque::new(),
        };
        connection.drain(now);
        Ok(connection)
    }

    /// The first offer.
    pub(crate) fn offer(&mut self, now: Instant) -> Result<Description, LinkError> {
        let sdp = self.link.create_first_offer(now)?;
        Ok(self.described(DescriptionKind::Offer, sdp, now))
    }

    /// An offer with new ICE credentials, and new sockets where `around` is given: the network is a different one.
    pub(crate) fn restart(
        &mut self,
        ice_config: Option<(&IceConfig, &mut u32)>,
        now: Instant,
    ) -> Result<Description, LinkError> {
        let sdp = self.link.create_restart_offer(now)?;
        if let Some((ice_config, next_socket)) = ice_config {
            self.replace_sockets(ice_config, next_socket, now);
        }
        self.announce_again(now);
        Ok(self.described(DescriptionKind::Offer, sdp, now))
    }

    fn replace_sockets(&mut self, ice_config: &IceConfig, next_socket: &mut u32, now: Instant) {
        self.gathering.close(now);
        self.drain(now);
        self.candidates.clear();
        let rng = self.gathering.fork_rng();
        self.gathering = Gathering::new(ice_config, next_socket, rng, now);
    }

    fn announce_again(&mut self, now: Instant) {
        let candidates = std::mem::take(&mut self.candidates);
        self.gathering.announce_again(&candidates, now);
    }

    /// Takes back the offer that is out.
    pub(crate) fn roll_back(&mut self, now: Instant) -> Result<(), LinkError> {
        self.link.roll_back(now)?;
        self.drain(now);
        Ok(())
    }

    /// Answers their offer.
    pub(crate) fn answer(&mut self, checked: CheckedDescription, now: Instant) -> Result<Description, NotTaken> {
        self.check_identity(&checked)?;
        let restarted = self.restarts_ice(&checked);
        let sdp = self.link.answer(&checked.sdp, self.shared_video(checked.video.as_deref()), now)?;
        // Before any candidate of this generation is told.
        self.our_ufrag = description::ufrag_of(&sdp);
        if restarted {
            self.announce_again(now);
        }
        let sctp = checked.sctp;
        self.on_their_description(checked, now);
        Ok(self.described(DescriptionKind::Answer, description::in_their_words(sdp, sctp), now))
    }

    /// Whether a description of theirs begins another generation of ICE.
    pub(crate) fn restarts_ice(&self, checked: &CheckedDescription) -> bool {
        self.their_ufrag.as_ref().is_some_and(|old| *old != checked.ufrag)
    }

    /// Takes their answer.
    pub(crate) fn handle_answer(&mut self, checked: CheckedDescription, now: Instant) -> Result<(), NotTaken> {
        self.check_identity(&checked)?;
        let theirs = checked.video.as_ref().or(self.their_video.as_ref()).cloned().unwrap_or_default();
        self.link.handle_answer(&checked.sdp, &theirs, now)?;
        self.on_their_description(checked, now);
        self.drain(now);
        Ok(())
    }

    /// Whether they speak of video and can take none of ours.
    pub(crate) fn lacks_video(&self) -> bool {
        self.shared_video(self.their_video.as_deref()) == Video::Lacking
    }

    fn shared_video(&self, theirs: Option<&[VideoCodec]>) -> Video {
        let ours = self.link.video_codecs();
        let is_lacking = |theirs: &[VideoCodec]| !ours.is_empty() && !ours.iter().any(|codec| theirs.contains(codec));
        if theirs.is_some_and(is_lacking) { Video::Lacking } else { Video::Shared }
    }

    /// A connection keeps its handshake, so anyone who describes it again is who described it first.
    fn check_identity(&self, checked: &CheckedDescription) -> Result<(), DescriptionError> {
        match &self.fingerprints.0 {
            Some(known) if !known.eq_ignore_ascii_case(&checked.fingerprint) => Err(DescriptionError::OtherCertificate),
            Some(_) | None => Ok(()),
        }
    }

    fn on_their_description(&mut self, checked: CheckedDescription, now: Instant) {
        if self.their_ufrag.as_ref() != Some(&checked.ufrag) {
            self.taken = TakenCandidates::default();
            self.gathering.forget_remotes();
        }
        self.their_ufrag = Some(checked.ufrag);
        self.fingerprints.0 = Some(checked.fingerprint);
        self.rate_feedback = checked.rate_feedback;
        // A word that says nothing of video takes back nothing that was said.
        self.their_video = checked.video.or(self.their_video.take());
        let early = std::mem::take(&mut self.early);
        for candidate in checked.candidates.into_iter().chain(early) {
            if let Err(error) = self.add_remote(&candidate, now) {
                tracing::debug!(%error, "candidate refused");
            }
        }
    }

    fn described(&mut self, kind: DescriptionKind, sdp: String, now: Instant) -> Description {
        self.our_ufrag = description::ufrag_of(&sdp);
        self.fingerprints.1 = description::fingerprint_of(&sdp);
        self.drain(now);
        Description { kind, sdp }
    }

    /// They may be found at another address.
    pub(crate) fn handle_candidate(&mut self, candidate: &Candidate, now: Instant) -> Result<(), NotTaken> {
        if candidate.candidate.is_empty() {
            return Ok(()); // a browser's end of candidates
        }
        candidates::check_candidate(&candidate.candidate, self.loopback)?;
        let expected = (&self.their_ufrag, &candidate.username_fragment);
        match expected {
            (Some(known), Some(said)) if known != said => return Ok(()), // of another generation: late, or early
            (Some(_), _) => self.add_remote(&candidate.candidate, now)?,
            (None, _) if self.early.len() < MAX_CANDIDATES => self.early.push(candidate.candidate.clone()),
            (None, _) => return Err(CandidateError::Length.into()),
        }
        Ok(())
    }

    fn add_remote(&mut self, candidate: &str, now: Instant) -> Result<(), NotTaken> {
        let address = candidates::check_candidate(candidate, self.loopback)?;
        if !self.taken.take(candidates::kind_of(candidate)) {
            return Err(CandidateError::Length.into());
        }
        self.gathering.handle_remote(address, now);
        self.link.add_remote_candidate(candidate, now)?;
        self.drain(now);
        Ok(())
    }

    /// A socket is open, or will not be. Whether it was one of ours.
    pub(crate) fn handle_socket(&mut self, socket: SocketId, local: Option<SocketAddr>, now: Instant) -> bool {
        let ours = self.gathering.handle_socket(socket, local, now);
        self.drain(now);
        ours
    }

    /// A datagram came. Whether the socket was one of ours.
    pub(crate) fn handle_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: &[u8], now: Instant) -> bool {
        let ours = self.gathering.handle_datagram(socket, from, payload, now);
        self.drain(now);
        ours
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.gathering.handle_timeout(now);
        if self.link.poll_timeout().is_some_and(|due| due <= now) {
            self.link.handle_timeout(now);
        }
        self.drain(now);
    }

    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        let checks = self.checks.poll_timeout();
        [self.link.poll_timeout(), self.gathering.poll_timeout(), checks].into_iter().flatten().min()
    }

    pub(crate) fn poll_output(&mut self) -> Option<ConnectionOutput> {
        self.outputs.pop_front()
    }

    /// Says goodbye on the wire and gives everything back.
    pub(crate) fn close(&mut self, now: Instant) {
        self.link.close(now);
        self.drain(now);
        self.gathering.close(now);
        self.drain(now);
    }

    /// Moves what link and paths have for each other until both are quiet.
    pub(crate) fn drain(&mut self, now: Instant) {
        loop {
            if let Some(transmit) = self.link.poll_transmit() {
                let LinkTransmit { local, remote, payload } = transmit;
                if let Some(Check { local, remote, payload }) = self.checks.hold(Check { local, remote, payload }) {
                    self.gathering.handle_send(local, remote, payload, now);
                }
            } else if let Some(output) = self.gathering.poll_output() {
                self.on_gathered(output, now);
            } else if let Some(event) = self.link.poll_event() {
                self.outputs.push_back(ConnectionOutput::Event(event));
            } else {
                break;
            }
        }
    }

    /// Lets the checks out that may leave.
    pub(crate) fn release_checks(&mut self, peer: PeerId, budget: &mut CheckBudget, now: Instant) {
        while let Some(Check { local, remote, payload }) = self.checks.poll(peer, budget, now) {
            self.gathering.handle_send(local, remote, payload, now);
        }
        self.drain(now);
    }

    fn on_gathered(&mut self, output: GatherOutput, now: Instant) {
        match output {
            GatherOutput::Open { socket, kind } => self.outputs.push_back(ConnectionOutput::Open { socket, kind }),
            GatherOutput::Close(socket) => self.outputs.push_back(ConnectionOutput::Close(socket)),
            GatherOutput::Transmit { socket, to, payload } => {
                self.outputs.push_back(ConnectionOutput::Transmit { socket, to, payload });
            }
            GatherOutput::Received { local, from, payload } => {
                self.checks.handle_incoming(from, &payload);
                self.link.handle_datagram(local, from, &payload, now);
            }
            GatherOutput::Candidate(candidate) => self.on_local_candidate(candidate, now),
            GatherOutput::Lost(address) => self.candidates.retain(|candidate| candidate.address != address),
            GatherOutput::Complete => {
                let ufrag = self.our_ufrag.clone().unwrap_or_default();
                self.outputs.push_back(ConnectionOutput::EndOfCandidates(ufrag));
            }
        }
    }

    fn on_local_candidate(&mut self, candidate: LocalCandidate, now: Instant) {
        match self.link.add_local_candidate(candidate, now) {
            Ok(text) => {
                self.candidates.push(candidate);
                self.outputs.push_back(ConnectionOutput::Candidate(Candidate {
                    candidate: text,
                    sdp_mid: Some("0".to_owned()),
                    sdp_m_line_index: Some(0),
                    username_fragment: self.our_ufrag.clone(),
                }));
            }
            Err(error) => tracing::warn!(%error, address = %candidate.address, "candidate not added"),
        }
    }
}
