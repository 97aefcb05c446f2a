//! What others do is seen: who shares, asks for the floor, comes, goes and writes; and anyone who looks elsewhere is
//! called.

use std::collections::BTreeSet;

use eframe::egui::{Key, Modifiers, UserAttentionType, ViewportCommand, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use hearth::view::{Action, ChatLine, Knocker, LanguageChoice, Quality, Room, Speaker, Stage as Screen, ThemeChoice};
use hearth_call::{Hand, Route, Switch};
use hearth_protocol::PeerKind;
use rust_i18n::t;

use crate::scenes;
use crate::stage::{LANGUAGES, Stage};

/// The room on the stage becomes another one, in one frame.
fn change(stage: &mut Stage, change: impl FnOnce(&mut Room)) {
    if let Screen::Room(room) = &mut stage.harness.state_mut().view.stage {
        change(room);
    }
    stage.harness.step();
}

/// Whether the desktop was asked to point at the window, and how.
fn attention(stage: &Stage) -> Option<UserAttentionType> {
    let mut commands = stage.harness.output().viewport_output.values().flat_map(|viewport| &viewport.commands);
    commands
        .find_map(|command| if let ViewportCommand::RequestUserAttention(how) = command { Some(*how) } else { None })
}

fn says(text: &str) -> ChatLine {
    let from = Speaker::Person { id: scenes::id(0), nick: "Grace Hopper".to_owned() };
    ChatLine { from, text: text.to_owned(), unix_s: 1_772_700_000 }
}

#[test]
fn who_comes_and_goes_is_said_for_five_seconds_and_moves_no_tile() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::pair(), language);
        let place = |stage: &Stage| stage.harness.get_by_label("Grace Hopper").rect();
        let before = place(&stage);
        assert!(!stage.has(&t!("ui.call.joined", nick = "Grace Hopper")), "who was there has not come");
        change(&mut stage, |room| room.chat.push(says("hello")));
        assert_eq!(place(&stage), before);
        change(&mut stage, |room| room.people.push(scenes::person(5, "Bea", Quality::Good(Route::Direct), true)));
        assert!(stage.has(&t!("ui.call.joined", nick = "Bea")));
        stage.pass(6.0);
        assert!(!stage.has(&t!("ui.call.joined", nick = "Bea")));
        change(&mut stage, |room| room.people.retain(|person| person.nick != "Bea"));
        assert!(stage.has(&t!("ui.call.left", nick = "Bea")));
        assert_eq!(attention(&stage), None, "the window is in front");
    }
}

#[test]
fn ones_own_colour_is_the_one_that_others_see() {
    let mut colours = Vec::new();
    for at in 0..16 {
        let mut others = scenes::pair();
        let Screen::Room(room) = &mut others.stage else { panic!("a room") };
        room.people = vec![scenes::person(at, "Ada", Quality::Good(Route::Direct), false)];
        room.me.camera = Switch::On; // our own picture is in the other place
        let theirs = Stage::new(others, LanguageChoice::English).discs();

        let mut own = scenes::alone();
        let Screen::Room(room) = &mut own.stage else { panic!("a room") };
        (room.me.id, room.me.nick, room.me.camera) = (Some(scenes::id(at)), "Ada".to_owned(), Switch::Off);
        let mut stage = Stage::new(own, LanguageChoice::English);
        let on_the_tile = stage.discs();
        stage.press(&t!("ui.command.people"));
        let in_the_list = stage.discs();

        let [theirs] = theirs.as_slice() else { panic!("one disc: {theirs:?}") };
        assert_eq!(on_the_tile, [*theirs], "our tile");
        assert_eq!(in_the_list, [*theirs; 2], "and our line among the people");
        colours.push(*theirs);
    }
    let different: BTreeSet<_> = colours.iter().map(|colour| colour.to_array()).collect();
    assert!(different.len() > 4, "it hangs on the id: {colours:?}");
}

#[test]
fn a_line_that_is_over_asks_for_no_more_frames_than_its_own() {
    let mut stage = Stage::new(scenes::pair(), LanguageChoice::English);
    change(&mut stage, |room| room.people[0].hand = Hand::Up);
    let output = &stage.harness.output().viewport_output;
    let soonest = output.values().map(|viewport| viewport.repaint_delay).min();
    assert!(soonest.is_some_and(|delay| delay.as_millis() >= 900), "{soonest:?}: the room's clock, not a poll");
}

