//! What keys do: commands, unless somebody types; and Space never presses a button.

use eframe::egui::{self, Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use hearth::view::{Action, LanguageChoice, Me, Room, Stage as Screen, View};
use hearth_call::Switch;
use rust_i18n::t;

use crate::scenes;
use crate::stage::Stage;

fn call() -> Stage {
    Stage::new(scenes::call(), LanguageChoice::English)
}

#[test]
fn keys_switch_what_is_ours() {
    let mut stage = call();
    for (modifiers, key, action) in [
        (Modifiers::NONE, Key::M, Action::SetMicrophone(Switch::Off)),
        (Modifiers::CTRL, Key::D, Action::SetMicrophone(Switch::Off)),
        (Modifiers::ALT, Key::A, Action::SetMicrophone(Switch::Off)),
        (Modifiers::NONE, Key::V, Action::SetCamera(Switch::Off)),
        (Modifiers::CTRL, Key::E, Action::SetCamera(Switch::Off)),
        (Modifiers::ALT, Key::V, Action::SetCamera(Switch::Off)),
    ] {
        stage.key(modifiers, key);
        assert!(stage.actions() == [action], "{modifiers:?} {key:?}");
    }
}

#[test]
fn keys_open_and_close_panels_and_questions() {
    let mut stage = call();
    for (key, hint) in [(Key::C, t!("ui.chat.send")), (Key::P, t!("ui.people.lobby")), (Key::I, t!("ui.invite.copy"))] {
        stage.key(Modifiers::NONE, key);
        assert!(stage.has(&hint), "{key:?}");
        stage.key(Modifiers::NONE, Key::Escape);
        assert!(!stage.has(&hint), "{key:?}, then Escape");
    }
    stage.key(Modifiers::SHIFT, Key::Questionmark);
    assert!(stage.has(&t!("ui.help.talk")));
    stage.key(Modifiers::NONE, Key::Escape);
    assert!(!stage.has(&t!("ui.help.talk")));
    stage.key(Modifiers::CTRL.plus(Modifiers::SHIFT), Key::H);
    assert!(stage.has(&t!("ui.leave.title_end")), "a room in this program");
}

#[test]
fn no_question_keeps_microphone_and_camera_on() {
    for dialog in [(Modifiers::CTRL, Key::Comma), (Modifiers::CTRL.plus(Modifiers::SHIFT), Key::H)] {
        let mut stage = call();
        stage.key(dialog.0, dialog.1);
        for (modifiers, key, action) in [
            (Modifiers::NONE, Key::M, Action::SetMicrophone(Switch::Off)),
            (Modifiers::CTRL, Key::D, Action::SetMicrophone(Switch::Off)),
            (Modifiers::NONE, Key::V, Action::SetCamera(Switch::Off)),
        ] {
            stage.key(modifiers, key);
            assert!(stage.actions() == [action], "{modifiers:?} {key:?}");
        }
        stage.key(Modifiers::NONE, Key::C);
        assert!(!stage.has(&t!("ui.chat.send")), "nothing opens behind it");
    }
}

#[test]
fn letters_are_letters_while_somebody_types() {
    let mut stage = call();
    stage.key(Modifiers::NONE, Key::C);
    stage.harness.get_by_label(&t!("ui.chat.label")).focus();
    stage.settle();
    stage.actions();
    for key in [Key::M, Key::V, Key::P, Key::Space] {
        stage.key(Modifiers::NONE, key);
    }
    assert!(stage.actions().is_empty());
    assert!(stage.has(&t!("ui.chat.send")), "the chat is still there");
}

#[test]
fn space_presses_nothing_and_enter_presses() {
    let mut stage = call();
    stage.harness.get_by_label(&t!("ui.call.mute")).focus();
    stage.settle();
    stage.key(Modifiers::NONE, Key::Space);
    assert!(stage.actions().is_empty());
    stage.key(Modifiers::NONE, Key::Enter);
    assert!(stage.actions() == [Action::SetMicrophone(Switch::Off)]);
}

#[test]
fn space_is_held_to_talk_while_muted() {
    let me = Me { microphone: Switch::Off, ..Me::default() };
    let room = Room { me, ..scenes::hosted() };
    let mut stage = Stage::new(View { stage: Screen::Room(room), ..View::default() }, LanguageChoice::English);
    stage.harness.key_down(Key::Space);
    stage.settle();
    assert!(stage.actions() == [Action::SetMicrophone(Switch::On)]);
    stage.settle();
    assert!(stage.actions().is_empty(), "once");
    stage.harness.key_up(Key::Space);
    stage.settle();
    assert!(stage.actions() == [Action::SetMicrophone(Switch::Off)]);
}

#[test]
fn the_end_of_talking_is_asked_for_until_it_is_taken() {
    let me = Me { microphone: Switch::Off, ..Me::default() };
    let room = Room { me, ..scenes::hosted() };
    let mut stage = Stage::new(View { stage: Screen::Room(room), ..View::default() }, LanguageChoice::English);
    stage.harness.key_down(Key::Space);
    stage.settle();
    stage.actions();
    stage.harness.state_mut().is_busy = true;
    stage.harness.key_up(Key::Space);
    stage.settle();
    assert!(stage.actions().is_empty());
    stage.harness.state_mut().is_busy = false;
    stage.settle();
    assert!(stage.actions() == [Action::SetMicrophone(Switch::Off)]);
}

#[test]
fn enter_goes_through_the_door() {
    let mut stage = Stage::new(scenes::prejoin(), LanguageChoice::English);
    stage.key(Modifiers::NONE, Key::Enter);
    assert!(stage.actions() == [Action::Enter]);
}

#[test]
fn tab_reaches_what_is_first() {
    let mut stage = Stage::new(scenes::home(), LanguageChoice::English);
    let mut reached = Vec::new();
    for _ in 0..4 {
        stage.key(Modifiers::NONE, Key::Tab);
        let words = [t!("ui.settings.title"), t!("ui.help.title"), t!("ui.home.start"), t!("ui.home.join_label")];
        let focused = words.into_iter().find(|word| stage.harness.get_by_label(word).is_focused());
        reached.push(focused.map(std::borrow::Cow::into_owned));
    }
    assert!(reached.iter().all(Option::is_some), "{reached:?}");
}

#[test]
fn the_whole_screen_is_asked_for() {
    let mut stage = call();
    stage.harness.key_down(Key::F11);
    stage.harness.step();
    let viewports = &stage.harness.output().viewport_output;
    let mut commands = viewports.values().flat_map(|viewport| &viewport.commands);
    assert!(commands.any(|command| matches!(command, egui::ViewportCommand::Fullscreen(true))));
}
