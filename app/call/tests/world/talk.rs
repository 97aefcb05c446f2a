//! Words, doors and hidden addresses: what a room does beside media.

use std::time::Duration;

use hearth_base::TrackSource;
use hearth_call::{CallPhase, Command, EndReason, Hand, HostAct, HostRule, Input, Switch, TransportPolicy};
use hearth_protocol::{ErrorCode, InviteSecret, PeerId, Role};
use serde_json::Value;

use crate::world::World;
use crate::{LAN, pair};

const SOON: Duration = Duration::from_secs(2);

fn say(world: &mut World, who: usize, text: &str) {
    world.give(who, Input::Command(Command::Say(text.to_owned())));
}

/// What somebody has before their eyes: `<` of others, `>` of their own.
fn read(world: &World, who: usize) -> Vec<String> {
    let chat = world.clients[who].call.snapshot().chat;
    chat.iter().map(|line| format!("{}{}", if line.from.is_some() { "<" } else { ">" }, line.text)).collect()
}

fn phase(world: &World, who: usize) -> CallPhase {
    world.clients[who].call.snapshot().phase
}

#[test]
fn what_is_said_is_read_by_all_and_by_nobody_twice() {
    let mut world = pair(900);
    say(&mut world, 0, "hello");
    say(&mut world, 1, "  你好  ");
    say(&mut world, 1, "   ");
    world.run(SOON);
    assert_eq!(read(&world, 0), [">hello", "<你好"]);
    let mut other = read(&world, 1);
    other.sort();
    assert_eq!(other, ["<hello", ">你好"]);
    assert_eq!(world.clients[0].call.snapshot().chat[1].nick, "client 1");
}

#[test]
fn words_said_over_a_dead_path_arrive_when_it_is_another_one() {
    let mut world = pair(901);
    say(&mut world, 0, "before");
    world.run(SOON);
    // No bye, no signalling, no path: then back with another address.
    let address = world.clients[1].address;
    world.net.remove_address(address);
    say(&mut world, 0, "during");
    world.run(Duration::from_secs(3));
    world.move_client(1, "10.0.7.7".parse().unwrap());
    let heard = world.run_until(Duration::from_secs(40), |world| read(world, 1).len() == 2);
    assert!(heard, "{:?}", read(&world, 1));
    assert_eq!(read(&world, 1), ["<before", "<during"]);
}

#[test]
fn who_comes_later_reads_nothing_of_before() {
    let mut world = pair(902);
    say(&mut world, 0, "of us two");
    world.run(SOON);
    world.add_client(TransportPolicy::All);
    world.enter(2);
    assert!(world.run_until(Duration::from_secs(5), World::all_connected), "not connected");
    say(&mut world, 0, "of us three");
    world.run(SOON);
    assert_eq!(read(&world, 2), ["<of us three"]);
}

/// A room that the first one made and the second one knocks at, with its number alone.
fn at_the_door(seed: u64) -> (World, PeerId) {
    let mut world = World::new(seed, LAN);
    world.secret = Some(InviteSecret::from_random([7; 16]));
    for index in [0, 1] {
        world.add_client(TransportPolicy::All);
        world.enter(index);
    }
    world.run(SOON);
    assert_eq!(phase(&world, 1), CallPhase::Lobby(None));
    let lobby = world.clients[0].call.snapshot().lobby;
    assert_eq!(lobby.len(), 1, "the host hears the knock");
    assert_eq!(lobby[0].nick, "client 1");
    (world, lobby[0].id)
}

fn moderate(world: &mut World, act: HostAct, peer: PeerId) {
    world.give(0, Input::Command(Command::Moderate(act, peer)));
    world.run(SOON);
}

#[test]
fn who_is_admitted_is_in_the_room() {
    let (mut world, knocker) = at_the_door(903);
    // Longer than any deadline of joining.
    world.run(Duration::from_secs(60));
    assert_eq!(phase(&world, 1), CallPhase::Lobby(None));
    moderate(&mut world, HostAct::Admit, knocker);
    assert_eq!(phase(&world, 1), CallPhase::InRoom);
    assert!(world.clients[0].call.snapshot().lobby.is_empty());
    assert!(world.run_until(Duration::from_secs(5), World::all_connected), "not connected");
}

#[test]
fn who_waits_keeps_waiting_through_a_broken_connection() {
    let (mut world, knocker) = at_the_door(904);
    world.cut_signal(1);
    world.run(SOON);
    assert_eq!(phase(&world, 1), CallPhase::Lobby(None));
    moderate(&mut world, HostAct::Admit, knocker);
    assert_eq!(phase(&world, 1), CallPhase::InRoom);
}

