//! Losing the connection and coming back.

use super::*;

const GRACE: Duration = Duration::from_secs(30);

#[test]
fn what_was_said_meanwhile_is_heard_after_coming_back() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    bench.hear(&mut host);
    bench.cut(&guest);
    assert_eq!(bench.hear(&mut host), [ServerMessage::PeerAway { id: guest.id }]);
    for word in ["a", "b", "c"] {
        bench.say(&mut host, signal(guest.id, word));
    }
    bench.wait(GRACE - Duration::from_millis(1));
    assert!(bench.come_back(&mut guest));
    let heard = bench.hear(&mut guest);
    let words: Vec<_> =
        heard.iter().map(|m| if let ServerMessage::Signal(s) = m { &s.body } else { panic!() }).collect();
    assert_eq!(words, [&SignalBody::End("a".into()), &SignalBody::End("b".into()), &SignalBody::End("c".into())]);
    let back = bench.hear(&mut host);
    let [ServerMessage::PeerUpdated { peer }] = &back[..] else { panic!("{back:?}") };
    assert!(!peer.away);
    bench.wait(GRACE * 2);
    assert_eq!(bench.hear(&mut host), [], "the grace ended with coming back");
    bench.say(&mut guest, signal(host.id, ""));
    assert_eq!(bench.hear(&mut host).len(), 1, "the client's own numbers go on");
}

#[test]
fn what_was_lost_in_the_cut_is_sent_again_and_what_arrived_is_not() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    bench.say(&mut host, signal(guest.id, "a"));
    bench.hear(&mut guest);
    bench.say(&mut host, signal(guest.id, "lost"));
    bench.take(guest.conn); // written, but cut before it arrived
    bench.cut(&guest);
    assert!(bench.come_back(&mut guest));
    assert_eq!(bench.hear(&mut guest).len(), 1);
    bench.hear(&mut host);

    // The other direction: numbers 1.. are sent again, the server takes the new one only.
    bench.say(&mut guest, signal(host.id, "x"));
    guest.sent -= 1;
    bench.say(&mut guest, signal(host.id, "x"));
    bench.say(&mut guest, signal(host.id, "y"));
    assert_eq!(bench.hear(&mut host).len(), 2);
}

#[test]
fn a_hole_in_the_numbers_ends_the_connection_and_not_the_session() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    bench.hear(&mut host);
    guest.sent += 1;
    bench.say(&mut guest, signal(host.id, "after a hole"));
    assert_eq!(bench.closed.get(&guest.conn), Some(&CloseReason::Sequence));
    assert_eq!(bench.hear(&mut host), [ServerMessage::PeerAway { id: guest.id }]);
    guest.sent = 1;
    assert!(bench.come_back(&mut guest));
    bench.say(&mut guest, signal(host.id, "the missing one"));
    assert_eq!(bench.hear(&mut host).len(), 2);
}

#[test]
fn after_the_grace_the_session_is_gone() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    bench.hear(&mut host);
    bench.cut(&guest);
    bench.wait(GRACE);
    let left = ServerMessage::PeerLeft { id: guest.id, reason: LeaveReason::TimedOut };
    assert_eq!(bench.hear(&mut host), [ServerMessage::PeerAway { id: guest.id }, left]);
    assert!(!bench.come_back(&mut guest));
    assert_eq!(bench.rooms.counters().bad_messages, 0, "a stale token is no strike");
    bench.cut(&host);
    bench.wait(GRACE);
    assert_eq!((bench.rooms.room_count(), bench.rooms.session_count()), (0, 1));
}

#[test]
fn a_second_connection_takes_the_session_over() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    bench.hear(&mut host);
    let old = guest.conn;
    assert!(bench.come_back(&mut guest));
    assert_eq!(bench.closed.get(&old), Some(&CloseReason::Replaced));
    bench.rooms.handle_disconnected(old, bench.now);
    bench.say_text(old, r#"{"seq":2,"type":"leave"}"#);
    assert_eq!(bench.hear(&mut host), [], "the others notice nothing");
    bench.say(&mut host, signal(guest.id, ""));
    assert_eq!(bench.hear(&mut guest).len(), 1);
}

