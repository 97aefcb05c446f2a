//! One incarnation of the connection to a peer: the link and the paths under it, tied together.
//!
//! Owner of: both, and what is known of the other side's description. It does what it is told about offers; who gives
//! way and when to restart is decided above.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use bytes::Bytes;
use hearth_base::VideoCodec;
use hearth_protocol::{Candidate, Description, DescriptionKind, PeerId};
use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;

use super::checks::{Check, CheckBudget, Checks};
use super::gather::{Gathering, IceConfig};
use super::pair_counts::PairCounts;
use super::renomination::Renomination;
use crate::candidates::{self, CandidateError, CheckedBy, Loopback, MAX_CANDIDATES, TakenCandidates};
use crate::description::{CheckedDescription, DescriptionError, RateFeedback};
use crate::our_description;
use crate::outputs::Outputs;
use crate::path::{CandidateKind, GatherEvent, LocalCandidate, Sink};
use crate::peer_connection::{LinkConfig, LinkError, LinkTransmit, LocalTrack, PeerConnection, RedTypes, Video};
use crate::sockets::SocketId;

/// A word about our candidates for the other side (trickle ICE, RFC 8838).
#[derive(Debug)]
pub(crate) enum Trickle {
    Candidate(Candidate),
    /// All of those of the generation with this ufrag were told.
    End(String),
}

/// What a generation is made with, beside what it sends: where its media may go, and the numbers of its sockets.
pub(crate) struct GatherConfig<'a> {
    pub(crate) ice_config: &'a IceConfig,
    pub(crate) sockets: Range<u64>,
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
    pub(super) gathering: Gathering,
    loopback: Loopback,
    pub(super) candidates: Vec<LocalCandidate>,
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
    /// How both take redundant sound.
    red: Option<RedTypes>,
    pub(super) checks: Checks,
    pub(super) renomination: Renomination,
    pub(super) pair_counts: PairCounts,
    /// Whether they follow media to another pair.
    pub(super) renominates: bool,
    /// Whether media goes by another path, which nobody has asked for yet.
    pub(super) has_switched: bool,
    /// What gathering has for the link; empty between inputs.
    pub(super) gathered: VecDeque<GatherEvent>,
    trickle: VecDeque<Trickle>,
}

impl Generation {
    pub(crate) fn new(
        config: LinkConfig,
        gather: GatherConfig<'_>,
        loopback: Loopback,
        mut rng: ChaCha12Rng,
        outputs: &mut Outputs,
        now: Instant,
    ) -> Result<Self, LinkError> {
        let renomination = Renomination::new(ChaCha12Rng::from_rng(&mut rng));
        let link = PeerConnection::new(config, now)?;
        let mut connection = Self {
            link,
            gathering: Gathering::new(gather.ice_config, gather.sockets, rng, outputs, now),
            loopback,
            candidates: Vec::new(),
            our_ufrag: None,
            their_ufrag: None,
            early: Vec::new(),
            taken: TakenCandidates::default(),
            fingerprints: (None, None),
            their_video: None,
            rate_feedback: RateFeedback::default(),
            red: None,
            checks: Checks::default(),
            renomination,
            pair_counts: PairCounts::default(),
            renominates: false,
            has_switched: false,
            gathered: VecDeque::new(),
            trickle: VecDeque::new(),
        };
        connection.drain(outputs, now);
        Ok(connection)
    }

    /// The first offer.
    pub(crate) fn offer(&mut self, outputs: &mut Outputs, now: Instant) -> Result<Description, LinkError> {
        let sdp = self.link.create_first_offer(now)?;
        Ok(self.described(DescriptionKind::Offer, sdp, outputs, now))
    }

    /// An offer with new ICE credentials, and new sockets where `gather` is given: the network is a different one.
    pub(crate) fn restart(
        &mut self,
        gather: Option<GatherConfig<'_>>,
        outputs: &mut Outputs,
        now: Instant,
    ) -> Result<Description, LinkError> {
        let sdp = self.link.create_restart_offer(now)?;
        self.stop_following();
        if let Some(gather) = gather {
            self.replace_sockets(gather, outputs, now);
        }
        self.announce_again(outputs, now);
        Ok(self.described(DescriptionKind::Offer, sdp, outputs, now))
    }

