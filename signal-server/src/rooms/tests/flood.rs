//! Clients that say too much, or nonsense, or nothing.

use super::*;

#[test]
fn a_connection_that_never_says_hello_is_closed() {
    let mut bench = Bench::new();
    let conn = bench.connect();
    let greeted = bench.client();
    bench.wait(Duration::from_secs(11));
    assert_eq!(bench.closed.get(&conn), Some(&CloseReason::NoHello));
    assert_eq!(bench.closed.get(&greeted.conn), None);
}

#[test]
fn nonsense_is_counted_answered_and_then_ends_the_session() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let guest = bench.guest(&room);
    bench.hear(&mut host);
    for _ in 0..21 {
        assert_eq!(bench.closed.get(&guest.conn), None);
        bench.say_text(guest.conn, "{");
    }
    assert_eq!(errors(&bench.take(guest.conn)), [ErrorCode::BadMessage; 21]);
    assert_eq!(bench.closed.get(&guest.conn), Some(&CloseReason::Flood));
    let left = ServerMessage::PeerLeft { id: guest.id, reason: LeaveReason::Dropped };
    assert_eq!(bench.hear(&mut host), [left]);
    assert_eq!((bench.rooms.counters().bad_messages, bench.rooms.counters().floods), (21, 1));
}

#[test]
fn nonsense_now_and_then_is_forgiven() {
    let mut bench = Bench::new();
    let client = bench.client();
    for _ in 0..100 {
        bench.say_text(client.conn, "nonsense");
        bench.wait(Duration::from_secs(5));
    }
    assert_eq!(bench.closed.get(&client.conn), None);
}

#[test]
fn a_burst_passes_and_a_flood_is_refused_and_dropped() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    bench.hear(&mut host);
    for _ in 0..399 {
        bench.say(&mut guest, signal(host.id, ""));
    }
    assert_eq!(bench.hear(&mut host).len(), 399);
    for _ in 0..20 {
        bench.say(&mut guest, signal(host.id, ""));
    }
    assert_eq!(errors(&bench.hear(&mut guest)), [ErrorCode::RateLimited; 20]);
    bench.wait(Duration::from_secs(1));
    for _ in 0..50 {
        bench.say(&mut guest, signal(host.id, ""));
    }
    assert_eq!(bench.hear(&mut host).len(), 50, "the budget comes back");
    bench.say(&mut guest, signal(host.id, ""));
    assert_eq!(bench.closed.get(&guest.conn), Some(&CloseReason::Flood));
    bench.hear(&mut host);
    bench.say(&mut host, signal(guest.id, ""));
    assert_eq!(errors(&bench.hear(&mut host)), [ErrorCode::NotInRoom]);
}

#[test]
fn a_message_beyond_the_limit_ends_the_connection() {
    let mut bench = Bench::new();
    let client = bench.client();
    bench.say_text(client.conn, &" ".repeat(256 * 1024 + 1));
    assert_eq!(bench.closed.get(&client.conn), Some(&CloseReason::TooLong));
}

#[test]
fn a_malformed_message_keeps_its_number() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    guest.sent += 1;
    bench.say_text(guest.conn, &format!(r#"{{"seq":{},"type":"join","room":""}}"#, guest.sent));
    bench.hear(&mut host);
    bench.say(&mut guest, signal(host.id, ""));
    assert_eq!(bench.hear(&mut host).len(), 1);
    assert_eq!(bench.closed.get(&guest.conn), None);
}

#[test]
fn a_message_without_its_number_is_refused() {
    let mut bench = Bench::new();
    let client = bench.client();
    bench.say_text(client.conn, r#"{"type":"create","id":4}"#);
    let answer = bench.take(client.conn);
    assert!(matches!(&answer[..], [ServerMessage::Error { id: Some(RequestId(4)), code: ErrorCode::BadMessage, .. }]));
    assert_eq!(bench.rooms.room_count(), 0);
}

#[test]
fn no_more_rooms_than_the_server_holds() {
    let mut bench = Bench::with(RoomsConfig { max_rooms: 2, ..RoomsConfig::default() });
    bench.host(None);
    bench.host(None);
    let client = bench.client();
    bench.say_text(client.conn, r#"{"seq":1,"type":"create"}"#);
    assert_eq!(errors(&bench.take(client.conn)), [ErrorCode::RateLimited]);
}
