//! What a host decides about the whole room: silence, a lock, a password, another host.

use hearth_protocol::{Role, RoomPassword, RoomState};

use super::*;

fn secret() -> InviteSecret {
    InviteSecret::from_random([1; 16])
}

fn password(text: &str) -> RoomPassword {
    RoomPassword::parse(text).unwrap()
}

fn with_password(room: &RoomName, invite: Option<InviteSecret>, text: &str) -> ClientMessage {
    let ClientMessage::Join(mut asked) = join(room, invite) else { unreachable!() };
    asked.password = Some(password(text));
    ClientMessage::Join(asked)
}

fn set_password(text: Option<&str>) -> ClientMessage {
    ClientMessage::SetPassword { id: RequestId(5), password: text.map(password) }
}

/// The room as the last `room_state` has it.
fn state(news: &[ServerMessage]) -> Option<RoomState> {
    news.iter().rev().find_map(|message| {
        if let ServerMessage::RoomState { room_state, .. } = message { Some(room_state.clone()) } else { None }
    })
}

#[test]
fn who_is_no_host_rules_nothing() {
    let mut bench = Bench::new();
    let (_, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    let id = RequestId(5);
    let host = guest.id;
    for rule in [
        ClientMessage::MuteAll { id },
        ClientMessage::Lock { id },
        ClientMessage::Unlock { id },
        set_password(Some("tea")),
        ClientMessage::MakeHost(about(host)),
    ] {
        bench.say(&mut guest, rule);
        assert_eq!(errors(&bench.hear(&mut guest)), [ErrorCode::NotHost]);
    }
}

#[test]
fn everybody_but_the_host_is_silenced() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guests = [bench.guest(&room), bench.guest(&room)];
    guests.iter_mut().for_each(|guest| drop(bench.hear(guest)));
    bench.hear(&mut host);
    bench.say(&mut host, ClientMessage::MuteAll { id: RequestId(5) });
    for guest in &mut guests {
        assert_eq!(bench.hear(guest), [ServerMessage::Muted]);
    }
    assert!(bench.hear(&mut host).is_empty());
}

#[test]
fn a_locked_room_lets_nobody_in_until_it_is_opened_and_whoever_was_cut_off_comes_back() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(Some(secret()));
    let mut guest = bench.client();
    bench.say(&mut guest, join(&room, Some(secret())));
    bench.hear(&mut guest);
    bench.say(&mut host, ClientMessage::Lock { id: RequestId(5) });
    assert!(state(&bench.hear(&mut guest)).unwrap().locked);
    let mut other = bench.client();
    for invite in [Some(secret()), None] {
        bench.say(&mut other, join(&room, invite));
        assert_eq!(errors(&bench.hear(&mut other)), [ErrorCode::Locked], "no lobby either");
    }
    bench.cut(&guest);
    assert!(bench.come_back(&mut guest));
    bench.say(&mut host, ClientMessage::Unlock { id: RequestId(6) });
    assert!(!state(&bench.hear(&mut guest)).unwrap().locked);
    bench.say(&mut other, join(&room, Some(secret())));
    joined(bench.hear(&mut other));
}

#[test]
fn a_password_lets_in_and_a_wrong_one_is_a_guess() {
    for invite in [None, Some(secret())] {
        let mut bench = Bench::new();
        let (mut host, room) = bench.host(invite);
        bench.say(&mut host, set_password(Some("tea for 2")));
        assert!(state(&bench.hear(&mut host)).unwrap().has_password);
        let mut guest = bench.client();
        bench.say(&mut guest, with_password(&room, None, "tea for two"));
        assert_eq!(errors(&bench.hear(&mut guest)), [ErrorCode::BadPassword]);
        assert_eq!(bench.rooms.counters().wrong_guesses, 1);
        bench.say(&mut guest, with_password(&room, None, "tea for 2"));
        joined(bench.hear(&mut guest));
        // Without one: an invite room lets knock, an open one asks for it.
        let mut other = bench.client();
        bench.say(&mut other, join(&room, None));
        let heard = bench.hear(&mut other);
        match invite {
            Some(_) => assert_eq!(summary(&heard), "waiting"),
            None => assert_eq!(errors(&heard), [ErrorCode::BadPassword]),
        }
        assert_eq!(bench.rooms.counters().wrong_guesses, 1, "who was asked has guessed nothing");
        // The link is worth more than the password.
        if invite.is_some() {
            let mut invited = bench.client();
            bench.say(&mut invited, with_password(&room, invite, "nonsense"));
            joined(bench.hear(&mut invited));
        }
        bench.say(&mut host, set_password(None));
        assert!(!state(&bench.hear(&mut host)).unwrap().has_password);
    }
}

