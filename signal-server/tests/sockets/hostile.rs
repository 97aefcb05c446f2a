//! Clients that break the rules of the wire, while others go on.

use futures_util::SinkExt as _;
use hearth_protocol::{LeaveReason, Role, ServerMessage};
use hearth_signal::ConnectionLimits;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::client::{connect, hear_on, open};
use crate::{plain, start, within};

#[tokio::test]
async fn frames_that_are_no_text_or_too_long_end_their_connection_alone() {
    let server = start(plain()).await;
    let mut host = connect(server.address).await;
    let room = host.create().await;
    let text = |bytes: &'static [u8]| Message::Frame(Frame::message(bytes, OpCode::Data(Data::Text), true));
    for (frame, code) in [
        (Message::Binary(vec![0; 10].into()), 1003),
        (Message::text("x".repeat(300 * 1024)), 1002),
        (text(b"\"\xff\xfe\""), 1002),
        (Message::Frame(Frame::message(b"".as_slice(), OpCode::Data(Data::Reserved(3)), true)), 1002),
    ] {
        let mut socket = open(server.address).await;
        let sent = socket.send(frame.clone()).await;
        let closed = hear_on(&mut socket).await.unwrap_err();
        // A frame cut short by the limit may meet a reset before the close frame is read.
        if let (Ok(()), Some(closed)) = (sent, closed) {
            assert_eq!(u16::from(closed.code), code, "{frame:?}");
        }
    }
    let mut guest = connect(server.address).await;
    guest.join(&room).await;
    assert!(matches!(host.hear().await, ServerMessage::PeerJoined { .. }));
    server.stop().await;
}

#[tokio::test]
async fn whoever_floods_somebody_who_does_not_read_is_struck_and_the_other_stays() {
    let server = start(plain()).await;
    let mut host = connect(server.address).await;
    let room = host.create().await;
    let mut flooder = connect(server.address).await;
    flooder.join(&room).await;
    let long = "x".repeat(250_000);
    let flood = async {
        for _ in 0..121 {
            let word =
                format!(r#"{{"seq":{},"type":"signal","to":"{}","sid":1,"end":"{long}"}}"#, flooder.said(), host.id);
            if flooder.socket.send(word.into()).await.is_err() {
                break;
            }
        }
    };
    within(flood).await;
    let mut refused = 0;
    let closed = loop {
        match hear_on(&mut flooder.socket).await {
            Ok(message) => {
                refused += usize::from(matches!(message.message, ServerMessage::Error { .. }));
            }
            Err(frame) => break frame,
        }
    };
    // What it had still on its way may meet a reset before the close frame is read.
    assert!(closed.is_none_or(|frame| u16::from(frame.code) == 4003));
    assert!(refused > 0);
    let mut heard = 0;
    loop {
        let news = host.hear().await;
        if matches!(news, ServerMessage::PeerLeft { id, .. } if id == flooder.id) {
            break;
        }
        heard += usize::from(matches!(news, ServerMessage::Signal(_)));
    }
    assert!((2..=9).contains(&heard), "{heard} words within the budget");
    host.say(r#""type":"lock","id":7"#).await;
    assert!(matches!(host.hear().await, ServerMessage::RoomState { role: Role::Host, .. }));
    server.stop().await;
}

#[tokio::test]
async fn a_clean_close_frees_the_seat_at_once_and_a_change_of_connections_does_not() {
    let server = start(plain()).await;
    let mut host = connect(server.address).await;
    let room = host.create().await;
    for (code, leaves) in [(None, true), (Some(1000), true), (Some(1001), true), (Some(4100), false)] {
        let mut guest = connect(server.address).await;
        guest.join(&room).await;
        assert!(matches!(host.hear().await, ServerMessage::PeerJoined { .. }));
        let frame = code.map(|code: u16| CloseFrame { code: code.into(), reason: "".into() });
        guest.socket.close(frame).await.unwrap();
        let (id, reason) = (guest.id, LeaveReason::Left);
        let expected = if leaves { ServerMessage::PeerLeft { id, reason } } else { ServerMessage::PeerAway { id } };
        assert_eq!(host.hear().await, expected, "{code:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_answers_no_ping_is_dropped() {
    let mut config = plain();
    config.rooms.ping_s = 1;
    let server = start(config).await;
    let mut host = connect(server.address).await;
    let room = host.create().await;
    let mut silent = connect(server.address).await;
    silent.join(&room).await; // and from now on it reads nothing, so that it answers nothing
    host.hear().await;
    assert!(matches!(host.hear().await, ServerMessage::PeerAway { id } if id == silent.id));
    server.stop().await;
}

#[tokio::test]
async fn no_more_connections_than_there_are_places() {
    let server =
        start(hearth_signal::ServerConfig { connections: ConnectionLimits { all: 2, of_one_source: 2 }, ..plain() })
            .await;
    let held = [connect(server.address).await, connect(server.address).await];
    let mut third = TcpStream::connect(server.address).await.unwrap();
    let refused = within(third.read(&mut [0; 16])).await;
    assert!(matches!(refused, Ok(0) | Err(_)), "{refused:?}");
    drop(held);
    server.stop().await;
}
