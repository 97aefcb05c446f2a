//! The password of a room: asked for, said, wrong, changed, and said again by itself on the way back.

use std::time::Duration;

use hearth_call::{
    CallPhase, Command, EndReason, HostAct, HostRule, Input, PasswordPrompt, PasswordPromptState, Snapshot,
    TransportPolicy,
};
use hearth_protocol::{ErrorCode, InviteSecret, Role, RoomPassword};

use crate::LAN;
use crate::world::World;

const SOON: Duration = Duration::from_secs(2);
/// After this the server has forgotten anyone who is cut off.
const FORGOTTEN: Duration = Duration::from_secs(40);

fn password(text: &str) -> RoomPassword {
    RoomPassword::parse(text).unwrap()
}

fn intend(world: &mut World, who: usize, command: Command) {
    world.give(who, Input::Command(command));
    world.run(SOON);
}

fn snapshot(world: &World, who: usize) -> Snapshot {
    world.clients[who].call.snapshot()
}

fn phase(world: &World, who: usize) -> CallPhase {
    snapshot(world, who).phase
}

fn asked(state: PasswordPromptState, refusals: u32) -> PasswordPrompt {
    PasswordPrompt { state, refusals }
}

/// A room with the password "tea", and somebody who comes by its number.
fn at_the_door(seed: u64, secret: Option<InviteSecret>) -> World {
    let mut world = World::new(seed, LAN);
    world.secret = secret;
    world.add_client(TransportPolicy::All);
    world.enter(0);
    intend(&mut world, 0, Command::Rule(HostRule::Password(Some(password("tea")))));
    assert!(snapshot(&world, 0).room_state.has_password);
    world.add_client(TransportPolicy::All);
    world.enter(1);
    world.run(SOON);
    world
}

/// Inside by the password.
fn inside(seed: u64) -> World {
    let mut world = at_the_door(seed, None);
    intend(&mut world, 1, Command::Password(password("tea")));
    assert!(world.run_until(Duration::from_secs(5), World::all_connected), "not connected");
    world
}

#[test]
fn a_password_is_asked_for_and_opens() {
    let mut world = at_the_door(970, None);
    assert_eq!(phase(&world, 1), CallPhase::Asked(asked(PasswordPromptState::Wanted, 0)));
    // Longer than any deadline of joining, and over a broken connection.
    world.run(Duration::from_secs(60));
    world.cut_signal(1);
    world.run(Duration::from_secs(5));
    for (tries, wrong) in [(1, "soup"), (2, "Tea")] {
        intend(&mut world, 1, Command::Password(password(wrong)));
        assert_eq!(phase(&world, 1), CallPhase::Asked(asked(PasswordPromptState::Wrong, tries)));
        assert_eq!(snapshot(&world, 1).password, None, "what is wrong is not kept");
    }
    intend(&mut world, 1, Command::Password(password("tea")));
    assert_eq!(phase(&world, 1), CallPhase::InRoom);
    assert_eq!(snapshot(&world, 1).password, Some(password("tea")));
    assert!(world.run_until(Duration::from_secs(5), World::all_connected), "not connected");
}

#[test]
fn a_password_said_while_the_server_is_away_is_said_when_it_is_back() {
    let mut world = at_the_door(971, None);
    world.bar_signal(1);
    world.cut_signal(1);
    world.give(1, Input::Command(Command::Password(password("tea"))));
    world.run(SOON);
    assert_eq!(phase(&world, 1), CallPhase::Asked(asked(PasswordPromptState::Trying, 0)));
    world.admit_signal(1);
    world.run(Duration::from_secs(6));
    assert_eq!(phase(&world, 1), CallPhase::InRoom);
}

#[test]
fn who_guesses_too_often_waits_as_long_as_the_server_says() {
    let mut world = at_the_door(972, None);
    let too_often = |world: &World| {
        let CallPhase::Asked(PasswordPrompt { state: PasswordPromptState::TooOften { until }, .. }) = phase(world, 1)
        else {
            return None;
        };
        Some(until)
    };
    let mut tries = 0;
    while too_often(&world).is_none() {
        tries += 1;
        assert!(tries < 20, "guessed for ever");
        world.give(1, Input::Command(Command::Password(password(&format!("{tries}")))));
        world.run(Duration::from_millis(100));
    }
    let until = too_often(&world).unwrap();
    assert!(until > world.now && until <= world.now + Duration::from_secs(5), "{:?}", until - world.now);
    // What is said meanwhile is not sent.
    let before = phase(&world, 1);
    world.give(1, Input::Command(Command::Password(password("tea"))));
    assert_eq!(phase(&world, 1), before);
    world.run(until - world.now);
    intend(&mut world, 1, Command::Password(password("tea")));
    assert_eq!(phase(&world, 1), CallPhase::InRoom);
}