#[test]
fn who_is_denied_reads_it_and_who_gives_up_is_gone_from_the_door() {
    let (mut world, knocker) = at_the_door(905);
    moderate(&mut world, HostAct::Deny, knocker);
    assert_eq!(phase(&world, 1), CallPhase::Ended(EndReason::Refused(ErrorCode::Denied)));
    assert!(world.clients[0].call.snapshot().lobby.is_empty());
    let (mut world, _) = at_the_door(906);
    world.give(1, Input::Command(Command::Leave));
    world.run(SOON);
    assert!(world.clients[0].call.snapshot().lobby.is_empty());
}

#[test]
fn who_is_taken_out_reads_it_and_a_guest_takes_nobody_out() {
    let mut world = pair(907);
    let ids: Vec<PeerId> = world.clients.iter().filter_map(|client| client.call.snapshot().me).collect();
    assert_eq!(world.clients[1].call.snapshot().role, Role::Guest);
    world.give(1, Input::Command(Command::Moderate(HostAct::Kick, ids[0])));
    world.run(SOON);
    assert_eq!(phase(&world, 0), CallPhase::InRoom);
    moderate(&mut world, HostAct::Kick, ids[1]);
    assert_eq!(phase(&world, 1), CallPhase::Ended(EndReason::Kicked));
    assert!(world.clients[0].call.snapshot().peers.is_empty());
}

#[test]
fn a_host_silences_everybody_and_each_speaks_again_by_themselves() {
    let mut world = pair(909);
    let sends = |world: &World, client: usize| world.clients[client].is_enabled(TrackSource::Microphone);
    world.give(1, Input::Command(Command::Rule(HostRule::MuteAll)));
    world.run(SOON);
    assert_eq!((sends(&world, 0), sends(&world, 1)), (Switch::On, Switch::On), "a guest silences nobody");
    world.give(0, Input::Command(Command::Rule(HostRule::MuteAll)));
    world.run(SOON);
    assert_eq!((sends(&world, 0), sends(&world, 1)), (Switch::On, Switch::Off));
    assert_eq!(world.clients[1].call.snapshot().silenced, 1);
    assert!(!world.clients[0].call.snapshot().peers[0].media.audio, "the host sees it");
    world.enable(1, TrackSource::Microphone, Switch::On);
    world.run(SOON);
    assert!(world.clients[0].call.snapshot().peers[0].media.audio);
}

#[test]
fn a_room_is_handed_over_and_locked_by_its_new_host() {
    let mut world = pair(910);
    let me = |world: &World, client: usize| world.clients[client].call.snapshot().me.expect("in the room");
    let guest = me(&world, 1);
    moderate(&mut world, HostAct::MakeHost, guest);
    let roles = |world: &World| [0, 1].map(|client| world.clients[client].call.snapshot().role);
    assert_eq!(roles(&world), [Role::Guest, Role::Host]);
    world.give(1, Input::Command(Command::Rule(HostRule::Lock)));
    world.run(SOON);
    assert!(world.clients[0].call.snapshot().room_state.locked);
    world.give(0, Input::Command(Command::Rule(HostRule::Unlock)));
    world.run(SOON);
    let before = world.clients[0].call.snapshot();
    assert!(before.room_state.locked && before.refused.is_some(), "who was the host before decides nothing now");
}

#[test]
fn when_the_host_ends_the_room_everybody_reads_it() {
    let mut world = pair(908);
    world.give(0, Input::Command(Command::EndRoom));
    world.run(SOON);
    assert_eq!(phase(&world, 0), CallPhase::Ended(EndReason::Left));
    assert_eq!(phase(&world, 1), CallPhase::Ended(EndReason::RoomEnded));
}

/// The name that stands for the second client's address.
const NAME: &str = "0b0c1d2e-3f40-4152-8637-48596a7b8c9d.local";

/// Hides every candidate of a host behind `NAME`.
fn hide(message: &mut Value) {
    let Some(text) = message.pointer("/cand/candidate").and_then(Value::as_str) else { return };
    let hidden: Vec<&str> =
        text.split(' ').enumerate().map(|(place, field)| if place == 4 { NAME } else { field }).collect();
    message["cand"]["candidate"] = Value::from(hidden.join(" "));
}

