//! What is said between us and one peer over the data channel.

use std::time::Instant;

use hearth_protocol::{ChatText, SignalBody};

use super::connection::Connection;
use super::{Context, Peer, PeerOutput};
use crate::channel::ChannelMessage;

impl Peer {
    /// We said something to all.
    pub(crate) fn handle_said(&mut self, n: u64, text: &str, context: &mut Context<'_>, now: Instant) {
        if self.is_legacy() {
            // It knows neither our channel nor numbers.
            return self.say_chat(text, context);
        }
        let Some(mut connection) = self.connection.take() else { return };
        if connection.link.is_connected() {
            say(&mut connection, n, text, now);
        }
        // Else they ask for it when the channel opens.
        self.connection = Some(connection);
        self.drain(context, now);
    }

    pub(super) fn tell_heard(&mut self, connection: &mut Connection, now: Instant) {
        let seen = ChannelMessage::ChatSeen { n: self.hearing.handle_open() };
        if let Err(error) = connection.link.send_text(&seen.to_text(), now) {
            tracing::debug!(%error, "not told what was heard");
        }
    }

    pub(super) fn on_chat(&mut self, n: u64, text: String, context: &mut Context<'_>, now: Instant) {
        if self.hearing.handle_message(n, now) {
            let nick = self.entry.nick.clone();
            context.outputs.push_back(PeerOutput::Chat { from: self.entry.id, nick, text });
        } else {
            self.counters.refused_messages += 1;
        }
    }

    /// Something said to all by a legacy page; nobody else says it this way.
    pub(super) fn on_chat_signal(&mut self, text: String, context: &mut Context<'_>, now: Instant) {
        if self.is_legacy() {
            self.on_chat(self.hearing.next(), text, context, now);
        }
    }

    fn say_chat(&self, text: &str, context: &mut Context<'_>) {
        let sid = self.negotiation.sid().unwrap_or_default();
        let body = SignalBody::Chat(ChatText { text: text.to_owned() });
        context.outputs.push_back(PeerOutput::Say { to: self.entry.id, sid, body });
    }

    pub(super) fn on_chat_seen(&mut self, n: u64, connection: &mut Connection, context: &Context<'_>, now: Instant) {
        let Some(after) = self.hearing.handle_seen(n) else { return };
        for (n, text) in context.said.after(after) {
            say(connection, *n, text, now);
        }
    }
}

fn say(connection: &mut Connection, n: u64, text: &str, now: Instant) {
    let message = ChannelMessage::Chat { n, text: text.to_owned() };
    if let Err(error) = connection.link.send_text(&message.to_text(), now) {
        tracing::debug!(%error, n, "not said");
    }
}