#[test]
fn a_server_cannot_make_anybody_wait_for_ever() {
    let mut world = at_the_door(973, None);
    world.tamper = Some(Box::new(|message| {
        if message["code"] == "bad_password" {
            (message["code"], message["retry_after"]) = ("rate_limited".into(), u32::MAX.into());
        }
    }));
    intend(&mut world, 1, Command::Password(password("soup")));
    let CallPhase::Asked(PasswordPrompt { state: PasswordPromptState::TooOften { until }, .. }) = phase(&world, 1)
    else {
        panic!("{:?}", phase(&world, 1))
    };
    assert!(until <= world.now + Duration::from_secs(600));
}

#[test]
fn who_waits_for_the_host_may_say_the_password_instead() {
    let secret = InviteSecret::from_random([7; 16]);
    let mut world = at_the_door(974, Some(secret));
    assert_eq!(phase(&world, 1), CallPhase::Lobby(Some(PasswordPrompt::default())));
    intend(&mut world, 1, Command::Password(password("soup")));
    assert_eq!(phase(&world, 1), CallPhase::Lobby(Some(asked(PasswordPromptState::Wrong, 1))));
    assert_eq!(snapshot(&world, 0).lobby.len(), 1, "and waits on");
    intend(&mut world, 1, Command::Password(password("tea")));
    assert_eq!(phase(&world, 1), CallPhase::InRoom);
    assert!(snapshot(&world, 0).lobby.is_empty());
}

#[test]
fn who_brings_an_old_password_waits_for_the_host_as_if_they_had_none() {
    let mut world = at_the_door(982, Some(InviteSecret::from_random([7; 16])));
    world.add_client(TransportPolicy::All);
    let room = world.room.clone().unwrap();
    intend(&mut world, 2, Command::Join { room, secret: None, password: Some(password("soup")) });
    assert_eq!(phase(&world, 2), CallPhase::Lobby(Some(asked(PasswordPromptState::Wanted, 1))));
    intend(&mut world, 2, Command::Password(password("tea")));
    assert_eq!(phase(&world, 2), CallPhase::InRoom);
}

#[test]
fn a_host_lets_in_who_said_a_wrong_password() {
    let mut world = at_the_door(975, Some(InviteSecret::from_random([7; 16])));
    intend(&mut world, 1, Command::Password(password("soup")));
    let knocker = snapshot(&world, 0).lobby[0].id;
    // Both on their way at once.
    world.give(1, Input::Command(Command::Password(password("broth"))));
    intend(&mut world, 0, Command::Moderate(HostAct::Admit, knocker));
    let guest = snapshot(&world, 1);
    assert_eq!(guest.phase, CallPhase::InRoom);
    assert_eq!((guest.password, guest.refused), (None, None), "nothing is held against them");
}

#[test]
fn what_else_shuts_a_door_is_read() {
    let mut world = at_the_door(976, None);
    intend(&mut world, 0, Command::Rule(HostRule::Lock));
    intend(&mut world, 1, Command::Password(password("tea")));
    assert_eq!(phase(&world, 1), CallPhase::Ended(EndReason::Refused(ErrorCode::Locked)));
    // Who waits at it waits on.
    let mut world = at_the_door(977, Some(InviteSecret::from_random([7; 16])));
    intend(&mut world, 0, Command::Rule(HostRule::Lock));
    intend(&mut world, 1, Command::Password(password("tea")));
    assert_eq!(phase(&world, 1), CallPhase::Lobby(Some(asked(PasswordPromptState::Wanted, 1))));
    assert_eq!(snapshot(&world, 1).refused.map(|refused| refused.code), Some(ErrorCode::Locked));
}

