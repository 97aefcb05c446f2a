//! What a generation keeps, and what it gives up.

use super::*;
use crate::io::{Output, TransportPolicy};
use crate::sockets::{SocketKind, SocketTable, TransportId};

/// Opens what was asked for, each on a port of its own from `port` on.
fn open(generation: &mut Generation, outputs: &mut Outputs, mut port: u16, now: Instant) {
    while let Some(output) = outputs.pop() {
        if let Output::OpenSocket { socket, kind: SocketKind::Udp(ip) } = output {
            generation.handle_socket(socket, Some(SocketAddr::new(ip, port)), outputs, now);
            port += 1;
        }
    }
}

#[test]
fn what_is_on_sockets_that_are_replaced_is_forgotten() {
    let (now, mut outputs, mut table) = (Instant::now(), Outputs::default(), SocketTable::default());
    let interfaces = ["10.0.0.1", "10.0.1.1"].map(|text| text.parse::<std::net::IpAddr>().unwrap().into()).into();
    let ice_config = IceConfig { interfaces, relays: Vec::new(), stun: Vec::new(), policy: TransportPolicy::All };
    let mut gather = || GatherConfig { ice_config: &ice_config, sockets: table.reserve(TransportId(1)) };
    let link = LinkConfig { tracks: Vec::new(), video_codecs: Vec::new(), repair_ssrc: 7 };
    let rng = ChaCha12Rng::seed_from_u64(1);
    let mut generation = Generation::new(link, gather(), Loopback::Refused, rng, &mut outputs, now).unwrap();
    generation.offer(&mut outputs, now).unwrap();
    open(&mut generation, &mut outputs, 5000, now);
    let addresses = |ports: [u16; 2]| [format!("10.0.0.1:{}", ports[0]), format!("10.0.1.1:{}", ports[1])];
    assert_eq!(generation.renomination.locals(), addresses([5000, 5001]));
    generation.replace_sockets(gather(), &mut outputs, now);
    open(&mut generation, &mut outputs, 6000, now);
    assert_eq!(generation.renomination.locals(), addresses([6000, 6001]));
}