    /// An offer of these tracks on the connection there is.
    pub(crate) fn offer_tracks(
        &mut self,
        tracks: Vec<LocalTrack>,
        outputs: &mut Outputs,
        now: Instant,
    ) -> Result<Description, LinkError> {
        let sdp = self.link.create_further_offer(tracks, now)?;
        Ok(self.described(DescriptionKind::Offer, sdp, outputs, now))
    }

    fn replace_sockets(&mut self, gather: GatherConfig<'_>, outputs: &mut Outputs, now: Instant) {
        self.gathering.close(&mut Sink { outputs, events: &mut self.gathered }, now);
        self.drain(outputs, now);
        self.candidates.clear();
        self.renomination.forget_locals();
        let rng = self.gathering.fork_rng();
        self.gathering = Gathering::new(gather.ice_config, gather.sockets, rng, outputs, now);
    }

    /// Where its sockets' numbers begin.
    pub(crate) fn first_socket(&self) -> u64 {
        self.gathering.first_id()
    }

    fn announce_again(&mut self, outputs: &mut Outputs, now: Instant) {
        let candidates = std::mem::take(&mut self.candidates);
        let mut sink = Sink { outputs, events: &mut self.gathered };
        self.gathering.announce_again(&candidates, &mut sink, now);
    }

    /// Takes back the offer that is out.
    pub(crate) fn roll_back(&mut self, outputs: &mut Outputs, now: Instant) -> Result<(), LinkError> {
        self.link.roll_back(now)?;
        self.drain(outputs, now);
        Ok(())
    }

    /// Answers their offer.
    pub(crate) fn answer(
        &mut self,
        checked: CheckedDescription,
        outputs: &mut Outputs,
        now: Instant,
    ) -> Result<Description, NotTaken> {
        self.check_identity(&checked)?;
        let restarted = self.restarts_ice(&checked);
        let sdp = self.link.answer(&checked.sdp, self.shared_video(checked.video.as_deref()), now)?;
        // Before any candidate of this generation is told.
        self.our_ufrag = our_description::ufrag_of(&sdp);
        if restarted {
            self.stop_following();
            self.announce_again(outputs, now);
        }
        let sctp = checked.sctp;
        self.on_their_description(checked, outputs, now);
        Ok(self.described(DescriptionKind::Answer, our_description::in_their_words(sdp, sctp), outputs, now))
    }

    /// Whether a description of theirs begins another generation of ICE.
    pub(crate) fn restarts_ice(&self, checked: &CheckedDescription) -> bool {
        self.their_ufrag.as_ref().is_some_and(|old| *old != checked.ufrag)
    }

