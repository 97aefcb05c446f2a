//! The life of the connection to a peer: its phases, and what a moment that passes asks for.
//!
//! ```text
//!              offer out / in              checks, handshake
//! Negotiating ---------------> Connecting ------------------> Connected
//!     ^ rebuild, once it is time   |  too long                 |    ^
//!     |                            v                   silence |    | heard again
//!     +---------------------- Failed{retry_at}                 v    |
//!                                  ^                       Faltering
//!                                  | too often                 | GRACE
//!                                  +--------- Restarting <-----+
//! ```
//! Owner of: phase and deadline. Decides; does nothing itself.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::backoff::Backoff;
use crate::negotiation::Politeness;
use crate::peer_connection::IceState;
use crate::snapshot::{PeerPhase, Route};

/// How long silence is borne before a new path is looked for. A restart breaks before it makes, and most silences of
/// this length end by themselves (a train, a lift, a roaming access point).
const GRACE: Duration = Duration::from_millis(2500);
/// An offer without answer: 4 s are long for signalling, and the other side may have to come back to its session.
const NEGOTIATING: Duration = Duration::from_secs(6);
/// Checks and handshake. The crate's own watchdog takes 8 s and then only on one side.
const CONNECTING: Duration = Duration::from_secs(8);
const RESTARTING: Duration = Duration::from_secs(5);
/// How long a silence may last before there is nothing left to keep, where the server does not know us any more: no
/// path that is mended without its help takes longer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Restarts before the connection is rebuilt.
const RESTARTS: u32 = 2;
/// The impolite side leaves the first move to the other, so that offers do not cross.
const AFTER_YOU: Duration = Duration::from_secs(3);
/// Between rebuilds.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(8);

/// What should be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    /// Nothing.
    Wait,
    /// An offer with new ICE credentials.
    Restart,
    /// A new connection.
    Rebuild,
}

/// Phase and deadline of one connection.
#[derive(Debug)]
pub(crate) struct ConnectionState {
    politeness: Politeness,
    phase: PeerPhase,
    deadline: Option<Instant>,
    /// Since when a connection that was brings nothing.
    silent_since: Option<Instant>,
    backoff: Backoff,
}

impl ConnectionState {
    pub(crate) fn new(politeness: Politeness, now: Instant) -> Self {
        let mut life = Self {
            politeness,
            phase: PeerPhase::Negotiating,
            deadline: None,
            silent_since: None,
            backoff: Backoff::new(FIRST_RETRY, LONGEST_RETRY),
        };
        life.enter(PeerPhase::Negotiating, Some(now + NEGOTIATING));
        life
    }

    pub(crate) fn phase(&self) -> PeerPhase {
        self.phase
    }

