//! The keyboard: what is a command and what is writing.
//!
//! Space never presses the button that has the keyboard: it is held to talk. Enter presses buttons. Keys without Ctrl
//! or Alt are letters wherever somebody writes or is about to: they switch nothing then. What follows a press or a
//! command within one frame waits for the next one, because only then is it known which field they opened.

use eframe::egui::{Context, Event, Id, Key, KeyboardShortcut, Modifiers};
use hearth_base::DeviceKind;
use hearth_call::Switch;
use rust_i18n::t;

use super::command::UiCommand;
use super::facts::in_room;
use super::news::About;
use super::state::{Dialog, Page, Panel, UiState};
use super::{chat_field, devices, icons, join_field};
use crate::view::{Action, Stage, View};

/// Where letters go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LetterKeys {
    /// They are commands.
    Commands,
    /// A field has them.
    Typed,
    /// This field, as soon as one comes: nothing else has the keyboard, and there is one place to write.
    Into(Id),
    /// Nowhere: there are fields, and the person has chosen none.
    Nowhere,
}

impl LetterKeys {
    /// Whether this key is one of them. No link and no name begins with a question mark: it asks for help.
    fn take(self, key: Key) -> bool {
        match self {
            Self::Commands => false,
            Self::Typed => true,
            Self::Into(field) => key != Key::Questionmark || field == chat_field(),
            Self::Nowhere => key != Key::Questionmark,
        }
    }
}

/// Reads the keys of a frame, and takes those away that mean something.
pub(super) fn read(ctx: &Context, view: &View, state: &mut UiState) {
    let letters = letters(ctx, view, state);
    let mut events = std::mem::take(&mut state.keyboard.held);
    ctx.input_mut(|input| events.append(&mut input.events));
    let mut rest = Vec::new();
    let mut reading = Reading { letters, has_focus: has_focus(ctx), ..Reading::default() };
    for event in events {
        if reading.waits && is_writing(&event) && !reading.is_letter_due {
            rest.push(event);
        } else if reading.take(&event) {
            reading.kept.push(event);
        }
    }
    let Reading { kept, command, .. } = reading;
    if let LetterKeys::Into(field) = letters
        && kept.iter().any(|event| matches!(event, Event::Text(_) | Event::Paste(_) | Event::Ime(_)))
    {
        ctx.memory_mut(|memory| memory.request_focus(field));
    }
    ctx.input_mut(|input| input.events = kept);
    talk(ctx, view, state, letters == LetterKeys::Commands);
    let may = |command: &UiCommand| state.dialogs.open.is_none() || command.is_above_dialogs();
    if let Some((command, is_bare)) = command.filter(|(command, _)| may(command)) {
        if is_bare {
            tell(ctx, command, view, state);
        }
        command.act(ctx, view, state);
    }
    if !rest.is_empty() {
        ctx.request_repaint();
    }
    state.keyboard.held = rest;
    if state.panel.is_some() && state.dialogs.open.is_none() && !ctx.text_edit_focused() && !ctx.any_popup_open() {
        let is_escape = ctx.input(|input| input.key_pressed(Key::Escape));
        state.panel = state.panel.filter(|_| !is_escape);
    }
}

/// The events of a frame, one after the other.
struct Reading {
    letters: LetterKeys,
    /// Whether something has the keyboard that Enter presses.
    has_focus: bool,
    /// What the frame reads.
    kept: Vec<Event>,
    /// What should be done, and whether its key was a bare one.
    command: Option<(UiCommand, bool)>,
    /// Whether the letter follows of a key that was a command.
    is_letter_due: bool,
    /// Whether what is written from here on waits for the next frame.
    waits: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            letters: LetterKeys::Commands,
            has_focus: false,
            kept: Vec::new(),
            command: None,
            is_letter_due: false,
            waits: false,
        }
    }
}

