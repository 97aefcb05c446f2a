//! Legacy pages: among themselves as with signalmaster, without its faults, and together with everybody else.

use hearth_protocol::{Candidate, ChatText, Description, DescriptionKind, Pc, RoomPassword, SessionId, SignalBody};
use serde_json::{Value, json};

use super::*;

/// A page as the server should see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) conn: ConnId,
    pub(super) id: PeerId,
    cookie: PageId,
}

fn bench() -> Bench {
    bench_of(None)
}

fn bench_of(max_clients: Option<u32>) -> Bench {
    Bench::with(RoomsConfig { legacy: Some(LegacyRules { max_clients }), ..RoomsConfig::default() })
}

impl Bench {
    pub(super) fn page(&mut self) -> Page {
        let number = self.next_conn;
        self.page_of(PageId([number as u8; 16]))
    }

    fn page_of(&mut self, cookie: PageId) -> Page {
        let number = self.next_conn;
        self.next_conn += 1;
        let (conn, id) = (ConnId(number), PeerId::from_random([number as u8; 12]));
        let caller = LegacyCaller { id, address: address(number), page: Some(cookie) };
        self.rooms.handle_legacy_connected(conn, caller, self.now);
        self.drain();
        Page { conn, id, cookie }
    }

    /// An event of the page, through the packets that it comes and goes in.
    fn emit(&mut self, page: &Page, packet: &str) {
        let Ok(LegacyPacket::Event { ack, name, arguments }) = LegacyPacket::read(packet) else { panic!("{packet}") };
        match LegacyRequest::read(&name, arguments, ack) {
            Ok(request) => self.rooms.handle_legacy(page.conn, request, packet.len(), self.now),
            Err(BadRequest) => self.rooms.handle_bad_legacy(page.conn, self.now),
        }
        self.drain();
    }

    fn event(&mut self, page: &Page, name: &str, argument: Value) {
        self.emit(page, &format!("2{}", json!([name, argument])));
    }

    fn cut_page(&mut self, page: &Page) {
        self.rooms.handle_disconnected(page.conn, self.now);
        self.drain();
    }

    /// What the page heard since the last look.
    fn heard(&mut self, page: &Page) -> Vec<String> {
        let events = self.events.remove(&page.conn).unwrap_or_default();
        events.iter().map(LegacyEvent::to_packet).collect()
    }

    /// The `message`s among it.
    fn words(&mut self, page: &Page) -> Vec<Value> {
        let words = self.heard(page).into_iter().filter_map(|text| {
            let Ok(LegacyPacket::Event { name, mut arguments, .. }) = LegacyPacket::read(&text) else { return None };
            (name == "message").then(|| arguments.remove(0))
        });
        words.collect()
    }

    /// Joins, and gives the answer.
    pub(super) fn enter_room(&mut self, page: &Page, room: &str) -> String {
        self.heard(page);
        self.emit(page, &format!("21{}", json!(["join", room])));
        self.heard(page).pop().expect("an answer")
    }
}

fn native_join(bench: &mut Bench, room: &str) -> (Client, Joined) {
    let mut client = bench.client();
    bench.say(&mut client, join(&RoomName::parse(room).unwrap(), None));
    let joined = joined(bench.hear(&mut client));
    (client, joined)
}

fn offer(to: PeerId, sid: u32, sdp: &str) -> ClientMessage {
    let body = SignalBody::Desc(Description { kind: DescriptionKind::Offer, sdp: sdp.into() });
    ClientMessage::Signal(Signal { to: Some(to), from: None, pc: Pc::Main, sid: SessionId(sid), body })
}