    /// Whether media flows, or may yet flow again without any help of a server.
    pub(crate) fn is_worth_keeping(&self, now: Instant) -> bool {
        match self.phase {
            PeerPhase::Connected(_) => true,
            PeerPhase::Faltering | PeerPhase::Restarting { .. } => {
                self.silent_since.is_none_or(|since| now.saturating_duration_since(since) < PATIENCE)
            }
            PeerPhase::Negotiating | PeerPhase::Connecting | PeerPhase::Failed => false,
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn enter(&mut self, phase: PeerPhase, deadline: Option<Instant>) {
        let patience = match self.politeness {
            Politeness::Polite => Duration::ZERO,
            Politeness::Impolite => AFTER_YOU,
        };
        self.phase = phase;
        self.deadline = deadline.map(|deadline| deadline + patience);
    }

    /// An offer of a new connection went out or came in.
    pub(crate) fn handle_offered(&mut self, now: Instant) {
        self.enter(PeerPhase::Negotiating, Some(now + NEGOTIATING));
    }

    /// Both descriptions of a new connection are there.
    pub(crate) fn handle_described(&mut self, now: Instant) {
        if self.phase == PeerPhase::Negotiating {
            self.enter(PeerPhase::Connecting, Some(now + CONNECTING));
        }
    }

    /// They restart ICE, or answered our restart.
    pub(crate) fn handle_restarted(&mut self, now: Instant) {
        match self.phase {
            PeerPhase::Connected(_) | PeerPhase::Faltering => {
                self.silent_since.get_or_insert(now);
                self.enter(PeerPhase::Restarting { attempt: 1 }, Some(now + RESTARTING));
            }
            PeerPhase::Restarting { .. } | PeerPhase::Negotiating | PeerPhase::Connecting | PeerPhase::Failed => {}
        }
    }

    /// The handshake is done, or the path is there again.
    pub(crate) fn handle_connected(&mut self, route: Route) {
        self.backoff.reset();
        self.silent_since = None;
        self.enter(PeerPhase::Connected(route), None);
    }

    /// ICE changed; true when the phase did.
    pub(crate) fn handle_ice(&mut self, state: IceState, route: Route, now: Instant) -> bool {
        match (self.phase, state) {
            (PeerPhase::Connected(_), IceState::Disconnected | IceState::Failed) => {
                self.silent_since = Some(now);
                self.enter(PeerPhase::Faltering, Some(now + GRACE));
                true
            }
            (PeerPhase::Faltering | PeerPhase::Restarting { .. }, IceState::Connected) => {
                self.handle_connected(route);
                true
            }
            (PeerPhase::Connected(old), IceState::Connected) if old != route => {
                self.handle_connected(route);
                true
            }
            (PeerPhase::Restarting { .. }, IceState::Failed) => {
                self.deadline = Some(now);
                false
            }
            (
                PeerPhase::Connected(_)
                | PeerPhase::Faltering
                | PeerPhase::Restarting { .. }
                | PeerPhase::Negotiating
                | PeerPhase::Connecting
                | PeerPhase::Failed,
                IceState::Checking | IceState::Connected | IceState::Disconnected | IceState::Failed,
            ) => false,
        }
    }

    /// Why nothing comes is known: what silence asks for is done without waiting for it to end by itself.
    pub(crate) fn hurry(&mut self, now: Instant) {
        if self.phase == PeerPhase::Faltering {
            self.deadline = Some(now);
        }
    }

    /// The network under us is a different one: do not wait for silence.
    pub(crate) fn handle_moved(&mut self, now: Instant) -> Transition {
        match self.phase {
            PeerPhase::Connected(_) | PeerPhase::Faltering | PeerPhase::Restarting { .. } => {
                self.silent_since.get_or_insert(now);
                self.enter(PeerPhase::Restarting { attempt: 1 }, Some(now + RESTARTING));
                Transition::Restart
            }
            PeerPhase::Negotiating | PeerPhase::Connecting | PeerPhase::Failed => {
                self.enter(PeerPhase::Negotiating, Some(now + NEGOTIATING));
                Transition::Rebuild
            }
        }
    }

    /// The connection cannot be saved.
    pub(crate) fn handle_dead(&mut self, rng: &mut impl Rng, now: Instant) {
        let wait = self.backoff.next(rng);
        self.enter(PeerPhase::Failed, Some(now + wait));
    }

    /// What the moment asks for, given whether the server can be reached and the peer is there to answer.
    pub(crate) fn handle_timeout(&mut self, can_signal: bool, rng: &mut impl Rng, now: Instant) -> Transition {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Transition::Wait;
        }
        if !can_signal {
            // An offer would not arrive. The path may come back by itself meanwhile.
            self.deadline = Some(now + GRACE);
            return Transition::Wait;
        }
        match self.phase {
            PeerPhase::Connected(_) => Transition::Wait,
            PeerPhase::Faltering => {
                self.enter(PeerPhase::Restarting { attempt: 1 }, Some(now + RESTARTING));
                Transition::Restart
            }
            PeerPhase::Restarting { attempt } if attempt < RESTARTS => {
                self.enter(PeerPhase::Restarting { attempt: attempt + 1 }, Some(now + RESTARTING));
                Transition::Restart
            }
            PeerPhase::Restarting { .. } | PeerPhase::Negotiating | PeerPhase::Connecting => {
                self.handle_dead(rng, now);
                Transition::Wait
            }
            PeerPhase::Failed => {
                self.enter(PeerPhase::Negotiating, Some(now + NEGOTIATING));
                Transition::Rebuild
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn life(phase: PeerPhase, now: Instant) -> ConnectionState {
        ConnectionState {
            politeness: Politeness::Polite,
            phase,
            deadline: Some(now),
            silent_since: None,
            backoff: Backoff::new(FIRST_RETRY, LONGEST_RETRY),
        }
    }

    #[test]
    fn every_phase_has_its_answer_to_a_deadline() {
        let now = Instant::now();
        let direct = PeerPhase::Connected(Route::Direct);
        let restarting = |attempt| PeerPhase::Restarting { attempt };
        for (phase, act, after) in [
            (PeerPhase::Negotiating, Transition::Wait, PeerPhase::Failed),
            (PeerPhase::Connecting, Transition::Wait, PeerPhase::Failed),
            (direct, Transition::Wait, direct),
            (PeerPhase::Faltering, Transition::Restart, restarting(1)),
            (restarting(1), Transition::Restart, restarting(2)),
            (restarting(2), Transition::Wait, PeerPhase::Failed),
            (PeerPhase::Failed, Transition::Rebuild, PeerPhase::Negotiating),
        ] {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let mut subject = life(phase, now);
            assert_eq!(subject.handle_timeout(false, &mut rng, now), Transition::Wait, "{phase:?} without signalling");
            assert_eq!(subject.phase(), phase);
            let mut subject = life(phase, now);
            assert_eq!(subject.handle_timeout(true, &mut rng, now), act, "{phase:?}");
            assert_eq!(subject.phase(), after, "{phase:?}");
        }
    }

    #[test]
    fn every_phase_has_its_answer_to_each_state_of_ice() {
        use IceState::{Checking, Connected, Disconnected, Failed};
        let now = Instant::now();
        let route = Route::Relayed;
        let (direct, relayed) = (PeerPhase::Connected(Route::Direct), PeerPhase::Connected(route));
        let restarting = PeerPhase::Restarting { attempt: 1 };
        let same = |phase| [(Checking, phase), (Connected, phase), (Disconnected, phase), (Failed, phase)];
        let heal = |phase| [(Checking, phase), (Connected, relayed), (Disconnected, phase), (Failed, phase)];
        let falter = |phase| {
            let faltering = PeerPhase::Faltering;
            [(Checking, phase), (Connected, relayed), (Disconnected, faltering), (Failed, faltering)]
        };
        for (phase, table) in [
            (PeerPhase::Negotiating, same(PeerPhase::Negotiating)),
            (PeerPhase::Connecting, same(PeerPhase::Connecting)),
            (PeerPhase::Failed, same(PeerPhase::Failed)),
            (direct, falter(direct)),
            (relayed, falter(relayed)),
            (PeerPhase::Faltering, heal(PeerPhase::Faltering)),
            (restarting, heal(restarting)),
        ] {
            for (state, after) in table {
                let mut subject = life(phase, now);
                subject.handle_ice(state, route, now);
                assert_eq!(subject.phase(), after, "{phase:?} {state:?}");
            }
        }
    }

    #[test]
    fn a_silence_that_nobody_can_mend_ends() {
        let now = Instant::now();
        let mut subject = life(PeerPhase::Connected(Route::Direct), now);
        subject.handle_ice(IceState::Disconnected, Route::Direct, now);
        assert!(subject.is_worth_keeping(now + PATIENCE / 2));
        // Nothing is tried without the server, and the silence lasts on.
        subject.handle_timeout(false, &mut ChaCha8Rng::seed_from_u64(1), now + PATIENCE / 2);
        subject.handle_moved(now + PATIENCE / 2);
        assert!(!subject.is_worth_keeping(now + PATIENCE));
        subject.handle_connected(Route::Direct);
        assert!(subject.is_worth_keeping(now + 2 * PATIENCE));
    }
}
