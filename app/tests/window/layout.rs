//! Nothing is out of reach, whatever the window's size; the keyboard goes as one reads.
#![expect(clippy::expect_used, reason = "what is missing fails the test")]

use eframe::egui::{Key, Modifiers, Rect, Role, Vec2, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use hearth::view::{Action, Fault, LanguageChoice, Stage as Screen, ThemeChoice, View};
use hearth_base::{DeviceEntry, DeviceId};
use rust_i18n::t;

use crate::scenes;
use crate::stage::{LANGUAGES, Stage};

/// 640x480, 800x480, and 1280x800 at scale 2, in points.
const SIZES: [Vec2; 3] = [vec2(640.0, 480.0), vec2(800.0, 480.0), vec2(640.0, 400.0)];

const PRESSED: [Role; 9] = [
    Role::Button,
    Role::ComboBox,
    Role::Tab,
    Role::CheckBox,
    Role::RadioButton,
    Role::MenuItemRadio,
    Role::TextInput,
    Role::MultilineTextInput,
    Role::PasswordInput,
];

fn sized(view: View, language: LanguageChoice, size: Vec2) -> Stage {
    Stage::sized(view, language, ThemeChoice::Light, size)
}

/// What can be operated, and where it stands.
fn operated(stage: &Stage) -> Vec<(String, Role, Rect)> {
    let found = PRESSED.into_iter().flat_map(|role| stage.harness.query_all_by_role(role).collect::<Vec<_>>());
    found
        .map(|node| (node.accesskit_node().label().unwrap_or_default(), node.accesskit_node().role(), node.rect()))
        .collect()
}

/// Whether all of it is before the eyes: in the window, and not cut by what scrolls around it.
fn is_seen(stage: &Stage, rect: Rect) -> bool {
    let clipped = stage.harness.ctx.viewport(|viewport| {
        let mut all = viewport.prev_pass.widgets.layers().flat_map(|(_, widgets)| widgets);
        all.find(|widget| widget.rect == rect).map(|widget| widget.interact_rect)
    });
    let whole = stage.harness.ctx.content_rect();
    [Some(whole), clipped].into_iter().flatten().all(|space| space.expand(1.0).contains_rect(rect))
}

/// Brings each before the eyes, where it is not.
fn check(stage: &mut Stage, what: &str) {
    let count = operated(stage).len();
    assert!(count > 0, "{what}");
    for at in 0..count {
        let Some((label, role, rect)) = operated(stage).into_iter().nth(at) else { continue };
        if is_seen(stage, rect) {
            continue;
        }
        stage.harness.query_all_by_role(role).find(|node| node.rect() == rect).expect("it is there").scroll_to_me();
        stage.harness.run_steps(20);
        let rect = operated(stage).into_iter().nth(at).map(|(_, _, rect)| rect);
        assert!(rect.is_some_and(|rect| is_seen(stage, rect)), "{what}: {label} at {rect:?}");
    }
}

fn apart(stage: &Stage, what: &str) {
    let buttons: Vec<_> = operated(stage).into_iter().filter(|(_, role, _)| *role == Role::Button).collect();
    for (at, (label, _, rect)) in buttons.iter().enumerate() {
        let over = buttons.iter().skip(at + 1).find(|(_, _, other)| rect.shrink(2.0).intersects(other.shrink(2.0)));
        assert!(over.is_none(), "{what}: {label} at {rect} and {over:?}");
    }
}

#[test]
fn everything_is_within_reach_in_a_small_window() {
    type Scene = (&'static str, fn() -> View);
    let scenes: [Scene; 12] = [
        ("home", scenes::home),
        ("home, fault", scenes::home_fault),
        ("door", scenes::prejoin),
        ("door, trouble", scenes::prejoin_trouble),
        ("waiting", scenes::waiting_or_asked),
        ("password", scenes::asked),
        ("alone", scenes::alone),
        ("pair", scenes::pair),
        ("sharing", scenes::sharing),
        ("call", scenes::call),
        ("trouble", scenes::call_trouble),
        ("twelve", scenes::twelve),
    ];
    for language in LANGUAGES {
        for size in SIZES {
            for (name, scene) in scenes {
                let what = format!("{name}, {language:?}, {size}");
                let mut stage = sized(scene(), language, size);
                // What lies over others, or scrolls under them, is over them.
                if !["password", "trouble", "alone"].contains(&name) {
                    apart(&stage, &what);
                }
                check(&mut stage, &what);
            }
        }
    }
}

#[test]
fn panels_and_questions_are_within_reach_in_a_small_window() {
    for language in LANGUAGES {
        for size in SIZES {
            for key in [Key::P, Key::C, Key::I, Key::N] {
                let mut stage = sized(scenes::call(), language, size);
                stage.key(Modifiers::NONE, key);
                check(&mut stage, &format!("{key:?}, {language:?}, {size}"));
            }
            for (modifiers, key) in [
                (Modifiers::CTRL, Key::Comma),
                (Modifiers::SHIFT, Key::Questionmark),
                (Modifiers::CTRL | Modifiers::SHIFT, Key::H),
            ] {
                let mut stage = sized(scenes::call(), language, size);
                stage.key(modifiers, key);
                check(&mut stage, &format!("{key:?}, {language:?}, {size}"));
            }
            for page in ["ui.settings.looks", "ui.settings.network", "ui.settings.about"] {
                let mut stage = sized(scenes::home(), language, size);
                stage.key(Modifiers::CTRL, Key::Comma);
                stage.press(&t!(page));
                check(&mut stage, &format!("{page}, {language:?}, {size}"));
            }
        }
    }
}

#[test]
fn long_lists_of_devices_scroll_to_their_end() {
    let many = || {
        let mut view = scenes::call();
        let entries = (0..20).map(|at| DeviceEntry {
            id: DeviceId(format!("d{at}")),
            name: format!("Monitor of a rather long name, number {at}"),
            is_default: at == 0,
            is_monitor: false,
        });
        view.devices.lists.microphones = entries.clone().collect();
        view.devices.lists.speakers = entries.collect();
        view
    };
    for language in LANGUAGES {
        for size in SIZES {
            let mut stage = sized(many(), language, size);
            stage.press(&t!("ui.call.device_menu", device = t!("ui.device.microphone")));
            check(&mut stage, &format!("menu, {language:?}, {size}"));
            let door = View { devices: many().devices, ..scenes::prejoin() };
            let mut stage = sized(door, language, size);
            stage.press(&t!("ui.device.camera"));
            check(&mut stage, &format!("camera, {language:?}, {size}"));
        }
    }
}

#[test]
fn the_theme_is_another_one_in_one_frame() {
    let mut stage = Stage::new(scenes::home(), LanguageChoice::English);
    stage.press(&t!("ui.settings.title"));
    stage.press(&t!("ui.settings.looks"));
    for theme in [ThemeChoice::Dark, ThemeChoice::Light] {
        stage.harness.state_mut().view.settings.theme = theme;
        stage.harness.step();
        let first = stage.harness.render().expect("a picture");
        stage.settle();
        let last = stage.harness.render().expect("a picture");
        let differ =
            first.pixels().zip(last.pixels()).filter(|(a, b)| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > 24));
        let share = differ.count() as f64 / first.pixels().count() as f64;
        // Letters are drawn a little bolder or lighter; a card of the other theme is half of the window.
        assert!(share < 0.02, "{theme:?}: {share}");
    }
}

/// Where that which has the keyboard stands after each Tab, until one has it again.
fn way(stage: &mut Stage) -> Vec<Rect> {
    let (mut seen, mut way) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        stage.key(Modifiers::NONE, Key::Tab);
        let all = PRESSED.into_iter().flat_map(|role| stage.harness.query_all_by_role(role).collect::<Vec<_>>());
        let Some(focused) = all.into_iter().find(|node| node.is_focused()) else { continue };
        let id = focused.accesskit_node().id();
        if seen.contains(&id) {
            break;
        }
        seen.push(id);
        way.push(focused.rect());
    }
    way
}