#[test]
fn a_hidden_address_is_asked_for_once_and_used() {
    let mut world = World::new(909, LAN);
    world.tamper = Some(Box::new(hide));
    for index in [0, 1] {
        world.add_client(TransportPolicy::All);
        world.enter(index);
    }
    world.run(SOON);
    for index in [0, 1] {
        assert_eq!(world.clients[index].asked_names, [NAME], "asked once");
        assert_eq!(world.clients[index].call.snapshot().refused_signals, 0);
    }
    assert!(!world.all_connected(), "nothing but the name leads there");
    for (index, other) in [(0, 1), (1, 0)] {
        let address = Some(world.clients[other].address);
        world.give(index, Input::Resolved { name: NAME.to_owned(), address });
    }
    assert!(world.run_until(Duration::from_secs(8), World::all_connected), "not connected");
}

#[test]
fn names_that_hide_nothing_are_not_asked_for() {
    let mut world = World::new(910, LAN);
    world.tamper = Some(Box::new(|message: &mut Value| {
        let Some(text) = message.pointer("/cand/candidate").and_then(Value::as_str) else { return };
        let text: Vec<&str> = text
            .split(' ')
            .enumerate()
            .map(|(place, field)| if place == 4 { "printer.local" } else { field })
            .collect();
        message["cand"]["candidate"] = Value::from(text.join(" "));
    }));
    for index in [0, 1] {
        world.add_client(TransportPolicy::All);
        world.enter(index);
    }
    world.run(SOON);
    assert!(world.clients.iter().all(|client| client.asked_names.is_empty()));
}

#[test]
fn a_browser_without_our_codec_is_told_from_others() {
    let mut world = World::new(911, LAN);
    // An offer of everything but our codecs.
    world.tamper = Some(Box::new(|message: &mut Value| {
        if message.pointer("/desc/type") != Some(&Value::from("offer")) {
            return;
        }
        let Some(sdp) = message.pointer("/desc/sdp").and_then(Value::as_str) else { return };
        message["desc"]["sdp"] = Value::from(sdp.replace("H264/90000", "AV1/90000").replace("VP8/90000", "VP9/90000"));
    }));
    for index in [0, 1] {
        world.add_client(TransportPolicy::All);
        world.enter(index);
    }
    world.run(SOON);
    assert!(world.all_connected(), "sound and chat need no codec for video");
    assert!(
        world.clients.iter().any(|client| client
            .call
            .snapshot()
            .peers
            .iter()
            .any(|peer| peer.connection.lacks_video_codec))
    );
    let world = pair(912);
    assert!(
        world.clients.iter().all(|client| client
            .call
            .snapshot()
            .peers
            .iter()
            .all(|peer| !peer.connection.lacks_video_codec))
    );
}

#[test]
fn a_raised_hand_is_seen_by_all_and_by_who_comes_later_until_it_is_down() {
    let mut world = pair(911);
    let raise = |world: &mut World, hand| {
        world.give(1, Input::Command(Command::SetHand(hand)));
        world.run(SOON);
    };
    let seen = |world: &World, by: usize| {
        let peers = world.clients[by].call.snapshot().peers;
        let them = world.clients[1].call.snapshot().me;
        peers.iter().find(|peer| Some(peer.id) == them).map(|peer| peer.hand)
    };
    raise(&mut world, Hand::Up);
    assert_eq!((world.clients[1].call.snapshot().hand, seen(&world, 0)), (Hand::Up, Some(Hand::Up)));
    let late = world.add_client(TransportPolicy::All);
    world.enter(late);
    assert!(world.run_until(Duration::from_secs(20), |world| seen(world, late) == Some(Hand::Up)));
    raise(&mut world, Hand::Down);
    assert_eq!((seen(&world, 0), seen(&world, late)), (Some(Hand::Down), Some(Hand::Down)));
}

#[test]
fn a_hand_that_went_down_over_a_dead_path_is_down_when_the_path_is_another_one() {
    let mut world = pair(912);
    world.give(1, Input::Command(Command::SetHand(Hand::Up)));
    world.run(SOON);
    let address = world.clients[1].address;
    world.net.remove_address(address);
    world.give(1, Input::Command(Command::SetHand(Hand::Down)));
    world.run(Duration::from_secs(3));
    world.move_client(1, "10.0.7.7".parse().unwrap());
    let is_down = |world: &World| world.clients[0].call.snapshot().peers.iter().all(|peer| peer.hand == Hand::Down);
    assert!(world.run_until(Duration::from_secs(40), is_down));
}
