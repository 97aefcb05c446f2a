//! Coming in: greetings, rooms, invites, who is polite, who is told.

use super::*;

#[test]
fn every_message_has_its_answer_in_every_state_of_a_session() {
    let peer = "bbbbbbbbbbbbbbbb";
    let table: [(&str, &str, &str, &str); 9] = [
        // message without its number | before hello | in no room | in a room
        (r#""type":"hello","v":[1]"#, "session", "error bad_message", "error bad_message"),
        (r#""type":"hello","v":[9]"#, "error unsupported_version", "error bad_message", "error bad_message"),
        (r#""type":"create""#, "error bad_message", "joined", "error bad_message"),
        (r#""type":"join","room":"x""#, "error bad_message", "error no_such_room", "error bad_message"),
        (r#""type":"update","media":{"audio":true}"#, "error bad_message", "error not_in_room", ""),
        (
            r#""type":"signal","to":"PEER","sid":1,"end":"""#,
            "error bad_message",
            "error not_in_room",
            "error not_in_room",
        ),
        (r#""type":"leave""#, "error bad_message", "", ""),
        (r#""type":"from_the_future""#, "", "", ""),
        (r#""type":"join""#, "error bad_message", "error bad_message", "error bad_message"),
    ];
    for (message, before, outside, inside) in table {
        let message = message.replace("PEER", peer);
        let mut bench = Bench::new();
        let conn = bench.connect();
        bench.take(conn);
        bench.say_text(conn, &format!("{{{message}}}"));
        assert_eq!(summary(&bench.take(conn)), before, "{message} before hello");

        let client = bench.client();
        bench.say_text(client.conn, &format!(r#"{{"seq":1,{message}}}"#));
        assert_eq!(summary(&bench.take(client.conn)), outside, "{message} in no room");

        let (mut host, _) = bench.host(None);
        host.sent += 1;
        bench.say_text(host.conn, &format!(r#"{{"seq":{},{message}}}"#, host.sent));
        assert_eq!(summary(&bench.take(host.conn)), inside, "{message} in a room");
    }
}

/// The types of the messages, errors by their code.
fn summary(messages: &[ServerMessage]) -> String {
    let one = |message: &ServerMessage| {
        let value = serde_json::to_value(message).unwrap();
        let text = |key: &str| value.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        format!("{} {}", text("type"), text("code")).trim().to_owned()
    };
    messages.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn who_joins_is_polite_and_everybody_hears_of_it() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    assert_eq!(room.as_str().len(), 9);
    let mut guest = bench.client();
    bench.say(&mut guest, join(&room, None));
    let welcome = joined(bench.hear(&mut guest));
    assert_eq!((welcome.id, welcome.role), (RequestId(2), hearth_protocol::Role::Guest));
    assert_eq!(
        (welcome.peers[0].id, welcome.peers[0].polite, welcome.peers[0].role),
        (host.id, true, hearth_protocol::Role::Host)
    );
    let news = bench.hear(&mut host);
    let [ServerMessage::PeerJoined { peer }] = &news[..] else { panic!("{news:?}") };
    assert_eq!((peer.id, peer.polite, peer.kind, peer.media.audio), (guest.id, false, PeerKind::Native, true));

    // Coming back to the room changes who is polite.
    bench.say(&mut host, ClientMessage::Leave);
    bench.say(&mut host, join(&room, None));
    assert!(joined(bench.hear(&mut host)).peers[0].polite);
}

#[test]
fn a_name_is_taken_while_somebody_is_in_the_room() {
    let mut bench = Bench::new();
    let mut one = bench.client();
    let mut other = bench.client();
    let create = ClientMessage::Create(Create {
        id: RequestId(5),
        room: Some(RoomName::parse("__proto__").unwrap()),
        nick: String::new(),
        invite_hash: None,
        capacity: None,
        media: MediaState::default(),
    });
    bench.say(&mut one, create.clone());
    bench.say(&mut other, create.clone());
    assert_eq!(errors(&bench.hear(&mut other)), [ErrorCode::Taken]);
    bench.say(&mut one, ClientMessage::Leave);
    assert_eq!(bench.rooms.room_count(), 0);
    bench.say(&mut other, create);
    assert_eq!(joined(bench.hear(&mut other)).id, RequestId(5));
}

#[test]
fn an_invite_room_opens_to_its_secret_alone() {
    let secret = InviteSecret::from_random([1; 16]);
    let mut bench = Bench::new();
    let (_, room) = bench.host(Some(secret));
    let mut guest = bench.client();
    for wrong in [None, Some(InviteSecret::from_random([2; 16]))] {
        bench.say(&mut guest, join(&room, wrong));
        assert_eq!(errors(&bench.hear(&mut guest)), [ErrorCode::BadInvite]);
    }
    bench.say(&mut guest, join(&room, Some(secret)));
    assert!(joined(bench.hear(&mut guest)).room_state.invite_only);
}

#[test]
fn guessing_is_slowed_down_for_its_source_alone() {
    let mut bench = Bench::new();
    let (_, room) = bench.host(Some(InviteSecret::from_random([1; 16])));
    let from = |last: u8| Source::from(std::net::IpAddr::from([10, 0, 0, last]));
    let guesser = |bench: &mut Bench, source| {
        let conn = ConnId(1000 + bench.next_conn);
        bench.next_conn += 1;
        bench.rooms.handle_connected_from(conn, source, bench.now);
        bench.say_text(conn, r#"{"type":"hello","v":[1]}"#);
        bench.take(conn);
        bench.say_text(conn, &serde_json::to_string(&Numbered { seq: Some(1), message: join(&room, None) }).unwrap());
        errors(&bench.take(conn))[0]
    };
    // Reconnecting does not help.
    let answers: Vec<_> = (0..14).map(|_| guesser(&mut bench, from(1))).collect();
    assert_eq!(answers.iter().filter(|code| **code == ErrorCode::BadInvite).count(), 10);
    assert_eq!(answers.last(), Some(&ErrorCode::RateLimited));
    assert_eq!(guesser(&mut bench, from(2)), ErrorCode::BadInvite);
    bench.wait(Duration::from_secs(5));
    assert_eq!(guesser(&mut bench, from(1)), ErrorCode::BadInvite);
    assert_eq!(guesser(&mut bench, from(1)), ErrorCode::RateLimited);
}

#[test]
fn the_thirteenth_finds_the_room_full_until_somebody_goes() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let guests: Vec<_> = (0..11).map(|_| bench.guest(&room)).collect();
    let mut late = bench.client();
    bench.say(&mut late, join(&room, None));
    assert_eq!(errors(&bench.hear(&mut late)), [ErrorCode::Full]);
    bench.cut(&guests[0]);
    bench.say(&mut late, join(&room, None));
    assert_eq!(errors(&bench.hear(&mut late)), [ErrorCode::Full], "who is away keeps the place");
    bench.say(&mut host, ClientMessage::Leave);
    bench.say(&mut late, join(&room, None));
    let welcome = joined(bench.hear(&mut late));
    assert_eq!(welcome.peers.iter().filter(|p| p.away).map(|p| p.id).collect::<Vec<_>>(), [guests[0].id]);
}

#[test]
fn turn_credentials_are_renewed_before_they_end() {
    let secret = TurnSecret::new("north").unwrap();
    let turn = TurnRest { urls: vec!["turn:10.0.0.1:3478".into()], secret, lifetime: Duration::from_secs(400) };
    let fixed =
        vec![hearth_protocol::IceServer { urls: vec!["stun:10.0.0.1".into()], username: None, credential: None }];
    let mut bench = Bench::with(RoomsConfig { ice: IceConfig { fixed, turn: Some(turn) }, ..RoomsConfig::default() });
    let mut host = bench.client();
    bench.say(&mut host, ClientMessage::Create(serde_json::from_str("{}").unwrap()));
    let welcome = joined(bench.hear(&mut host));
    assert_eq!((welcome.ice_expires, welcome.ice_servers.len()), (400, 2));
    assert_eq!(welcome.ice_servers[1].username, Some(format!("1800000400:{}", host.id)));
    bench.wait(Duration::from_secs(299));
    assert_eq!(bench.hear(&mut host), []);
    bench.wait(Duration::from_secs(1));
    let news = bench.hear(&mut host);
    let [ServerMessage::IceRefresh { ice_servers, ice_expires: 400 }] = &news[..] else { panic!("{news:?}") };
    assert_eq!(ice_servers[1].username, Some(format!("1800000700:{}", host.id)));
    bench.say(&mut host, ClientMessage::Leave);
    assert_eq!(bench.rooms.poll_timeout(), None, "who is in no room needs none");
}

#[test]
fn one_seed_gives_the_same_room_twice_and_another_seed_another() {
    let name = |seed| {
        let now = start();
        let mut rooms = Rooms::new(RoomsConfig::default(), [seed; 32], Epoch { at: now, unix_s: 0 });
        rooms.handle_connected(ConnId(0), now);
        rooms.handle_message(ConnId(0), r#"{"type":"hello","v":[1]}"#, now);
        rooms.handle_message(ConnId(0), r#"{"type":"create","seq":1}"#, now);
        std::iter::from_fn(move || rooms.poll_output()).collect::<Vec<_>>()
    };
    assert_eq!(name(1), name(1));
    assert_ne!(name(1), name(2));
}
