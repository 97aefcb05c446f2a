//! What is said between us and one participant over the data channel.

use std::time::Instant;

use hearth_protocol::{ChatText, Pc, SignalBody};

use super::Participant;
use crate::channel::ChannelMessage;
use crate::shared::Shared;
use crate::transport::Transport;

impl Participant {
    /// We said something to all.
    pub(crate) fn handle_said(&self, n: u64, text: &str, main: &mut Transport, shared: &mut Shared, now: Instant) {
        if self.is_legacy() {
            // It knows neither our channel nor numbers.
            let sid = main.negotiation.sid().unwrap_or_default();
            let body = SignalBody::Chat(ChatText { text: text.to_owned() });
            return shared.signal(self.entry.id, Pc::Main, sid, body);
        }
        if main.is_connected() {
            say_line(main, n, text, now);
        }
        // Else they ask for it when the channel opens.
        main.drain(shared, now);
    }

    pub(super) fn tell_heard(&mut self, main: &mut Transport, now: Instant) {
        let seen = ChannelMessage::ChatSeen { n: self.hearing.handle_open() };
        if let Err(error) = main.send(&seen, now) {
            tracing::debug!(%error, "not told what was heard");
        }
    }

    pub(super) fn on_chat(&mut self, n: u64, text: &str, shared: &mut Shared, now: Instant) {
        if self.hearing.handle_message(n, now) {
            shared.chat.hear(self.entry.id, &self.entry.nick, text, now);
            shared.outputs.changed();
        } else {
            self.refused_messages += 1;
        }
    }

    /// Something said to all by a legacy page; nobody else says it this way.
    pub(super) fn on_chat_signal(&mut self, text: &str, shared: &mut Shared, now: Instant) {
        if self.is_legacy() {
            self.on_chat(self.hearing.next(), text, shared, now);
        }
    }

    pub(super) fn on_chat_seen(&mut self, n: u64, main: &mut Transport, shared: &Shared, now: Instant) {
        let Some(after) = self.hearing.handle_seen(n) else { return };
        for (n, text) in shared.chat.said.after(after) {
            say_line(main, *n, text, now);
        }
    }
}

fn say_line(main: &mut Transport, n: u64, text: &str, now: Instant) {
    if let Err(error) = main.send(&ChannelMessage::Chat { n, text: text.to_owned() }, now) {
        tracing::debug!(%error, n, "not said");
    }
}
