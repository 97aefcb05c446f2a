//! Both servers as every world has them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use hearth_signal::rooms::{EarlierRun, Epoch, IceConfig, Rooms, RoomsConfig, TicketKey, TurnRest, TurnSecret};
use hearth_turn::{PeerPolicy, Secret, Server as Turn};

/// Where the relay stands.
pub const TURN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 200)), 3478);
const TURN_SECRET: &str = "between the two servers";
/// Seconds since 1970 at the beginning of every world.
const UNIX: u64 = 1_800_000_000;

pub fn rooms(seed: u64, earlier: Vec<EarlierRun>, now: Instant) -> Rooms {
    rooms_of(vec![format!("turn:{TURN}")], seed, earlier, now)
}

/// The same, where the relay is reached by TCP as well.
pub fn rooms_with_streams(seed: u64, now: Instant) -> Rooms {
    rooms_of(vec![format!("turn:{TURN}"), format!("turn:{TURN}?transport=tcp")], seed, Vec::new(), now)
}

fn rooms_of(urls: Vec<String>, seed: u64, earlier: Vec<EarlierRun>, now: Instant) -> Rooms {
    let turn = TurnRest {
        urls,
        secret: TurnSecret::new(TURN_SECRET).expect("not empty"),
        lifetime: Duration::from_secs(3600),
        before_join: Duration::from_secs(3600),
    };
    // The key outlives the server.
    let tickets = Some(TicketKey::new([5; 32]));
    let ice = IceConfig { fixed: Vec::new(), turn: Some(turn) };
    let config = RoomsConfig { ice, tickets, earlier, ..RoomsConfig::default() };
    Rooms::new(config, seed_bytes(seed), Epoch { at: now, unix_s: UNIX })
}

pub fn turn(seed: u64, now: Instant) -> Turn {
    let mut config = hearth_turn::Config::new(seed_bytes(seed ^ 0xFFFF));
    config.secrets = vec![Secret::new(TURN_SECRET).expect("not empty")];
    config.peers = PeerPolicy::allowing(["10.0.0.0/8".parse().expect("a network")]);
    config.relay_addresses = vec![hearth_turn::RelayAddress { bound: TURN.ip(), advertised: TURN.ip() }];
    config.own = vec![TURN];
    Turn::new(&config, now, Duration::from_secs(UNIX))
}

fn seed_bytes(seed: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(seed.to_le_bytes()).for_each(|(to, from)| *to = from);
    bytes
}
