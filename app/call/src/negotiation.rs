//! Perfect negotiation (W3C WebRTC, section 10.7) as arithmetic: what to do with a description, given what is under
//! way.
//!
//! A connection has an incarnation, its `sid`, drawn by anyone who makes its first offer. An offer with another `sid`
//! than ours replaces the connection; answers and candidates with another one are late. When two offers cross, the
//! polite side gives way. Owner of: the `sid` and whether an offer of ours is out. Touches no connection.

use hearth_protocol::SessionId;

/// Who gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Politeness {
    /// Takes its own offer back when theirs comes. The one who joined later, and who makes the first offer.
    Polite,
    /// Ignores theirs: its own will be answered.
    Impolite,
}

/// What to do with an offer of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnOffer {
    /// Make a new connection in place of the old one, and answer.
    AnswerAnew,
    /// Answer on the connection there is.
    Answer,
    /// Take ours back first.
    RollBackAndAnswer,
    /// Let it lie: they will answer ours.
    Ignore,
}

/// The state of one pair's negotiation.
#[derive(Debug)]
pub(crate) struct Negotiation {
    politeness: Politeness,
    sid: Option<SessionId>,
    /// The incarnation before: what is still said of it is late.
    replaced: Option<SessionId>,
    offer_out: Option<Offer>,
    /// What we send is something else than what was offered last (W3C's negotiation-needed flag).
    is_needed: bool,
}

/// Which offer of ours waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    /// Of a new connection.
    First,
    /// On the connection there is: a restart.
    Again,
    /// On the connection there is: other tracks.
    Tracks,
}

impl Negotiation {
    pub(crate) fn new(politeness: Politeness) -> Self {
        Self { politeness, sid: None, replaced: None, offer_out: None, is_needed: false }
    }

    /// The incarnation there is, if any.
    pub(crate) fn sid(&self) -> Option<SessionId> {
        self.sid
    }

    /// Whether an offer of ours waits for its answer.
    pub(crate) fn is_offer_out(&self) -> bool {
        self.offer_out.is_some()
    }

    /// We offer a new connection.
    pub(crate) fn begin(&mut self, sid: SessionId) {
        self.replaced = self.sid.replace(sid);
        self.offer_out = Some(Offer::First);
        self.is_needed = false; // it offers all there is
    }

    /// What we send is something else: it should be offered.
    pub(crate) fn need(&mut self) {
        self.is_needed = true;
    }

    /// Whether it should be offered now: not while an offer is out.
    pub(crate) fn is_needed(&self) -> bool {
        self.offer_out.is_none() && self.is_needed
    }

    /// It is offered.
    pub(crate) fn take_need(&mut self) {
        self.is_needed = false;
    }

    /// Whether an offer of tracks waits for its answer.
    pub(crate) fn is_tracks_out(&self) -> bool {
        self.offer_out == Some(Offer::Tracks)
    }

    /// Takes an offer of tracks back that is out; whether one was.
    pub(crate) fn take_back_tracks(&mut self) -> bool {
        self.offer_out.take_if(|offer| *offer == Offer::Tracks).is_some()
    }

    /// We offer other tracks on the connection there is.
    pub(crate) fn begin_tracks(&mut self) {
        self.offer_out = Some(Offer::Tracks);
    }

    /// We offer again on the connection there is.
    pub(crate) fn begin_again(&mut self) {
        self.offer_out = Some(Offer::Again);
    }

    /// They offer.
    pub(crate) fn handle_offer(&mut self, sid: SessionId) -> OnOffer {
        if self.replaced == Some(sid) {
            return OnOffer::Ignore;
        }
        let out = self.offer_out;
        // Who offers a new connection has given the old one up: a restart of it is worth nothing any more.
        let overtaken = out.is_some_and(|out| out != Offer::First) && self.sid != Some(sid);
        if out.is_some() && !overtaken && self.politeness == Politeness::Impolite {
            return OnOffer::Ignore;
        }
        self.offer_out = None;
        if self.sid != Some(sid) {
            self.replaced = self.sid.replace(sid);
            return OnOffer::AnswerAnew;
        }
        if out.is_some() {
            self.is_needed |= out == Some(Offer::Tracks);
            return OnOffer::RollBackAndAnswer;
        }
        OnOffer::Answer
    }

