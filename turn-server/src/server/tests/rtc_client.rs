//! The client that our own calls use, `rtc`'s, against the core in virtual time.

use bytes::BytesMut;
use rtc::sansio::Protocol as _;
use rtc::shared::{TransportContext, TransportMessage, TransportProtocol};
use rtc::turn::client::{Client, ClientConfig, Event};

use super::*;

fn client(local: SocketAddr, name: &str) -> Client {
    let config = ClientConfig {
        turn_serv_addr: listener().to_string(),
        local_addr: local,
        username: name.to_owned(),
        password: "pass".to_owned(),
        // It takes the new nonce from a 438 but tries again only when its next refresh is due: the default, half of the
        // lifetime, would be too late then.
        allocation_refresh_interval_cap: Some(Duration::from_secs(60)),
        ..ClientConfig::default()
    };
    Client::new(config, rtc::crypto::default_provider().unwrap()).unwrap()
}

/// Carries datagrams between the clients and the server until nobody has anything to say; gives the clients' events.
fn settle(lab: &mut Lab, clients: &mut [(SocketAddr, Client)]) -> Vec<(SocketAddr, Event)> {
    let mut events = Vec::new();
    loop {
        let mut moved = false;
        for (local, client) in clients.iter_mut() {
            while let Some(datagram) = client.poll_write() {
                lab.server.handle_listener(*local, listener(), &datagram.message, lab.now);
                moved = true;
            }
            while let Some(event) = client.poll_event() {
                events.push((*local, event));
            }
        }
        for output in lab.drain() {
            let Output::Transmit { to, payload } = output else { continue };
            let (_, client) = clients.iter_mut().find(|(address, _)| *address == to.client).unwrap();
            let transport = TransportContext {
                local_addr: to.client,
                peer_addr: to.local,
                transport_protocol: TransportProtocol::UDP,
                ecn: None,
            };
            let message = BytesMut::from(&payload[..]);
            client.handle_read(TransportMessage { now: lab.now, transport, message }).unwrap();
            moved = true;
        }
        if !moved {
            return events;
        }
    }
}

fn relay_of(events: &[(SocketAddr, Event)], client: SocketAddr) -> SocketAddr {
    let relay = events.iter().find_map(|(of, event)| {
        let Event::AllocateResponse(_, relay) = event else { return None };
        (*of == client).then_some(*relay)
    });
    relay.unwrap_or_else(|| panic!("{events:?}"))
}

#[test]
fn two_of_them_exchange_data_through_their_relays() {
    let mut lab = Lab::new();
    let mut clients = [(ann(), client(ann(), "ann")), (bob(), client(bob(), "bob"))];
    for (_, client) in &mut clients {
        client.allocate(lab.now).unwrap();
    }
    let events = settle(&mut lab, &mut clients);
    let relays = [relay_of(&events, ann()), relay_of(&events, bob())];
    for ((_, client), [own, other]) in clients.iter_mut().zip([relays, [relays[1], relays[0]]]) {
        client.relay(own).unwrap().create_permission(lab.now, other).unwrap();
    }
    settle(&mut lab, &mut clients);
    // The first datagram goes as an indication while the client binds its channel, the next ones on that.
    let mut heard = Vec::new();
    for word in [b"one", b"two"] {
        clients[0].1.relay(relays[0]).unwrap().send_to(lab.now, word, relays[1]).unwrap();
        heard.extend(settle(&mut lab, &mut clients));
    }
    let heard: Vec<&[u8]> = heard
        .iter()
        .filter_map(|(of, event)| {
            let Event::DataIndicationOrChannelData(_, from, data) = event else { return None };
            (*of == bob() && *from == relays[0]).then_some(&data[..])
        })
        .collect();
    assert_eq!(heard, [b"one", b"two"]);
    assert_eq!(lab.stats().requests.channel_bind, 1);
    assert_eq!((lab.stats().to_peers.bytes, lab.stats().from_peers.bytes), (6, 6));
}

#[test]
fn its_allocation_is_refreshed_past_the_hour_of_a_nonce() {
    let mut lab = Lab::new();
    let mut clients = [(ann(), client(ann(), "ann"))];
    clients[0].1.allocate(lab.now).unwrap();
    let events = settle(&mut lab, &mut clients);
    relay_of(&events, ann());
    for _ in 0..(3 * 3600 / 10) {
        lab.pass(10);
        clients[0].1.handle_timeout(lab.now).unwrap();
        settle(&mut lab, &mut clients);
        assert_eq!(lab.stats().allocations, 1);
    }
    assert!(lab.stats().refused.stale_nonce >= 2);
}