    /// Takes their answer.
    pub(crate) fn handle_answer(
        &mut self,
        checked: CheckedDescription,
        outputs: &mut Outputs,
        now: Instant,
    ) -> Result<(), NotTaken> {
        self.check_identity(&checked)?;
        let theirs = checked.video.as_ref().or(self.their_video.as_ref()).cloned().unwrap_or_default();
        self.link.handle_answer(&checked.sdp, &theirs, now)?;
        self.on_their_description(checked, outputs, now);
        self.drain(outputs, now);
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

    fn on_their_description(&mut self, checked: CheckedDescription, outputs: &mut Outputs, now: Instant) {
        if self.their_ufrag.as_ref() != Some(&checked.ufrag) {
            self.taken = TakenCandidates::default();
            self.gathering.forget_remotes();
            self.renomination.forget_remotes();
        }
        self.link.handle_agreed(&checked);
        self.their_ufrag = Some(checked.ufrag);
        self.fingerprints.0 = Some(checked.fingerprint);
        self.renominates = checked.renominates;
        (self.rate_feedback, self.red) = (checked.rate_feedback, checked.red);
        // A word that says nothing of video takes back nothing that was said.
        self.their_video = checked.video.or(self.their_video.take());
        let early = std::mem::take(&mut self.early);
        for candidate in checked.candidates.into_iter().chain(early) {
            if let Err(error) = self.add_remote(&candidate, outputs, now) {
                tracing::debug!(%error, "candidate refused");
            }
        }
    }

    fn described(&mut self, kind: DescriptionKind, sdp: String, outputs: &mut Outputs, now: Instant) -> Description {
        let sdp = our_description::with_ice_options(sdp);
        self.our_ufrag = our_description::ufrag_of(&sdp);
        self.fingerprints.1 = our_description::fingerprint_of(&sdp);
        self.drain(outputs, now);
        let sdp = our_description::dressed(&sdp, kind == DescriptionKind::Offer, self.rate_feedback, self.red);
        Description { kind, sdp }
    }

    /// They may be found at another address.
    pub(crate) fn handle_candidate(
        &mut self,
        candidate: &Candidate,
        outputs: &mut Outputs,
        now: Instant,
    ) -> Result<(), NotTaken> {
        if candidate.candidate.is_empty() {
            return Ok(()); // a browser's end of candidates
        }
        candidates::check_candidate(&candidate.candidate, self.loopback)?;
        let expected = (&self.their_ufrag, &candidate.username_fragment);
        match expected {
            (Some(known), Some(said)) if known != said => return Ok(()), // of another generation: late, or early
            (Some(_), _) => self.add_remote(&candidate.candidate, outputs, now)?,
            (None, _) if self.early.len() < MAX_CANDIDATES => self.early.push(candidate.candidate.clone()),
            (None, _) => return Err(CandidateError::Length.into()),
        }
        Ok(())
    }

    fn add_remote(&mut self, candidate: &str, outputs: &mut Outputs, now: Instant) -> Result<(), NotTaken> {
        let address = candidates::check_candidate(candidate, self.loopback)?;
        let by = if self.renomination.is_running() { CheckedBy::Us } else { CheckedBy::Agent };
        if !self.taken.take(candidates::kind_of(candidate), by, now) {
            return Err(CandidateError::Length.into());
        }
        self.gathering.handle_remote(address, &mut Sink { outputs, events: &mut self.gathered }, now);
        if by == CheckedBy::Agent {
            // One that has selected its pair would only keep it, with a pair for each path of ours.
            self.link.add_remote_candidate(candidate, now)?;
        }
        self.renomination.add_remote(address, candidates::priority_of(candidate), now);
        self.drain(outputs, now);
        Ok(())
    }

    /// A socket is open, or will not be. Whether it was one of ours.
    pub(crate) fn handle_socket(
        &mut self,
        socket: SocketId,
        local: Option<SocketAddr>,
        outputs: &mut Outputs,
        now: Instant,
    ) -> bool {
        let mut sink = Sink { outputs, events: &mut self.gathered };
        let ours = self.gathering.handle_socket(socket, local, &mut sink, now);
        self.drain(outputs, now);
        ours
    }

    /// A datagram came.
    pub(crate) fn handle_datagram(
        &mut self,
        socket: SocketId,
        from: SocketAddr,
        payload: Bytes,
        outputs: &mut Outputs,
        now: Instant,
    ) {
        let mut sink = Sink { outputs, events: &mut self.gathered };
        self.gathering.handle_datagram(socket, from, payload, &mut sink, now);
        self.drain(outputs, now);
    }

    pub(crate) fn handle_timeout(&mut self, outputs: &mut Outputs, now: Instant) {
        self.gathering.handle_timeout(&mut Sink { outputs, events: &mut self.gathered }, now);
        if self.link.poll_timeout().is_some_and(|due| due <= now) {
            self.link.handle_timeout(now);
        }
        if self.renomination.poll_timeout().is_some_and(|due| due <= now) {
            self.renomination.handle_timeout(now);
        }
        self.drain(outputs, now);
    }

    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        let checks = self.checks.poll_timeout();
        let pairs = self.renomination.poll_timeout();
        [self.link.poll_timeout(), self.gathering.poll_timeout(), checks, pairs].into_iter().flatten().min()
    }

