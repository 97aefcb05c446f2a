//! What is said about a connection through the server: offers made, answers given, both refused when they are unfit.

use std::time::{Duration, Instant};

use hearth_protocol::{Description, DescriptionKind, Refusal, SessionId, SignalBody};
use rand::{RngExt, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

use super::generation::{GatherConfig, Generation, NotTaken};
use super::{CloseReason, SocketReuse, Transport, TransportKind};
use crate::description::{CheckedDescription, DescriptionError, check_description};
use crate::negotiation::OnOffer;
use crate::peer_connection::LinkError;
use crate::shared::Shared;
use crate::snapshot::DescriptionProblem;

/// An offer of tracks without answer for so long was lost: signalling takes a tenth of it, and the other side may have
/// to come back to its session.
const OFFER_LOST: Duration = Duration::from_secs(6);
/// Between two refusals of their descriptions: as often as anybody who means it offers.
const REFUSAL_PACE: Duration = Duration::from_secs(5);

impl Transport {
    /// They said something about it. What is unfit is counted; what only the connection itself finds unfit costs that
    /// connection.
    pub(crate) fn handle_signal(&mut self, sid: SessionId, body: SignalBody, shared: &mut Shared, now: Instant) {
        let before = self.life.phase();
        let taken = match body {
            SignalBody::Desc(Description { kind, sdp }) => match self.look_over(sid, &sdp, shared, now) {
                Ok(checked) if kind == DescriptionKind::Offer => self.on_offer(sid, checked, shared, now),
                Ok(checked) => self.on_answer(sid, checked, shared, now),
                Err(error) => Err(error.into()),
            },
            SignalBody::Refused(refusal) if self.negotiation.sid() == Some(sid) => {
                self.on_refused(&refusal, shared, now);
                Ok(())
            }
            SignalBody::Cand(candidate) if self.negotiation.sid() == Some(sid) => self
                .connection
                .as_mut()
                .map_or(Ok(()), |connection| connection.handle_candidate(&candidate, &mut shared.outputs, now)),
            SignalBody::Cand(_) | SignalBody::End(_) | SignalBody::Chat(_) | SignalBody::Refused(_) => Ok(()),
        };
        if let Err(error) = taken {
            self.history.counters.refused_signals += 1;
            tracing::debug!(%error, peer = %self.to, "signal refused");
        }
        if before != self.life.phase() {
            shared.outputs.changed();
        }
        self.drain(shared, now);
    }

    /// Looks a description over before anything is given up for it. What is refused is told, to them and to the person:
    /// the other side tries again and again otherwise, and nobody knows why.
    fn look_over(
        &mut self,
        sid: SessionId,
        sdp: &str,
        shared: &mut Shared,
        now: Instant,
    ) -> Result<CheckedDescription, DescriptionError> {
        let checked = check_description(sdp);
        self.set_problem(checked.as_ref().err().map(|error| DescriptionProblem::of(error.code())), shared);
        if let Err(error) = &checked {
            tracing::info!(peer = %self.to, "their description is not taken: {error}");
            // Each refusal is a word of ours that waits at their place: who sends many descriptions may not have us
            // flood them.
            if self.descriptions.refused_at.is_none_or(|at| now.saturating_duration_since(at) >= REFUSAL_PACE) {
                self.descriptions.refused_at = Some(now);
                let refusal = Refusal { code: error.code(), message: error.to_string() };
                self.say_of(sid, SignalBody::Refused(refusal), shared);
            }
        }
        checked
    }

    /// They did not take our description.
    fn on_refused(&mut self, refusal: &Refusal, shared: &mut Shared, now: Instant) {
        tracing::warn!(peer = %self.to, code = ?refusal.code, "our description is not taken");
        self.set_problem(Some(DescriptionProblem::of(refusal.code)), shared);
        if self.negotiation.take_back_tracks() {
            self.roll_back(shared, now); // what there was before goes on
        }
    }

    fn set_problem(&mut self, problem: Option<DescriptionProblem>, shared: &mut Shared) {
        if self.history.problem != problem {
            self.history.problem = problem;
            shared.outputs.changed();
        }
    }

    fn on_offer(
        &mut self,
        sid: SessionId,
        checked: CheckedDescription,
        shared: &mut Shared,
        now: Instant,
    ) -> Result<(), NotTaken> {
        let restarts = self.restarts_ice(&checked);
        let is_renewal = self.negotiation.sid() != Some(sid) || restarts;
        if is_renewal && !self.descriptions.renewals.take(now) {
            tracing::info!(peer = %self.to, "they begin again too often: not answered");
            self.history.counters.refused_signals += 1;
            return Ok(());
        }
        let on_offer = self.negotiation.handle_offer(sid);
        match on_offer {
            OnOffer::Ignore => return Ok(()),
            OnOffer::AnswerAnew => {
                self.renew(shared, now)?;
                self.life.handle_offered(now);
            }
            OnOffer::RollBackAndAnswer => {
                if let Some(connection) = &mut self.connection {
                    connection.roll_back(&mut shared.outputs, now)?;
                }
                self.on_restarted(restarts, now);
            }
            OnOffer::Answer => self.on_restarted(restarts, now),
        }
        let Some(connection) = &mut self.connection else { return Ok(()) };
        match connection.answer(checked, &mut shared.outputs, now) {
            Ok(answer) => {
                if connection.link.has_unoffered() {
                    self.negotiation.need();
                }
                self.life.handle_described(now);
                self.say(SignalBody::Desc(answer), shared);
                Ok(())
            }
            Err(error) => {
                self.life.handle_dead(&mut shared.rng, now);
                Err(error)
            }
        }
    }

    /// A path that works is looked for again only where they begin another generation of ICE, and not for tracks that
    /// come and go.
    fn on_restarted(&mut self, restarts: bool, now: Instant) {
        if restarts {
            self.life.handle_restarted(now);
        }
    }

    /// Offers our tracks where they are others than those offered last.
    pub(super) fn negotiate(&mut self, shared: &mut Shared, now: Instant) {
        if !self.is_connected() || self.kind != TransportKind::Main || !self.negotiation.is_needed() {
            return;
        }
        if !shared.can_signal() {
            self.descriptions.look_again.get_or_insert(now + OFFER_LOST);
            return;
        }
        self.negotiation.take_need();
        self.descriptions.look_again = Some(now + OFFER_LOST);
        let tracks = self.link_config(shared).tracks;
        let Some(connection) = &mut self.connection else { return };
        match connection.offer_tracks(tracks, &mut shared.outputs, now) {
            Ok(offer) => {
                self.negotiation.begin_tracks();
                self.say(SignalBody::Desc(offer), shared);
            }
            Err(error) => {
                tracing::warn!(%error, peer = %self.to, "our tracks could not be offered, so a new connection");
                self.life.handle_dead(&mut shared.rng, now);
                shared.outputs.changed();
            }
        }
    }

    /// An offer of our tracks that is not answered was lost with a session, or nobody was there: it is made again.
    pub(super) fn take_back_lost_offer(&mut self, shared: &mut Shared, now: Instant) {
        if self.descriptions.look_again.is_none_or(|at| at > now) {
            return;
        }
        self.descriptions.look_again = None;
        if self.negotiation.take_back_tracks() {
            self.negotiation.need();
            self.roll_back(shared, now);
        }
    }

    fn roll_back(&mut self, shared: &mut Shared, now: Instant) {
        let Some(connection) = &mut self.connection else { return };
        if let Err(error) = connection.roll_back(&mut shared.outputs, now) {
            tracing::info!(%error, peer = %self.to, "no rollback, so a new connection");
            self.life.handle_dead(&mut shared.rng, now);
            shared.outputs.changed();
        }
    }

    fn restarts_ice(&self, checked: &CheckedDescription) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.restarts_ice(checked))
    }

    fn on_answer(
        &mut self,
        sid: SessionId,
        checked: CheckedDescription,
        shared: &mut Shared,
        now: Instant,
    ) -> Result<(), NotTaken> {
        let is_of_tracks = self.negotiation.is_tracks_out();
        if !self.negotiation.handle_answer(sid) {
            return Ok(()); // late
        }
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let taken = connection.handle_answer(checked, &mut shared.outputs, now);
        if taken.is_err() && is_of_tracks {
            self.roll_back(shared, now); // what there was before goes on
        }
        taken?;
        self.life.handle_described(now);
        Ok(())
    }

    /// A new connection, offered by us.
    pub(crate) fn rebuild(&mut self, shared: &mut Shared, now: Instant) {
        self.negotiation.begin(SessionId(shared.rng.random()));
        let offer = self.renew(shared, now).and_then(|()| match &mut self.connection {
            Some(connection) => Ok(connection.offer(&mut shared.outputs, now)?),
            None => Err(LinkError::new("no connection").into()),
        });
        match offer {
            Ok(offer) => {
                self.life.handle_offered(now);
                self.say(SignalBody::Desc(offer), shared);
                self.drain(shared, now);
            }
            Err(error) => {
                tracing::warn!(%error, peer = %self.to, "no connection could be offered");
                self.life.handle_dead(&mut shared.rng, now);
            }
        }
    }

    /// New ICE credentials on the connection there is; a new connection where that fails.
    pub(super) fn restart(&mut self, sockets: SocketReuse, shared: &mut Shared, now: Instant) {
        if self.negotiation.is_offer_out() {
            return self.rebuild(shared, now);
        }
        let Some(connection) = &mut self.connection else { return self.rebuild(shared, now) };
        let old = connection.first_socket();
        let gather = match sockets {
            SocketReuse::Kept => None,
            SocketReuse::New => {
                Some(GatherConfig { ice_config: &shared.ice.config, sockets: shared.ice.sockets.reserve(self.id) })
            }
        };
        let new = gather.as_ref().map(|gather| gather.sockets.start);
        let offer = connection.restart(gather, &mut shared.outputs, now);
        let used = connection.first_socket();
        let unused = [Some(old), new].into_iter().flatten().filter(|first| *first != used);
        unused.for_each(|first| shared.ice.sockets.release(first));
        match offer {
            Ok(offer) => {
                self.history.restarts += 1;
                self.negotiation.begin_again();
                self.say(SignalBody::Desc(offer), shared);
            }
            Err(error) => {
                tracing::info!(%error, peer = %self.to, "no restart, so a new connection");
                self.rebuild(shared, now);
            }
        }
    }

    /// The old connection away, a new one in its place.
    fn renew(&mut self, shared: &mut Shared, now: Instant) -> Result<(), NotTaken> {
        self.close(CloseReason::Silent, shared, now);
        let link = self.link_config(shared);
        let rng = ChaCha12Rng::from_rng(&mut shared.rng);
        let sockets = shared.ice.sockets.reserve(self.id);
        let first = sockets.start;
        let gather = GatherConfig { ice_config: &shared.ice.config, sockets };
        match Generation::new(link, gather, shared.ice.loopback, rng, &mut shared.outputs, now) {
            Ok(connection) => {
                self.connection = Some(connection);
                Ok(())
            }
            Err(error) => {
                shared.ice.sockets.release(first);
                Err(error.into())
            }
        }
    }
}
