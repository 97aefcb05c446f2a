//! The rest of what can be pressed: what asks the desktop for something, settings one by one, and what ends a room.

use eframe::egui::{Key, Modifiers, OutputCommand, ViewportCommand, vec2};
use hearth::view::{Action, Invite, LanguageChoice, Room, Settings, Stage as Screen, ThemeChoice, View};
use rust_i18n::t;

use crate::scenes;
use crate::stage::{LANGUAGES, Stage};

/// What is opened by the desktop.
fn opened(commands: &[OutputCommand]) -> Option<&str> {
    commands.iter().find_map(|command| if let OutputCommand::OpenUrl(open) = command { Some(&*open.url) } else { None })
}

/// What is copied.
fn copied(commands: &[OutputCommand]) -> Option<&str> {
    commands.iter().find_map(|command| if let OutputCommand::CopyText(text) = command { Some(&**text) } else { None })
}

/// The action for other settings than those on the stage.
fn change(stage: &Stage, change: impl FnOnce(&mut Settings)) -> Action {
    let mut settings = stage.harness.state().view.settings.clone();
    change(&mut settings);
    Action::Change(Box::new(settings))
}

/// The host of a room on a server, with others in it.
fn elsewhere() -> View {
    let invite = Invite { is_hosted: false, ..scenes::invite() };
    let room = Room { invite: Some(invite), lobby: Vec::new(), ..scenes::hosted() };
    View { stage: Screen::Room(room), devices: scenes::devices(), ..View::default() }
}

#[test]
fn the_report_of_a_crash_is_opened() {
    for language in LANGUAGES {
        let view = View { crash: Some("/var/crashes/one.txt".into()), ..scenes::home() };
        let mut stage = Stage::new(view, language);
        let commands = stage.press_for_desktop(&t!("ui.crash.show"));
        assert_eq!(opened(&commands), Some("file:///var/crashes/one.txt"));
        assert!(stage.actions().is_empty(), "it is offered until it is put away");
    }
}

#[test]
fn number_and_link_are_copied() {
    for language in LANGUAGES {
        let mut stage = Stage::sized(scenes::call(), language, ThemeChoice::Light, vec2(900.0, 1000.0));
        stage.press(&t!("ui.command.invite"));
        let commands = stage.press_for_desktop(&t!("ui.invite.copy_number"));
        assert_eq!(copied(&commands), Some("482-913-605"));
        let commands = stage.press_for_desktop(&t!("ui.invite.copy_link"));
        assert_eq!(copied(&commands), Some(&*scenes::invite().link));
    }
}

#[test]
fn a_mirror_is_turned_round_in_front_of_the_door() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::prejoin(), language);
        let action = change(&stage, |settings| settings.mirror = false);
        stage.expect(&t!("ui.prejoin.mirror"), action);
    }
}

#[test]
fn sound_is_treated_as_one_wants() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::prejoin(), language);
        stage.key(Modifiers::CTRL, Key::Comma);
        let echo = change(&stage, |settings| settings.processing.echo = false);
        let noise = change(&stage, |settings| settings.processing.noise = false);
        let gain = change(&stage, |settings| settings.processing.gain = false);
        for (label, action) in
            [(t!("ui.settings.echo"), echo), (t!("ui.settings.noise"), noise), (t!("ui.settings.gain"), gain)]
        {
            stage.scroll_to(&label);
            stage.expect(&label, action);
        }
    }
}

#[test]
fn looks_and_language_can_be_the_systems() {
    for language in LANGUAGES {
        let mut stage = Stage::sized(scenes::home(), language, ThemeChoice::Dark, vec2(900.0, 600.0));
        stage.press(&t!("ui.settings.title"));
        stage.press(&t!("ui.settings.looks"));
        let light = change(&stage, |settings| settings.theme = ThemeChoice::Light);
        stage.expect(&t!("ui.settings.light"), light);
        // Language is under looks.
        for (over, action) in [
            (1, change(&stage, |settings| settings.theme = ThemeChoice::System)),
            (0, change(&stage, |settings| settings.language = LanguageChoice::System)),
        ] {
            stage.press_nth_back(&t!("ui.settings.as_system"), over);
            assert!(stage.actions() == [action]);
        }
    }
}