impl Reading {
    /// Whether the frame may read an event.
    fn take(&mut self, event: &Event) -> bool {
        if let Event::PointerButton { .. } = event {
            self.waits = true;
        }
        if let Event::Text(_) = event {
            return !std::mem::take(&mut self.is_letter_due);
        }
        let Event::Key { key, pressed: true, repeat, modifiers, .. } = event else { return true };
        if *key == Key::Space && matches!(self.letters, LetterKeys::Commands | LetterKeys::Nowhere) {
            self.is_letter_due = true;
            return false; // no button hears it
        }
        if *key == Key::Enter && self.has_focus && self.letters != LetterKeys::Typed {
            self.waits = true;
        }
        let Some(command) = command_of(*key, *modifiers, self.letters.take(*key)) else { return true };
        let is_bare = modifiers.is_none() || modifiers.shift_only();
        self.is_letter_due = is_bare && !is_function(*key);
        if !repeat {
            (self.command, self.waits) = (Some((command, is_bare)), true);
        }
        false
    }
}

/// What somebody writes with, as opposed to what they point with.
fn is_writing(event: &Event) -> bool {
    matches!(event, Event::Key { pressed: true, .. } | Event::Text(_) | Event::Paste(_) | Event::Ime(_))
}

fn has_focus(ctx: &Context) -> bool {
    ctx.memory(|memory| memory.focused()).is_some()
}

/// Where letters go now.
fn letters(ctx: &Context, view: &View, state: &UiState) -> LetterKeys {
    if ctx.text_edit_focused() || state.chat.wants_keyboard {
        return LetterKeys::Typed;
    }
    let has_focus = has_focus(ctx);
    match (state.dialogs.open, &view.stage) {
        (Some(Dialog::Unlock | Dialog::Password), _) => LetterKeys::Nowhere,
        (Some(Dialog::Settings), _) if state.settings.page == Page::Network => LetterKeys::Nowhere,
        (Some(_), Stage::Room(_)) => LetterKeys::Commands,
        (Some(_), Stage::Home | Stage::PreJoin(_)) | (None, Stage::PreJoin(_)) => LetterKeys::Nowhere,
        (None, Stage::Home) if has_focus => LetterKeys::Nowhere,
        (None, Stage::Home) => LetterKeys::Into(join_field()),
        (None, Stage::Room(_)) if state.panel == Some(Panel::Chat) && !has_focus => LetterKeys::Into(chat_field()),
        (None, Stage::Room(_)) => LetterKeys::Commands,
    }
}

/// Says for a moment what a bare key switches: it may have been meant for somewhere else.
fn tell(ctx: &Context, command: UiCommand, view: &View, state: &mut UiState) {
    let Some(room) = in_room(view) else { return };
    let (about, icon, text) = match (command, room.me.microphone, room.me.camera) {
        (UiCommand::Microphone, Switch::Off, _) => {
            (About::Microphone(Switch::On), icons::MICROPHONE, t!("ui.call.now_unmuted"))
        }
        (UiCommand::Microphone, Switch::On, _) => {
            (About::Microphone(Switch::Off), icons::MICROPHONE_OFF, t!("ui.call.now_muted"))
        }
        (UiCommand::Camera, _, Switch::Off) => (About::Camera(Switch::On), icons::CAMERA, t!("ui.call.now_seen")),
        (UiCommand::Camera, _, Switch::On) => (About::Camera(Switch::Off), icons::CAMERA_OFF, t!("ui.call.now_unseen")),
        _ => return,
    };
    // Nobody hears or sees a device that is not there.
    let missing = match about {
        About::Microphone(Switch::On) => devices::short(DeviceKind::Microphone, view),
        About::Camera(Switch::On) => devices::short(DeviceKind::Camera, view),
        About::Microphone(Switch::Off) | About::Camera(Switch::Off) | About::Hand(_) => None,
    };
    state.news.note(ctx, about, icon, missing.unwrap_or_else(|| text.into_owned()));
}

/// Space is held to talk while the microphone is off.
fn talk(ctx: &Context, view: &View, state: &mut UiState, may_talk: bool) {
    let is_held = ctx.input(|input| input.key_down(Key::Space) && input.focused && input.modifiers.is_none());
    let is_held = is_held && may_talk && state.dialogs.open.is_none();
    let is_muted = in_room(view).is_some_and(|room| room.me.microphone == Switch::Off);
    if is_held && is_muted && !state.keyboard.is_talking {
        state.keyboard.is_talking = true;
        state.action(Action::SetMicrophone(Switch::On));
    } else if let Some(action) = let_go(state.keyboard.is_talking, is_held) {
        state.action(action); // in each frame, until it is taken
    }
}

