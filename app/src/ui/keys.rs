//! The keyboard: what is a command and what is typing.
//!
//! Space never presses the button that has the keyboard: it is held to talk. Enter presses buttons. Keys without Ctrl or
//! Alt are letters while somebody types.

use eframe::egui::{Context, Event, Key, KeyboardShortcut, Modifiers};
use hearth_call::Switch;

use super::command::Command;
use super::state::{UiState, in_room};
use crate::view::{View, Wish};

/// Reads the keys of a frame, and takes those away that mean something.
pub(super) fn read(ctx: &Context, view: &View, state: &mut UiState) {
    let is_typing = ctx.text_edit_focused();
    let mut commands = Vec::new();
    ctx.input_mut(|input| {
        input.events.retain(|event| {
            let Event::Key { key, pressed: true, repeat, modifiers, .. } = event else { return true };
            if *key == Key::Space && !is_typing {
                return false; // no button hears it
            }
            let command = command_of(*key, *modifiers, is_typing);
            commands.extend(command.filter(|_| !repeat));
            command.is_none()
        });
    });
    talk(ctx, view, state, is_typing);
    for command in commands {
        if state.dialog.is_none() || command.is_above_dialogs() {
            command.act(ctx, view, state);
        }
    }
    if state.panel.is_some() && state.dialog.is_none() && !is_typing && !ctx.any_popup_open() {
        let is_escape = ctx.input(|input| input.key_pressed(Key::Escape));
        state.panel = state.panel.filter(|_| !is_escape);
    }
}

/// Space is held to talk while the microphone is off.
fn talk(ctx: &Context, view: &View, state: &mut UiState, is_typing: bool) {
    let is_held = ctx.input(|input| input.key_down(Key::Space) && input.focused && input.modifiers.is_none());
    let is_held = is_held && !is_typing && state.dialog.is_none();
    let is_muted = in_room(view).is_some_and(|room| room.me.microphone == Switch::Off);
    if is_held && is_muted && !state.is_talking {
        state.is_talking = true;
        state.wish(Wish::SetMicrophone(Switch::On));
    } else if let Some(wish) = let_go(state.is_talking, is_held) {
        state.wish(wish); // in each frame, until it is taken
    }
}

/// What follows when a person who held Space to talk may not hold it any more: nobody is heard who does not know it. The
/// window asks, too, when it is left or hidden, because then no frame reads the keys.
pub(super) fn let_go(is_talking: bool, is_held: bool) -> Option<Wish> {
    (is_talking && !is_held).then_some(Wish::SetMicrophone(Switch::Off))
}

fn command_of(key: Key, modifiers: Modifiers, is_typing: bool) -> Option<Command> {
    let means = |shortcut: &KeyboardShortcut| {
        let is_plain = shortcut.modifiers.is_none() && !is_function(key);
        let matches = shortcut.logical_key == key && same(shortcut, modifiers);
        matches && !(is_plain && is_typing)
    };
    Command::ALL.into_iter().find(|command| command.keys().iter().any(means))
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
            (true, false, Some(Wish::SetMicrophone(Switch::Off))),
            (true, true, None),
            (false, false, None),
            (false, true, None),
        ] {
            assert_eq!(let_go(is_talking, is_focused), expected, "{is_talking} {is_focused}");
        }
    }

    #[test]
    fn a_key_means_one_thing_and_nothing_while_typing() {
        let ctrl_shift = Modifiers::CTRL.plus(Modifiers::SHIFT);
        for (key, modifiers, is_typing, expected) in [
            (Key::M, Modifiers::NONE, false, Some(Command::Microphone)),
            (Key::M, Modifiers::NONE, true, None),
            (Key::M, Modifiers::CTRL, false, None),
            (Key::D, Modifiers::CTRL, true, Some(Command::Microphone)),
            (Key::A, Modifiers::ALT, false, Some(Command::Microphone)),
            (Key::A, Modifiers::CTRL, true, None),
            (Key::V, Modifiers::NONE, false, Some(Command::Camera)),
            (Key::V, Modifiers::CTRL, false, None),
            (Key::C, Modifiers::NONE, false, Some(Command::Chat)),
            (Key::C, Modifiers::CTRL, false, None),
            (Key::F11, Modifiers::NONE, true, Some(Command::FullScreen)),
            (Key::H, ctrl_shift, false, Some(Command::Leave)),
            (Key::H, Modifiers::CTRL, false, None),
            (Key::Questionmark, Modifiers::SHIFT, false, Some(Command::Help)),
            (Key::Comma, Modifiers::CTRL, true, Some(Command::Settings)),
        ] {
            assert_eq!(command_of(key, modifiers, is_typing), expected, "{key:?} {modifiers:?} {is_typing}");
        }
    }
}