#[test]
fn who_waits_may_say_the_password_and_waits_on_where_it_is_another() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(Some(secret()));
    bench.say(&mut host, set_password(Some("tea")));
    let mut guest = bench.client();
    bench.say(&mut guest, join(&room, None));
    assert_eq!(bench.hear(&mut guest), [ServerMessage::Waiting { id: RequestId(2), has_password: true }]);
    bench.hear(&mut host);
    bench.say(&mut guest, with_password(&room, None, "soup"));
    assert_eq!(errors(&bench.hear(&mut guest)), [ErrorCode::BadPassword]);
    assert_eq!(summary(&bench.hear(&mut host)), "room_state", "of a guess, and of nobody who left the door");
    bench.say(&mut guest, join(&room, None));
    assert_eq!(errors(&bench.hear(&mut guest)), [ErrorCode::BadMessage], "one knock is enough");
    bench.say(&mut guest, with_password(&room, None, "tea"));
    joined(bench.hear(&mut guest));
    assert_eq!(summary(&bench.hear(&mut host)), "lobby_left, peer_joined");
}

#[test]
fn who_was_put_out_waits_on_with_the_password_too() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(Some(secret()));
    bench.say(&mut host, set_password(Some("tea")));
    let mut guest = bench.client();
    bench.say(&mut guest, with_password(&room, None, "tea"));
    joined(bench.hear(&mut guest));
    bench.say(&mut host, ClientMessage::Kick(about(guest.id)));
    bench.hear(&mut guest);
    bench.hear(&mut host);
    for asked in [join(&room, None), with_password(&room, None, "tea")] {
        bench.say(&mut guest, asked);
        assert_eq!(bench.hear(&mut guest), [ServerMessage::Waiting { id: RequestId(2), has_password: false }]);
    }
    assert_eq!(summary(&bench.hear(&mut host)), "lobby_request", "once");
}

#[test]
fn ten_thousand_guesses_of_a_password_come_to_a_handful() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    bench.say(&mut host, set_password(Some("4711")));
    let mut judged = 0;
    for n in 0..10_000 {
        let mut guesser = bench.client_from(address(900));
        bench.say(&mut guesser, with_password(&room, None, &format!("{n:04}")));
        match errors(&bench.hear(&mut guesser)).as_slice() {
            [ErrorCode::BadPassword] => judged += 1,
            [ErrorCode::RateLimited] => {}
            other => panic!("{other:?}"),
        }
        bench.cut(&guesser);
        bench.wait(Duration::from_millis(10));
    }
    assert!(judged < 100, "{judged} guesses in 100 seconds");
    // Somebody from elsewhere notices nothing.
    let mut guest = bench.client();
    bench.say(&mut guest, with_password(&room, None, "4711"));
    joined(bench.hear(&mut guest));
}

#[test]
fn the_role_is_handed_over_with_everybody_who_waits() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(Some(secret()));
    let mut heir = bench.client();
    bench.say(&mut heir, join(&room, Some(secret())));
    let knocker = bench.knocker(&room);
    bench.hear(&mut heir);
    bench.hear(&mut host);
    bench.say(&mut host, ClientMessage::MakeHost(about(heir.id)));
    let news = bench.hear(&mut heir);
    let hears_of = |m: &ServerMessage| matches!(m, ServerMessage::LobbyRequest { peer } if peer.id == knocker.id);
    assert!(news.iter().any(|m| matches!(m, ServerMessage::RoomState { role: Role::Host, .. })), "{news:?}");
    assert!(news.iter().any(hears_of), "{news:?}");
    let news = bench.hear(&mut host);
    assert!(news.iter().any(|m| matches!(m, ServerMessage::RoomState { role: Role::Guest, .. })), "{news:?}");
    let crowned = |m: &ServerMessage| matches!(m, ServerMessage::PeerUpdated { peer } if peer.role == Role::Host);
    assert!(news.iter().any(crowned), "{news:?}");
    bench.say(&mut host, ClientMessage::Lock { id: RequestId(7) });
    assert_eq!(errors(&bench.hear(&mut host)), [ErrorCode::NotHost]);
    bench.say(&mut heir, ClientMessage::Admit(about(knocker.id)));
    assert!(errors(&bench.hear(&mut heir)).is_empty());
}
