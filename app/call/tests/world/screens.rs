//! The screen of an older page, which comes through a connection of its own.
//!
//! No page is in this world. A call plays its part: the one connection that it has is taken for the page's second one
//! by anyone who looks, because what is said about it is renamed on its way.

use std::time::Duration;

use hearth_base::TrackSource;
use hearth_call::{Command, Input, PeerSnapshot, Switch, TransportPolicy};
use serde_json::Value;

use crate::LAN;
use crate::world::World;

const SOON: Duration = Duration::from_secs(5);

/// What is said about the one connection is said about the other.
fn rename(message: &mut Value) {
    if message["type"] == "signal" {
        message["pc"] = if message["pc"] == "screen" { "main".into() } else { "screen".into() };
    }
}

/// An entry of the room's list as that of a page, whose camera is a screen.
fn disguise(entry: &mut Value) {
    if entry.is_object() {
        entry["kind"] = "legacy".into();
        entry["media"]["screen"] = entry["media"]["video"].clone();
    }
}

/// Who was there before takes anyone who comes for a page.
fn comes_as_page(message: &mut Value) {
    rename(message);
    if message["type"] == "peer_joined" || message["type"] == "peer_updated" {
        disguise(&mut message["peer"]);
    }
}

/// Anyone who comes takes those who are there for pages.
fn is_page(message: &mut Value) {
    rename(message);
    if message["type"] == "joined" {
        message["peers"].as_array_mut().into_iter().flatten().for_each(disguise);
    }
    if message["type"] == "peer_updated" {
        disguise(&mut message["peer"]);
    }
}

/// Two in a room; the first is there before the second.
fn two(seed: u64, tamper: fn(&mut Value)) -> World {
    let mut world = World::new(seed, LAN);
    world.tamper = Some(Box::new(tamper));
    for index in [0, 1] {
        world.add_client(TransportPolicy::All);
        world.enter(index);
    }
    world
}

fn other(world: &World, who: usize) -> PeerSnapshot {
    world.clients[who].call.snapshot().peers[0].clone()
}

fn sees_screen(world: &World, who: usize) -> bool {
    let peers = world.clients[who].call.snapshot().peers;
    peers.iter().flat_map(|peer| &peer.tracks).any(|(_, source)| *source == TrackSource::Screen)
}

fn frames(world: &World, who: usize) -> usize {
    world.clients[who].sink.got.get(&(1 - who as u8)).map_or(0, |got| got.frames.len())
}

fn share(world: &mut World, who: usize, switch: Switch) {
    world.enable(who, TrackSource::Camera, switch);
}

#[test]
fn a_page_that_begins_to_share_is_seen_until_it_stops() {
    let mut world = two(990, comes_as_page);
    assert!(world.run_until(SOON, |world| frames(world, 0) > 20), "no picture: {:?}", other(&world, 0));
    assert!(sees_screen(&world, 0));
    let sources = other(&world, 0).tracks.into_iter().map(|(_, source)| source);
    assert!(sources.into_iter().all(|source| matches!(source, TrackSource::Screen | TrackSource::System)));
    assert_eq!(frames(&world, 1), 0, "nothing of ours goes where a screen comes from");

    share(&mut world, 1, Switch::Off);
    world.run(SOON);
    assert!(!sees_screen(&world, 0) && other(&world, 0).tracks.is_empty(), "{:?}", other(&world, 0).tracks);
    // Again, by another offer.
    share(&mut world, 1, Switch::On);
    let before = frames(&world, 0);
    assert!(world.run_until(Duration::from_secs(60), |world| frames(world, 0) > before + 20), "not seen again");
    assert!(sees_screen(&world, 0));
}

#[test]
fn who_comes_later_asks_for_the_screen() {
    let mut world = two(991, is_page);
    assert!(world.run_until(SOON, |world| frames(world, 1) > 20), "no picture: {:?}", other(&world, 1));
    assert!(sees_screen(&world, 1));
    share(&mut world, 0, Switch::Off);
    world.run(SOON);
    assert!(!sees_screen(&world, 1));
}

#[test]
fn a_screen_is_followed_into_another_network() {
    let mut world = two(992, is_page);
    assert!(world.run_until(SOON, |world| frames(world, 1) > 20), "no picture");
    world.move_client(1, "10.0.7.7".parse().unwrap());
    let before = frames(&world, 1);
    assert!(world.run_until(Duration::from_secs(20), |world| frames(world, 1) > before + 40), "lost on the way");
    assert!(sees_screen(&world, 1));
}

#[test]
fn a_screen_goes_with_its_page() {
    for (seed, crashes) in [(993, false), (994, true)] {
        let mut world = two(seed, comes_as_page);
        assert!(world.run_until(SOON, |world| frames(world, 0) > 20), "no picture");
        if crashes {
            world.crash(1)
        } else {
            world.give(1, Input::Command(Command::Leave))
        }
        let is_gone = |world: &World| world.clients[0].call.snapshot().peers.is_empty();
        assert!(world.run_until(Duration::from_secs(45), is_gone), "crashes: {crashes}");
        assert!(world.clients[0].tracks.is_empty(), "what shows it is told");
    }
}

#[test]
fn nobody_but_a_page_has_a_screen_apart() {
    let mut world = two(995, rename);
    world.run(SOON);
    for who in [0, 1] {
        assert!(other(&world, who).tracks.is_empty());
    }
    assert!(world.clients[0].call.snapshot().refused_signals > 0);
}
