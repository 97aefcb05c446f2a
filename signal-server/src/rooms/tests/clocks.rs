//! A calendar that is set while the server runs: what it signs is good by the new one.

use super::*;
use crate::rooms::EarlierRun;

const HOUR: i64 = 3600;
const JUMPS: [i64; 4] = [7 * HOUR, 400 * 24 * HOUR, -30 * 365 * 24 * HOUR, 31];
const LIFETIME: Duration = Duration::from_secs(6 * 3600);

fn config() -> RoomsConfig {
    let secret = TurnSecret::new("north").unwrap();
    let turn = TurnRest { urls: vec!["turn:relay.example".into()], secret, lifetime: LIFETIME, before_join: LIFETIME };
    let ice = IceConfig { fixed: Vec::new(), turn: Some(turn) };
    RoomsConfig { ice, tickets: Some(TicketKey::new([9; 32])), ..RoomsConfig::default() }
}

/// Sets the calendar, and gives what it says now.
fn jump(bench: &mut Bench, by: i64) -> u64 {
    let unix_s = 1_800_000_000_u64.saturating_add_signed(by);
    bench.rooms.handle_clock(Epoch { at: bench.now, unix_s });
    bench.drain();
    unix_s
}

/// When the credential among the servers ends.
fn expiry(servers: &[hearth_protocol::IceServer]) -> u64 {
    let username = servers.iter().find_map(|server| server.username.clone()).unwrap();
    username.split(':').next().unwrap().parse().unwrap()
}

#[test]
fn a_newcomers_credential_is_good_by_the_calendar_of_the_moment() {
    for by in JUMPS {
        let mut bench = Bench::with(config());
        let (_, room) = bench.host(None);
        let unix_s = jump(&mut bench, by);
        let mut guest = bench.client();
        bench.say(&mut guest, join(&room, None));
        let servers = joined(bench.hear(&mut guest)).ice_servers;
        assert_eq!(expiry(&servers), unix_s + LIFETIME.as_secs(), "after {by} s");
    }
}

#[test]
fn members_get_credentials_and_tickets_by_the_new_calendar_and_none_while_it_runs_on() {
    for by in JUMPS {
        let mut bench = Bench::with(config());
        let (mut host, _) = bench.host(None);
        bench.hear(&mut host);
        bench.now += Duration::from_secs(100);
        bench.rooms.handle_clock(Epoch { at: bench.now, unix_s: 1_800_000_000 + 101 });
        bench.drain();
        assert_eq!(bench.hear(&mut host), [], "a step of a second is no jump");
        let unix_s = jump(&mut bench, by + 101);
        let heard = bench.hear(&mut host);
        let [ServerMessage::IceRefresh { ice_servers, .. }, ServerMessage::Ticket { .. }] = &heard[..] else {
            panic!("{heard:?}")
        };
        assert_eq!(expiry(ice_servers), unix_s + LIFETIME.as_secs(), "after {by} s");
    }
}

#[test]
fn a_ticket_of_before_a_jump_opens_the_room_again_after_a_restart() {
    for by in JUMPS {
        let mut bench = Bench::with(config());
        let (mut host, room) = bench.host(None);
        bench.hear(&mut host);
        let unix_s = jump(&mut bench, by);
        let heard = bench.hear(&mut host);
        let ticket = heard
            .into_iter()
            .find_map(|message| if let ServerMessage::Ticket { ticket } = message { Some(ticket) } else { None });
        // Another run, which knows how long this one lived.
        let earlier = vec![EarlierRun { run: bench.rooms.run(), lived: bench.now - bench.started }];
        let config = RoomsConfig { earlier, ..config() };
        bench.rooms = Rooms::new(config, [8; 32], Epoch { at: bench.now, unix_s: unix_s + 60 });
        let conn = bench.connect();
        let hello = serde_json::json!({
            "type": "hello", "v": [1], "kind": "native",
            "resume": { "token": host.token.reveal(), "last_seq": 0, "ticket": ticket.unwrap() }
        });
        bench.say_text(conn, &hello.to_string());
        let heard = bench.take(conn).into_iter();
        let mut back = heard
            .filter_map(|message| if let ServerMessage::Joined(joined) = message { Some(joined.room) } else { None });
        let back = back.next();
        assert_eq!(back, Some(room), "after {by} s");
    }
}
