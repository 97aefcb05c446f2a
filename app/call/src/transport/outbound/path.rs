//! The path that our media takes, and what of a shared bottleneck is ours on it.

use std::time::Instant;

use hearth_base::Bitrate;

use super::Outbound;
use crate::send::circuit_breaker::{Circuit, CircuitBreaker};
use crate::send::governor::LinkReport;
use crate::send::stills::PictureFlow;
use crate::snapshot::PairSnapshot;

/// Who uses this part of the rate would use more.
const IN_USE: f64 = 0.75;

/// What became of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteChange {
    /// It is what it was, or not known.
    None,
    /// There is one, for the first time or again.
    First,
    /// It leads another way than before.
    Other,
}

impl Outbound {
    /// Media goes by this path. What was estimated of another one is forgotten.
    pub(crate) fn handle_route(&mut self, route: Option<PairSnapshot>, now: Instant) -> RouteChange {
        let Some(route) = route else { return RouteChange::None };
        let is_other = self.route.as_ref().is_some_and(|old| !old.is_route_of(&route));
        let change = match (is_other, self.has_begun) {
            (true, _) => RouteChange::Other,
            (false, false) => RouteChange::First,
            (false, true) => RouteChange::None,
        };
        (self.route, self.has_begun) = (Some(route), true);
        if change == RouteChange::Other {
            self.breaker = CircuitBreaker::default();
            self.estimator.handle_new_route(now);
            self.pacer.set_pacing(self.estimator.pacing());
        }
        change
    }

    /// Nothing goes to them until there is a path again. Whether anything did.
    pub(crate) fn handle_ended(&mut self) -> bool {
        std::mem::take(&mut self.has_begun)
    }

    /// So much is our part of a bottleneck that others of our links fill.
    pub(crate) fn begin_at_most(&mut self, most: Bitrate) {
        self.estimator.begin_at_most(most);
        self.pacer.set_pacing(self.estimator.pacing());
    }

    /// By what others of our links send through the same bottleneck, this part of the rate is right.
    pub(crate) fn handle_part(&mut self, part: f64) {
        self.estimator.handle_part(part);
        self.pacer.set_pacing(self.estimator.pacing());
    }

    /// What it knows of itself; `has_pictures` where some are sent that somebody looks at, `is_thinned` where it goes
    /// without some of them.
    pub(crate) fn report(&self, has_pictures: bool, is_thinned: bool) -> LinkReport {
        let estimate = self.estimate();
        let used = self.estimator.sent().map_or(estimate, |sent| sent.min(estimate));
        let is_limited = self.picture_flow() < PictureFlow::Moving || is_thinned || used > estimate.scaled(IN_USE);
        // What they ask for, and what does harm, is not for want of a larger part.
        let is_held = self.estimator.is_capped()
            || self.breaker.circuit() != Circuit::Closed
            || estimate < self.estimator.estimate();
        let wants_more = has_pictures && is_limited && !is_held;
        LinkReport { estimate, used, has_pictures, wants_more, queue: self.queue() }
    }

    /// This machine has slept: what was estimated of the path is forgotten, even where it is the same.
    pub(crate) fn handle_woken(&mut self, now: Instant) {
        self.breaker = CircuitBreaker::default();
        self.estimator.handle_new_route(now);
        self.pacer.set_pacing(self.estimator.pacing());
    }
}