    /// The next thing to tell the other side about our candidates.
    pub(crate) fn poll_trickle(&mut self) -> Option<Trickle> {
        self.trickle.pop_front()
    }

    /// Says goodbye on the wire and gives everything back.
    pub(crate) fn close(&mut self, outputs: &mut Outputs, now: Instant) {
        self.link.close(now);
        self.drain(outputs, now);
        self.gathering.close(&mut Sink { outputs, events: &mut self.gathered }, now);
        self.drain(outputs, now);
    }

    /// Moves what link and paths have for each other until both are quiet.
    pub(crate) fn drain(&mut self, outputs: &mut Outputs, now: Instant) {
        loop {
            if let Some(transmit) = self.link.poll_transmit() {
                let LinkTransmit { local, remote, payload } = transmit;
                let (local, remote) = self.renomination.outward(local, remote);
                self.hold_or_send(Check { local, remote, payload }, outputs, now);
            } else if let Some(check) = self.renomination.poll_transmit() {
                self.hold_or_send(check, outputs, now);
            } else if let Some(event) = self.gathered.pop_front() {
                self.on_gathered(event, now);
            } else if !self.tend_paths(outputs, now) {
                break;
            }
        }
    }

    fn hold_or_send(&mut self, datagram: Check, outputs: &mut Outputs, now: Instant) {
        if let Some(Check { local, remote, payload }) = self.checks.hold(datagram) {
            self.send(local, remote, payload, outputs, now);
        }
    }

    fn send(&mut self, local: SocketAddr, to: SocketAddr, payload: Bytes, outputs: &mut Outputs, now: Instant) {
        self.gathering.handle_send(local, to, payload, &mut Sink { outputs, events: &mut self.gathered }, now);
    }

    /// Lets the checks out that may leave.
    pub(crate) fn release_checks(
        &mut self,
        peer: PeerId,
        budget: &mut CheckBudget,
        outputs: &mut Outputs,
        now: Instant,
    ) {
        while let Some(Check { local, remote, payload }) = self.checks.poll(peer, budget, now) {
            self.send(local, remote, payload, outputs, now);
        }
        self.drain(outputs, now);
    }

    fn on_gathered(&mut self, event: GatherEvent, now: Instant) {
        match event {
            GatherEvent::Received { local, from, payload } => self.on_received(local, from, payload, now),
            GatherEvent::Candidate(candidate) => self.on_local_candidate(candidate, now),
            GatherEvent::Lost(address) => {
                self.candidates.retain(|candidate| candidate.address != address);
                self.renomination.remove_local(address, now);
            }
            GatherEvent::Stale(address) => self.renomination.set_gone(address, true, now),
            GatherEvent::Back(address) => self.renomination.set_gone(address, false, now),
            GatherEvent::Complete => {
                self.trickle.push_back(Trickle::End(self.our_ufrag.clone().unwrap_or_default()));
            }
        }
    }

    fn on_local_candidate(&mut self, candidate: LocalCandidate, now: Instant) {
        let base = match candidate.kind {
            CandidateKind::Host => candidate.address,
            CandidateKind::ServerReflexive { base } | CandidateKind::Relay { base, .. } => base,
        };
        let priority = candidate.kind.priority(self.gathering.preference(base.ip()));
        match self.link.add_local_candidate(candidate, priority, now) {
            Ok(text) => {
                self.candidates.push(candidate);
                if !matches!(candidate.kind, CandidateKind::ServerReflexive { .. }) {
                    self.renomination.add_local(candidate.address, priority, now);
                }
                self.trickle.push_back(Trickle::Candidate(Candidate {
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

#[cfg(test)]
#[path = "generation_tests.rs"]
mod tests;