#[test]
fn somebody_elsewhere_is_called_by_who_comes_writes_raises_a_hand_or_knocks() {
    type Change = fn(&mut Room);
    let changes: [(Change, Option<UserAttentionType>); 5] = [
        (
            |room| room.people.push(scenes::person(5, "Bea", Quality::Connecting, false)),
            Some(UserAttentionType::Informational),
        ),
        (|room| room.chat.push(says("hello")), Some(UserAttentionType::Informational)),
        (|room| room.people[0].hand = Hand::Up, Some(UserAttentionType::Informational)),
        (
            |room| {
                let knocker =
                    Knocker { id: scenes::id(8), nick: "Bo".to_owned(), kind: PeerKind::Web, same_address_as: None };
                room.lobby.push(knocker);
            },
            Some(UserAttentionType::Critical),
        ),
        (|room| room.people.clear(), None),
    ];
    for (what, expected) in changes {
        let mut stage = Stage::new(scenes::call(), LanguageChoice::English);
        stage.harness.input_mut().focused = false;
        change(&mut stage, what);
        assert_eq!(attention(&stage), expected);
        stage.harness.step();
        assert_eq!(attention(&stage), None, "once");
    }
}

#[test]
fn what_is_written_is_previewed_and_a_press_opens_the_chat() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::pair(), language);
        change(&mut stage, |room| room.chat.push(says("first line\nsecond line")));
        let line = t!("ui.call.said", nick = "Grace Hopper", text = "first line").into_owned();
        assert!(stage.has(&line));
        stage.pass(6.0);
        change(&mut stage, |room| room.chat.iter_mut().for_each(|line| line.unix_s += 1));
        assert!(!stage.has(&line), "the hour of a line is counted back, and is no news");
        change(&mut stage, |room| room.chat.extend([says("some"), says("and more")]));
        let line = t!("ui.call.said", nick = "Grace Hopper", text = "and more").into_owned();
        stage.press(&line);
        assert!(stage.has(&t!("ui.chat.send")) && !stage.has(&line));
        stage.text("seen");
        stage.key(Modifiers::NONE, Key::Enter);
        assert_eq!(stage.actions(), [Action::Say("seen".to_owned())]);
        change(&mut stage, |room| room.chat.push(says("again")));
        assert!(!stage.has_part(&t!("ui.call.said", nick = "Grace Hopper", text = "again")), "the chat is open");
    }
}

#[test]
fn a_raised_hand_is_on_the_tile_among_the_people_first_and_said() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::call(), language);
        change(&mut stage, |room| room.people[1].hand = Hand::Up);
        assert!(stage.has(&t!("ui.call.raised_hand", nick = "小明")));
        assert!(stage.has(&format!("小明, {}", t!("ui.call.is_hand_up"))));
        stage.press(&t!("ui.command.people"));
        let row = |stage: &Stage, nick: &str| {
            let volume = t!("ui.people.volume", nick = nick);
            stage.harness.get_by_label(&volume).rect().top()
        };
        assert!(row(&stage, "小明") < row(&stage, "Grace Hopper"));
    }
}

#[test]
fn our_own_hand_goes_up_and_down_by_button_and_by_key() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::pair(), language);
        stage.expect(&t!("ui.call.raise_hand"), Action::SetHand(Hand::Up));
        stage.key(Modifiers::NONE, Key::R);
        assert_eq!(stage.actions(), [Action::SetHand(Hand::Up)]);
        change(&mut stage, |room| room.me.hand = Hand::Up);
        stage.expect(&t!("ui.call.lower_hand"), Action::SetHand(Hand::Down));
    }
}

#[test]
fn a_shared_screen_is_whole_and_large_and_under_nobody() {
    for (width, height) in [(900.0, 600.0), (640.0, 480.0), (1600.0, 900.0)] {
        let size = vec2(width, height);
        let mut stage = Stage::sized(scenes::sharing(), LanguageChoice::English, ThemeChoice::Light, size);
        for panel in [false, true] {
            if panel {
                stage.key(Modifiers::NONE, Key::P);
            }
            let tile = |name: &str| {
                let found = stage.harness.query_all_by_label_contains(name);
                found
                    .filter(|node| node.accesskit_node().role() == eframe::egui::Role::Image)
                    .map(|node| node.rect())
                    .next()
            };
            let screen = tile("Grace Hopper is sharing").expect("it is named");
            for other in ["小明", "Ada Lovelace (you)"] {
                let other = tile(other).expect("they are there");
                assert!(!screen.intersects(other), "{size}: {screen} {other}");
                assert!(screen.area() > 1.5 * other.area(), "{size}: {screen} {other}");
            }
        }
    }
}
