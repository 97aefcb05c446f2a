//! A server that is restarted under a room: who was in it is in it again, and nobody else.

use hearth_protocol::{Role, RoomPassword, Ticket};

use super::*;

fn secret() -> InviteSecret {
    InviteSecret::from_random([1; 16])
}

fn config(legacy: bool) -> RoomsConfig {
    let tickets = Some(TicketKey::new([9; 32]));
    RoomsConfig { tickets, legacy: legacy.then(LegacyRules::default), ..RoomsConfig::default() }
}

impl Bench {
    /// The server is killed, and started again `later`.
    fn restart(&mut self, later: Duration) {
        self.restart_with(later, config(true));
    }

    /// Nothing of the calendar is kept: it may be a different one by now.
    fn restart_with(&mut self, later: Duration, config: RoomsConfig) {
        let lived = self.now - self.started;
        let mut earlier = self.rooms.config.earlier.clone();
        earlier.push(EarlierRun { run: self.rooms.run(), lived });
        self.now += later;
        self.started = self.now;
        let seed = 8 + earlier.len() as u8;
        self.rooms = Rooms::new(RoomsConfig { earlier, ..config }, [seed; 32], Epoch { at: self.now, unix_s: 0 });
        self.inboxes.clear();
    }

    /// Comes back by the token or the ticket; what was heard after `session`, if the place is the old one.
    fn return_by(&mut self, client: &mut Client, ticket: &Ticket) -> Option<Vec<ServerMessage>> {
        client.conn = self.connect();
        let resume = Some(Resume { token: client.token, last_seq: client.heard, ticket: Some(ticket.clone()) });
        let hello = ClientMessage::Hello { v: vec![1], client: String::new(), kind: PeerKind::Native, resume };
        self.say_text(client.conn, &serde_json::to_string(&hello).unwrap());
        let mut heard = self.take(client.conn);
        let ServerMessage::Session { peer_id, resume_token, resumed, last_seq } = heard.remove(1) else { panic!() };
        assert!(!resumed && last_seq == 0, "numbers start anew");
        heard.remove(0);
        (client.sent, client.heard, client.token) = (0, heard.len() as u64, resume_token);
        let is_back = peer_id == client.id;
        client.id = peer_id;
        is_back.then_some(heard)
    }
}

fn set_password(text: &str) -> ClientMessage {
    ClientMessage::SetPassword { id: RequestId(5), password: Some(RoomPassword::parse(text).unwrap()) }
}

/// The newest ticket among the news.
fn ticket(news: &[ServerMessage]) -> Ticket {
    let found =
        news.iter().rev().find_map(|m| if let ServerMessage::Ticket { ticket } = m { Some(ticket) } else { None });
    found.expect("a ticket").clone()
}

/// A room with a host and a guest, and their tickets.
fn room(invite: Option<InviteSecret>) -> (Bench, RoomName, [(Client, Ticket); 2]) {
    let mut bench = Bench::with(config(true));
    let mut host = bench.client();
    let create = Create {
        id: RequestId(1),
        room: None,
        nick: "Host".into(),
        invite_hash: invite.map(|secret| secret.hash()),
        capacity: Some(3),
        media: MediaState::default(),
    };
    bench.say(&mut host, ClientMessage::Create(create));
    let news = bench.hear(&mut host);
    let hosts = ticket(&news);
    let name = joined(news).room;
    let mut guest = bench.client();
    bench.say(&mut guest, join(&name, invite));
    let guests = ticket(&bench.hear(&mut guest));
    (bench, name, [(host, hosts), (guest, guests)])
}

/// Whether the news make their hearer the host.
fn makes_host(news: &[ServerMessage]) -> bool {
    news.iter().any(|m| matches!(m, ServerMessage::RoomState { role: Role::Host, .. }))
}

#[test]
fn everybody_is_who_they_were_in_the_room_that_it_was() {
    for order in [[0, 1], [1, 0]] {
        let (mut bench, name, mut members) = room(Some(secret()));
        bench.restart(Duration::from_secs(20));
        for who in order {
            let (client, ticket) = &mut members[who];
            let news = bench.return_by(client, &ticket.clone()).expect("back");
            assert!(summary(&news).starts_with("joined, ticket"), "{}", summary(&news));
            let joined = joined(news);
            assert_eq!((joined.room, joined.role), (name.clone(), Role::Guest), "the seat is kept: {order:?}");
            assert!(joined.room_state.invite_only && joined.room_state.capacity == 3);
        }
        let first = &mut members[order[0]].0;
        assert!(summary(&bench.hear(first)).starts_with("peer_joined"));
        bench.wait(Duration::from_secs(30));
        let [(host, _), (guest, _)] = &mut members;
        assert!(makes_host(&bench.hear(host)) && !makes_host(&bench.hear(guest)), "{order:?}");
        // The door is as it was.
        let mut stranger = bench.client();
        bench.say(&mut stranger, join(&name, None));
        assert_eq!(summary(&bench.hear(&mut stranger)), "waiting");
    }
}

