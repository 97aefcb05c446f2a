//! What is said between us and one peer over the data channel.

use std::time::Instant;

use hearth_protocol::{ChatText, Pc, SignalBody};

use super::Peer;
use crate::channel::ChannelMessage;
use crate::context::{Context, PeerOutput};

impl Peer {
    /// We said something to all.
    pub(crate) fn handle_said(&mut self, n: u64, text: &str, context: &mut Context<'_>, now: Instant) {
        if self.is_legacy() {
            // It knows neither our channel nor numbers.
            return self.say_chat(text, context);
        }
        if self.main.is_connected() {
            self.say_line(n, text, now);
        }
        // Else they ask for it when the channel opens.
        self.main.drain(context, now);
        self.listen(context, now);
    }

    pub(super) fn tell_heard(&mut self, now: Instant) {
        let seen = ChannelMessage::ChatSeen { n: self.hearing.handle_open() };
        if let Err(error) = self.main.send(&seen, now) {
            tracing::debug!(%error, "not told what was heard");
        }
    }

    pub(super) fn on_chat(&mut self, n: u64, text: String, context: &mut Context<'_>, now: Instant) {
        if self.hearing.handle_message(n, now) {
            let nick = self.entry.nick.clone();
            context.outputs.push_back(PeerOutput::Chat { from: self.entry.id, nick, text });
        } else {
            self.refused_messages += 1;
        }
    }

    /// Something said to all by a legacy page; nobody else says it this way.
    pub(super) fn on_chat_signal(&mut self, text: String, context: &mut Context<'_>, now: Instant) {
        if self.is_legacy() {
            self.on_chat(self.hearing.next(), text, context, now);
        }
    }

    fn say_chat(&self, text: &str, context: &mut Context<'_>) {
        let sid = self.main.negotiation.sid().unwrap_or_default();
        let body = SignalBody::Chat(ChatText { text: text.to_owned() });
        context.outputs.push_back(PeerOutput::Say { to: self.entry.id, pc: Pc::Main, sid, body });
    }

    pub(super) fn on_chat_seen(&mut self, n: u64, context: &Context<'_>, now: Instant) {
        let Some(after) = self.hearing.handle_seen(n) else { return };
        for (n, text) in context.said.after(after) {
            self.say_line(*n, text, now);
        }
    }

    fn say_line(&mut self, n: u64, text: &str, now: Instant) {
        if let Err(error) = self.main.send(&ChannelMessage::Chat { n, text: text.to_owned() }, now) {
            tracing::debug!(%error, n, "not said");
        }
    }
}
