//! What the screens look like. After a change that is meant:
//! `UPDATE_SNAPSHOTS=1 cargo nextest run --workspace --test window snapshots`, and look at what has changed.

use eframe::egui::{self, Key, Modifiers};
use egui_kittest::{SnapshotOptions, SnapshotResults};
use hearth::view::{ChatLine, LanguageChoice, Stage as Screen, ThemeChoice, View};
use rust_i18n::t;

use crate::scenes;
use crate::stage::Stage;

/// A pixel may be so far from what it was (a distance of colours, squared): rounding differs between drivers.
const DISTANCE: f32 = 2.5;
/// So many pixels may be further: an edge that fell on the other side.
const PIXELS: usize = 300;

/// A scene in both languages, one by day and one by night.
fn check(results: &mut SnapshotResults, name: &str, scene: fn() -> View, keys: &[(Modifiers, Key)]) {
    check_after(results, name, scene, |stage| keys.iter().for_each(|(modifiers, key)| stage.key(*modifiers, *key)));
}

/// The same, after somebody did something.
fn check_after(results: &mut SnapshotResults, name: &str, scene: fn() -> View, act: impl Fn(&mut Stage)) {
    let looks =
        [(LanguageChoice::English, ThemeChoice::Light, "en"), (LanguageChoice::Chinese, ThemeChoice::Dark, "zh")];
    for (language, theme, suffix) in looks {
        let mut stage = Stage::sized(scene(), language, theme, egui::vec2(900.0, 600.0));
        act(&mut stage);
        stage.harness.run_steps(6);
        let options =
            SnapshotOptions::new().threshold(DISTANCE).max_failed_pixels(PIXELS).output_path("tests/window/snapshots");
        stage.harness.snapshot_options(format!("{name}-{suffix}"), &options);
        results.extend_harness(&mut stage.harness);
    }
}

#[test]
fn home_looks_as_it_did() {
    let mut results = SnapshotResults::new();
    check(&mut results, "home", scenes::home, &[]);
    check(&mut results, "home-fault", scenes::home_fault, &[]);
}

#[test]
fn the_mirror_looks_as_it_did() {
    let mut results = SnapshotResults::new();
    check(&mut results, "prejoin", scenes::prejoin, &[]);
    check(&mut results, "prejoin-trouble", scenes::prejoin_trouble, &[]);
}

#[test]
fn waiting_looks_as_it_did() {
    let mut results = SnapshotResults::new();
    check(&mut results, "waiting", scenes::waiting, &[]);
    check(&mut results, "waiting-or-asked", scenes::waiting_or_asked, &[]);
}

#[test]
fn the_question_for_a_password_looks_as_it_did() {
    let mut results = SnapshotResults::new();
    check(&mut results, "asked", scenes::asked, &[]);
    check_after(&mut results, "asked-again", scenes::asked, |stage| {
        stage.text("apple pie");
        stage.harness.state_mut().view =
            View { settings: stage.harness.state().view.settings.clone(), ..scenes::asked_again() };
        stage.settle();
    });
    check_after(&mut results, "password", scenes::call, |stage| {
        stage.press(&t!("ui.command.people"));
        stage.press(&t!("ui.people.password"));
    });
    let set = || {
        let mut view = scenes::call();
        if let Screen::Room(room) = &mut view.stage {
            room.admission.has_password = true;
        }
        view
    };
    check_after(&mut results, "password-set", set, |stage| {
        stage.press(&t!("ui.command.people"));
        stage.press(&t!("ui.people.password"));
        stage.text("apple pie");
        stage.press(&t!("ui.password.show"));
    });
}

#[test]
fn a_call_looks_as_it_did() {
    let mut results = SnapshotResults::new();
    check(&mut results, "alone", scenes::alone, &[]);
    check(&mut results, "call", scenes::call, &[]);
    check(&mut results, "call-trouble", scenes::call_trouble, &[]);
    check(&mut results, "pair", scenes::pair, &[]);
    check(&mut results, "screen", scenes::screen, &[]);
    check(&mut results, "sharing", scenes::sharing, &[]);
    check(&mut results, "twelve", scenes::twelve, &[]);
}

#[test]
fn panels_look_as_they_did() {
    let mut results = SnapshotResults::new();
    for (name, key) in [("people", Key::P), ("chat", Key::C), ("invite", Key::I), ("connection", Key::N)] {
        check(&mut results, name, scenes::call, &[(Modifiers::NONE, key)]);
    }
}

#[test]
fn settings_and_help_look_as_they_did() {
    let mut results = SnapshotResults::new();
    check(&mut results, "settings", scenes::prejoin, &[(Modifiers::CTRL, Key::Comma)]);
    check(&mut results, "help", scenes::home, &[(Modifiers::SHIFT, Key::Questionmark)]);
}

#[test]
fn the_question_before_leaving_looks_as_it_did() {
    let mut results = SnapshotResults::new();
    check(&mut results, "leave", scenes::call, &[(Modifiers::CTRL.plus(Modifiers::SHIFT), Key::H)]);
}

#[test]
fn the_question_before_closing_looks_as_it_did() {
    let mut results = SnapshotResults::new();
    check_after(&mut results, "close", scenes::call, |stage| assert!(stage.close()));
}

#[test]
fn the_question_before_removing_looks_as_it_did() {
    let mut results = SnapshotResults::new();
    check_after(&mut results, "remove", scenes::call, |stage| {
        stage.press(&t!("ui.command.people"));
        stage.press(&t!("ui.people.remove", nick = "Grace Hopper"));
    });
}

#[test]
fn the_other_settings_look_as_they_did() {
    let mut results = SnapshotResults::new();
    let scene = || View { log: Some("~/.local/state/hearth/logs".into()), ..scenes::prejoin() };
    for (name, page) in
        [("looks", "ui.settings.looks"), ("network", "ui.settings.network"), ("about", "ui.settings.about")]
    {
        check_after(&mut results, &format!("settings-{name}"), scene, |stage| {
            stage.key(Modifiers::CTRL, Key::Comma);
            stage.press(&t!(page));
        });
    }
}

#[test]
fn emoji_and_letters_without_a_font_look_as_they_did() {
    let mut results = SnapshotResults::new();
    let scene = || {
        let mut view = scenes::call();
        if let Screen::Room(room) = &mut view.stage {
            let words = ["👍🙏🔥🎉👏 yes ❤️ 😂", "한국어 ไทย हिन्दी 語體", "🇩🇪 👩‍👩‍👧 👋🏽"];
            room.chat.truncate(1);
            let line = room.chat.first().cloned();
            room.chat.extend(
                words.iter().flat_map(|text| line.clone().map(|line| ChatLine { text: (*text).to_owned(), ..line })),
            );
            room.lobby.clear();
        }
        view
    };
    check_after(&mut results, "emoji", scene, |stage| {
        // As in the program, where the system has no fonts either.
        stage.harness.ctx.set_missing_glyph_policy(egui::MissingGlyphPolicy::Tofu);
        stage.key(Modifiers::NONE, Key::C);
    });
}
