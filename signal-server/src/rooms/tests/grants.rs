//! Whose TURN credentials the relay in this process honours: those of who is in a room, and a minute longer.

use super::*;
use crate::rooms::grants::GRACE;

fn bench() -> Bench {
    let lifetime = Duration::from_secs(6 * 3600);
    let secret = TurnSecret::new("north").unwrap();
    let turn = TurnRest { urls: vec!["turn:relay.example".into()], secret, lifetime, before_join: lifetime };
    let ice = IceConfig { fixed: Vec::new(), turn: Some(turn) };
    let legacy = Some(LegacyRules { max_clients: None });
    let mut bench = Bench::with(RoomsConfig { ice, legacy, ..RoomsConfig::default() });
    bench.rooms.tell_grants();
    bench
}

fn news(bench: &mut Bench) -> Vec<Grant> {
    std::iter::from_fn(|| bench.rooms.poll_grant()).collect()
}

/// What the relay hears within that time.
fn after(bench: &mut Bench, time: Duration) -> Vec<Grant> {
    bench.now += time;
    bench.rooms.handle_timeout(bench.now);
    bench.drain();
    news(bench)
}

const SOON: Duration = Duration::from_secs(1);

#[test]
fn who_comes_in_is_granted_and_who_leaves_is_withdrawn_after_the_grace() {
    let mut bench = bench();
    let (mut host, room) = bench.host(None);
    assert_eq!(news(&mut bench), [Grant::Give(host.id)]);
    let mut guest = bench.guest(&room);
    assert_eq!(news(&mut bench), [Grant::Give(guest.id)]);
    bench.say(&mut guest, ClientMessage::Leave);
    assert_eq!(after(&mut bench, GRACE - SOON), []);
    assert_eq!(after(&mut bench, SOON), [Grant::Withdraw(guest.id)]);
    let kicked = bench.guest(&room);
    news(&mut bench);
    let about = Moderation { id: RequestId(9), peer: kicked.id };
    bench.say(&mut host, ClientMessage::Kick(about));
    assert_eq!(after(&mut bench, GRACE), [Grant::Withdraw(kicked.id)]);
}

#[test]
fn the_end_of_a_room_ends_the_credentials_of_all_its_people() {
    let mut bench = bench();
    let (mut host, room) = bench.host(None);
    let guest = bench.guest(&room);
    news(&mut bench);
    bench.say(&mut host, ClientMessage::EndRoom { id: RequestId(3) });
    let mut expected = [host.id, guest.id].map(Grant::Withdraw);
    let mut heard = after(&mut bench, GRACE);
    expected.sort_by_key(|grant| format!("{grant:?}"));
    heard.sort_by_key(|grant| format!("{grant:?}"));
    assert_eq!(heard, expected);
}

#[test]
fn who_comes_again_within_the_grace_keeps_the_credential() {
    let mut bench = bench();
    let (_, room) = bench.host(None);
    let mut guest = bench.guest(&room);
    news(&mut bench);
    bench.say(&mut guest, ClientMessage::Leave);
    assert_eq!(after(&mut bench, GRACE - SOON), []);
    bench.say(&mut guest, join(&room, None));
    assert_eq!(news(&mut bench), [Grant::Give(guest.id)]);
    assert_eq!(after(&mut bench, GRACE * 2), []);
}

#[test]
fn a_session_that_is_away_keeps_it_until_it_has_ended_for_good() {
    let mut bench = bench();
    let (_, room) = bench.host(None);
    let guest = bench.guest(&room);
    news(&mut bench);
    bench.rooms.handle_disconnected(guest.conn, bench.now);
    bench.drain();
    assert_eq!(news(&mut bench), []);
    let mut waited = Duration::ZERO;
    let withdrawn = std::iter::repeat_with(|| {
        waited += SOON;
        after(&mut bench, SOON)
    });
    let all: Vec<Grant> = withdrawn.take(600).flatten().collect();
    assert_eq!(all, [Grant::Withdraw(guest.id)], "once, when its time to come back is over");
}

#[test]
fn whoever_has_no_relay_beside_it_keeps_no_news() {
    let mut bench = bench();
    bench.rooms = Rooms::new(RoomsConfig::default(), [7; 32], Epoch { at: bench.now, unix_s: 1_800_000_000 });
    let (mut host, _) = bench.host(None);
    bench.say(&mut host, ClientMessage::Leave);
    assert_eq!(after(&mut bench, GRACE * 2), []);
}