#[test]
fn a_host_who_does_not_come_back_leaves_the_seat_to_who_is_there() {
    let (mut bench, _, [_, (mut guest, ticket)]) = room(Some(secret()));
    bench.restart(Duration::from_secs(5));
    bench.return_by(&mut guest, &ticket).unwrap();
    bench.wait(Duration::from_secs(29));
    assert!(bench.hear(&mut guest).is_empty());
    bench.wait(Duration::from_secs(2));
    assert!(makes_host(&bench.hear(&mut guest)));
}

#[test]
fn a_room_that_was_made_in_this_run_is_its_makers_whatever_tickets_say() {
    let (mut bench, name, [(mut host, hosts), (mut guest, guests)]) = room(Some(secret()));
    bench.restart(Duration::from_secs(5));
    let page = bench.page();
    assert_eq!(bench.enter_room(&page, name.as_str()), r#"31[null,{"clients":{}}]"#);
    let mut friend = bench.client();
    bench.say(&mut friend, join(&name, None));
    bench.hear(&mut friend);
    for (client, ticket) in [(&mut guest, &guests), (&mut host, &hosts)] {
        assert!(bench.return_by(client, ticket).is_none());
        bench.say(client, join(&name, Some(secret())));
        assert_eq!(errors(&bench.hear(client)), [ErrorCode::BadInvite], "their link is of another room");
    }
    let news = summary(&bench.hear(&mut friend));
    assert!(!news.contains("ended") && !news.contains("joined"), "nobody is ended, and nobody comes in: {news}");
}

#[test]
fn an_old_ticket_of_a_chosen_name_ends_no_live_room_and_passes_none_of_its_doors() {
    for rule in [ClientMessage::Lock { id: RequestId(5) }, set_password("tea")] {
        let (mut bench, name, [_, (mut guest, guests)]) = room(None);
        bench.restart(Duration::from_secs(5));
        let mut owner = bench.client();
        bench.say_text(owner.conn, &format!(r#"{{"seq":1,"type":"create","id":1,"room":"{name}"}}"#));
        owner.sent = 1;
        bench.say(&mut owner, rule);
        bench.hear(&mut owner);
        assert!(bench.return_by(&mut guest, &guests).is_none());
        assert_eq!(bench.hear(&mut owner), []);
    }
}

#[test]
fn an_open_room_that_others_opened_again_is_shared_and_its_host_stays() {
    let (mut bench, name, [(mut host, hosts), _]) = room(None);
    bench.restart(Duration::from_secs(5));
    let page = bench.page();
    assert_eq!(bench.enter_room(&page, name.as_str()), r#"31[null,{"clients":{}}]"#);
    let mut other = bench.client();
    bench.say(&mut other, join(&name, None));
    bench.hear(&mut other);
    let back = joined(bench.return_by(&mut host, &hosts).unwrap());
    assert_eq!((back.peers.len(), back.role), (2, Role::Guest));
    bench.wait(Duration::from_secs(60));
    assert!(!makes_host(&bench.hear(&mut host)), "it is the host's who was there");
}

#[test]
fn whoever_was_put_out_stays_out_and_a_host_of_before_has_no_power() {
    for is_first in [true, false] {
        // Ann made the room, handed it to Ben, and was put out.
        let (mut bench, _, [(mut ann, anns), (mut ben, _)]) = room(Some(secret()));
        bench.say(&mut ann, ClientMessage::MakeHost(about(ben.id)));
        bench.say(&mut ben, ClientMessage::Kick(about(ann.id)));
        let newest = ticket(&bench.hear(&mut ben));
        bench.wait(Duration::from_secs(20));
        bench.restart(Duration::from_secs(5));
        if is_first {
            assert!(bench.return_by(&mut ann, &anns).is_some(), "nobody knows yet");
            for _ in 0..16 {
                bench.say(&mut ann, ClientMessage::Lock { id: RequestId(6) });
                bench.say(&mut ann, ClientMessage::Unlock { id: RequestId(6) });
            }
            assert!(errors(&bench.hear(&mut ann)).iter().all(|code| *code == ErrorCode::NotHost));
            bench.wait(Duration::from_secs(20));
        }
        bench.return_by(&mut ben, &newest).unwrap();
        if is_first {
            assert_eq!(summary(&bench.hear(&mut ann)), "kicked");
        } else {
            assert!(bench.return_by(&mut ann, &anns).is_none());
        }
        bench.wait(Duration::from_secs(30));
        assert!(makes_host(&bench.hear(&mut ben)), "{is_first}");
    }
}

#[test]
fn what_is_done_in_this_run_makes_no_old_ticket_a_new_one() {
    // Ann comes alone, is host once the seat was kept long enough, and rules what she can; then Ben is back.
    let (mut bench, name, [(mut ann, anns), (mut ben, _)]) = room(Some(secret()));
    bench.say(&mut ann, ClientMessage::MakeHost(about(ben.id)));
    bench.say(&mut ben, ClientMessage::Kick(about(ann.id)));
    let newest = ticket(&bench.hear(&mut ben));
    bench.restart(Duration::from_secs(5));
    assert!(bench.return_by(&mut ann, &anns).is_some());
    bench.wait(Duration::from_secs(31));
    assert!(makes_host(&bench.hear(&mut ann)));
    for _ in 0..16 {
        bench.say(&mut ann, ClientMessage::Lock { id: RequestId(6) });
        bench.say(&mut ann, ClientMessage::Unlock { id: RequestId(6) });
    }
    let anns = ticket(&bench.hear(&mut ann));
    bench.return_by(&mut ben, &newest).unwrap();
    assert_eq!(summary(&bench.hear(&mut ann)), "kicked");
    bench.wait(Duration::from_secs(31));
    let news = bench.hear(&mut ben);
    assert!(makes_host(&news));
    // Nor after one more restart, with what she was given meanwhile.
    let newest = ticket(&news);
    bench.restart(Duration::from_secs(5));
    bench.return_by(&mut ann, &anns);
    bench.return_by(&mut ben, &newest).unwrap();
    bench.wait(Duration::from_secs(31));
    assert!(makes_host(&bench.hear(&mut ben)));
    let mut late = bench.client();
    bench.say(&mut late, join(&name, Some(secret())));
    assert_eq!(joined(bench.hear(&mut late)).peers.len(), 1);
}

#[test]
fn rules_and_roles_are_those_of_the_newest_ticket() {
    let (mut bench, name, [(mut host, old), (mut guest, _)]) = room(None);
    bench.say(&mut host, set_password("tea"));
    bench.say(&mut host, ClientMessage::MakeHost(about(guest.id)));
    let heirs = ticket(&bench.hear(&mut guest));
    bench.restart(Duration::from_secs(5));
    // By the ticket of before, which a dishonest client has kept.
    let back = joined(bench.return_by(&mut host, &old).unwrap());
    assert_eq!((back.role, back.room_state.has_password), (Role::Guest, false));
    let heir = joined(bench.return_by(&mut guest, &heirs).unwrap());
    assert_eq!((heir.role, heir.room_state.has_password), (Role::Guest, true));
    bench.wait(Duration::from_secs(30));
    assert!(makes_host(&bench.hear(&mut guest)) && !makes_host(&bench.hear(&mut host)));
    let mut other = bench.client();
    bench.say(&mut other, join(&name, None));
    assert_eq!(errors(&bench.hear(&mut other)), [ErrorCode::BadPassword]);
}

#[test]
fn tickets_of_the_last_minutes_before_the_restart_are_good_and_members_have_one() {
    let (mut bench, _, [(mut host, _), (mut guest, guests)]) = room(Some(secret()));
    bench.say(&mut guest, ClientMessage::Leave);
    // Hours later: who stayed has a new ticket, who left has one of then.
    for _ in 0..120 {
        bench.wait(Duration::from_secs(60));
        let news = bench.hear(&mut host);
        assert!(news.iter().any(|m| matches!(m, ServerMessage::Ticket { .. })), "{news:?}");
        if bench.now - bench.started >= Duration::from_secs(7200) {
            let hosts = ticket(&news);
            bench.restart(Duration::from_secs(5));
            assert!(bench.return_by(&mut guest, &guests).is_none(), "hours old");
            assert!(bench.return_by(&mut host, &hosts).is_some());
        }
    }
    // Who left a minute ago was there when the server fell, as far as anybody knows.
    let (mut bench, _, [_, (mut guest, guests)]) = room(None);
    bench.wait(Duration::from_secs(170));
    bench.restart(Duration::from_secs(5));
    assert!(bench.return_by(&mut guest, &guests).is_some());
}

#[test]
fn a_server_that_falls_again_at_once_forgets_nobody_who_is_on_the_way() {
    let (mut bench, _, [(mut host, hosts), _]) = room(Some(secret()));
    bench.wait(Duration::from_secs(30));
    for _ in 0..3 {
        bench.restart(Duration::from_secs(1));
        bench.wait(Duration::from_secs(3));
    }
    assert!(bench.return_by(&mut host, &hosts).is_some());
    let (mut bench, _, [(mut host, hosts), _]) = room(Some(secret()));
    bench.restart(Duration::from_secs(1));
    bench.wait(Duration::from_secs(601));
    bench.restart(Duration::from_secs(1));
    assert!(bench.return_by(&mut host, &hosts).is_none(), "ten minutes are over");
}

#[test]
fn of_two_rooms_of_one_name_the_later_one_is_restored() {
    for order in [[0, 1], [1, 0]] {
        let (mut bench, name, [(first, before), (gone, _)]) = room(Some(secret()));
        bench.say_text(first.conn, r#"{"seq":2,"type":"leave"}"#);
        bench.say_text(gone.conn, r#"{"seq":2,"type":"leave"}"#);
        bench.wait(Duration::from_secs(20));
        let second = bench.client();
        bench.say_text(second.conn, &format!(r#"{{"seq":1,"type":"create","id":1,"room":"{name}"}}"#));
        let after = ticket(&bench.take(second.conn));
        bench.restart(Duration::from_secs(5));
        let mut members = [(first, before), (second, after)];
        for who in order {
            let (client, ticket) = &mut members[who];
            let ticket = ticket.clone();
            let is_back = bench.return_by(client, &ticket).is_some();
            assert_eq!(is_back, who == 1 || order[0] == 0, "{order:?}");
        }
        let [(first, _), (mut second, _)] = members;
        bench.wait(Duration::from_secs(31));
        assert!(makes_host(&bench.hear(&mut second)));
        let ended = bench.take(first.conn).contains(&ServerMessage::RoomEnded { reason: LeaveReason::Ended });
        assert_eq!(ended, order[0] == 0);
    }
}

#[test]
fn a_ticket_is_good_after_a_restart_only_for_a_time_and_with_its_key() {
    let fresh = |bench: &mut Bench, client: &mut Client, ticket: &Ticket| bench.return_by(client, ticket).is_none();
    // Within the run that gave it, the server's own memory decides.
    let (mut bench, _, [_, (mut guest, ticket)]) = room(None);
    bench.say(&mut guest, ClientMessage::Leave);
    bench.cut(&guest);
    assert!(fresh(&mut bench, &mut guest, &ticket));
    for (lived, wait, config) in [
        (Duration::from_secs(181), Duration::ZERO, config(false)),
        (Duration::from_secs(5), Duration::from_secs(601), config(false)),
        (Duration::from_secs(5), Duration::ZERO, RoomsConfig { tickets: None, ..config(false) }),
        (
            Duration::from_secs(5),
            Duration::ZERO,
            RoomsConfig { tickets: Some(TicketKey::new([1; 32])), ..config(false) },
        ),
    ] {
        let (mut bench, _, [_, (mut guest, ticket)]) = room(None);
        bench.wait(lived);
        bench.restart_with(Duration::from_secs(5), config);
        bench.wait(wait);
        assert!(fresh(&mut bench, &mut guest, &ticket));
    }
    for bytes in [vec![], vec![0; 11], vec![0; 12], vec![7; 400]] {
        let (mut bench, _, [_, (mut guest, _)]) = room(None);
        bench.restart(Duration::from_secs(5));
        assert!(fresh(
            &mut bench,
            &mut guest,
            &Ticket::parse(&format!("A{}", Ticket::from_sealed(&bytes).as_str())).unwrap()
        ));
    }
    let (mut bench, _, [_, (mut guest, ticket)]) = room(None);
    let mut sealed = ticket.sealed().unwrap();
    sealed[20] ^= 1;
    bench.restart(Duration::from_secs(5));
    assert!(fresh(&mut bench, &mut guest, &Ticket::from_sealed(&sealed)));
    assert!(!format!("{ticket:?}").contains(ticket.as_str()));
}

#[test]
fn a_way_back_that_was_lost_is_gone_again() {
    let (mut bench, _, [(mut host, hosts), (mut guest, guests)]) = room(None);
    bench.restart(Duration::from_secs(5));
    bench.return_by(&mut host, &hosts).unwrap();
    let token = guest.token;
    bench.return_by(&mut guest, &guests).unwrap();
    let first = guest.conn;
    guest.token = token; // the answer never arrived
    let again = joined(bench.return_by(&mut guest, &guests).unwrap());
    assert_eq!(bench.closed.get(&first), Some(&CloseReason::Replaced));
    assert_eq!(again.peers.len(), 1);
    assert_eq!(bench.rooms.session_count(), 2);
}
