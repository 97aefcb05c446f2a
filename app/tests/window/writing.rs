//! Keys never act while somebody means to write.

use eframe::egui::{Event, Key, Modifiers, Pos2, Role};
use egui_kittest::kittest::Queryable as _;
use hearth::view::{Action, LanguageChoice, Me, Room, Stage as Screen, View};
use hearth_base::{DeviceFault, DeviceState};
use hearth_call::Switch;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rust_i18n::t;

use crate::scenes;
use crate::stage::{LANGUAGES, Stage};

const SCENES: [fn() -> View; 12] = [
    scenes::home,
    scenes::home_fault,
    scenes::prejoin,
    scenes::prejoin_trouble,
    scenes::waiting,
    scenes::waiting_or_asked,
    scenes::asked,
    scenes::alone,
    scenes::pair,
    scenes::sharing,
    scenes::call,
    scenes::call_trouble,
];

/// What people write, and the letters that are commands elsewhere.
const WORDS: [&str; 12] =
    ["muting", "vic", "does", "this", "go", "to", "chat", "or", "toggle", "mute", "very", "improvised"];

/// A key as a keyboard gives it: the key, then its letter.
fn typed(letter: char) -> Vec<Event> {
    let key = if letter == ' ' { Some(Key::Space) } else { Key::from_name(&letter.to_uppercase().to_string()) };
    let event =
        |key, pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers: Modifiers::NONE };
    let press = key.map(|key| event(key, true));
    let release = key.map(|key| event(key, false));
    press.into_iter().chain([Event::Text(letter.to_string())]).chain(release).collect()
}

fn sentence(rng: &mut StdRng) -> Vec<Event> {
    let words = (0..3).filter_map(|_| WORDS.get(rng.random_range(0..WORDS.len())).copied());
    words.collect::<Vec<_>>().join(" ").chars().flat_map(typed).collect()
}

fn press(at: Pos2) -> Vec<Event> {
    let button = |pressed| Event::PointerButton {
        pos: at,
        button: eframe::egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    vec![Event::PointerMoved(at), button(true), button(false)]
}

/// Gives events to one frame, and draws until nothing waits.
fn give(stage: &mut Stage, events: Vec<Event>) {
    stage.harness.input_mut().events.extend(events);
    stage.settle();
}

/// How often microphone or camera were switched.
fn switched(stage: &mut Stage) -> usize {
    let actions = stage.actions();
    actions.iter().filter(|action| matches!(action, Action::SetMicrophone(_) | Action::SetCamera(_))).count()
}

/// Whether there is anything to write into.
fn has_field(stage: &Stage) -> bool {
    [Role::TextInput, Role::MultilineTextInput, Role::PasswordInput]
        .into_iter()
        .any(|role| stage.harness.query_all_by_role(role).next().is_some())
}

/// The middle of everything that can be pressed.
fn pressable(stage: &Stage) -> Vec<Pos2> {
    let roles = [Role::Button, Role::ComboBox, Role::Tab, Role::CheckBox, Role::RadioButton, Role::Image];
    let found = roles.into_iter().flat_map(|role| stage.harness.query_all_by_role(role).collect::<Vec<_>>());
    let whole = stage.harness.ctx.content_rect();
    found.map(|node| node.rect().center()).filter(|at| whole.contains(*at)).collect()
}

/// How a press and the sentence after it reach the window.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// In one frame.
    AtOnce,
    /// The press in one, and each key's way down and up in those after it.
    Typed,
    /// The finger's way down and up in frames of their own, too.
    Slow,
}

fn press_and_write(stage: &mut Stage, at: Pos2, pace: Pace, words: Vec<Event>) {
    let one_by_one = |stage: &mut Stage, events: Vec<Event>| events.into_iter().for_each(|e| give(stage, vec![e]));
    match pace {
        Pace::AtOnce => give(stage, [press(at), words].concat()),
        Pace::Typed => {
            give(stage, press(at));
            one_by_one(stage, words);
        }
        Pace::Slow => one_by_one(stage, [press(at), words].concat()),
    }
}

/// Presses everything that `make` shows, writes after it where one can write, and counts how often that was.
fn judge(what: &str, make: &dyn Fn() -> Stage, rng: &mut StdRng) -> usize {
    let mut judged = 0;
    for at in pressable(&make()) {
        let mut alone = make();
        alone.actions();
        give(&mut alone, press(at));
        if !has_field(&alone) {
            continue; // there keys are commands
        }
        let expected = switched(&mut alone);
        for pace in [Pace::AtOnce, Pace::Typed, Pace::Slow] {
            let mut stage = make();
            stage.actions();
            press_and_write(&mut stage, at, pace, sentence(rng));
            assert_eq!(switched(&mut stage), expected, "{what}, {at}, {pace:?}");
            judged += 1;
        }
    }
    judged
}

fn seed() -> u64 {
    std::env::var("HEARTH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random)
}

#[test]
fn a_sentence_after_any_press_switches_nothing_where_one_can_write() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut judged = 0;
    for (scene, make) in SCENES.into_iter().enumerate() {
        let make = || Stage::new(make(), LanguageChoice::English);
        judged += judge(&format!("scene {scene}, HEARTH_SEED={seed}"), &make, &mut rng);
    }
    assert!(judged > 75, "{judged}");
}

