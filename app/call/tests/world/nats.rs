//! People behind routers: found by the addresses that STUN servers see (RFC 8445, section 5.1.1.2).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use hearth_call::{PeerPhase, Route, TransportPolicy};
use hearth_netsim::Filtering;
use serde_json::Value;

use crate::LAN;
use crate::world::World;

/// What a router of today remembers at least (RFC 4787, section 4.3).
const MAPPING: Duration = Duration::from_secs(120);

/// Candidates as they were signalled, by who said them.
type Told = Rc<RefCell<Vec<String>>>;

/// Listens to what is signalled; where `silences` holds a word, candidates with it are not passed on.
fn overhear(world: &mut World, silences: Option<&'static str>) -> Told {
    let told = Told::default();
    let heard = told.clone();
    world.tamper = Some(Box::new(move |message: &mut Value| {
        let Some(candidate) = message.pointer_mut("/cand/candidate") else { return };
        let text = candidate.as_str().unwrap_or_default().to_owned();
        if silences.is_some_and(|word| text.contains(word)) {
            *candidate = Value::from("");
        }
        heard.borrow_mut().push(text);
    }));
    told
}

fn meet(world: &mut World, count: usize) {
    for index in 0..count {
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(8), World::all_connected), "not connected");
    world.run(Duration::from_secs(3));
}

fn check_direct(world: &World) {
    for client in &world.clients {
        let peer = &client.call.snapshot().peers[0];
        assert_eq!(peer.connection.phase, PeerPhase::Connected(Route::Direct));
        let pair = peer.connection.pair.clone().expect("a pair");
        // Who is heard before their candidate comes is peer-reflexive.
        assert!(matches!(pair.remote.0.as_str(), "srflx" | "prflx"), "{pair:?}");
        assert!(pair.remote.1.starts_with("10.9.0."), "{pair:?}");
        assert!(client.sink.got.values().all(|got| got.frames.len() > 30));
    }
}

fn of_type<'a>(told: &'a [String], kind: &str) -> Vec<&'a String> {
    let kind = format!(" typ {kind}");
    told.iter().filter(|text| text.contains(&kind)).collect()
}

#[test]
fn two_people_behind_routers_meet_without_the_relay() {
    for (seed, filtering) in [(30, Filtering::EndpointIndependent), (31, Filtering::AddressAndPortDependent)] {
        let mut world = World::new(seed, LAN);
        let told = overhear(&mut world, None);
        for _ in 0..2 {
            world.add_client_behind_nat(filtering, MAPPING);
        }
        meet(&mut world, 2);
        check_direct(&world);
        let told = told.borrow();
        let seen = of_type(&told, "srflx");
        for number in ["10.9.0.1", "10.9.0.2"] {
            let theirs = seen.iter().filter(|text| text.contains(&format!(" {number} ")));
            assert_eq!(theirs.count(), 1, "one server, one candidate: {told:?}");
        }
        // What the base is, is said by the candidate that is the base.
        assert!(seen.iter().all(|text| text.contains(" raddr 0.0.0.0 rport 4")), "{seen:?}");
    }
}

/// What makes the test above worth something: these routers let nobody in who is not known.
#[test]
fn unless_the_address_from_outside_is_told_there_is_the_relay_alone() {
    let mut world = World::new(32, LAN);
    overhear(&mut world, Some(" typ srflx"));
    for _ in 0..2 {
        world.add_client_behind_nat(Filtering::AddressAndPortDependent, MAPPING);
    }
    meet(&mut world, 2);
    for client in &world.clients {
        assert_eq!(client.call.snapshot().peers[0].connection.phase, PeerPhase::Connected(Route::Relayed));
    }
}

#[test]
fn nobody_without_a_router_and_nobody_who_relays_alone_tells_a_further_address() {
    let mut world = World::new(33, LAN);
    let told = overhear(&mut world, None);
    world.add_client(TransportPolicy::All);
    world.add_client(TransportPolicy::RelayOnly);
    meet(&mut world, 2);
    let told = told.borrow();
    assert_eq!(of_type(&told, "srflx"), Vec::<&String>::new());
    assert_eq!((of_type(&told, "host").len(), of_type(&told, "relay").len()), (1, 2), "{told:?}");
}

/// A mapping that is asked for again in time stays; one that is lost in spite of that is noticed, and the new one told.
#[test]
fn an_address_from_outside_is_kept_and_a_new_one_told() {
    let mut world = World::new(34, LAN);
    let told = overhear(&mut world, None);
    world.add_client_behind_nat(Filtering::EndpointIndependent, Duration::from_secs(20));
    world.add_client(TransportPolicy::All);
    meet(&mut world, 2);
    world.run(Duration::from_secs(120));
    assert_eq!(of_type(&told.borrow(), "srflx").len(), 1, "{told:?}");
    world.net.restart_nat(world.clients[0].address);
    let both = |world: &World| world.all_connected() && of_type(&told.borrow(), "srflx").len() >= 2;
    assert!(world.run_until(Duration::from_secs(20), both), "{told:?}");
    let mut ports = BTreeMap::new();
    for text in of_type(&told.borrow(), "srflx") {
        *ports.entry(text.split(' ').nth(5).map(str::to_owned)).or_insert(0) += 1;
    }
    assert_eq!(ports.len(), 2, "{told:?}");
}
