//! What is typed arrives, in every script, and where it should.

use eframe::egui::{Event, ImeEvent, Key, Modifiers};
use hearth::view::{Action, LanguageChoice};
use rust_i18n::t;

use crate::scenes;
use crate::stage::{LANGUAGES, Stage};

#[test]
fn a_link_is_joined_by_button_and_by_enter() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::home(), language);
        stage.focus(&t!("ui.home.join_label"));
        stage.text(" 482-913-605 ");
        stage.key(Modifiers::NONE, Key::Enter);
        assert!(stage.actions() == [Action::Join("482-913-605".to_owned())]);
        stage.expect(&t!("ui.home.join"), Action::Join("482-913-605".to_owned()));
    }
}

#[test]
fn a_chinese_name_is_our_name() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::prejoin_trouble(), language);
        stage.focus(&t!("ui.prejoin.name"));
        stage.text("小明");
        stage.press(&t!("ui.prejoin.ask"));
        let actions = stage.actions();
        assert_eq!(actions.first(), Some(&Action::SetNick("小明".to_owned())), "{actions:?}");
        assert_eq!(actions.last(), Some(&Action::Enter), "{actions:?}");
    }
}

#[test]
fn enter_in_the_name_goes_through_the_door() {
    let mut stage = Stage::new(scenes::prejoin_trouble(), LanguageChoice::English);
    stage.focus(&t!("ui.prejoin.name"));
    stage.text("Ada");
    stage.key(Modifiers::NONE, Key::Enter);
    let actions = stage.actions();
    assert_eq!(actions.first(), Some(&Action::SetNick("Ada".to_owned())), "{actions:?}");
    assert_eq!(actions.last(), Some(&Action::Enter), "{actions:?}");
}

#[test]
fn a_message_is_sent_by_enter_and_broken_by_shift_enter() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::call(), language);
        stage.key(Modifiers::NONE, Key::C);
        stage.focus(&t!("ui.chat.label"));
        stage.text("你好");
        stage.key(Modifiers::SHIFT, Key::Enter);
        stage.text("second line");
        assert!(stage.actions().is_empty());
        stage.key(Modifiers::NONE, Key::Enter);
        assert!(stage.actions() == [Action::Say("你好\nsecond line".to_owned())]);
        stage.key(Modifiers::NONE, Key::Enter);
        assert!(stage.actions().is_empty(), "nothing is not sent");
    }
}

#[test]
fn what_an_input_method_composes_arrives() {
    let mut stage = Stage::new(scenes::call(), LanguageChoice::Chinese);
    stage.key(Modifiers::NONE, Key::C);
    stage.focus(&t!("ui.chat.label"));
    stage.harness.event(Event::Ime(ImeEvent::Commit("围炉夜话".to_owned())));
    stage.settle();
    stage.press(&t!("ui.chat.send"));
    assert!(stage.actions() == [Action::Say("围炉夜话".to_owned())]);
}

#[test]
fn a_port_is_a_number_or_none() {
    let mut stage = Stage::new(scenes::home(), LanguageChoice::English);
    stage.press(&t!("ui.settings.title"));
    stage.press(&t!("ui.settings.network"));
    stage.focus(&t!("ui.settings.port"));
    stage.text("9x4");
    stage.text("43");
    stage.key(Modifiers::NONE, Key::Enter);
    let actions = stage.actions();
    assert!(matches!(actions.as_slice(), [Action::Change(settings)] if settings.port == Some(9443)), "{actions:?}");
}
