//! The panel of a connection: how it opens, what it says to those who do not see it, and what is copied of it.

use eframe::egui::{Key, Modifiers, OutputCommand, vec2};
use hearth::view::{LanguageChoice, Quality, Stage as Screen, ThemeChoice};
use hearth_call::Route;
use rust_i18n::t;

use crate::scenes;
use crate::stage::{LANGUAGES, Stage};

/// What opens it, on a tile and among the people.
fn opener(nick: &str, state: &str) -> String {
    t!("ui.connection.open", nick = nick, state = state).into_owned()
}

/// A window that is high enough for all of it.
fn high(language: LanguageChoice) -> Stage {
    Stage::sized(scenes::call(), language, ThemeChoice::Light, vec2(900.0, 1300.0))
}

#[test]
fn it_opens_from_a_tile_from_the_people_and_by_a_key() {
    for language in LANGUAGES {
        let mut stage = high(language);
        let copy = t!("ui.connection.copy");
        assert!(!stage.has(&copy));
        let grace = opener("Grace Hopper", &t!("ui.people.direct"));
        stage.press(&grace);
        assert!(stage.has(&copy), "by the mark on the tile");
        stage.press(&grace);
        assert!(!stage.has(&copy), "and away again");
        stage.key(Modifiers::NONE, Key::P);
        assert_eq!(stage.count(&grace), 2, "on the tile, and among the people");
        stage.press_top(&grace);
        stage.settle();
        assert!(stage.has(&copy), "by the word among the people");
        stage.key(Modifiers::NONE, Key::N);
        assert!(!stage.has(&copy), "away by its key");
        stage.key(Modifiers::NONE, Key::N);
        assert!(stage.has(&copy), "and here by it");
    }
}

#[test]
fn each_line_says_its_name_and_what_it_is_now() {
    for language in LANGUAGES {
        let mut stage = high(language);
        stage.key(Modifiers::NONE, Key::N);
        let Screen::Room(room) = stage.harness.state().view.stage.clone() else { panic!("a room") };
        let newest = *room.people[0].connection.newest().expect("a second was sampled");
        let ms = |seconds: Option<f64>| format!("{:.0} ms", seconds.expect("it is known") * 1000.0);
        for (name, value) in [
            (t!("ui.connection.round_trip"), ms(newest.round_trip)),
            (t!("ui.connection.camera_to_screen"), ms(newest.camera_to_screen)),
            (t!("ui.connection.loss"), "0 %".to_owned()),
            (t!("ui.connection.freezes"), "2".to_owned()),
            (t!("ui.connection.height_sent"), "720p".to_owned()),
            (t!("ui.connection.received"), "1.5 Mbit/s".to_owned()),
        ] {
            assert!(stage.has(&format!("{name}: {value}")), "{name}: {value}");
        }
        assert!(stage.has_part(&t!("ui.connection.here", end = "")), "our end of the way");
    }
}

#[test]
fn of_a_browser_it_is_said_that_its_pictures_have_no_time() {
    for language in LANGUAGES {
        let mut stage = high(language);
        stage.press(&opener("小明", &t!("ui.people.poor_relayed")));
        assert!(stage.has(&format!("{}: —", t!("ui.connection.camera_to_screen"))));
        assert!(stage.has(&t!("ui.connection.no_stamps")));
    }
}

#[test]
fn what_is_copied_has_figures_and_neither_names_nor_addresses() {
    for language in LANGUAGES {
        let mut stage = high(language);
        stage.key(Modifiers::NONE, Key::N);
        let commands = stage.press_for_desktop(&t!("ui.connection.copy"));
        let copied = commands
            .iter()
            .find_map(|command| if let OutputCommand::CopyText(text) = command { Some(text.clone()) } else { None });
        let text = copied.expect("a text is copied");
        println!("{text}");
        for part in [env!("CARGO_PKG_VERSION"), "2026-03-04 16:30", "IPv4", "IPv6", "Mbit/s", " %"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        for private in ["192.168", "51820", "2001", "Grace", "Hopper"] {
            assert!(!text.contains(private), "{private} in {text}");
        }
        let rows = [t!("ui.connection.round_trip"), t!("ui.connection.queue"), t!("ui.connection.repair")];
        assert!(rows.iter().all(|name| text.contains(&**name)), "{text}");
        stage.settle();
        assert!(stage.has(&t!("ui.invite.copied")), "and that is said");
    }
}

#[test]
fn it_closes_when_who_it_is_about_goes() {
    let mut stage = high(LanguageChoice::English);
    stage.key(Modifiers::NONE, Key::N);
    if let Screen::Room(room) = &mut stage.harness.state_mut().view.stage {
        room.people.retain(|person| person.nick != "Grace Hopper");
    }
    stage.settle();
    assert!(!stage.has(&t!("ui.connection.copy")));
}

#[test]
fn without_a_path_there_is_no_figure() {
    let mut stage = high(LanguageChoice::English);
    if let Screen::Room(room) = &mut stage.harness.state_mut().view.stage {
        room.people = vec![scenes::person(0, "Grace Hopper", Quality::Connecting, false)];
    }
    stage.settle();
    stage.key(Modifiers::NONE, Key::N);
    assert!(stage.has(&t!("ui.connection.no_path")));
    assert!(stage.has(&format!("{}: —", t!("ui.connection.round_trip"))));
    if let Screen::Room(room) = &mut stage.harness.state_mut().view.stage {
        room.people = vec![scenes::person(0, "Grace Hopper", Quality::Good(Route::Relayed), false)];
    }
    stage.settle();
    assert!(stage.has(&t!("ui.connection.is_relayed")));
}
