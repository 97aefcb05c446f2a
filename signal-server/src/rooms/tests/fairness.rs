//! What one source may use up, and what it can guess.

use hearth_protocol::RoomPassword;

use super::*;

fn secret() -> InviteSecret {
    InviteSecret::from_random([1; 16])
}

fn create(room: Option<&str>) -> ClientMessage {
    let room = room.map(|room| RoomName::parse(room).unwrap());
    let (media, nick) = (MediaState::default(), String::new());
    ClientMessage::Create(Create { id: RequestId(5), room, nick, invite_hash: None, capacity: None, media })
}

fn with_password(room: &RoomName, invite: Option<InviteSecret>, text: &str) -> ClientMessage {
    let ClientMessage::Join(mut asked) = join(room, invite) else { unreachable!() };
    asked.password = Some(RoomPassword::parse(text).unwrap());
    ClientMessage::Join(asked)
}

fn v6(net: u64) -> IpAddr {
    let prefix = 0x2001_0db8_0001_0000_u64 + net;
    IpAddr::from((u128::from(prefix) << 64 | 1).to_be_bytes())
}

/// Rooms that a source makes in so many seconds, each by a connection that is lost at once.
fn made(bench: &mut Bench, from: impl Fn(u64) -> IpAddr, seconds: u64) -> usize {
    for n in 0..seconds * 200 {
        let mut client = bench.client_from(from(n));
        bench.say(&mut client, create(None));
        bench.cut(&client);
        bench.wait(Duration::from_millis(5));
    }
    bench.rooms.room_count()
}

#[test]
fn one_source_makes_a_hundred_rooms_and_others_go_on() {
    let mut bench = Bench::new();
    let rooms = made(&mut bench, |_| address(900), 9);
    assert!((100..110).contains(&rooms), "{rooms}");
    bench.host(None);
    // Anyone who rents a /48 has eight times as many.
    let mut bench = Bench::new();
    let rooms = made(&mut bench, v6, 9);
    assert!((800..830).contains(&rooms), "{rooms}");
    bench.host(None);
}

