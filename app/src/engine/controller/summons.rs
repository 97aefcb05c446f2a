//! What a later start of the program wants of this one: to be in front, and perhaps somewhere else.
//!
//! Owner of: nothing; the controller's loop owns where one is and where one is asked to go (see `run`).

use hearth_protocol::RoomLink;

use super::call_session::Step;
use super::links::{self, Target};
use super::run::AppLoop;

impl AppLoop {
    /// A later start has handed over its link; an empty one, where it had none.
    pub(super) fn on_summoned(&mut self, link: &str) {
        self.activations.count += 1;
        if link.trim().is_empty() {
            return;
        }
        match links::read(link) {
            Err(fault) => self.fault = Some(fault),
            Ok(target) if !self.is_in_room() => self.approach(target),
            Ok(target) if self.is_here(&target) => self.activations.elsewhere = None,
            // Nobody is taken out of a room by a press in another program.
            Ok(target) => self.activations.elsewhere = Some(target),
        }
    }

    /// There, as was asked.
    pub(super) fn go_elsewhere(&mut self) {
        if let Some(target) = self.activations.elsewhere.take() {
            self.approach(target);
        }
    }

    /// Whether one is in a room, or on the way into it.
    fn is_in_room(&self) -> bool {
        self.visit.as_ref().is_some_and(|visit| visit.step != Step::AtDoor)
    }

    /// Whether a link leads to where one is. The number of a room is one server's alone; by number alone it is this
    /// room that is meant.
    fn is_here(&self, target: &Target) -> bool {
        let Some(visit) = &self.visit else { return false };
        let view = visit.view();
        let here = view.call.room.clone().or_else(|| visit.target.room());
        let is_server = |link: &RoomLink| {
            let ours = here.clone().and_then(|room| visit.link(room));
            ours.is_none_or(|ours| ours.server() == link.server() || (ours.spki.is_some() && ours.spki == link.spki))
        };
        here.is_some() && here == target.room() && !matches!(target, Target::Link(link) if !is_server(link))
    }
}
