//! The password of a room: typed by who comes, set by who hosts.
#![expect(clippy::expect_used, reason = "what is written here fits, and what is missing fails the test")]

use eframe::egui::{Key, Modifiers, Role as Part};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use hearth::view::{Action, PasswordPrompt, PasswordPromptState, Progress, Room, Stage as Screen, View};
use hearth_protocol::RoomPassword;
use rust_i18n::t;

use crate::scenes;
use crate::stage::{LANGUAGES, Stage};

fn password(text: &str) -> RoomPassword {
    RoomPassword::parse(text).expect("it fits")
}

/// The room on the stage, to be changed.
fn change(stage: &mut Stage, change: impl FnOnce(&mut Room)) {
    if let Screen::Room(room) = &mut stage.harness.state_mut().view.stage {
        change(room);
    }
    stage.settle();
}

fn answer(stage: &mut Stage, state: PasswordPromptState, refusals: u32) {
    change(stage, |room| room.admission.prompt = Some(PasswordPrompt { state, refusals }));
}

/// What is in the field with this name, as an assistive program reads it.
fn shown(stage: &Stage, label: &str) -> String {
    let mut fields = stage.harness.get_all_by_label(label);
    let field = fields.find(|node| node.accesskit_node().role() != Part::Label).expect("there is a field");
    field.accesskit_node().value().unwrap_or_default()
}

#[test]
fn the_door_asks_by_itself_and_enter_joins() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::asked(), language);
        assert!(stage.has(&t!("ui.unlock.title", room = "482-913-605")));
        stage.key(Modifiers::NONE, Key::Enter);
        assert!(stage.actions().is_empty(), "nothing is not said");
        stage.text("apple pie");
        stage.key(Modifiers::NONE, Key::Enter);
        assert!(stage.actions() == [Action::Unlock(password("apple pie"))]);
        answer(&mut stage, PasswordPromptState::Trying, 0);
        stage.key(Modifiers::NONE, Key::Enter);
        stage.press_top(&t!("ui.call.entering"));
        assert!(stage.actions().is_empty(), "one at a time");
        change(&mut stage, |room| (room.progress, room.admission.prompt) = (Progress::In, None));
        assert!(!stage.has(&t!("ui.unlock.title", room = "482-913-605")));
    }
}

#[test]
fn a_wrong_password_is_told_and_marked_to_be_typed_over() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::asked(), language);
        for (refusals, text) in [(1, "apple pie"), (2, "plum pie")] {
            stage.text(text);
            stage.key(Modifiers::NONE, Key::Enter);
            assert!(stage.actions() == [Action::Unlock(password(text))], "{text}");
            // The window may not draw in between.
            answer(&mut stage, PasswordPromptState::Wrong, refusals);
            assert!(stage.has(&t!("fault.bad_password")));
        }
        stage.key(Modifiers::NONE, Key::End);
        stage.text("!");
        stage.expect(&t!("ui.home.join"), Action::Unlock(password("plum pie!")));
    }
}

#[test]
fn who_tried_too_often_waits_as_long_as_the_server_says() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::asked(), language);
        stage.text("tea");
        for seconds in [5, 4] {
            answer(&mut stage, PasswordPromptState::TooOften { seconds }, 1);
            assert!(stage.has(&t!("ui.unlock.too_often", seconds = seconds)));
            stage.key(Modifiers::NONE, Key::Enter);
            stage.press_top(&t!("ui.home.join"));
            assert!(stage.actions().is_empty());
        }
        answer(&mut stage, PasswordPromptState::Wanted, 1);
        stage.expect(&t!("ui.home.join"), Action::Unlock(password("tea")));
    }
}

#[test]
fn who_does_not_know_it_goes_back() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::asked(), language);
        stage.expect(&t!("ui.cancel"), Action::Leave);
        stage.key(Modifiers::NONE, Key::Escape);
        assert!(stage.actions() == [Action::Leave]);
        assert!(stage.has(&t!("ui.unlock.title", room = "482-913-605")), "until the room is left");
        let settings = stage.harness.state().view.settings.clone();
        stage.harness.state_mut().view = View { settings, ..View::default() };
        stage.settle();
        assert!(!stage.has(&t!("ui.unlock.text")));
    }
}

