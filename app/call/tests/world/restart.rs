//! The server killed and started again under a call: the media does not notice, and everybody is back in the room.

use std::time::Duration;

use hearth_call::{CallPhase, Command, HostAct, Input, TransportPolicy};
use hearth_protocol::{PeerId, Role};

use crate::LAN;
use crate::world::World;

/// How long after the server's return everybody is back.
const BACK: Duration = Duration::from_secs(5);
/// How long nobody is host after it.
const SEAT: Duration = Duration::from_secs(31);
/// Longest time without a picture across it all.
const GAP: Duration = Duration::from_millis(200);

fn three(seed: u64) -> World {
    let mut world = World::new(seed, LAN);
    for index in 0..3 {
        world.add_client(TransportPolicy::All);
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(5), World::all_connected), "not connected");
    world.run(Duration::from_secs(1));
    world
}

fn is_back(world: &World) -> bool {
    let in_room = |snapshot: &hearth_call::Snapshot| {
        snapshot.phase == CallPhase::InRoom && snapshot.peers.len() == 2 && snapshot.peers.iter().all(|peer| !peer.away)
    };
    world.clients.iter().all(|client| in_room(&client.call.snapshot()))
}

#[test]
fn everybody_is_back_in_the_room_and_the_media_did_not_notice() {
    for (seed, away) in [(950, 1), (951, 8), (952, 60)] {
        let mut world = three(seed);
        let ids: Vec<Option<PeerId>> = world.clients.iter().map(|client| client.call.snapshot().me).collect();
        world.stop_server();
        world.run(Duration::from_secs(away));
        world.start_server();
        let since = world.now;
        assert!(world.run_until(BACK, is_back), "seed {seed}: not back {BACK:?} after {away} s without a server");
        println!("seed {seed}: everybody back {:?} after {away} s without a server", world.now - since);
        world.run(Duration::from_secs(1));
        for (client, id) in world.clients.iter().zip(&ids) {
            let snapshot = client.call.snapshot();
            assert_eq!(snapshot.me, *id);
            for peer in &snapshot.peers {
                assert_eq!((peer.connection.handshakes, peer.connection.restarts), (1, 0), "seed {seed}");
            }
            for got in client.sink.got.values() {
                let gap = got.frame_times.windows(2).map(|pair| pair[1] - pair[0]).max().expect("pictures");
                assert!(gap <= GAP, "seed {seed}: {gap:?} without a picture");
            }
        }
        world.run(SEAT);
        let roles = world.clients.iter().filter(|client| client.call.snapshot().role == Role::Host).count();
        assert_eq!(roles, 1, "seed {seed}: one host, as before");
        assert_eq!(world.clients[0].call.snapshot().role, Role::Host, "seed {seed}");
    }
}

#[test]
fn who_comes_after_the_restart_meets_everybody() {
    let mut world = three(953);
    world.stop_server();
    world.run(Duration::from_secs(2));
    world.start_server();
    assert!(world.run_until(BACK, is_back), "not back");
    world.add_client(TransportPolicy::All);
    world.enter(3);
    assert!(world.run_until(BACK, World::all_connected), "the newcomer is not met");
    world.run(SEAT);
    let guest = world.clients[1].call.snapshot().me.expect("in the room");
    world.give(0, Input::Command(Command::Moderate(HostAct::Kick, guest)));
    world.run(Duration::from_secs(1));
    assert!(world.clients[1].has_ended(), "the host decides as before");
}

#[test]
fn who_is_not_back_is_kept_as_long_as_they_send_and_no_longer() {
    let mut world = three(954);
    world.stop_server();
    world.run(Duration::from_secs(1));
    // This one finds the server no more, but everybody still finds it.
    world.bar_signal(2);
    world.start_server();
    let peers = |world: &World| world.clients[0].call.snapshot().peers.len();
    world.run(Duration::from_secs(60));
    assert_eq!(
        (peers(&world), world.clients[0].call.snapshot().phase),
        (2, CallPhase::InRoom),
        "media needs no server"
    );
    world.crash(2);
    world.run(Duration::from_secs(30));
    assert_eq!(peers(&world), 1, "nobody sends any more, and the server names nobody");
}