/// Where one more press opens what can be written into.
#[test]
fn a_sentence_after_any_second_press_switches_nothing_where_one_can_write() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    type Way = (fn() -> View, &'static [&'static str]);
    let ways: [Way; 4] = [
        (scenes::call, &["ui.command.people"]),
        (scenes::call, &["ui.command.people", "ui.people.password"]),
        (scenes::call, &["ui.command.settings"]),
        (scenes::home, &["ui.settings.title", "ui.settings.network"]),
    ];
    for (scene, labels) in ways {
        let make = || {
            let mut stage = Stage::new(scene(), LanguageChoice::English);
            labels.iter().for_each(|label| stage.press(&t!(*label)));
            stage
        };
        let judged = judge(&format!("{labels:?}, HEARTH_SEED={seed}"), &make, &mut rng);
        assert!(judged > 0, "{labels:?}");
    }
}

#[test]
fn what_is_written_behind_a_press_or_a_key_arrives() {
    for language in LANGUAGES {
        for by_key in [true, false] {
            let mut stage = Stage::new(scenes::call(), language);
            let open = if by_key {
                typed('c')
            } else {
                press(stage.harness.get_by_label(&t!("ui.command.chat")).rect().center())
            };
            let words: Vec<Event> = "muting vic".chars().flat_map(typed).collect();
            give(&mut stage, [open, words].concat());
            stage.key(Modifiers::NONE, Key::Enter);
            assert_eq!(stage.actions(), [Action::Say("muting vic".to_owned())], "by key: {by_key}");
            // The field keeps the keyboard.
            give(&mut stage, "very".chars().flat_map(typed).collect());
            stage.press(&t!("ui.chat.send"));
            give(&mut stage, "im".chars().flat_map(typed).collect());
            stage.key(Modifiers::NONE, Key::Enter);
            assert_eq!(stage.actions(), [Action::Say("very".to_owned()), Action::Say("im".to_owned())]);
        }
    }
}

#[test]
fn an_open_chat_takes_letters_that_nothing_else_takes() {
    let mut stage = Stage::new(scenes::call(), LanguageChoice::English);
    stage.key(Modifiers::NONE, Key::C);
    // A press on somebody's face takes the keyboard from the field.
    let face = stage.harness.query_all_by_role(Role::Image).last().expect("ourselves, at least").rect().center();
    give(&mut stage, press(face));
    give(&mut stage, "move".chars().flat_map(typed).collect());
    stage.key(Modifiers::NONE, Key::Enter);
    assert_eq!(stage.actions(), [Action::Say("move".to_owned())]);
    // With Ctrl it is a command all the same.
    stage.key(Modifiers::CTRL, Key::D);
    assert_eq!(stage.actions(), [Action::SetMicrophone(Switch::Off)]);
    // Who went to a button by Tab has left the field.
    stage.harness.get_by_label(&t!("ui.call.mute")).focus();
    stage.settle();
    stage.key(Modifiers::NONE, Key::M);
    assert_eq!(stage.actions(), [Action::SetMicrophone(Switch::Off)]);
}

#[test]
fn a_number_is_typed_at_home_without_a_press() {
    let mut stage = Stage::new(scenes::home(), LanguageChoice::English);
    give(&mut stage, "482".chars().flat_map(typed).collect());
    give(&mut stage, vec![Event::Paste("913605".to_owned())]);
    stage.key(Modifiers::NONE, Key::Enter);
    assert_eq!(stage.actions(), [Action::Join("482913605".to_owned())]);
}

#[test]
fn who_unmutes_by_a_bare_key_reads_so_for_a_moment() {
    for language in LANGUAGES {
        let me = Me { microphone: Switch::Off, ..Me::default() };
        let room = Room { me, ..scenes::hosted() };
        let mut stage = Stage::new(View { stage: Screen::Room(room), ..View::default() }, language);
        stage.key(Modifiers::CTRL, Key::D);
        assert!(!stage.has(&t!("ui.call.now_unmuted")), "with Ctrl it was meant");
        stage.key(Modifiers::NONE, Key::M);
        assert!(stage.has(&t!("ui.call.now_unmuted")));
        stage.pass(6.0);
        assert!(!stage.has(&t!("ui.call.now_unmuted")));
    }
}

#[test]
fn what_is_said_of_a_switch_is_true_as_long_as_it_is_read() {
    let with = |stage: &mut Stage, microphone: Switch| {
        let me = Me { microphone, ..Me::default() };
        stage.harness.state_mut().view.stage = Screen::Room(Room { me, ..scenes::hosted() });
        stage.settle();
    };
    for language in LANGUAGES {
        let mut stage = Stage::new(View::default(), language);
        with(&mut stage, Switch::Off);
        stage.key(Modifiers::NONE, Key::M);
        with(&mut stage, Switch::On);
        assert!(stage.has(&t!("ui.call.now_unmuted")));
        // The other way by a key: one line, not two.
        stage.key(Modifiers::NONE, Key::M);
        with(&mut stage, Switch::Off);
        assert!(stage.has(&t!("ui.call.now_muted")) && !stage.has(&t!("ui.call.now_unmuted")));
        // And by anything else: none.
        with(&mut stage, Switch::On);
        assert!(!stage.has(&t!("ui.call.now_muted")));
        // Without a microphone nobody is heard.
        let mut stage = Stage::new(View::default(), language);
        stage.harness.state_mut().view.devices.microphone = DeviceState::Failed(DeviceFault::NoDevice);
        with(&mut stage, Switch::Off);
        stage.key(Modifiers::NONE, Key::M);
        assert!(!stage.has(&t!("ui.call.now_unmuted")) && stage.has(&t!("ui.call.no_microphone")));
    }
}