#[test]
fn a_server_of_ones_own_is_typed() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::home(), language);
        stage.press(&t!("ui.settings.title"));
        stage.press(&t!("ui.settings.network"));
        stage.focus(&t!("ui.settings.server"));
        stage.text("https://meet.example.org");
        assert!(stage.actions().is_empty(), "not before it is finished");
        stage.key(Modifiers::NONE, Key::Enter);
        let action = change(&stage, |settings| settings.server = "https://meet.example.org".to_owned());
        assert!(stage.actions() == [action]);
    }
}

#[test]
fn what_this_is_stands_among_the_settings() {
    for language in LANGUAGES {
        let view = View { log: Some("/var/hearth/logs".into()), ..scenes::home() };
        let mut stage = Stage::new(view, language);
        stage.press(&t!("ui.settings.title"));
        stage.press(&t!("ui.settings.about"));
        assert!(stage.has(&t!("ui.settings.version", version = env!("CARGO_PKG_VERSION"))));
        let commands = stage.press_for_desktop(&t!("ui.settings.log_open"));
        assert_eq!(opened(&commands), Some("file:///var/hearth/logs"));
        stage.press(&t!("ui.settings.licences"));
        assert!(stage.has_part("Permission is hereby granted"));
        stage.press(&t!("ui.settings.licences_hide"));
        assert!(!stage.has_part("Permission is hereby granted"));
    }
}

#[test]
fn somebody_is_made_louder() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::call(), language);
        stage.press(&t!("ui.command.people"));
        stage.slide(&t!("ui.people.volume", nick = "Grace Hopper"), 150.0);
        assert!(stage.actions() == [Action::SetVolume(scenes::id(0), 1.5)]);
    }
}

#[test]
fn a_room_of_ones_own_ends_for_all() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::call(), language);
        stage.press(&t!("ui.call.end"));
        assert!(stage.actions().is_empty(), "it is asked first");
        stage.press_top(&t!("ui.call.end"));
        assert!(stage.actions() == [Action::EndForAll]);
        assert!(!stage.is_closing(), "the window goes home");
    }
}

#[test]
fn a_window_that_closes_ends_the_room_or_leaves_it() {
    for language in LANGUAGES {
        for (scene, action) in [
            (scenes::call as fn() -> View, Action::EndForAll),
            (elsewhere, Action::EndForAll),
            (elsewhere, Action::Leave),
            (scenes::pair, Action::Leave),
        ] {
            let mut stage = Stage::new(scene(), language);
            assert!(stage.close());
            let button = if action == Action::Leave { t!("ui.call.leave") } else { t!("ui.call.end") };
            stage.press_top(&button);
            assert!(stage.actions() == [action], "{button}");
            assert!(stage.is_closing(), "{button}");
            assert!(!stage.close(), "it was answered");
        }
    }
}

#[test]
fn who_waits_is_not_left_at_the_door_without_a_question() {
    for language in LANGUAGES {
        for is_hosted in [true, false] {
            let invite = Invite { is_hosted, ..scenes::invite() };
            let room = Room { invite: Some(invite), people: Vec::new(), ..scenes::hosted() };
            let mut stage = Stage::new(View { stage: Screen::Room(room), ..View::default() }, language);
            assert!(stage.close());
            let text =
                if is_hosted { t!("ui.close_window.hosted_waiting") } else { t!("ui.close_window.host_waiting") };
            assert!(stage.has(&text));
            stage.press_top(&t!("ui.call.end"));
            assert!(stage.actions() == [Action::EndForAll]);
        }
    }
}

#[test]
fn the_window_is_called_as_its_language_calls_it() {
    for (language, title) in LANGUAGES.into_iter().zip(["Hearth", "围炉"]) {
        let mut stage = Stage::new(scenes::home(), LanguageChoice::System);
        stage.harness.state_mut().view.settings.language = language;
        stage.harness.step();
        let viewports = &stage.harness.output().viewport_output;
        let mut commands = viewports.values().flat_map(|viewport| &viewport.commands);
        assert!(commands.any(|command| *command == ViewportCommand::Title(title.to_owned())), "{title}");
    }
}