/// What follows when a person who held Space to talk may not hold it any more: nobody is heard who does not know it.
/// The window asks, too, when it is left or hidden, because then no frame reads the keys.
pub(super) fn let_go(is_talking: bool, is_held: bool) -> Option<Action> {
    (is_talking && !is_held).then_some(Action::SetMicrophone(Switch::Off))
}

fn command_of(key: Key, modifiers: Modifiers, is_typing: bool) -> Option<UiCommand> {
    let means = |shortcut: &KeyboardShortcut| {
        let is_plain = shortcut.modifiers.is_none() && !is_function(key);
        let matches = shortcut.logical_key == key && same(shortcut, modifiers);
        matches && !(is_plain && is_typing)
    };
    UiCommand::ALL.into_iter().find(|command| command.keys().iter().any(means))
}

/// Shift is how a question mark is made; else it means something.
fn same(shortcut: &KeyboardShortcut, found: Modifiers) -> bool {
    let shift = shortcut.modifiers.shift == found.shift || shortcut.logical_key == Key::Questionmark;
    shift && shortcut.modifiers.ctrl == found.ctrl && shortcut.modifiers.alt == found.alt
}

fn is_function(key: Key) -> bool {
    key == Key::F11
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_left_the_window_talks_no_more() {
        for (is_talking, is_focused, expected) in [
            (true, false, Some(Action::SetMicrophone(Switch::Off))),
            (true, true, None),
            (false, false, None),
            (false, true, None),
        ] {
            assert_eq!(let_go(is_talking, is_focused), expected, "{is_talking} {is_focused}");
        }
    }

    #[test]
    fn readme_lists_each_key() {
        let readme = include_str!("../../../README.md");
        let section = readme.split("\n## ").find(|section| section.starts_with("Keys\n")).expect("it has the section");
        let words: Vec<_> = section.split(|c: char| c.is_whitespace() || "();".contains(c)).collect();
        for command in UiCommand::ALL {
            for key in command.keys() {
                let shown = super::super::command::shown(&Context::default(), key);
                // A comma ends a word of the list, and is a key as well.
                let is_there = words.iter().any(|word| *word == shown || word.strip_suffix(',') == Some(&shown));
                assert!(is_there, "README.md, Keys, lacks {shown} ({command:?})");
            }
        }
    }

    #[test]
    fn a_key_means_one_thing_and_nothing_while_typing() {
        let ctrl_shift = Modifiers::CTRL.plus(Modifiers::SHIFT);
        for (key, modifiers, is_typing, expected) in [
            (Key::M, Modifiers::NONE, false, Some(UiCommand::Microphone)),
            (Key::M, Modifiers::NONE, true, None),
            (Key::M, Modifiers::CTRL, false, None),
            (Key::D, Modifiers::CTRL, true, Some(UiCommand::Microphone)),
            (Key::A, Modifiers::ALT, false, Some(UiCommand::Microphone)),
            (Key::A, Modifiers::CTRL, true, None),
            (Key::V, Modifiers::NONE, false, Some(UiCommand::Camera)),
            (Key::V, Modifiers::CTRL, false, None),
            (Key::C, Modifiers::NONE, false, Some(UiCommand::Chat)),
            (Key::C, Modifiers::CTRL, false, None),
            (Key::F11, Modifiers::NONE, true, Some(UiCommand::FullScreen)),
            (Key::H, ctrl_shift, false, Some(UiCommand::Leave)),
            (Key::H, Modifiers::CTRL, false, None),
            (Key::Questionmark, Modifiers::SHIFT, false, Some(UiCommand::Help)),
            (Key::R, Modifiers::NONE, false, Some(UiCommand::Hand)),
            (Key::R, Modifiers::NONE, true, None),
            (Key::Comma, Modifiers::CTRL, true, Some(UiCommand::Settings)),
        ] {
            assert_eq!(command_of(key, modifiers, is_typing), expected, "{key:?} {modifiers:?} {is_typing}");
        }
    }
}
