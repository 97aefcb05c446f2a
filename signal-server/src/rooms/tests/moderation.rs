//! What a host does to others.

use hearth_protocol::RoomPassword;

use super::*;

fn secret() -> InviteSecret {
    InviteSecret::from_random([1; 16])
}

#[test]
fn who_is_put_out_hears_it_and_does_not_come_in_again_by_itself() {
    for invite in [Some(secret()), None] {
        let mut bench = Bench::new();
        let (mut host, room) = bench.host(invite);
        let mut guest = bench.client_from(address(900));
        bench.say(&mut guest, join(&room, invite));
        bench.hear(&mut host);
        bench.hear(&mut guest);
        bench.say(&mut host, ClientMessage::Kick(about(guest.id)));
        assert_eq!(bench.hear(&mut guest), [ServerMessage::Kicked]);
        let left = ServerMessage::PeerLeft { id: guest.id, reason: LeaveReason::Kicked };
        assert_eq!(bench.hear(&mut host), [left]);
        assert_eq!(bench.rooms.session_count(), 2, "the session goes on");
        bench.say(&mut guest, join(&room, invite));
        assert_eq!(summary(&bench.hear(&mut guest)), "waiting");
        bench.say(&mut host, ClientMessage::Admit(about(guest.id)));
        joined(bench.hear(&mut guest));
    }
}

#[test]
fn who_shares_the_address_of_somebody_put_out_comes_in_by_the_link_and_else_waits_with_a_word_to_the_host() {
    for invite in [Some(secret()), None] {
        let mut bench = Bench::new();
        let (mut host, room) = bench.host(invite);
        let password = Some(RoomPassword::parse("tea").unwrap());
        bench.say(&mut host, ClientMessage::SetPassword { id: RequestId(5), password: password.clone() });
        let asked = |name: &str, invite, password| {
            let ClientMessage::Join(join) = join(&room, invite) else { unreachable!() };
            ClientMessage::Join(Join { nick: name.into(), password, ..join })
        };
        let mut bo = bench.client_from(address(900));
        bench.say(&mut bo, asked("Bo", invite, password.clone()));
        joined(bench.hear(&mut bo));
        bench.hear(&mut host);
        bench.say(&mut host, ClientMessage::Kick(about(bo.id)));
        bench.hear(&mut host);
        if invite.is_some() {
            let mut sister = bench.client_from(address(900));
            bench.say(&mut sister, asked("Sister", invite, None));
            joined(bench.hear(&mut sister));
            bench.hear(&mut host);
        }
        // Neither the number nor the password helps: nobody is asked for one.
        for shown in [None, password.clone(), Some(RoomPassword::parse("soup").unwrap())] {
            let mut brother = bench.client_from(address(900));
            bench.say(&mut brother, asked("Brother", None, shown));
            assert_eq!(bench.hear(&mut brother), [ServerMessage::Waiting { id: RequestId(2), has_password: false }]);
            let news = bench.hear(&mut host);
            let [ServerMessage::LobbyRequest { peer }] = &news[..] else { panic!("{news:?}") };
            assert_eq!((peer.nick.as_str(), peer.same_address_as.as_deref()), ("Brother", Some("Bo")));
            bench.say(&mut brother, ClientMessage::Leave);
            bench.hear(&mut host);
        }
        let mut stranger = bench.client();
        bench.say(&mut stranger, asked("Stranger", None, password.clone()));
        joined(bench.hear(&mut stranger));
    }
}

#[test]
fn a_renewed_invitation_is_told_to_those_who_stay_and_the_old_one_opens_nothing() {
    let next = InviteSecret::from_random([3; 16]);
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(Some(secret()));
    let [mut ann, mut away] = [0, 1].map(|_| {
        let mut guest = bench.client();
        bench.say(&mut guest, join(&room, Some(secret())));
        joined(bench.hear(&mut guest));
        guest
    });
    bench.cut(&away);
    let renew = || ClientMessage::RenewInvite { id: RequestId(6), invite: next };
    bench.hear(&mut ann);
    bench.say(&mut ann, renew());
    assert_eq!(errors(&bench.hear(&mut ann)), [ErrorCode::NotHost]);
    bench.hear(&mut host);
    bench.say(&mut host, renew());
    assert!(bench.come_back(&mut away));
    for client in [&mut host, &mut ann, &mut away] {
        let news = bench.hear(client);
        assert!(news.contains(&ServerMessage::InviteRenewed { invite: next }), "{news:?}");
    }
    let mut guest = bench.client();
    bench.say(&mut guest, join(&room, Some(secret())));
    assert_eq!(errors(&bench.hear(&mut guest)), [ErrorCode::BadInvite]);
    bench.say(&mut guest, join(&room, Some(next)));
    joined(bench.hear(&mut guest));
    // An open room has none.
    let (mut host, room) = bench.host(None);
    bench.say(&mut host, renew());
    assert_eq!(errors(&bench.hear(&mut host)), [ErrorCode::BadInvite]);
    bench.guest(&room);
}