#[test]
fn what_is_typed_is_hidden_until_one_wants_to_see_it() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::asked(), language);
        stage.text("tea");
        let label = t!("ui.unlock.label");
        assert!(!shown(&stage, &label).contains("tea"));
        stage.press(&t!("ui.password.show"));
        assert_eq!(shown(&stage, &label), "tea");
        stage.press(&t!("ui.password.hide"));
        assert!(!shown(&stage, &label).contains("tea"));
        stage.text("pot");
        stage.expect(&t!("ui.home.join"), Action::Unlock(password("teapot")));
        // Longer than any password: what fits is taken, and no letter is cut in two.
        stage.focus(&label);
        stage.text(&"茶".repeat(60));
        stage.press(&t!("ui.home.join"));
        let [Action::Unlock(long)] = &stage.actions()[..] else { panic!("one wish") };
        assert_eq!(long.as_str(), format!("teapot{}", "茶".repeat(40)));
    }
}

#[test]
fn who_waits_for_the_host_may_type_it_instead() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::waiting(), language);
        assert!(!stage.has(&t!("ui.call.unlock")), "there is none");
        stage = Stage::new(scenes::waiting_or_asked(), language);
        assert!(!stage.has(&t!("ui.unlock.text_waiting")), "not before it is asked for");
        stage.press(&t!("ui.call.unlock"));
        stage.key(Modifiers::NONE, Key::Escape);
        assert!(!stage.has(&t!("ui.unlock.text_waiting")));
        stage.press(&t!("ui.call.unlock"));
        stage.text("tea");
        stage.key(Modifiers::NONE, Key::Enter);
        assert!(stage.actions() == [Action::Unlock(password("tea"))]);
    }
}

#[test]
fn a_host_sets_changes_and_removes_it() {
    for language in LANGUAGES {
        let open = |stage: &mut Stage| {
            stage.press(&t!("ui.people.password"));
            assert!(stage.has(&t!("ui.password.text")));
        };
        let mut stage = Stage::new(scenes::call(), language);
        stage.press(&t!("ui.command.people"));
        assert!(!stage.has(&t!("ui.people.has_password")));
        open(&mut stage);
        assert!(stage.has(&t!("ui.password.is_unset")) && !stage.has(&t!("ui.password.remove")));
        stage.text("tea");
        stage.key(Modifiers::NONE, Key::Enter);
        assert!(stage.actions() == [Action::SetPassword(Some(password("tea")))]);
        assert!(!stage.has(&t!("ui.password.text")));
        change(&mut stage, |room| room.admission.has_password = true);
        assert!(stage.has(&t!("ui.people.has_password")));
        open(&mut stage);
        assert!(stage.has(&t!("ui.password.is_set")));
        assert_eq!(shown(&stage, &t!("ui.password.new")), "", "what was typed is gone");
        stage.text("coffee");
        stage.expect(&t!("ui.password.change"), Action::SetPassword(Some(password("coffee"))));
        open(&mut stage);
        stage.expect(&t!("ui.password.remove"), Action::SetPassword(None));
        open(&mut stage);
        stage.press(&t!("ui.cancel"));
        assert!(stage.actions().is_empty() && !stage.has(&t!("ui.password.text")));
        change(&mut stage, |room| room.admission.is_invite_only = false);
        stage.press(&t!("ui.people.password"));
        assert!(stage.has(&t!("ui.password.text_open")), "nobody waits at the door of an open room");
    }
}

#[test]
fn nothing_that_is_written_down_holds_a_password() {
    let mut stage = Stage::new(scenes::asked(), LANGUAGES[0]);
    stage.text("apple pie");
    stage.key(Modifiers::NONE, Key::Enter);
    let written = format!("{:?} {:?}", stage.actions(), Action::SetPassword(Some(password("apple pie"))));
    assert!(!written.contains("apple"), "{written}");
    assert!(!stage.state_text().contains("apple"));
}
