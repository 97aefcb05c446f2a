//! Perfect negotiation (W3C WebRTC, section 10.7) as arithmetic: what to do with a description, given what is under way.
//!
//! A connection has an incarnation, its `sid`, drawn by whoever makes its first offer. An offer with another `sid` than
//! ours replaces the connection; answers and candidates with another one are late. When two offers cross, the polite
//! side gives way. Owner of: the `sid` and whether an offer of ours is out. Touches no connection.

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
    offer_out: bool,
}

impl Negotiation {
    pub(crate) fn new(politeness: Politeness) -> Self {
        Self { politeness, sid: None, offer_out: false }
    }

    /// The incarnation there is, if any.
    pub(crate) fn sid(&self) -> Option<SessionId> {
        self.sid
    }

    /// Whether an offer of ours waits for its answer.
    pub(crate) fn is_offer_out(&self) -> bool {
        self.offer_out
    }

    /// We offer a new connection.
    pub(crate) fn begin(&mut self, sid: SessionId) {
        self.sid = Some(sid);
        self.offer_out = true;
    }

    /// We offer again on the connection there is.
    pub(crate) fn begin_again(&mut self) {
        self.offer_out = true;
    }

    /// They offer.
    pub(crate) fn handle_offer(&mut self, sid: SessionId) -> OnOffer {
        let crossed = self.offer_out;
        if crossed && self.politeness == Politeness::Impolite {
            return OnOffer::Ignore;
        }
        self.offer_out = false;
        if self.sid != Some(sid) {
            self.sid = Some(sid);
            return OnOffer::AnswerAnew;
        }
        if crossed { OnOffer::RollBackAndAnswer } else { OnOffer::Answer }
    }

    /// They answer: whether it is the answer to our offer.
    pub(crate) fn handle_answer(&mut self, sid: SessionId) -> bool {
        let ours = self.sid == Some(sid) && self.offer_out;
        if ours {
            self.offer_out = false;
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
        // (who, our sid, whether our offer is out, their sid, what to do)
        for (who, ours, out, theirs, expected) in [
            (Polite, None, false, A, AnswerAnew),
            (Polite, Some(A), false, A, Answer),
            (Polite, Some(A), true, A, RollBackAndAnswer),
            (Polite, Some(A), false, B, AnswerAnew),
            (Polite, Some(A), true, B, AnswerAnew),
            (Impolite, None, false, A, AnswerAnew),
            (Impolite, Some(A), false, A, Answer),
            (Impolite, Some(A), true, A, Ignore),
            (Impolite, Some(A), false, B, AnswerAnew),
            (Impolite, Some(A), true, B, Ignore),
        ] {
            let mut negotiation = Negotiation { politeness: who, sid: ours, offer_out: out };
            assert_eq!(negotiation.handle_offer(theirs), expected, "{who:?} {ours:?} {out} {theirs:?}");
        }
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
