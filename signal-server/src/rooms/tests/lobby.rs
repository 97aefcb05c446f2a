//! The door: who waits, who decides, and who hears of it.

use super::*;

fn secret() -> InviteSecret {
    InviteSecret::from_random([1; 16])
}

#[test]
fn who_has_the_number_alone_waits_until_the_host_lets_them_in() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(Some(secret()));
    let mut guest = bench.client();
    bench.say(&mut guest, join(&room, Some(secret())));
    bench.hear(&mut host);
    bench.hear(&mut guest);
    let mut knocker = bench.knocker(&room);
    let asked = bench.hear(&mut host);
    let [ServerMessage::LobbyRequest { peer }] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((peer.id, peer.nick.as_str(), peer.kind), (knocker.id, "Guest 2", PeerKind::Native));
    assert_eq!(bench.hear(&mut guest), [], "the door is the host's business");

    bench.say(&mut knocker, ClientMessage::Update { media: MediaState { video: true, ..MediaState::default() } });
    bench.say(&mut host, ClientMessage::Admit(about(knocker.id)));
    let inside = joined(bench.hear(&mut knocker));
    assert_eq!((inside.id, inside.role, inside.peers.len()), (RequestId(2), hearth_protocol::Role::Guest, 2));
    assert_eq!(summary(&bench.hear(&mut host)), "lobby_left, peer_joined");
    let came = bench.hear(&mut guest);
    let [ServerMessage::PeerJoined { peer }] = &came[..] else { panic!("{came:?}") };
    assert!(peer.media.video, "what was said at the door is true inside");
}

#[test]
fn who_is_sent_away_may_knock_again() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(Some(secret()));
    let mut knocker = bench.knocker(&room);
    bench.say(&mut host, ClientMessage::Deny(about(knocker.id)));
    assert_eq!(errors(&bench.hear(&mut knocker)), [ErrorCode::Denied]);
    assert_eq!(summary(&bench.hear(&mut host)), "lobby_request, lobby_left");
    bench.say(&mut knocker, join(&room, None));
    assert_eq!(summary(&bench.hear(&mut knocker)), "waiting");
}

#[test]
fn whoever_stops_waiting_is_taken_off_the_hosts_list() {
    type Act = fn(&mut Bench, &mut Client);
    let acts: [Act; 3] = [
        |bench, knocker| bench.say(knocker, ClientMessage::Leave),
        |bench, knocker| {
            bench.cut(knocker);
            bench.wait(Duration::from_secs(30));
        },
        |bench, knocker| (0..21).for_each(|_| bench.say_text(knocker.conn, "[")),
    ];
    for act in acts {
        let mut bench = Bench::new();
        let (mut host, room) = bench.host(Some(secret()));
        let mut knocker = bench.knocker(&room);
        bench.hear(&mut host);
        act(&mut bench, &mut knocker);
        assert_eq!(bench.hear(&mut host), [ServerMessage::LobbyLeft { id: knocker.id }]);
        bench.say(&mut host, ClientMessage::Admit(about(knocker.id)));
        assert_eq!(errors(&bench.hear(&mut host)), [ErrorCode::NotInRoom]);
    }
}

#[test]
fn waiting_survives_a_cut_and_so_does_the_answer() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(Some(secret()));
    let mut knocker = bench.knocker(&room);
    bench.hear(&mut host);
    bench.cut(&knocker);
    assert!(bench.come_back(&mut knocker));
    assert_eq!((bench.hear(&mut host), bench.hear(&mut knocker)), (vec![], vec![]));
    bench.cut(&knocker);
    bench.say(&mut host, ClientMessage::Admit(about(knocker.id)));
    let news = bench.hear(&mut host);
    assert!(matches!(&news[..], [_, ServerMessage::PeerJoined { peer }] if peer.away), "{news:?}");
    assert!(bench.come_back(&mut knocker));
    joined(bench.hear(&mut knocker));
}

#[test]
fn a_host_who_was_away_hears_of_the_knocks_meanwhile() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(Some(secret()));
    bench.cut(&host);
    let knocker = bench.knocker(&room);
    assert!(bench.come_back(&mut host));
    assert_eq!(summary(&bench.hear(&mut host)), "lobby_request");
    bench.say(&mut host, ClientMessage::Admit(about(knocker.id)));
    assert_eq!(summary(&bench.hear(&mut host)), "lobby_left, peer_joined");
}

