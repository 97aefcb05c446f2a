//! Coming in: greetings, rooms, invites, who is polite, who is told.

use super::*;

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
fn where_only_this_machine_makes_rooms_a_stranger_makes_none() {
    let mut bench = Bench::with(RoomsConfig { creators: Creators::ThisMachine, ..RoomsConfig::default() });
    let create = || {
        let room = Some(RoomName::parse("mine").unwrap());
        let (media, nick) = (MediaState::default(), String::new());
        ClientMessage::Create(Create { id: RequestId(5), room, nick, invite_hash: None, capacity: None, media })
    };
    let conn = bench.connect_from(address(900));
    let mut stranger = bench.greet(conn);
    bench.say(&mut stranger, create());
    assert_eq!(errors(&bench.hear(&mut stranger)), [ErrorCode::NotHost]);
    assert_eq!((bench.rooms.room_count(), bench.rooms.member_addresses().len()), (0, 0));
    let mut own = bench.client_from(IpAddr::from([127, 0, 0, 1]));
    bench.say(&mut own, create());
    joined(bench.hear(&mut own));
}

#[test]
fn an_invite_room_opens_to_its_secret_alone() {
    let secret = InviteSecret::from_random([1; 16]);
    let mut bench = Bench::new();
    let (_, room) = bench.host(Some(secret));
    let mut guest = bench.client();
    bench.say(&mut guest, join(&room, Some(InviteSecret::from_random([2; 16]))));
    assert_eq!(errors(&bench.hear(&mut guest)), [ErrorCode::BadInvite]);
    bench.say(&mut guest, join(&room, Some(secret)));
    assert!(joined(bench.hear(&mut guest)).room_state.invite_only);
}

#[test]
fn guessing_is_slowed_down_for_its_source_alone() {
    let mut bench = Bench::new();
    let (_, room) = bench.host(Some(InviteSecret::from_random([1; 16])));
    let wrong = Some(InviteSecret::from_random([2; 16]));
    let guesser = |bench: &mut Bench, last: u64| {
        let mut client = bench.client_from(address(1000 + last));
        bench.say(&mut client, join(&room, wrong));
        errors(&bench.hear(&mut client))[0]
    };
    // Reconnecting does not help.
    let answers: Vec<_> = (0..14).map(|_| guesser(&mut bench, 1)).collect();
    assert_eq!(answers.iter().filter(|code| **code == ErrorCode::BadInvite).count(), 10);
    assert_eq!(answers.last(), Some(&ErrorCode::RateLimited));
    assert_eq!(guesser(&mut bench, 2), ErrorCode::BadInvite);
    bench.wait(Duration::from_secs(5));
    assert_eq!(guesser(&mut bench, 1), ErrorCode::BadInvite);
    assert_eq!(guesser(&mut bench, 1), ErrorCode::RateLimited);
}

#[test]
fn the_thirteenth_finds_the_room_full_until_somebody_goes() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let guests: Vec<_> = (0..11).map(|_| bench.guest(&room)).collect();
    let mut late = bench.client();
    bench.say(&mut late, join(&room, None));
    let refused = bench.hear(&mut late);
    assert!(
        matches!(refused[..], [.., ServerMessage::Error { code: ErrorCode::Full, capacity: Some(12), .. }]),
        "{refused:?}"
    );
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
    let lifetime = Duration::from_secs(400);
    let turn = TurnRest { urls: vec!["turn:10.0.0.1:3478".into()], secret, lifetime, before_join: lifetime };
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