#[test]
fn a_page_hears_of_servers_joins_and_leaves_as_from_signalmaster() {
    let mut bench = bench();
    let (one, two) = (bench.page(), bench.page());
    assert_eq!(bench.heard(&one), [r#"2["stunservers",[]]"#, r#"2["turnservers",[]]"#]);
    bench.heard(&two);
    assert_eq!(bench.enter_room(&one, "99999"), r#"31[null,{"clients":{}}]"#);
    let entry = json!({ one.id.as_str(): { "audio": false, "screen": false, "video": true } });
    assert_eq!(bench.enter_room(&two, "99999"), format!("31{}", json!([null, { "clients": entry }])));
    assert!(bench.heard(&one).is_empty(), "who is there is not told of who comes");
    bench.event(&one, "message", json!({ "to": two.id.as_str(), "from": "liar", "sid": "1", "x": 7 }));
    assert_eq!(bench.words(&two), [json!({ "to": two.id.as_str(), "from": one.id.as_str(), "sid": "1", "x": 7 })]);
    bench.emit(&one, r#"29["shareScreen"]"#);
    assert_eq!(bench.heard(&one), ["39[]"]);
    let three = bench.page();
    assert!(bench.enter_room(&three, "99999").contains(r#""screen":true"#));
    bench.emit(&one, r#"2["unshareScreen","screen"]"#);
    assert_eq!(bench.heard(&two), [format!(r#"2["remove",{}]"#, json!({ "id": one.id.as_str(), "type": "screen" }))]);
    bench.emit(&one, r#"2["leave"]"#);
    assert_eq!(bench.heard(&two), [format!(r#"2["remove",{}]"#, json!({ "id": one.id.as_str() }))]);
}

#[test]
fn a_room_is_created_once_and_by_a_name_that_is_drawn_where_there_is_none() {
    let mut bench = bench();
    let (one, two) = (bench.page(), bench.page());
    bench.heard(&one);
    bench.emit(&one, r#"24["create","tea"]"#);
    assert_eq!(bench.heard(&one), [r#"34[null,"tea"]"#]);
    bench.heard(&two);
    bench.emit(&two, r#"25["create","tea"]"#);
    assert_eq!(bench.heard(&two), [r#"35["taken"]"#]);
    bench.emit(&two, r#"26["create"]"#);
    let answer = bench.heard(&two).pop().unwrap();
    let name = answer.strip_prefix(r#"36[null,""#).and_then(|rest| rest.strip_suffix(r#""]"#)).unwrap();
    assert_eq!((name.len(), name.as_bytes()[14], name.split('-').count()), (36, b'4', 5), "{name}");
    assert_eq!(bench.rooms.room_count(), 2);
}

#[test]
fn the_faults_of_signalmaster_are_not_here() {
    let mut bench = bench_of(Some(2));
    let pages: Vec<Page> = (0..3).map(|_| bench.page()).collect();
    for name in ["__proto__", "constructor", "hasOwnProperty"] {
        assert_eq!(bench.enter_room(&pages[0], name), r#"31[null,{"clients":{}}]"#);
    }
    bench.enter_room(&pages[0], "tea");
    bench.enter_room(&pages[1], "tea");
    assert_eq!(bench.enter_room(&pages[2], "tea"), r#"31["full"]"#);
    // Twice into the same room: nobody else notices, and one is still there.
    bench.heard(&pages[0]);
    assert!(bench.enter_room(&pages[1], "tea").contains(pages[0].id.as_str()));
    assert!(bench.heard(&pages[0]).is_empty());
    bench.event(&pages[0], "message", json!({ "to": pages[1].id.as_str() }));
    assert_eq!(bench.words(&pages[1]).len(), 1);
    // Nobody speaks into a room that they are not in.
    bench.event(&pages[2], "message", json!({ "to": pages[1].id.as_str() }));
    bench.event(&pages[2], "message", json!({ "to": "tea" }));
    assert!(bench.words(&pages[1]).is_empty());
    assert_eq!(bench.rooms.counters().stray_signals, 2);
    // What is no name is passed over, and does no harm.
    for packet in ["21[\"join\",99999]", "21[\"join\"]", "21[\"join\",null]", "2[\"message\",7]", "2[\"nonsense\"]"] {
        bench.emit(&pages[2], packet);
    }
    assert!(bench.heard(&pages[2]).is_empty());
    assert_eq!(bench.enter_room(&pages[2], "milk"), r#"31[null,{"clients":{}}]"#);
}

#[test]
fn pages_meet_in_rooms_of_any_name_that_signalmaster_takes() {
    let mut bench = bench_of(None);
    let names =
        ["x".repeat(80), "房".repeat(80), "two\nlines".to_owned(), String::new(), "x".repeat(81), "\u{7}".to_owned()];
    for name in names {
        let pages: Vec<Page> = (0..2).map(|_| bench.page()).collect();
        assert_eq!(bench.enter_room(&pages[0], &name), r#"31[null,{"clients":{}}]"#, "{name:?}");
        assert!(bench.enter_room(&pages[1], &name).contains(pages[0].id.as_str()), "{name:?}");
    }
    let page = bench.page();
    let long = "y".repeat(80);
    bench.emit(&page, &format!(r#"27["create","{long}"]"#));
    assert!(bench.heard(&page).iter().any(|packet| *packet == format!(r#"37[null,"{long}"]"#)), "as it was said");
}

#[test]
fn what_is_not_open_to_everybody_is_closed_to_pages() {
    let secret = InviteSecret::from_random([1; 16]);
    let mut bench = bench();
    let (_, invited) = bench.host(Some(secret));
    let (mut host, locked) = bench.host(None);
    bench.say(&mut host, ClientMessage::Lock { id: RequestId(5) });
    let (mut other, password) = bench.host(None);
    let tea = RoomPassword::parse("tea").unwrap();
    bench.say(&mut other, ClientMessage::SetPassword { id: RequestId(5), password: Some(tea) });
    let page = bench.page();
    for (room, answer) in [(&invited, "bad_invite"), (&locked, "locked"), (&password, "bad_password")] {
        assert_eq!(bench.enter_room(&page, room.as_str()), format!("31[\"{answer}\"]"));
    }
    let asked = (0..30).map(|_| bench.enter_room(&page, invited.as_str()));
    assert!(asked.last().unwrap().contains("rate_limited"), "guesses are counted");
}

#[test]
fn a_page_and_a_client_meet_and_each_is_told_in_its_own_words() {
    let mut bench = bench();
    let page = bench.page();
    bench.enter_room(&page, "99999");
    let (mut client, joined) = native_join(&mut bench, "99999");
    let entry = &joined.peers[0];
    assert_eq!((entry.id, entry.kind, entry.polite), (page.id, PeerKind::Legacy, true), "the newcomer offers");
    bench.say(&mut client, offer(page.id, 77, "v=0 offer"));
    let payload = json!({ "type": "offer", "sdp": "v=0 offer", "nick": "Guest" });
    let from = client.id.as_str();
    let mut words = bench.words(&page);
    let off = words.split_off(1);
    assert_eq!(
        words,
        [json!({
            "from": from, "sid": "77", "roomType": "video", "type": "offer", "payload": payload, "prefix": "webkit"
        })]
    );
    let [off] = off.try_into().unwrap();
    assert_eq!((&off["type"], &off["payload"]), (&json!("mute"), &json!({ "name": "video" })), "no camera yet");

    let word = |kind: &str, payload: Value| {
        json!({
            "to": from, "sid": "77", "roomType": "video", "type": kind, "payload": payload, "prefix": "webkit"
        })
    };
    bench.event(&page, "message", word("answer", json!({ "type": "answer", "sdp": "v=0 answer", "nick": "Eve" })));
    let candidate = json!({ "candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0 });
    bench.event(&page, "message", word("candidate", json!({ "candidate": candidate })));
    bench.event(&page, "message", word("mute", json!({ "name": "audio" })));
    bench.event(&page, "message", word("chat", json!({ "message": "hello", "nick": "Eve" })));
    for passed_over in ["endOfCandidates", "connectivityError", "volume"] {
        bench.event(&page, "message", word(passed_over, Value::Null));
    }
    let news = bench.hear(&mut client);
    let signals: Vec<&Signal> =
        news.iter().filter_map(|m| if let ServerMessage::Signal(signal) = m { Some(signal) } else { None }).collect();
    let candidate = Candidate {
        candidate: "candidate:1".into(),
        sdp_mid: Some("0".into()),
        sdp_m_line_index: Some(0),
        username_fragment: None,
    };
    let expected = [
        SignalBody::Desc(Description { kind: DescriptionKind::Answer, sdp: "v=0 answer".into() }),
        SignalBody::Cand(candidate),
        SignalBody::Chat(ChatText { text: "hello".into() }),
    ];
    assert!(signals.iter().all(|signal| (signal.from, signal.sid) == (Some(page.id), SessionId(77))), "{signals:?}");
    assert_eq!(signals.iter().map(|signal| &signal.body).collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    let entries: Vec<_> = news
        .iter()
        .filter_map(|m| {
            if let ServerMessage::PeerUpdated { peer } = m { Some((&*peer.nick, peer.media.audio)) } else { None }
        })
        .collect();
    assert_eq!(entries, [("Eve", true), ("Eve", false)]);
}

#[test]
fn a_page_that_comes_later_offers_and_is_answered_by_its_own_name_for_the_connection() {
    let mut bench = bench();
    let (mut client, room) = bench.host(None);
    let page = bench.page();
    let answer = bench.enter_room(&page, room.as_str());
    assert!(answer.contains(&format!(r#""{}":{{"#, client.id)) && answer.contains(r#""video":true"#), "{answer}");
    let to = client.id;
    let word = |sid: &str, sdp: &str| {
        json!({
            "to": to.as_str(), "sid": sid, "roomType": "video", "type": "offer", "payload": { "sdp": sdp }
        })
    };
    bench.event(&page, "message", word("1700000000001", "one"));
    let heard = bench.hear(&mut client);
    let Some(ServerMessage::Signal(first)) = heard.last() else { panic!("{heard:?}") };
    let answer = |sid: SessionId, bench: &mut Bench, client: &mut Client| {
        let body = SignalBody::Desc(Description { kind: DescriptionKind::Answer, sdp: "a".into() });
        let signal = Signal { to: Some(page.id), from: None, pc: Pc::Main, sid, body };
        bench.say(client, ClientMessage::Signal(signal));
        bench.words(&page).into_iter().map(|word| word["sid"].clone()).next()
    };
    assert_eq!(answer(first.sid, &mut bench, &mut client), Some(json!("1700000000001")));
    bench.event(&page, "message", word("1700000000002", "two"));
    assert_eq!(answer(first.sid, &mut bench, &mut client), None, "to an offer that was taken back");
    // A new incarnation of ours takes the place of what the page has.
    bench.say(&mut client, offer(page.id, 5, "again"));
    assert_eq!(bench.heard(&page)[0], format!(r#"2["remove",{}]"#, json!({ "id": client.id.as_str() })));
}

#[test]
fn a_page_whose_connection_breaks_is_who_it_was_when_it_comes_back_in_time() {
    let mut bench = bench();
    let page = bench.page();
    bench.enter_room(&page, "99999");
    let (mut client, _) = native_join(&mut bench, "99999");
    bench.heard(&page);
    bench.cut_page(&page);
    assert_eq!(summary(&bench.hear(&mut client)), "peer_away", "and the media is kept");
    bench.say(&mut client, offer(page.id, 9, "while it was away"));
    bench.wait(Duration::from_secs(5));
    let stranger = bench.page();
    let back = bench.page_of(page.cookie);
    assert_eq!(summary(&bench.hear(&mut client)), "peer_updated");
    assert_eq!(bench.words(&back)[0]["payload"]["sdp"], json!("while it was away"));
    assert!(bench.words(&stranger).is_empty(), "another browser is another page");
    bench.event(&back, "message", json!({ "to": client.id.as_str(), "type": "mute", "payload": { "name": "video" } }));
    let heard = bench.hear(&mut client);
    assert!(matches!(&heard[..], [ServerMessage::PeerUpdated { peer }] if peer.id == page.id), "{heard:?}");
    // A page that was loaded again asks for the room again, and is met again.
    bench.enter_room(&back, "99999");
    assert_eq!(summary(&bench.hear(&mut client)), "peer_left, peer_joined");
    // Who does not come back is gone after the hold.
    bench.cut_page(&back);
    bench.wait(Duration::from_secs(11));
    assert_eq!(summary(&bench.hear(&mut client)), "peer_away");
    bench.wait(Duration::from_secs(2));
    assert_eq!(summary(&bench.hear(&mut client)), "peer_left");
}

#[test]
fn two_tabs_of_one_browser_are_not_taken_for_each_other() {
    let mut bench = bench();
    let one = bench.page();
    bench.enter_room(&one, "99999");
    let two = bench.page_of(one.cookie);
    bench.enter_room(&two, "99999");
    bench.cut_page(&one);
    let three = bench.page_of(one.cookie);
    assert!(bench.enter_room(&three, "99999").contains(one.id.as_str()), "it is somebody new beside who is away");
}

#[test]
fn a_page_that_floods_is_disconnected_and_the_others_do_not_notice() {
    let mut bench = bench();
    let pages = [bench.page(), bench.page(), bench.page()];
    pages.iter().for_each(|page| drop(bench.enter_room(page, "99999")));
    let word = |to: &Page| json!({ "to": to.id.as_str(), "type": "x" });
    for _ in 0..10_000 {
        bench.event(&pages[0], "message", word(&pages[1]));
    }
    assert_eq!(bench.closed.get(&pages[0].conn), Some(&CloseReason::Flood));
    let heard = bench.words(&pages[1]).len();
    assert!((3000..4100).contains(&heard), "{heard}");
    bench.event(&pages[2], "message", word(&pages[1]));
    assert_eq!(bench.words(&pages[1]).len(), 1);
}

#[test]
fn put_out_by_the_host_or_with_the_room_a_page_sees_everybody_go() {
    for is_end in [false, true] {
        let mut bench = bench();
        let (mut host, room) = bench.host(None);
        let page = bench.page();
        bench.enter_room(&page, room.as_str());
        let end = ClientMessage::EndRoom { id: RequestId(9) };
        bench.say(&mut host, if is_end { end } else { ClientMessage::Kick(about(page.id)) });
        assert_eq!(bench.heard(&page), [format!(r#"2["remove",{}]"#, json!({ "id": host.id.as_str() }))]);
        let answer = bench.enter_room(&page, room.as_str());
        // Who was put out waits at the door from then on, which a page cannot.
        assert_eq!(answer, if is_end { r#"31[null,{"clients":{}}]"# } else { r#"31["bad_invite"]"# });
    }
}

#[test]
fn credentials_before_a_room_are_short_where_the_relay_is_ours() {
    let secret = TurnSecret::new("north").unwrap();
    let turn = TurnRest {
        urls: vec!["turn:10.0.0.1:3478".into()],
        secret,
        lifetime: Duration::from_secs(3600),
        before_join: Duration::from_secs(60),
    };
    let fixed = vec![
        hearth_protocol::IceServer { urls: vec!["stun:h:3478".into()], username: None, credential: None },
        hearth_protocol::IceServer {
            urls: vec!["turn:h:3478".into()],
            username: Some("abc".into()),
            credential: Some("123".into()),
        },
    ];
    let ice = IceConfig { fixed, turn: Some(turn) };
    let mut bench = Bench::with(RoomsConfig { ice, legacy: Some(LegacyRules::default()), ..RoomsConfig::default() });
    let page = bench.page();
    let heard = bench.heard(&page);
    assert_eq!(heard[0], r#"2["stunservers",[{"urls":["stun:h:3478"]}]]"#);
    assert!(heard[1].contains(r#"{"credential":"123","urls":["turn:h:3478"],"username":"abc"}"#), "{}", heard[1]);
    assert!(heard[1].contains(r#""username":"1800000060:"#), "{}", heard[1]);
    bench.emit(&page, r#"21["join","99999"]"#);
    let heard = bench.heard(&page);
    assert!(heard[1].contains(r#""username":"1800003600:"#) && heard[2].starts_with("31["), "{heard:?}");
}

#[test]
fn a_hosting_machine_lets_no_page_make_rooms() {
    let legacy = Some(LegacyRules::default());
    let config = RoomsConfig { creators: Creators::ThisMachine, legacy, ..RoomsConfig::default() };
    let mut bench = Bench::with(config);
    let page = bench.page();
    assert_eq!(bench.enter_room(&page, "99999"), r#"31["not_host"]"#);
}
