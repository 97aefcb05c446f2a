//! The screen of an older page, which comes through a connection of its own. We only look.
//!
//! A page that begins to share offers to everybody who is there; anyone who finds it sharing offers to it, without
//! anything to show, and is sent the screen. So is it mended, too: a page answers each new offer with what it shares.

use std::time::Instant;

use hearth_protocol::{Description, DescriptionKind, Pc, SessionId, SignalBody};

use super::Peer;
use crate::context::{Context, PeerOutput};
use crate::negotiation::Politeness;
use crate::snapshot::PeerPhase;
use crate::transport::{CloseReason, NegotiationRole, Transport};

impl Peer {
    /// Anyone who has just come asks for a screen that is shared already.
    pub(super) fn ask_for_screen(&mut self, context: &mut Context<'_>, now: Instant) {
        if self.is_legacy() && self.entry.media.screen {
            // A page takes nothing back.
            let role = NegotiationRole {
                politeness: Politeness::Polite,
                on_collision: Politeness::Impolite,
                is_theirs_to_begin: false,
            };
            let mut screen = Transport::new(self.entry.id, Pc::Screen, role, now);
            screen.rebuild(context, now);
            self.screen = Some(screen);
        }
    }

    /// They said something about their screen. It begins with an offer; nobody but a page has one apart.
    pub(super) fn on_screen_signal(
        &mut self,
        sid: SessionId,
        body: SignalBody,
        context: &mut Context<'_>,
        now: Instant,
    ) {
        let is_offer = matches!(body, SignalBody::Desc(Description { kind: DescriptionKind::Offer, .. }));
        if self.screen.is_none() && is_offer && self.is_legacy() {
            let (politeness, on_collision) = (Politeness::Impolite, Politeness::Impolite);
            let role = NegotiationRole { politeness, on_collision, is_theirs_to_begin: true };
            self.screen = Some(Transport::new(self.entry.id, Pc::Screen, role, now));
        }
        if let Some(screen) = &mut self.screen {
            screen.handle_signal(sid, body, context, now);
        }
    }

    /// A screen that came to an end while the server could not tell us why is gone.
    pub(super) fn lose_screen(&mut self, context: &mut Context<'_>, now: Instant) {
        let is_lost = |screen: &Transport| match screen.phase() {
            PeerPhase::Negotiating | PeerPhase::Connecting => false,
            PeerPhase::Connected(_) | PeerPhase::Faltering | PeerPhase::Restarting { .. } | PeerPhase::Failed => {
                !screen.life.is_worth_keeping(now)
            }
        };
        if self.unlisted.is_some() && self.screen.as_ref().is_some_and(is_lost) {
            self.close_screen(context, now);
        }
    }

    /// It is not shared any more, or they are gone.
    pub(super) fn close_screen(&mut self, context: &mut Context<'_>, now: Instant) {
        if let Some(mut screen) = self.screen.take() {
            screen.close(CloseReason::Silent, context, now);
            context.outputs.push_back(PeerOutput::Changed);
        }
    }
}