#[test]
fn who_takes_over_from_the_same_room_hears_that_their_other_self_left() {
    let mut bench = Bench::new();
    let (_, room) = bench.host(None);
    let (mut one, other) = (bench.guest(&room), bench.guest(&room));
    bench.hear(&mut one);
    let resume = ClientMessage::Resume(Resume { token: one.token, last_seq: one.heard, ticket: None });
    bench.say_text(other.conn, &serde_json::to_string(&resume).unwrap());
    let old = std::mem::replace(&mut one.conn, other.conn);
    assert_eq!(bench.closed.get(&old), Some(&CloseReason::Replaced));
    let inbox = bench.inboxes.get_mut(&one.conn).unwrap();
    inbox.retain(|message| message.seq.is_some_and(|seq| seq > one.heard));
    let left = ServerMessage::PeerLeft { id: other.id, reason: LeaveReason::Left };
    assert_eq!(inbox.iter().map(|numbered| numbered.message.clone()).collect::<Vec<_>>().last(), Some(&left));
    assert!(inbox.iter().map(|numbered| numbered.seq).eq((one.heard + 1..).map(Some).take(inbox.len())), "a hole");
}

#[test]
fn the_old_token_serves_until_the_new_one_is_known_to_have_arrived() {
    let mut bench = Bench::new();
    let (_, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    let first = guest.token;
    for _ in 0..5 {
        bench.cut(&guest);
        guest.token = first; // the answer with the newer token was lost, again and again
        assert!(bench.come_back(&mut guest));
    }
    bench.say(&mut guest, ClientMessage::Update { media: MediaState::default() });
    bench.cut(&guest);
    guest.token = first;
    assert!(!bench.come_back(&mut guest), "the client has spoken since");
}

#[test]
fn resume_on_a_connection_that_has_a_session_changes_to_the_old_one() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let guest = bench.guest(&room);
    bench.hear(&mut host);
    bench.cut(&guest);
    let fresh = bench.client();
    let resume = |token| {
        serde_json::to_string(&ClientMessage::Resume(Resume { token, last_seq: guest.heard, ticket: None })).unwrap()
    };
    bench.say_text(fresh.conn, &resume(ResumeToken::from_random([9; 32])));
    assert_eq!(errors(&bench.take(fresh.conn)), [ErrorCode::NoSuchSession]);
    bench.say_text(fresh.conn, &resume(guest.token));
    let answer = bench.take(fresh.conn);
    let [ServerMessage::Session { peer_id, resumed: true, .. }] = &answer[..] else { panic!("{answer:?}") };
    assert_eq!(*peer_id, guest.id);
    assert_eq!(bench.rooms.session_count(), 2, "the fresh one is gone");
    let news = bench.hear(&mut host);
    assert!(matches!(&news[..], [ServerMessage::PeerAway { .. }, ServerMessage::PeerUpdated { .. }]), "{news:?}");
}

#[test]
fn an_absent_client_whose_queue_overflows_is_dropped() {
    let mut config = RoomsConfig::default();
    config.limits.resume_queue = 4;
    let mut bench = Bench::with(config);
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    bench.hear(&mut host);
    bench.cut(&guest);
    for _ in 0..5 {
        bench.say(&mut host, signal(guest.id, ""));
    }
    let left = ServerMessage::PeerLeft { id: guest.id, reason: LeaveReason::Dropped };
    assert_eq!(bench.hear(&mut host), [ServerMessage::PeerAway { id: guest.id }, left]);
    assert!(!bench.come_back(&mut guest));
    assert_eq!(bench.rooms.counters().overflows, 1);
}

#[test]
fn a_number_that_was_never_sent_brings_no_session_back() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    bench.hear(&mut host);
    bench.cut(&guest);
    guest.heard = 1000;
    assert!(!bench.come_back(&mut guest));
    let news = bench.hear(&mut host);
    assert!(
        matches!(&news[..], [_, ServerMessage::PeerLeft { reason: LeaveReason::Dropped, .. }]),
        "no ghost: {news:?}"
    );
}

#[test]
fn outside_a_room_there_is_nothing_to_come_back_to() {
    let mut bench = Bench::new();
    let mut client = bench.client();
    bench.cut(&client);
    assert_eq!(bench.rooms.session_count(), 0);
    assert!(!bench.come_back(&mut client));
}

#[test]
fn a_goodbye_frees_the_seat_at_once_and_a_cut_keeps_it() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    bench.hear(&mut host);
    bench.say_goodbye(&guest);
    let left = ServerMessage::PeerLeft { id: guest.id, reason: LeaveReason::Left };
    assert_eq!((bench.hear(&mut host), bench.rooms.session_count()), (vec![left], 1));
    assert!(!bench.come_back(&mut guest), "a new session");
    let mut knocker = bench.guest(&room);
    bench.cut(&knocker);
    assert!(bench.come_back(&mut knocker));
    // The old connection of who has come back on another one says nothing for them.
    let old = knocker.clone();
    assert!(bench.come_back(&mut knocker));
    bench.say_goodbye(&old);
    assert_eq!(bench.rooms.session_count(), 3);
}