#[test]
fn an_older_page_makes_no_more_rooms_than_others() {
    let mut bench = Bench::with(RoomsConfig { legacy: Some(LegacyRules::default()), ..RoomsConfig::default() });
    let page = bench.page();
    let answers: Vec<String> = (0..120).map(|n| bench.enter_room(&page, &format!("room-{n}"))).collect();
    assert_eq!(answers.iter().filter(|answer| answer.contains("clients")).count(), 100);
    assert_eq!(answers.last().map(String::as_str), Some(r#"31["rate_limited"]"#));
}

#[test]
fn a_full_table_of_guessers_keeps_nobody_out_who_has_the_invitation() {
    let mut bench = Bench::new();
    let (_, room) = bench.host(Some(secret()));
    let wrong = InviteSecret::from_random([2; 16]);
    for n in 0..4500 {
        let mut guesser = bench.client_from(v6(n * 7));
        bench.say(&mut guesser, join(&room, Some(wrong)));
        bench.cut(&guesser);
    }
    // From a new address, and from one that has used up its guesses.
    for from in [address(900), v6(0)] {
        let mut guest = bench.client_from(from);
        bench.say(&mut guest, join(&room, Some(secret())));
        joined(bench.hear(&mut guest));
    }
    let mut newcomer = bench.client_from(address(901));
    bench.say(&mut newcomer, join(&room, None));
    assert_eq!(summary(&bench.hear(&mut newcomer)), "waiting", "numbers from elsewhere are judged, too");
}

#[test]
fn ten_wrong_numbers_of_one_do_not_refuse_the_others_right_link() {
    let mut bench = Bench::new();
    let (_, room) = bench.host(Some(secret()));
    let mut child = bench.client_from(address(900));
    for n in 0..12 {
        bench.say(&mut child, join(&RoomName::parse(&format!("10000000{n}")).unwrap(), None));
    }
    assert_eq!(errors(&bench.hear(&mut child)).last(), Some(&ErrorCode::RateLimited));
    let mut parent = bench.client_from(address(900));
    bench.say(&mut parent, join(&room, Some(secret())));
    joined(bench.hear(&mut parent));
}

#[test]
fn to_hear_that_a_name_is_taken_is_a_guess() {
    let mut bench = Bench::new();
    let (_, room) = bench.host(None);
    let mut codes = Vec::new();
    for _ in 0..300 {
        let mut guesser = bench.client_from(address(900));
        bench.say(&mut guesser, create(Some(room.as_str())));
        codes.extend(errors(&bench.hear(&mut guesser)));
        bench.cut(&guesser);
    }
    assert_eq!(codes.iter().filter(|code| **code == ErrorCode::Taken).count(), 10);
    assert_eq!(codes.iter().filter(|code| **code == ErrorCode::RateLimited).count(), 290);
    assert_eq!(bench.rooms.counters().wrong_guesses, 10);
    // No name is judged then, a free one neither.
    let mut guesser = bench.client_from(address(900));
    bench.say(&mut guesser, create(Some("free")));
    assert_eq!(errors(&bench.hear(&mut guesser)), [ErrorCode::RateLimited]);
    bench.say(&mut guesser, create(None));
    joined(bench.hear(&mut guesser));
}

#[test]
fn an_older_page_guesses_no_faster() {
    let mut bench = Bench::with(RoomsConfig { legacy: Some(LegacyRules::default()), ..RoomsConfig::default() });
    let (_, room) = bench.host(None);
    let page = bench.page();
    for n in 0..300 {
        let request = LegacyRequest::Create { room: Some(room.as_str().to_owned()), ack: Some(AckId(n)) };
        bench.rooms.handle_legacy(page.conn, request, 50, bench.now);
        bench.drain();
    }
    let answers = format!("{:?}", bench.events.get(&page.conn));
    assert_eq!((answers.matches("taken").count(), answers.matches("rate_limited").count()), (10, 290));
}

#[test]
fn a_password_is_guessed_by_nobody_from_however_many_addresses() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(Some(secret()));
    let id = RequestId(5);
    bench.say(&mut host, ClientMessage::SetPassword { id, password: Some(RoomPassword::parse("4711").unwrap()) });
    bench.hear(&mut host);
    let mut judged = 0;
    for n in 0..4000 {
        let mut guesser = bench.client_from(address(1000 + n % 1600));
        bench.say(&mut guesser, with_password(&room, None, &format!("{n:04}")));
        let codes = errors(&bench.hear(&mut guesser));
        judged += codes.iter().filter(|code| **code == ErrorCode::BadPassword).count();
        bench.cut(&guesser);
        bench.wait(Duration::from_millis(1));
    }
    assert_eq!(judged, 30, "of all sources together");
    bench.wait(Duration::from_secs(1));
    let news = bench.hear(&mut host);
    let told = news.iter().rev().find_map(|message| {
        let ServerMessage::RoomState { room_state, .. } = message else { return None };
        Some((room_state.wrong_passwords, room_state.wrong_invites))
    });
    assert_eq!(told, Some((30, 0)), "the host sees that somebody guesses");
    // The right one is not judged either, and says so; the link passes.
    let mut guest = bench.client();
    bench.say(&mut guest, with_password(&room, None, "4711"));
    let heard = bench.hear(&mut guest);
    assert!(matches!(heard[..], [ServerMessage::Error { code: ErrorCode::RateLimited, retry_after: Some(60), .. }]));
    bench.say(&mut guest, with_password(&room, Some(secret()), "4711"));
    joined(bench.hear(&mut guest));
    bench.wait(Duration::from_secs(60));
    let mut late = bench.client();
    bench.say(&mut late, with_password(&room, None, "4711"));
    joined(bench.hear(&mut late));
}

#[test]
fn a_link_of_another_room_does_not_open_one_that_has_its_name() {
    let mut bench = Bench::new();
    let (_, room) = bench.host(None);
    let mut guest = bench.client();
    bench.say(&mut guest, join(&room, Some(secret())));
    assert_eq!(errors(&bench.hear(&mut guest)), [ErrorCode::BadInvite]);
}
