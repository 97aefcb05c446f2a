//! The screen of an older page, which comes through a transport of its own. We only look.
//!
//! A page that begins to share offers to everybody who is there; anyone who finds it sharing offers to it, without
//! anything to show, and is sent the screen. So is it mended, too: a page answers each new offer with what it shares.

use std::time::Instant;

use hearth_protocol::{Description, DescriptionKind, SessionId, SignalBody};

use super::Participant;
use crate::negotiation::Politeness;
use crate::shared::Shared;
use crate::snapshot::PeerPhase;
use crate::transport::table::Transports;
use crate::transport::{CloseReason, NegotiationRole, Transport, TransportKind};

impl Participant {
    /// Anyone who has just come asks for a screen that is shared already.
    pub(crate) fn ask_for_screen(&mut self, transports: &mut Transports, shared: &mut Shared, now: Instant) {
        if self.is_legacy() && self.entry.media.screen {
            // A page takes nothing back.
            let role = NegotiationRole {
                politeness: Politeness::Polite,
                on_collision: Politeness::Impolite,
                is_theirs_to_begin: false,
            };
            let screen = transports.add(|id| Transport::new(id, self.entry.id, TransportKind::LegacyScreen, role, now));
            transports.each([screen], |screen| screen.rebuild(shared, now));
            self.screen = Some(screen);
        }
    }

    /// They said something about their screen. It begins with an offer; nobody but a page has one apart.
    pub(super) fn on_screen_signal(
        &mut self,
        sid: SessionId,
        body: SignalBody,
        transports: &mut Transports,
        shared: &mut Shared,
        now: Instant,
    ) {
        let is_offer = matches!(body, SignalBody::Desc(Description { kind: DescriptionKind::Offer, .. }));
        if self.screen.is_none() && is_offer && self.is_legacy() {
            let (politeness, on_collision) = (Politeness::Impolite, Politeness::Impolite);
            let role = NegotiationRole { politeness, on_collision, is_theirs_to_begin: true };
            self.screen =
                Some(transports.add(|id| Transport::new(id, self.entry.id, TransportKind::LegacyScreen, role, now)));
        }
        if let Some(screen) = self.screen.and_then(|screen| transports.get_mut(screen)) {
            screen.handle_signal(sid, body, shared, now);
        }
    }

    /// A screen that came to an end while the server could not tell us why is gone.
    pub(super) fn lose_screen(&mut self, transports: &mut Transports, shared: &mut Shared, now: Instant) {
        let is_lost = |screen: &Transport| match screen.phase() {
            PeerPhase::Negotiating | PeerPhase::Connecting => false,
            PeerPhase::Connected(_) | PeerPhase::Faltering | PeerPhase::Restarting { .. } | PeerPhase::Failed => {
                !screen.life.is_worth_keeping(now)
            }
        };
        let screen = self.screen.and_then(|screen| transports.get(screen));
        if self.unlisted.is_some() && screen.is_some_and(is_lost) {
            self.close_screen(transports, shared, now);
        }
    }

    /// It is not shared any more, or they are gone.
    pub(crate) fn close_screen(&mut self, transports: &mut Transports, shared: &mut Shared, now: Instant) {
        if let Some(mut screen) = self.screen.take().and_then(|screen| transports.remove(screen)) {
            screen.close(CloseReason::Silent, shared, now);
            shared.outputs.changed();
        }
    }
}