/// Whether one stands after the other for who reads lines.
fn follows(before: Rect, now: Rect) -> bool {
    let same_line = (before.center().y - now.center().y).abs() < 6.0;
    if same_line { before.left() < now.left() } else { before.top() <= now.top() }
}

#[test]
fn the_keyboard_goes_as_one_reads() {
    type Scene = (fn() -> View, Option<Key>, usize);
    // How many columns are read one after the other.
    let scenes: [Scene; 6] = [
        (scenes::home, None, 2),
        (scenes::home_fault, None, 2),
        (scenes::prejoin, None, 2),
        (scenes::call, None, 1),
        (scenes::call, Some(Key::P), 2),
        (scenes::call_trouble, None, 2),
    ];
    let mut wrong = Vec::new();
    for language in LANGUAGES {
        for (at, (scene, key, columns)) in scenes.into_iter().enumerate() {
            let mut stage = Stage::sized(scene(), language, ThemeChoice::Light, vec2(1200.0, 900.0));
            if let Some(key) = key {
                stage.key(Modifiers::NONE, key);
            }
            let way = way(&mut stage);
            let nodes = PRESSED.into_iter().flat_map(|role| stage.harness.query_all_by_role(role));
            let all = nodes.filter(|node| !node.accesskit_node().is_disabled()).count();
            assert!(way.len() >= all && all > 2, "{at}, {language:?}: {} of {all} are reached", way.len());
            // The first may be in the middle, where the keyboard was: from the last one it goes to the first of all.
            let steps = way.iter().zip(way.iter().cycle().skip(1));
            let back: Vec<_> = steps.filter(|(a, b)| !follows(**a, **b)).collect();
            wrong.extend((back.len() > columns).then(|| format!("{at}, {language:?}: {back:?}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_question_gives_the_keyboard_to_what_harms_nothing() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::call(), language);
        stage.press(&t!("ui.call.end"));
        assert!(stage.harness.get_by_label(&t!("ui.cancel")).is_focused());
        stage.key(Modifiers::NONE, Key::Enter);
        assert!(stage.actions().is_empty() && !stage.has(&t!("ui.leave.hosted")));
        stage.press(&t!("ui.command.people"));
        stage.press(&t!("ui.people.remove", nick = "Grace Hopper"));
        assert!(stage.harness.get_by_label(&t!("ui.cancel")).is_focused());
        let mut stage = Stage::new(scenes::home(), language);
        stage.press(&t!("ui.help.title"));
        assert!(stage.harness.get_by_label(&t!("ui.close")).is_focused());
    }
}

#[test]
fn who_has_no_name_is_you() {
    for language in LANGUAGES {
        let mut view = scenes::pair();
        if let Screen::Room(room) = &mut view.stage {
            room.me.nick = String::new();
        }
        let mut stage = Stage::new(view, language);
        assert!(stage.has(&t!("ui.chat.me")));
        stage.press(&t!("ui.command.people"));
        assert!(!stage.has_part("()") && !stage.has_part("（我）"));
    }
}

#[test]
fn an_error_moves_no_field_and_takes_no_keyboard() {
    for language in LANGUAGES {
        for size in [vec2(900.0, 600.0), vec2(640.0, 480.0)] {
            let mut stage = sized(scenes::home(), language, size);
            stage.focus(&t!("ui.home.join_label"));
            stage.text("hello");
            let place = |stage: &Stage| stage.harness.get_by_label(&t!("ui.home.join_label")).rect();
            let before = place(&stage);
            stage.key(Modifiers::NONE, Key::Enter);
            stage.harness.state_mut().view.fault = Some(Fault::NotARoom);
            stage.settle();
            assert_eq!(place(&stage), before);
            assert!(stage.harness.get_by_label(&t!("ui.home.join_label")).is_focused());
            let said = stage.harness.get_by_label(&Fault::NotARoom.sentence()).rect();
            assert!(said.top() >= before.bottom() && said.top() - before.bottom() < 20.0, "beside it: {said} {before}");
            stage.actions();
            stage.text("!");
            assert_eq!(stage.actions(), [Action::Dismiss], "it was about something else");
        }
    }
}

#[test]
fn the_invitation_opens_at_its_top() {
    for language in LANGUAGES {
        let mut stage = sized(scenes::call(), language, vec2(900.0, 500.0));
        stage.press(&t!("ui.command.invite"));
        let top = |stage: &Stage| stage.harness.get_by_label(&t!("ui.invite.copy")).rect().top();
        let before = top(&stage);
        stage.scroll_to(&t!("ui.invite.more"));
        assert!(top(&stage) < before - 50.0, "it has moved");
        stage.press(&t!("ui.command.invite"));
        stage.press(&t!("ui.command.invite"));
        assert_eq!(top(&stage), before);
    }
}