    /// They answer: whether it is the answer to our offer.
    pub(crate) fn handle_answer(&mut self, sid: SessionId) -> bool {
        let ours = self.sid == Some(sid) && self.offer_out.is_some();
        if ours {
            self.offer_out = None;
        }
        ours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SessionId = SessionId(1);
    const B: SessionId = SessionId(2);

    #[test]
    fn every_pair_of_state_and_offer_has_its_answer() {
        use OnOffer::{Answer, AnswerAnew, Ignore, RollBackAndAnswer};
        use Politeness::{Impolite, Polite};
        // (who, our sid, which offer of ours is out, their sid, what to do)
        let (first, again, tracks) = (Some(Offer::First), Some(Offer::Again), Some(Offer::Tracks));
        for (who, ours, out, theirs, expected) in [
            (Polite, None, None, A, AnswerAnew),
            (Polite, Some(A), None, A, Answer),
            (Polite, Some(A), first, A, RollBackAndAnswer),
            (Polite, Some(A), again, A, RollBackAndAnswer),
            (Polite, Some(A), tracks, A, RollBackAndAnswer),
            (Polite, Some(A), None, B, AnswerAnew),
            (Polite, Some(A), first, B, AnswerAnew),
            (Polite, Some(A), again, B, AnswerAnew),
            (Impolite, None, None, A, AnswerAnew),
            (Impolite, Some(A), None, A, Answer),
            (Impolite, Some(A), first, A, Ignore),
            (Impolite, Some(A), again, A, Ignore),
            (Impolite, Some(A), tracks, A, Ignore),
            (Impolite, Some(A), tracks, B, AnswerAnew),
            (Impolite, Some(A), None, B, AnswerAnew),
            (Impolite, Some(A), first, B, Ignore),
            (Impolite, Some(A), again, B, AnswerAnew),
        ] {
            let mut negotiation =
                Negotiation { politeness: who, sid: ours, replaced: None, offer_out: out, is_needed: false };
            assert_eq!(negotiation.handle_offer(theirs), expected, "{who:?} {ours:?} {out:?} {theirs:?}");
        }
    }

    #[test]
    fn what_is_needed_waits_for_the_offer_that_is_out_and_is_offered_again_after_a_rollback() {
        let mut negotiation = Negotiation::new(Politeness::Polite);
        negotiation.begin(A);
        negotiation.need();
        assert!(!negotiation.is_needed(), "an offer is out");
        assert!(negotiation.handle_answer(A));
        assert!(negotiation.is_needed());
        negotiation.take_need();
        negotiation.begin_tracks();
        assert_eq!(negotiation.handle_offer(A), OnOffer::RollBackAndAnswer);
        assert!(negotiation.is_needed());
        negotiation.begin_again();
        assert!(!negotiation.take_back_tracks(), "a restart is not taken back");
    }

    #[test]
    fn only_the_answer_to_our_offer_counts() {
        let mut negotiation = Negotiation::new(Politeness::Polite);
        assert!(!negotiation.handle_answer(A));
        negotiation.begin(A);
        assert!(!negotiation.handle_answer(B));
        assert!(negotiation.handle_answer(A));
        assert!(!negotiation.handle_answer(A), "answered twice");
        negotiation.begin_again();
        assert!(negotiation.handle_answer(A));
    }

    #[test]
    fn a_restart_that_crosses_a_rebuild_gives_way_on_both_sides() {
        for (rebuilds, restarts) in
            [(Politeness::Polite, Politeness::Impolite), (Politeness::Impolite, Politeness::Polite)]
        {
            let mut rebuilder = Negotiation::new(rebuilds);
            let mut restarter = Negotiation::new(restarts);
            (rebuilder.sid, restarter.sid) = (Some(A), Some(A));
            rebuilder.begin(B);
            restarter.begin_again();
            assert_eq!(rebuilder.handle_offer(A), OnOffer::Ignore);
            assert_eq!(restarter.handle_offer(B), OnOffer::AnswerAnew);
            assert!(rebuilder.handle_answer(B));
        }
    }

    #[test]
    fn two_sides_that_offer_at_once_end_with_one_connection() {
        let (mut polite, mut impolite) = (Negotiation::new(Politeness::Polite), Negotiation::new(Politeness::Impolite));
        polite.begin(A);
        impolite.begin(B);
        assert_eq!(impolite.handle_offer(A), OnOffer::Ignore);
        assert_eq!(polite.handle_offer(B), OnOffer::AnswerAnew);
        assert!(impolite.handle_answer(B));
        assert_eq!((polite.sid(), impolite.sid()), (Some(B), Some(B)));
    }
}
