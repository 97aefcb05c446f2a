//! What is said in a room: our own words, numbered, and everybody's lines in the order in which they came.
//!
//! Words go over each peer's data channel. A channel that breaks and comes back says how far it had heard, and what is
//! missing is said again; duplicates fall by their number. Owner of: both lists. The server sees nothing of this.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use hearth_protocol::PeerId;

/// Longest message, characters; what is longer is cut.
const MAX_CHARS: usize = 4000;
/// Our own messages that can be said again: a talkative hour. Full: the oldest goes, and who was away misses it.
const SAID: usize = 200;
/// Lines of a room that are shown. Full: the oldest goes.
const LINES: usize = 1000;
/// Messages of one peer at once (a whole log said again), and a second for ever. Beyond that they are dropped, counted.
const BURST: f64 = 250.0;
const PER_SECOND: f64 = 4.0;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// Who said it; `None`: we.
    pub from: Option<PeerId>,
    /// What they were called then.
    pub nick: String,
    /// What.
    pub text: String,
    /// When it came, or was said.
    pub at: Instant,
}

/// What was said in the room.
#[derive(Debug, Default)]
pub(crate) struct Chat {
    lines: Arc<VecDeque<ChatMessage>>,
    pub(crate) said: Said,
}

/// What we said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    texts: VecDeque<(u64, Arc<str>)>,
    last: u64,
}

impl Chat {
    /// The lines so far; cheap to clone.
    pub(crate) fn lines(&self) -> Arc<VecDeque<ChatMessage>> {
        self.lines.clone()
    }

    /// We say something: its number and what of it is sent. `None` when nothing is left of it.
    pub(crate) fn say(&mut self, text: &str, now: Instant) -> Option<(u64, Arc<str>)> {
        let text: Arc<str> = cut(text.trim())?.into();
        let said = self.said.push(text.clone());
        self.push(ChatMessage { from: None, nick: String::new(), text: text.to_string(), at: now });
        Some((said, text))
    }

    /// Somebody said something.
    pub(crate) fn hear(&mut self, from: PeerId, nick: &str, text: &str, now: Instant) {
        if let Some(text) = cut(text.trim()) {
            self.push(ChatMessage { from: Some(from), nick: nick.to_owned(), text: text.to_owned(), at: now });
        }
    }

    fn push(&mut self, line: ChatMessage) {
        let lines = Arc::make_mut(&mut self.lines);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

impl Said {
    fn push(&mut self, text: Arc<str>) -> u64 {
        self.last += 1;
        if self.texts.len() == SAID {
            self.texts.pop_front();
        }
        self.texts.push_back((self.last, text));
        self.last
    }

    /// The number of the newest; 0 before the first.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Everything after number `seen`.
    pub(crate) fn after(&self, seen: u64) -> impl Iterator<Item = &(u64, Arc<str>)> {
        self.texts.iter().filter(move |(n, _)| *n > seen)
    }
}

/// How far two peers have heard each other.
#[derive(Debug)]
pub(crate) struct Hearing {
    /// The highest number that we heard of them.
    heard: u64,
    /// Ours when they came: what was said before is not for them.
    since: u64,
    /// Whether they may still ask on this channel for what they missed.
    may_ask: bool,
    tokens: f64,
    filled: Instant,
}

impl Hearing {
    /// Somebody came when `said` was the newest of ours.
    pub(crate) fn new(said: u64, now: Instant) -> Self {
        Self { heard: 0, since: said, may_ask: false, tokens: BURST, filled: now }
    }

    /// A channel is open: what to tell them that we have heard.
    pub(crate) fn handle_open(&mut self) -> u64 {
        self.may_ask = true;
        self.heard
    }

    /// They have heard everything up to `seen`: after which number to say again. Once a channel, so that nobody has us
    /// repeat ourselves for ever.
    pub(crate) fn handle_seen(&mut self, seen: u64) -> Option<u64> {
        std::mem::take(&mut self.may_ask).then_some(seen.max(self.since))
    }

    /// The number that their next message has, where they do not number them.
    pub(crate) fn next(&self) -> u64 {
        self.heard.saturating_add(1)
    }

    /// They said message `n`: whether it is new, and not one too many.
    pub(crate) fn handle_message(&mut self, n: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        (self.tokens, self.filled) = ((self.tokens + passed * PER_SECOND).min(BURST), now);
        if n <= self.heard || self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        self.heard = n;
        true
    }
}

/// The text as far as it may go; `None` when nothing can be seen of it.
fn cut(text: &str) -> Option<&str> {
    let end = text.char_indices().nth(MAX_CHARS).map_or(text.len(), |(end, _)| end);
    text.get(..end).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn now() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "time begins somewhere")]
        Instant::now()
    }

    #[test]
    fn long_words_are_cut_between_letters_and_empty_ones_are_none() {
        let mut chat = Chat::default();
        assert_eq!(chat.say(" \n ", now()), None);
        let (n, text) = chat.say(&"围".repeat(MAX_CHARS + 5), now()).unwrap();
        assert_eq!((n, text.chars().count()), (1, MAX_CHARS));
        assert_eq!(chat.lines().len(), 1);
    }

    #[test]
    fn lists_have_their_ends() {
        let mut chat = Chat::default();
        for n in 0..LINES + 5 {
            chat.say(&n.to_string(), now());
        }
        assert_eq!(chat.lines().len(), LINES);
        assert_eq!(chat.said.after(0).count(), SAID);
        assert_eq!(chat.said.after(chat.said.last()).count(), 0);
    }

    #[test]
    fn what_was_missed_is_said_again_once_and_not_what_was_before() {
        let start = now();
        let mut hearing = Hearing::new(7, start);
        assert_eq!(hearing.handle_seen(0), None, "no channel yet");
        assert_eq!(hearing.handle_open(), 0);
        assert_eq!(hearing.handle_seen(3), Some(7));
        assert_eq!(hearing.handle_seen(0), None);
        assert!(hearing.handle_message(1, start));
        assert!(!hearing.handle_message(1, start), "twice");
        assert!(hearing.handle_message(9, start), "a jump");
        assert_eq!(hearing.handle_open(), 9);
        assert_eq!(hearing.handle_seen(8), Some(8));
    }

    #[test]
    fn a_flood_is_dropped_and_a_pause_forgives() {
        let start = now();
        let mut hearing = Hearing::new(0, start);
        let taken = (1..1000).filter(|n| hearing.handle_message(*n, start)).count();
        assert_eq!(taken, BURST as usize);
        assert!(hearing.handle_message(2000, start + Duration::from_secs(1)));
    }
}
