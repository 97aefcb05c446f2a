//! A server that is restarted under a room: who was in it is in it again, and nobody else.

use hearth_protocol::{ErrorCode, Role, RoomPassword, Ticket};

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

    fn restart_with(&mut self, later: Duration, config: RoomsConfig) {
        self.now += later;
        let unix_s = 1_800_000_000 + later.as_secs();
        self.rooms = Rooms::new(config, [8; 32], Epoch { at: self.now, unix_s });
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
            assert_eq!((joined.room, joined.role), (name.clone(), [Role::Host, Role::Guest][who]), "{order:?}");
            assert!(joined.room_state.invite_only && joined.room_state.capacity == 3);
        }
        let first = &mut members[order[0]].0;
        assert!(summary(&bench.hear(first)).starts_with("peer_joined"));
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
    let news = bench.hear(&mut guest);
    assert!(news.iter().any(|m| matches!(m, ServerMessage::RoomState { role: Role::Host, .. })), "{news:?}");
}

#[test]
fn a_name_that_somebody_took_meanwhile_goes_back_to_its_members() {
    let (mut bench, name, [(mut host, hosts), (mut guest, guests)]) = room(Some(secret()));
    bench.restart(Duration::from_secs(5));
    let page = bench.page();
    assert_eq!(bench.enter_room(&page, name.as_str()), r#"31[null,{"clients":{}}]"#);
    let mut squatter = bench.client();
    bench.say(&mut squatter, join(&name, None));
    bench.hear(&mut squatter);
    assert!(bench.return_by(&mut guest, &guests).is_some());
    assert!(summary(&bench.hear(&mut squatter)).ends_with("room_ended"));
    assert!(bench.return_by(&mut host, &hosts).is_some());
    assert_eq!(bench.enter_room(&page, name.as_str()), r#"31["bad_invite"]"#);
}

#[test]
fn a_room_with_a_password_is_not_shared_with_who_took_its_name() {
    let (mut bench, name, [(mut host, _), _]) = room(None);
    let password = RoomPassword::parse("tea").unwrap();
    bench.say(&mut host, ClientMessage::SetPassword { id: RequestId(5), password: Some(password) });
    let newest = ticket(&bench.hear(&mut host));
    bench.restart(Duration::from_secs(5));
    let page = bench.page();
    assert_eq!(bench.enter_room(&page, name.as_str()), r#"31[null,{"clients":{}}]"#);
    let back = joined(bench.return_by(&mut host, &newest).unwrap());
    assert!(back.peers.is_empty() && back.room_state.has_password && back.role == Role::Host, "{back:?}");
    assert_eq!(bench.enter_room(&page, name.as_str()), r#"31["bad_password"]"#);
}

#[test]
fn who_was_put_out_stays_out_whoever_comes_first() {
    for is_first in [true, false] {
        let (mut bench, _, [(mut host, _), (mut guest, guests)]) = room(Some(secret()));
        bench.say(&mut host, ClientMessage::Kick(about(guest.id)));
        let newest = ticket(&bench.hear(&mut host));
        bench.restart(Duration::from_secs(5));
        let mut kicked = |bench: &mut Bench| bench.return_by(&mut guest, &guests).is_some();
        if is_first {
            assert!(kicked(&mut bench), "nobody knows yet");
            bench.return_by(&mut host, &newest).unwrap();
            assert_eq!(summary(&bench.hear(&mut guest)), "kicked");
        } else {
            bench.return_by(&mut host, &newest).unwrap();
            assert!(!kicked(&mut bench));
        }
    }
}

#[test]
fn rules_and_roles_are_those_of_the_newest_ticket() {
    let (mut bench, name, [(mut host, old), (mut guest, _)]) = room(None);
    let password = RoomPassword::parse("tea").unwrap();
    bench.say(&mut host, ClientMessage::SetPassword { id: RequestId(5), password: Some(password) });
    bench.say(&mut host, ClientMessage::MakeHost(about(guest.id)));
    let heirs = ticket(&bench.hear(&mut guest));
    bench.restart(Duration::from_secs(5));
    // By the ticket of before, which a dishonest client has kept.
    let back = joined(bench.return_by(&mut host, &old).unwrap());
    assert_eq!((back.role, back.room_state.has_password), (Role::Host, false));
    let heir = joined(bench.return_by(&mut guest, &heirs).unwrap());
    assert_eq!((heir.role, heir.room_state.has_password), (Role::Host, true));
    bench.say(&mut host, ClientMessage::Lock { id: RequestId(6) });
    assert!(errors(&bench.hear(&mut host)).contains(&ErrorCode::NotHost));
    let mut other = bench.client();
    bench.say(&mut other, join(&name, None));
    assert_eq!(errors(&bench.hear(&mut other)), [ErrorCode::BadPassword]);
}

#[test]
fn a_ticket_is_good_after_a_restart_only_for_a_time_and_with_its_key() {
    let fresh = |bench: &mut Bench, client: &mut Client, ticket: &Ticket| bench.return_by(client, ticket).is_none();
    // Within the run that gave it, the server's own memory decides.
    let (mut bench, _, [_, (mut guest, ticket)]) = room(None);
    bench.say(&mut guest, ClientMessage::Leave);
    bench.cut(&guest);
    assert!(fresh(&mut bench, &mut guest, &ticket));
    for (later, wait, config) in [
        (Duration::from_secs(49 * 3600), Duration::ZERO, config(false)),
        (Duration::from_secs(5), Duration::from_secs(601), config(false)),
        (Duration::from_secs(5), Duration::ZERO, RoomsConfig { tickets: None, ..config(false) }),
        (
            Duration::from_secs(5),
            Duration::ZERO,
            RoomsConfig { tickets: Some(TicketKey::new([1; 32])), ..config(false) },
        ),
    ] {
        let (mut bench, _, [_, (mut guest, ticket)]) = room(None);
        bench.restart_with(later, config);
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
