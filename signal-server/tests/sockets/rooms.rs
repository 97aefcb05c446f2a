//! Two clients in a room, through cuts and the end of the server.

use hearth_protocol::{LeaveReason, ServerMessage, SignalBody};

use crate::client::{come_back, connect, hear_on};
use crate::{plain, start, within};

#[tokio::test]
async fn two_clients_meet_talk_and_part() {
    let server = start(plain()).await;
    let mut host = connect(server.address).await;
    let room = host.create().await;
    let mut guest = connect(server.address).await;
    guest.join(&room).await;
    assert!(matches!(host.hear().await, ServerMessage::PeerJoined { peer } if peer.id == guest.id));
    for n in 0..100 {
        guest.signal(host.id, &n.to_string()).await;
    }
    for n in 0..100 {
        let ServerMessage::Signal(signal) = host.hear().await else { panic!() };
        assert_eq!((signal.from, signal.body), (Some(guest.id), SignalBody::End(n.to_string())), "order is kept");
    }
    // A leave just before the end of the connection is a leave, not a loss.
    guest.say(r#""type":"leave""#).await;
    drop(guest);
    let left = host.hear().await;
    assert!(matches!(left, ServerMessage::PeerLeft { reason: LeaveReason::Left, .. }), "{left:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_cut_connection_comes_back_and_hears_what_it_missed() {
    let server = start(plain()).await;
    let mut host = connect(server.address).await;
    let room = host.create().await;
    let mut guest = connect(server.address).await;
    guest.join(&room).await;
    host.hear().await;
    // Two cuts: one that the server sees, one where the old connection still stands.
    for seen in [true, false] {
        let mut standing = None;
        if seen {
            guest.socket.get_mut().set_zero_linger().unwrap();
            let empty = crate::client::open(server.address).await;
            drop(std::mem::replace(&mut guest.socket, empty));
            assert!(matches!(host.hear().await, ServerMessage::PeerAway { id } if id == guest.id));
            host.signal(guest.id, "missed").await;
        }
        let back = come_back(server.address, &guest).await;
        assert!(back.resumed && back.id == guest.id);
        if !seen {
            standing = Some(std::mem::replace(&mut guest, back));
        } else {
            guest = back;
            assert!(
                matches!(guest.hear().await, ServerMessage::Signal(s) if s.body == SignalBody::End("missed".into()))
            );
            assert!(matches!(host.hear().await, ServerMessage::PeerUpdated { peer } if !peer.away));
        }
        if let Some(mut old) = standing {
            let frame = hear_on(&mut old.socket).await.unwrap_err().unwrap();
            assert_eq!(u16::from(frame.code), 4004);
        }
    }
    host.signal(guest.id, "still here").await;
    assert!(matches!(guest.hear().await, ServerMessage::Signal(_)));
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_goes_down_says_so() {
    let server = start(plain()).await;
    let mut client = connect(server.address).await;
    let (heard, ()) = tokio::join!(
        async {
            let draining = client.hear().await;
            (draining, hear_on(&mut client.socket).await.unwrap_err().map(|frame| u16::from(frame.code)))
        },
        server.stop()
    );
    assert_eq!(heard, (ServerMessage::ServerDraining, Some(1001)));
}

#[tokio::test]
async fn the_addresses_of_members_are_published_as_they_come_and_go() {
    let mut server = start(plain()).await;
    let mut host = connect(server.address).await;
    assert!(server.members.borrow_and_update().is_empty(), "a connection alone is no member");
    host.create().await;
    within(server.members.changed()).await.unwrap();
    assert_eq!(server.members.borrow_and_update().iter().copied().collect::<Vec<_>>(), [server.address.ip()]);
    host.say(r#""type":"leave""#).await;
    within(server.members.changed()).await.unwrap();
    assert!(server.members.borrow_and_update().is_empty());
    server.stop().await;
}
