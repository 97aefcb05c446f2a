//! Ports that another program has, and ports that are reserved (EVEN-PORT with R = 1). Each test has relays on a
//! loopback address of its own, so that no other one meets it there.

use std::net::UdpSocket as Foreign;

use super::*;

/// A server of several workers, its relays on these ports of `relays`.
fn on_ports(relays: [u8; 4], ports: std::ops::RangeInclusive<u16>) -> (SocketAddr, JoinSet<Stats>, Counters) {
    let mut config = config();
    config.relay_addresses = vec![IpAddr::from(relays).into()];
    config.relay_ports = ports;
    let shell = Shell::bind(config, &Listen { workers: 4, ..Listen::on(&[any()]) }).unwrap();
    let (server, stats) = (shell.local_addrs()[0], shell.stats());
    let mut tasks = JoinSet::new();
    tasks.spawn(shell.run(std::future::pending()));
    (server, tasks, stats)
}

fn pair(writer: Writer) -> Writer {
    writer.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).attribute(attribute::EVEN_PORT, &[0x80])
}

fn relayed(answer: &Message<'_>) -> SocketAddr {
    decode_address(answer.attribute(attribute::XOR_RELAYED_ADDRESS).unwrap(), &answer.transaction).unwrap()
}

#[tokio::test]
async fn a_foreign_socket_above_costs_another_pair_and_a_token_is_honoured_by_whatever_worker() {
    let ip = [127, 77, 0, 1];
    let _foreign = Foreign::bind(SocketAddr::from((ip, 50_001))).unwrap();
    let (server, _tasks, mut stats) = on_ports(ip, 50_000..=50_003);
    let peer = Foreign::bind(SocketAddr::from((ip, 0))).unwrap();
    let above = SocketAddr::from((ip, 50_003));
    // Until each worker has had to do with it: anyone who shows the token hashes anywhere.
    for round in 1..=4 {
        let (mut first, mut second) = (Client::new(server).await, Client::new(server).await);
        let answer = first.ask(Method::Allocate, pair).await;
        let answer = Message::decode(&answer).unwrap();
        assert_eq!((answer.class, relayed(&answer).port()), (Class::Success, 50_002), "round {round}");
        let token = answer.attribute(attribute::RESERVATION_TOKEN).unwrap().to_vec();
        // It is held: no other program gets it now, and what comes there too early goes nowhere.
        assert_eq!(Foreign::bind(above).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        peer.send_to(b"early", above).unwrap();
        soon(stats.wait_for(|stats| stats.dropped.no_allocation == round)).await.unwrap();
        let redeem = |w: Writer| {
            w.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).attribute(attribute::RESERVATION_TOKEN, &token)
        };
        let answer = second.ask(Method::Allocate, redeem).await;
        let answer = Message::decode(&answer).unwrap();
        assert_eq!((answer.class, relayed(&answer)), (Class::Success, above), "round {round}");
        second.bind(peer.local_addr().unwrap()).await;
        peer.send_to(b"now", above).unwrap();
        let (datagram, _) = receive(&second.socket).await;
        assert_eq!(ChannelData::decode(&datagram), Some(ChannelData { number: 0x4000, data: b"now" }));
        for client in [&mut first, &mut second] {
            let end = client.ask(Method::Refresh, |w| w.attribute(attribute::LIFETIME, &[0; 4])).await;
            assert_eq!(Message::decode(&end).unwrap().class, Class::Success);
        }
    }
    Foreign::bind(above).expect("the reserved port is free again");
}

#[tokio::test]
async fn where_every_pair_is_half_taken_there_is_none() {
    let ip = [127, 77, 0, 2];
    let _foreign = [50_001, 50_003].map(|port| Foreign::bind(SocketAddr::from((ip, port))).unwrap());
    let (server, _tasks, _) = on_ports(ip, 50_000..=50_003);
    let mut client = Client::new(server).await;
    let answer = client.ask(Method::Allocate, pair).await;
    let answer = Message::decode(&answer).unwrap();
    assert_eq!(answer.attribute(attribute::ERROR_CODE), Some(&[0, 0, 5, 8][..]));
    for port in [50_000, 50_002] {
        Foreign::bind(SocketAddr::from((ip, port))).expect("nothing is left of what was tried");
    }
}