#[test]
fn the_door_holds_thirty_two_and_a_source_knocks_ten_times() {
    let mut bench = Bench::new();
    let (_, room) = bench.host(Some(secret()));
    let waiting: Vec<Client> = (0..room::LOBBY).map(|_| bench.knocker(&room)).collect();
    let mut late = bench.client();
    bench.say(&mut late, join(&room, None));
    assert_eq!(errors(&bench.hear(&mut late)), [ErrorCode::RateLimited]);
    bench.cut(&waiting[0]);
    bench.wait(Duration::from_secs(30));
    bench.say(&mut late, join(&room, None));
    assert_eq!(summary(&bench.hear(&mut late)), "waiting");

    let mut bench = Bench::new();
    let (_, room) = bench.host(Some(secret()));
    let mut knocker = bench.client();
    let mut answers = Vec::new();
    for _ in 0..11 {
        bench.say(&mut knocker, join(&room, None));
        bench.say(&mut knocker, ClientMessage::Leave);
        answers.push(summary(&bench.hear(&mut knocker)));
    }
    assert_eq!(answers.iter().filter(|answer| answer.ends_with("waiting")).count(), 10);
    bench.say(&mut knocker, join(&room, Some(secret())));
    joined(bench.hear(&mut knocker)); // the link needs no knock
}

#[test]
fn a_full_room_is_full_at_the_door_and_when_the_host_says_come_in() {
    let mut bench = Bench::new();
    let mut host = bench.client();
    let create = r#"{"seq":1,"type":"create","capacity":2,"invite_hash":"HASH"}"#;
    bench.say_text(host.conn, &create.replace("HASH", &secret().hash().reveal()));
    host.sent = 1;
    let mine = joined(bench.hear(&mut host));
    assert_eq!(mine.room_state.capacity, 2);
    let mut knocker = bench.knocker(&mine.room);
    let mut guest = bench.client();
    bench.say(&mut guest, join(&mine.room, Some(secret())));
    assert_eq!(joined(bench.hear(&mut guest)).room_state.capacity, 2);
    bench.hear(&mut host);
    bench.say(&mut host, ClientMessage::Admit(about(knocker.id)));
    let refused = bench.hear(&mut host);
    let full = ServerMessage::Error {
        id: Some(RequestId(7)),
        code: ErrorCode::Full,
        message: "the room is full".into(),
        retry_after: None,
        capacity: Some(2),
    };
    assert_eq!(refused, [full]);
    let mut late = bench.client();
    bench.say(&mut late, join(&mine.room, None));
    assert_eq!(errors(&bench.hear(&mut late)), [ErrorCode::Full]);
    bench.say(&mut guest, ClientMessage::Leave);
    bench.say(&mut host, ClientMessage::Admit(about(knocker.id)));
    joined(bench.hear(&mut knocker));
}

#[test]
fn a_capacity_is_within_what_the_server_allows() {
    for (wish, given) in [("1000", 12), ("12", 12), ("5", 5), ("0", 1)] {
        let mut bench = Bench::new();
        let client = bench.client();
        bench.say_text(client.conn, &format!(r#"{{"seq":1,"type":"create","capacity":{wish}}}"#));
        assert_eq!(joined(bench.take(client.conn)).room_state.capacity, given, "{wish}");
    }
}

#[test]
fn the_host_alone_hears_of_wrong_secrets_and_at_most_once_a_second() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(Some(secret()));
    let mut guest = bench.client();
    bench.say(&mut guest, join(&room, Some(secret())));
    for client in [&mut host, &mut guest] {
        bench.hear(client);
    }
    let counts = |messages: &[ServerMessage]| -> Vec<u32> {
        let count = |m: &ServerMessage| {
            if let ServerMessage::RoomState { room_state, .. } = m { Some(room_state.wrong_invites) } else { None }
        };
        messages.iter().filter_map(count).collect()
    };
    let mut guesser = bench.client();
    let wrong = Some(InviteSecret::from_random([2; 16]));
    for _ in 0..5 {
        bench.say(&mut guesser, join(&room, wrong));
    }
    assert_eq!(counts(&bench.hear(&mut host)), [1]);
    bench.wait(Duration::from_secs(1));
    assert_eq!(counts(&bench.hear(&mut host)), [5]);
    bench.wait(Duration::from_secs(60));
    assert_eq!((bench.hear(&mut host), bench.hear(&mut guest)), (vec![], vec![]));
    bench.say(&mut guesser, join(&room, Some(secret())));
    assert_eq!(joined(bench.hear(&mut guesser)).room_state.wrong_invites, 0);
}
