//! Who is host when the host is gone.

use super::*;

fn secret() -> InviteSecret {
    InviteSecret::from_random([1; 16])
}

#[test]
fn the_role_goes_to_who_has_been_there_longest_with_the_door() {
    type Going = fn(&mut Bench, &mut Client);
    let goings: [(Going, &str); 3] = [
        (|bench, host| bench.say(host, ClientMessage::Leave), "peer_left"),
        (
            |bench, host| {
                bench.cut(host);
                bench.wait(Duration::from_secs(30));
            },
            "peer_away, peer_left",
        ),
        (|bench, host| (0..21).for_each(|_| bench.say_text(host.conn, "[")), "peer_left"),
    ];
    for (going, heard) in goings {
        let mut bench = Bench::new();
        let (mut host, room) = bench.host(Some(secret()));
        let mut guests: Vec<Client> = (0..3).map(|_| bench.client()).collect();
        // They come in another order than that of their ids or sessions.
        for at in [1, 0, 2] {
            bench.say(&mut guests[at], join(&room, Some(secret())));
        }
        let knockers = [bench.knocker(&room), bench.knocker(&room)];
        for client in &mut guests {
            bench.hear(client);
        }
        going(&mut bench, &mut host);
        let news = bench.hear(&mut guests[1]);
        assert_eq!(summary(&news), format!("{heard}, room_state, lobby_request, lobby_request"));
        let roles =
            news.iter().filter_map(|m| if let ServerMessage::RoomState { role, .. } = m { Some(*role) } else { None });
        assert_eq!(roles.collect::<Vec<_>>(), [hearth_protocol::Role::Host]);
        for at in [0, 2] {
            let news = bench.hear(&mut guests[at]);
            let Some(ServerMessage::PeerUpdated { peer }) = news.last() else { panic!("{news:?}") };
            assert_eq!((peer.id, peer.role), (guests[1].id, hearth_protocol::Role::Host));
        }
        let mut heir = guests.swap_remove(1);
        bench.say(&mut heir, ClientMessage::Admit(about(knockers[0].id)));
        assert_eq!(summary(&bench.hear(&mut heir)), "lobby_left, peer_joined");
    }
}

#[test]
fn who_is_away_comes_last_and_a_legacy_page_never() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let page = bench.page();
    bench.enter_room(&page, room.as_str());
    let mut away = bench.guest(&room);
    let mut here = bench.guest(&room);
    bench.cut(&away);
    bench.say(&mut host, ClientMessage::Leave);
    assert!(summary(&bench.hear(&mut here)).ends_with("room_state"));
    assert!(bench.come_back(&mut away));
    bench.say(&mut here, ClientMessage::Leave);
    assert!(summary(&bench.hear(&mut away)).ends_with("room_state"));
    bench.say(&mut away, ClientMessage::Leave);
    assert_eq!(bench.rooms.room_count(), 1);
    // The room is without a host until somebody comes who can be one.
    bench.say(&mut host, join(&room, None));
    assert!(summary(&bench.hear(&mut host)).ends_with("joined, room_state"));
    bench.say(&mut host, ClientMessage::EndRoom { id: RequestId(1) });
    assert_eq!(bench.rooms.room_count(), 0);
}

#[test]
fn with_the_last_one_the_room_goes_and_who_waits_hears_it() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(Some(secret()));
    let mut knocker = bench.knocker(&room);
    bench.say(&mut host, ClientMessage::Leave);
    assert_eq!(bench.hear(&mut knocker), [ServerMessage::RoomEnded { reason: LeaveReason::Ended }]);
    assert_eq!(bench.rooms.room_count(), 0);
    bench.cut(&knocker);
    assert_eq!(bench.rooms.session_count(), 1, "outside again, there is nothing to come back to");
}
