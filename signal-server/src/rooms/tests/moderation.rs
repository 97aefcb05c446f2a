//! What a host does to others.

use super::*;

fn secret() -> InviteSecret {
    InviteSecret::from_random([1; 16])
}

#[test]
fn who_is_put_out_hears_it_and_the_link_alone_lets_them_in_no_more() {
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

        // Neither the same session, nor a new one from the same address walks back in.
        bench.say(&mut guest, join(&room, invite));
        assert_eq!(summary(&bench.hear(&mut guest)), "waiting");
        let mut again = bench.client_from(address(900));
        bench.say(&mut again, join(&room, invite));
        assert_eq!(summary(&bench.hear(&mut again)), "waiting");
        let mut other = bench.client();
        bench.say(&mut other, join(&room, invite));
        joined(bench.hear(&mut other));
        bench.say(&mut host, ClientMessage::Admit(about(guest.id)));
        joined(bench.hear(&mut guest));
    }
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