#[test]
fn a_restart_of_the_server_asks_nobody_again() {
    let mut world = inside(978);
    world.stop_server();
    world.run(Duration::from_secs(3));
    world.start_server();
    let back = |world: &World| [0, 1].iter().all(|who| phase(world, *who) == CallPhase::InRoom);
    assert!(world.run_until(Duration::from_secs(5), back), "not back");
    world.run(SOON);
    assert!(snapshot(&world, 0).room_state.has_password, "as before");
    let peer = &snapshot(&world, 1).peers[0];
    assert_eq!((peer.connection.handshakes, peer.connection.restarts), (1, 0));
}

#[test]
fn a_lost_session_is_begun_anew_with_the_same_password() {
    let mut world = inside(979);
    // Nothing comes through until the server and the other have forgotten us.
    world.bar_signal(1);
    let address = world.clients[1].address;
    world.net.remove_address(address);
    world.cut_signal(1);
    world.run(FORGOTTEN);
    assert!(snapshot(&world, 0).peers.is_empty());
    world.admit_signal(1);
    world.move_client(1, "10.0.7.7".parse().unwrap());
    assert!(world.run_until(Duration::from_secs(40), World::all_connected), "{:?}", phase(&world, 1));
    assert_eq!(snapshot(&world, 1).password, Some(password("tea")));
}

#[test]
fn a_password_that_was_changed_meanwhile_is_asked_for() {
    let mut world = inside(980);
    world.bar_signal(1);
    let address = world.clients[1].address;
    world.net.remove_address(address);
    world.cut_signal(1);
    world.run(FORGOTTEN);
    intend(&mut world, 0, Command::Rule(HostRule::Password(Some(password("coffee")))));
    world.admit_signal(1);
    world.move_client(1, "10.0.7.7".parse().unwrap());
    // Nobody typed anything wrong.
    let is_asked = |world: &World| phase(world, 1) == CallPhase::Asked(asked(PasswordPromptState::Wanted, 1));
    assert!(world.run_until(Duration::from_secs(40), is_asked), "{:?}", phase(&world, 1));
    intend(&mut world, 1, Command::Password(password("coffee")));
    assert!(world.run_until(Duration::from_secs(5), World::all_connected), "not connected");
}

#[test]
fn who_sets_a_password_comes_back_by_it() {
    let mut world = inside(981);
    let guest = snapshot(&world, 1).me.unwrap();
    // A guest's is refused, and not taken for the room's.
    intend(&mut world, 1, Command::Rule(HostRule::Password(Some(password("mine")))));
    assert_eq!(snapshot(&world, 1).password, Some(password("tea")));
    intend(&mut world, 0, Command::Moderate(HostAct::MakeHost, guest));
    assert_eq!(snapshot(&world, 1).role, Role::Host);
    intend(&mut world, 1, Command::Rule(HostRule::Password(Some(password("mine")))));
    assert_eq!(snapshot(&world, 1).password, Some(password("mine")));
    intend(&mut world, 1, Command::Rule(HostRule::Password(None)));
    assert_eq!(snapshot(&world, 1).password, None);
    assert!(!snapshot(&world, 0).room_state.has_password);
}

#[test]
fn a_link_that_the_host_changes_is_told_to_everybody_who_stays_and_the_old_one_opens_nothing() {
    let [before, after] = [1, 2].map(|n| InviteSecret::from_random([n; 16]));
    let mut world = World::new(977, LAN);
    world.secret = Some(before);
    for index in 0..3 {
        world.add_client(TransportPolicy::All);
        match world.room.clone() {
            None => world.enter(index),
            Some(room) => intend(&mut world, index, Command::Join { room, secret: Some(before), password: None }),
        }
    }
    assert!(world.run_until(Duration::from_secs(5), World::all_connected), "not connected");
    let removed = snapshot(&world, 2).me.expect("in the room");
    intend(&mut world, 0, Command::Moderate(HostAct::Kick, removed));
    intend(&mut world, 0, Command::Rule(HostRule::Invite(after)));
    assert_eq!([0, 1].map(|who| snapshot(&world, who).renewed), [Some(after); 2]);
    assert_eq!(phase(&world, 2), CallPhase::Ended(EndReason::Kicked));
    for (index, secret, expected) in
        [(3, before, CallPhase::Ended(EndReason::Refused(ErrorCode::BadInvite))), (4, after, CallPhase::InRoom)]
    {
        world.add_client(TransportPolicy::All);
        let room = world.room.clone().expect("a room");
        intend(&mut world, index, Command::Join { room, secret: Some(secret), password: None });
        assert_eq!(phase(&world, index), expected);
    }
}
