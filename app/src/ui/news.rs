//! What others do, and what a key has just done: lines over the tiles that come, are read, and go by themselves.
//!
//! Owner of: who and what was seen in the room when this was last looked at, and the lines of the moment. Nothing of it
//! moves a tile. A line asks for the one frame in which it goes; nothing is polled.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use eframe::egui::{Context, UserAttentionType, ViewportCommand};
use hearth_call::{Hand, Switch};
use hearth_protocol::PeerId;
use rust_i18n::t;

use super::facts::named;
use super::icons::{self, Icon};
use crate::view::{ChatLine, Room, Speaker};

/// How long a line is read, in the toolkit's seconds.
const READ: f64 = 5.0;
/// Lines at once. Full: the oldest goes early, and the panel of people says the same.
const LINES: usize = 4;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NoticeLine {
    pub(super) icon: Icon,
    pub(super) text: String,
    /// What a press leads to.
    pub(super) leads: Leads,
    /// What it is about, where the next line about that takes its place.
    about: Option<About>,
    /// Whether the room was seen as it says.
    is_true: bool,
    /// The toolkit's seconds.
    until: f64,
}

/// What a line can be about that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// Our own microphone, and how it is.
    Microphone(Switch),
    Camera(Switch),
    Hand(PeerId),
}

impl About {
    fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Microphone(_), Self::Microphone(_)) | (Self::Camera(_), Self::Camera(_)) => true,
            (Self::Hand(one), Self::Hand(other)) => one == other,
            _ => false,
        }
    }

    fn holds(self, room: &Room) -> bool {
        match self {
            Self::Microphone(switch) => room.me.microphone == switch,
            Self::Camera(switch) => room.me.camera == switch,
            Self::Hand(_) => true,
        }
    }
}

/// Where a line leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    Nowhere,
    /// Into the chat, of which it shows the newest words.
    Chat,
}

/// What was seen, and what is said of it.
#[derive(Debug, Default)]
pub(super) struct NoticeFeed {
    seen: Option<Seen>,
    lines: VecDeque<NoticeLine>,
}

#[derive(Debug, Default)]
struct Seen {
    people: BTreeMap<PeerId, (String, Hand)>,
    lobby: BTreeSet<PeerId>,
    /// How many lines the chat had, and who said what in the newest: the hour of a line may be told a second apart.
    chat: (usize, Option<(Speaker, String)>),
}

/// Whether the chat is open beside the tiles: then its words need no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chat {
    Open,
    Closed,
}

impl Seen {
    fn of(room: &Room) -> Self {
        Self {
            people: room.people.iter().map(|person| (person.id, (named(&person.nick), person.hand))).collect(),
            lobby: room.lobby.iter().map(|knocker| knocker.id).collect(),
            chat: newest(room),
        }
    }
}

fn newest(room: &Room) -> (usize, Option<(Speaker, String)>) {
    (room.chat.len(), room.chat.last().map(|line| (line.from.clone(), line.text.clone())))
}

impl NoticeFeed {
    /// Looks at the room; none is the end of what was seen. Anyone who has the window behind others is asked to look.
    pub(super) fn look(&mut self, ctx: &Context, room: Option<&Room>, chat: Chat) {
        let now = ctx.input(|input| input.time);
        self.lines.retain(|line| line.until > now);
        let Some(room) = room else {
            *self = Self::default();
            return;
        };
        self.keep_true(room);
        let seen = Seen::of(room);
        if let Some(before) = self.seen.replace(seen) {
            let attention = self.compare(&before, room, chat, now);
            let is_in_front = ctx.input(|input| input.raw.focused);
            if let Some(attention) = attention.filter(|_| !is_in_front) {
                ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(attention));
            }
        }
        if let Some(next) = self.lines.iter().map(|line| line.until).reduce(f64::min) {
            ctx.request_repaint_after_secs((next - now) as f32);
        }
    }

    /// A line of what a key has switched goes once it is switched back, however that was done. It may be some frames
    /// early.
    fn keep_true(&mut self, room: &Room) {
        for line in &mut self.lines {
            line.is_true |= line.about.is_none_or(|about| about.holds(room));
        }
        self.lines.retain(|line| !line.is_true || line.about.is_none_or(|about| about.holds(room)));
    }

    /// Says what is new, and returns how much attention that asks for.
    fn compare(&mut self, before: &Seen, room: &Room, chat: Chat, now: f64) -> Option<UserAttentionType> {
        let mut asked = None;
        let mut polite = || asked = asked.or(Some(UserAttentionType::Informational));
        for person in &room.people {
            let nick = named(&person.nick);
            let old = before.people.get(&person.id);
            if old.is_none() {
                self.say(icons::INVITE, t!("ui.call.joined", nick = nick), Leads::Nowhere, now);
                polite();
            }
            if person.hand == Hand::Up && old.is_none_or(|(_, hand)| *hand == Hand::Down) {
                // Anyone who raises it again and again has one line, and asks for attention once.
                let about = About::Hand(person.id);
                if !self.lines.iter().any(|line| line.about == Some(about)) {
                    polite();
                }
                self.say_about(about, icons::HAND, t!("ui.call.raised_hand", nick = nick), now);
            }
        }
        for (id, (nick, _)) in &before.people {
            if !room.people.iter().any(|person| person.id == *id) {
                self.say(icons::REMOVE, t!("ui.call.left", nick = nick), Leads::Nowhere, now);
            }
        }
        let last = room.chat.last().filter(|_| before.chat != newest(room));
        if let Some(ChatLine { from: Speaker::Person { nick, .. }, text, .. }) = last {
            polite();
            if chat == Chat::Closed {
                self.preview(&named(nick), text, now);
            }
        }
        if room.lobby.iter().any(|knocker| !before.lobby.contains(&knocker.id)) {
            asked = Some(UserAttentionType::Critical);
        }
        asked
    }

    /// The newest words alone: who wants all of them opens the chat.
    fn preview(&mut self, nick: &str, text: &str, now: f64) {
        self.lines.retain(|line| line.leads != Leads::Chat);
        let first = text.lines().next().unwrap_or_default();
        self.say(icons::CHAT, t!("ui.call.said", nick = nick, text = first), Leads::Chat, now);
    }

    fn say(&mut self, icon: Icon, text: impl Into<String>, leads: Leads, now: f64) {
        let line = NoticeLine { icon, text: text.into(), leads, about: None, is_true: false, until: now + READ };
        self.lines.push_back(line);
        if self.lines.len() > LINES {
            self.lines.pop_front();
        }
    }

    /// Says it in the place of what was said about that before.
    fn say_about(&mut self, about: About, icon: Icon, text: impl Into<String>, now: f64) {
        self.lines.retain(|line| !line.about.is_some_and(|other| other.is_same(about)));
        self.say(icon, text, Leads::Nowhere, now);
        if let Some(line) = self.lines.back_mut() {
            line.about = Some(about);
        }
    }

    /// A key without Ctrl or Alt has switched something, which may have been meant for somewhere else.
    pub(super) fn note(&mut self, ctx: &Context, about: About, icon: Icon, text: impl Into<String>) {
        self.say_about(about, icon, text, ctx.input(|input| input.time));
    }

    /// The chat is open: its words are there.
    pub(super) fn forget_chat(&mut self) {
        self.lines.retain(|line| line.leads != Leads::Chat);
    }

    /// The lines of the moment, the newest last.
    pub(super) fn lines(&self) -> impl Iterator<Item = &NoticeLine> {
        self.lines.iter()
    }
}