#[test]
fn who_is_away_can_be_put_out_too() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    bench.cut(&guest);
    bench.say(&mut host, ClientMessage::Kick(about(guest.id)));
    assert!(bench.come_back(&mut guest), "to hear why");
    assert_eq!(bench.hear(&mut guest), [ServerMessage::Kicked]);
    bench.say(&mut guest, join(&room, None));
    assert_eq!(summary(&bench.hear(&mut guest)), "waiting");
}

#[test]
fn an_ended_room_is_over_for_everybody_in_it_and_at_its_door() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(Some(secret()));
    let mut guest = bench.client();
    bench.say(&mut guest, join(&room, Some(secret())));
    let mut away = bench.client();
    bench.say(&mut away, join(&room, Some(secret())));
    let mut knocker = bench.knocker(&room);
    for client in [&mut host, &mut guest, &mut away, &mut knocker] {
        bench.hear(client);
    }
    bench.cut(&away);
    bench.take(host.conn);
    bench.take(guest.conn);
    (host.heard, guest.heard) = (host.heard + 1, guest.heard + 1);
    bench.say(&mut host, ClientMessage::EndRoom { id: RequestId(9) });
    assert!(bench.come_back(&mut away));
    let ended = ServerMessage::RoomEnded { reason: LeaveReason::Ended };
    for client in [&mut host, &mut guest, &mut away, &mut knocker] {
        assert_eq!(bench.hear(client), std::slice::from_ref(&ended));
        bench.say(client, join(&room, Some(secret())));
        assert_eq!(errors(&bench.hear(client)), [ErrorCode::NoSuchRoom]);
    }
    assert_eq!((bench.rooms.room_count(), bench.rooms.session_count()), (0, 4));
    assert!(bench.rooms.member_addresses().is_empty());
}

#[test]
fn a_room_remembers_only_so_many_that_were_put_out() {
    let mut bench = Bench::new();
    let (mut host, room) = bench.host(None);
    let mut kicked: Vec<Client> = Vec::new();
    for _ in 0..65 {
        let guest = bench.guest(&room);
        bench.wait(Duration::from_secs(1));
        bench.say(&mut host, ClientMessage::Kick(about(guest.id)));
        bench.hear(&mut host);
        kicked.push(guest);
    }
    let [first, .., last] = &mut kicked[..] else { panic!() };
    bench.hear(first);
    bench.say(first, join(&room, None));
    joined(bench.hear(first));
    bench.hear(last);
    bench.say(last, join(&room, None));
    assert_eq!(summary(&bench.hear(last)), "waiting");
}

#[test]
fn the_addresses_of_members_follow_them() {
    let mut bench = Bench::new();
    let here = |bench: &Bench| bench.rooms.member_addresses().into_iter().collect::<Vec<_>>();
    let (mut host, room) = bench.host(Some(secret()));
    let mut guest = bench.client_from("::ffff:192.168.0.9".parse().unwrap());
    assert_eq!(here(&bench), [address(0)]);
    bench.say(&mut guest, join(&room, None));
    assert_eq!(here(&bench), [address(0)], "who waits is no member");
    let before = bench.rooms.presence();
    bench.say(&mut host, ClientMessage::Admit(about(guest.id)));
    assert_eq!(here(&bench), [address(0), "192.168.0.9".parse().unwrap()]);
    assert_ne!(bench.rooms.presence(), before);
    bench.hear(&mut guest);
    bench.cut(&guest);
    assert_eq!(here(&bench).len(), 2, "away is present");
    assert!(bench.come_back(&mut guest));
    assert_eq!(here(&bench), [address(0), address(2)], "back from another address");
    bench.say(&mut host, ClientMessage::Kick(about(guest.id)));
    assert_eq!(here(&bench), [address(0)]);
}
