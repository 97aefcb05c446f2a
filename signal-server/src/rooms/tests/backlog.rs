//! What one member sends another who does not read: the sender is refused and in the end struck, and nobody else is.

use hearth_protocol::{Pc, SessionId};

use super::*;

/// A signal of so many bytes of text.
fn long(to: PeerId, bytes: usize) -> ClientMessage {
    let body = SignalBody::End("x".repeat(bytes));
    ClientMessage::Signal(Signal { to: Some(to), from: None, pc: Pc::Main, sid: SessionId(1), body })
}

fn signals(messages: &[ServerMessage]) -> usize {
    messages.iter().filter(|m| matches!(m, ServerMessage::Signal(_))).count()
}

#[test]
fn a_flooder_is_struck_and_the_host_whom_it_floods_stays_host() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut flooder = bench.guest(&room);
    bench.hear(&mut host);
    bench.slow.insert(host.conn);
    for _ in 0..121 {
        bench.say(&mut flooder, long(host.id, 250_000));
    }
    assert_eq!(bench.closed.get(&flooder.conn), Some(&CloseReason::Flood));
    assert_eq!(bench.closed.get(&host.conn), None);
    let news = bench.hear(&mut host);
    assert_eq!(signals(&news), 2, "512 KiB wait for somebody who does not read");
    assert_eq!(summary(&news[2..]), "peer_left");
    let mut late = bench.guest(&room);
    bench.say(&mut host, ClientMessage::MuteAll { id: RequestId(5) });
    assert_eq!(bench.hear(&mut late), [ServerMessage::Muted]);
}

#[test]
fn many_small_words_wait_as_few_as_long_ones_do() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    bench.hear(&mut host);
    bench.slow.insert(host.conn);
    let mut refused = 0;
    for _ in 0..270 {
        bench.say(&mut guest, long(host.id, 1));
        refused += errors(&bench.hear(&mut guest)).len();
    }
    assert_eq!((signals(&bench.hear(&mut host)), refused), (256, 14));
    assert_eq!(bench.closed.get(&guest.conn), None, "a few too many are forgiven");
    // What was read makes room again, and another one was never refused.
    bench.unread.clear();
    bench.say(&mut guest, long(host.id, 1));
    let mut other = bench.guest(&room);
    bench.say(&mut other, long(host.id, 1));
    assert_eq!(signals(&bench.hear(&mut host)), 2);
}

#[test]
fn bytes_are_budgeted_whoever_they_are_for() {
    let mut bench = Bench::new();
    let (host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    let mut passed = 0;
    for _ in 0..20 {
        bench.say(&mut guest, long(host.id, 250_000));
        passed += usize::from(errors(&bench.hear(&mut guest)).is_empty());
    }
    assert_eq!(passed, 8, "2 MiB at once");
    bench.wait(Duration::from_secs(2));
    bench.say(&mut guest, long(host.id, 250_000));
    assert!(errors(&bench.hear(&mut guest)).is_empty(), "and 128 KiB a second");
}

#[test]
fn whoever_is_away_loses_the_place_by_nobodys_words() {
    type Flood = fn(&mut Bench, &mut Client, &Client, usize);
    let floods: [(&str, Flood); 4] = [
        ("words", |bench, guest, away, _| bench.say(guest, signal(away.id, "x"))),
        ("long words", |bench, guest, away, _| bench.say(guest, long(away.id, 60_000))),
        ("updates", |bench, guest, _, n| {
            let media = MediaState { video: n.is_multiple_of(2), ..MediaState::default() };
            bench.say(guest, ClientMessage::Update { media });
        }),
        ("rules", |bench, guest, _, n| {
            let id = RequestId(9);
            let rule = if n.is_multiple_of(2) { ClientMessage::Lock { id } } else { ClientMessage::Unlock { id } };
            bench.say(guest, rule);
        }),
    ];
    for (what, flood) in floods {
        let mut bench = Bench::new();
        let (mut flooder, room) = bench.host(None);
        let mut away = bench.guest(&room);
        bench.cut(&away);
        for n in 0..1500 {
            if bench.closed.contains_key(&flooder.conn) {
                break;
            }
            flood(&mut bench, &mut flooder, &away, n);
            bench.take(flooder.conn);
            bench.wait(Duration::from_millis(19));
        }
        assert!(bench.come_back(&mut away), "{what}");
        assert_eq!(bench.rooms.counters().overflows, 0, "{what}");
    }
}

#[test]
fn who_comes_and_goes_all_the_time_throws_nobody_out_who_is_away() {
    let mut bench = Bench::new();
    let (_, room) = bench.host(None);
    let mut away = bench.guest(&room);
    bench.cut(&away);
    for _ in 0..400 {
        let mut restless = bench.client_from(address(900));
        bench.say(&mut restless, join(&room, None));
        bench.say_goodbye(&restless);
        bench.wait(Duration::from_millis(70));
    }
    assert!(bench.come_back(&mut away));
}

#[test]
fn the_last_of_many_updates_is_what_the_others_know() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    bench.hear(&mut host);
    let media = |n: usize| MediaState { audio: n.is_multiple_of(2), ..MediaState::default() };
    for n in 1..101 {
        bench.say(&mut guest, ClientMessage::Update { media: media(n) });
    }
    let heard = bench.hear(&mut host).len();
    assert_eq!(heard, 40);
    bench.wait(Duration::from_secs(1));
    let news = bench.hear(&mut host);
    let [ServerMessage::PeerUpdated { peer }] = &news[..] else { panic!("{news:?}") };
    assert_eq!(peer.media, media(100));
}

#[test]
fn a_page_floods_nobody_either() {
    for is_page in [true, false] {
        let mut bench = Bench::with(RoomsConfig { legacy: Some(LegacyRules::default()), ..RoomsConfig::default() });
        let flooder = bench.page();
        bench.enter_room(&flooder, "tea");
        let room = RoomName::parse("tea").unwrap();
        let victim = if is_page {
            let page = bench.page();
            bench.enter_room(&page, "tea");
            page.id
        } else {
            let guest = bench.guest(&room);
            bench.slow.insert(guest.conn);
            guest.id
        };
        let before = bench.rooms.session_count();
        for _ in 0..200 {
            let text = "x".repeat(200_000);
            let message = serde_json::json!({ "to": victim.as_str(), "type": "chat", "payload": { "message": text } });
            let serde_json::Value::Object(message) = message else { unreachable!() };
            bench.rooms.handle_legacy(flooder.conn, LegacyRequest::Message(message), 200_000, bench.now);
            bench.drain();
            bench.wait(Duration::from_millis(400));
        }
        assert_eq!(bench.closed.get(&flooder.conn), Some(&CloseReason::Flood), "{is_page}");
        assert_eq!(bench.rooms.session_count(), before - 1, "{is_page}");
    }
}
