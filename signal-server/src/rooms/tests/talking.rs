//! Being in a room: signals, states, leaving.

use super::*;

#[test]
fn a_signal_reaches_the_other_one_stamped_with_its_sender() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    let mut third = bench.guest(&room);
    for client in [&mut host, &mut third] {
        bench.hear(client);
    }
    bench.say(&mut guest, signal(host.id, "ufrag"));
    let heard = bench.hear(&mut host);
    let [ServerMessage::Signal(heard)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((heard.from, heard.to, &heard.body), (Some(guest.id), None, &SignalBody::End("ufrag".into())));
    assert_eq!(bench.hear(&mut third), []);
}

#[test]
fn nobody_is_reached_outside_the_own_room() {
    let mut bench = Bench::new();
    let (mut one, _) = bench.host(None);
    let (mut other, _) = bench.host(None);
    let idle = bench.client();
    for to in [other.id, idle.id, one.id, PeerId::parse("aaaaaaaaaaaaaaaa").unwrap()] {
        bench.say(&mut one, signal(to, ""));
        assert_eq!(errors(&bench.hear(&mut one)), [ErrorCode::NotInRoom]);
    }
    bench.say(&mut one, ClientMessage::Leave);
    bench.say(&mut one, signal(other.id, ""));
    assert_eq!(errors(&bench.hear(&mut one)), [ErrorCode::NotInRoom]);
    assert_eq!((bench.hear(&mut other), bench.take(idle.conn)), (vec![], vec![]));
    assert_eq!(bench.rooms.counters().stray_signals, 5);
}

#[test]
fn an_update_is_heard_by_the_others_when_it_changes_something() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    bench.hear(&mut host);
    let media = MediaState { video: true, ..MediaState::default() };
    for heard in [1, 0] {
        bench.say(&mut guest, ClientMessage::Update { media });
        let news = bench.hear(&mut host);
        assert_eq!(news.len(), heard, "{news:?}");
        for message in news {
            let ServerMessage::PeerUpdated { peer } = message else { panic!("{message:?}") };
            assert_eq!((peer.id, peer.media, peer.polite, peer.away), (guest.id, media, false, false));
        }
    }
    bench.say(&mut host, ClientMessage::Update { media });
    let news = bench.hear(&mut guest);
    let [ServerMessage::PeerUpdated { peer }] = &news[..] else { panic!("{news:?}") };
    assert!(peer.polite, "who came first stays the impolite one");
}

#[test]
fn the_last_one_to_leave_takes_the_room_along() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    bench.hear(&mut host);
    bench.say(&mut guest, ClientMessage::Leave);
    let left = ServerMessage::PeerLeft { id: guest.id, reason: LeaveReason::Left };
    assert_eq!(bench.hear(&mut host), [left]);
    bench.say(&mut host, ClientMessage::Leave);
    assert_eq!(bench.rooms.room_count(), 0);
    bench.say(&mut guest, join(&room, None));
    assert_eq!(errors(&bench.hear(&mut guest)), [ErrorCode::NoSuchRoom]);
    assert_eq!(bench.rooms.session_count(), 2, "sessions go on");
}

#[test]
fn draining_is_told_to_everybody() {
    let mut bench = Bench::new();
    let (mut host, _) = bench.host(None);
    let mut idle = bench.client();
    bench.rooms.handle_draining(bench.now);
    bench.drain();
    for client in [&mut host, &mut idle] {
        assert_eq!(bench.hear(client), [ServerMessage::ServerDraining]);
    }
}
