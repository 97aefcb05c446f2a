//! The old protocol over real sockets: polling, WebSocket, the way from one to the other, and whose a session is.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hearth_signal::ServerConfig;
use hearth_signal::rooms::{LegacyRules, RoomsConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::client::{Client, connect};
use crate::{Running, plain, start, within};

/// Without bytes: what comes back is text.
const POLLING: &str = "/socket.io/?EIO=3&transport=polling&b64=1";

/// An answer that takes longer is noticed.
const NOTICED: Duration = Duration::from_secs(2);

pub(crate) fn with_pages() -> ServerConfig {
    let legacy = Some(LegacyRules::default());
    ServerConfig { rooms: RoomsConfig { legacy, ..RoomsConfig::default() }, ..plain() }
}

/// The answer to one request: its status, its head, its body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

async fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = within(TcpStream::connect(address)).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\n{headers}content-type: text/plain;charset=UTF-8\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// A page that polls.
pub(crate) struct Poller {
    address: SocketAddr,
    sid: String,
    /// A header line, or nothing.
    cookie: String,
    heard: Vec<String>,
}

impl Poller {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let answer = ask(address, "GET", POLLING, "", "").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let cookie = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        let cookie = format!("cookie: {}\r\n", cookie.split(';').next().unwrap());
        let packets = packets(&answer.body);
        let open: Value = serde_json::from_str(packets[0].strip_prefix('0').unwrap()).unwrap();
        assert_eq!((&open["pingInterval"], &open["pingTimeout"]), (&json!(25000), &json!(60000)));
        let sid = open["sid"].as_str().unwrap().to_owned();
        let heard = packets.into_iter().skip(1).collect();
        Self { address, sid, cookie, heard }
    }

    fn path(&self) -> String {
        format!("{POLLING}&sid={}", self.sid)
    }

    async fn say(&self, texts: &[String]) -> Answer {
        let body: String = texts.iter().map(|text| format!("{}:4{text}", text.chars().count() + 1)).collect();
        ask(self.address, "POST", &self.path(), &self.cookie, &body).await
    }

    async fn poll(&mut self) {
        let answer = ask(self.address, "GET", &self.path(), &self.cookie, "").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.heard.extend(packets(&answer.body).into_iter().filter_map(|p| p.strip_prefix('4').map(str::to_owned)));
    }

    /// The next text that begins so.
    pub(crate) async fn until(&mut self, start: &str) -> String {
        loop {
            if let Some(at) = self.heard.iter().position(|text| text.starts_with(start)) {
                return self.heard.remove(at);
            }
            self.poll().await;
        }
    }

    async fn join(&mut self, room: &str) -> String {
        assert_eq!(self.say(&[format!("21{}", json!(["join", room]))]).await.status, 200);
        self.until("31").await
    }
}

/// The packets of a payload of Engine.IO 3: each behind its length in characters.
fn packets(payload: &str) -> Vec<String> {
    let (mut rest, mut packets) = (payload, Vec::new());
    while let Some((length, more)) = rest.split_once(':') {
        let length: usize = length.parse().unwrap();
        let end = more.char_indices().nth(length).map_or(more.len(), |(at, _)| at);
        packets.push(more[..end].to_owned());
        rest = &more[end..];
    }
    packets
}

/// A page on a WebSocket.
struct Page {
    socket: WebSocketStream<TcpStream>,
    id: String,
}

impl Page {
    async fn open(address: SocketAddr) -> Self {
        let mut socket = websocket(address, "", "").await.unwrap();
        let open = text(&mut socket).await;
        let open: Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
        Self { socket, id: open["sid"].as_str().unwrap().to_owned() }
    }

    async fn say(&mut self, name: &str, argument: Value) {
        self.socket.send(format!("42{}", json!([name, argument])).into()).await.unwrap();
    }

    async fn hear(&mut self, start: &str) -> String {
        loop {
            let text = text(&mut self.socket).await;
            if let Some(text) = text.strip_prefix('4').filter(|text| text.starts_with(start)) {
                return text.to_owned();
            }
        }
    }

    async fn join(&mut self, room: &str) -> String {
        self.socket.send(format!("421{}", json!(["join", room])).into()).await.unwrap();
        self.hear("31").await
    }
}

async fn websocket(address: SocketAddr, query: &str, cookie: &str) -> Option<WebSocketStream<TcpStream>> {
    let stream = within(TcpStream::connect(address)).await.unwrap();
    let url = format!("ws://{address}/socket.io/?EIO=3&transport=websocket{query}");
    let mut request = url.into_client_request().unwrap();
    if let Some(value) = cookie.strip_prefix("cookie: ") {
        request.headers_mut().insert("cookie", value.trim().parse().unwrap());
    }
    within(client_async(request, stream)).await.ok().map(|(socket, _)| socket)
}

/// Changes from polling to a WebSocket.
async fn upgrade(page: &Poller) -> WebSocketStream<TcpStream> {
    let query = format!("&sid={}", page.sid);
    let mut socket = websocket(page.address, &query, &page.cookie).await.unwrap();
    socket.send("2probe".into()).await.unwrap();
    assert_eq!(text(&mut socket).await, "3probe");
    socket.send("5".into()).await.unwrap();
    socket
}

async fn text(socket: &mut WebSocketStream<TcpStream>) -> String {
    loop {
        match within(socket.next()).await.unwrap().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Close(frame) => panic!("closed: {frame:?}"),
            Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_) => {}
        }
    }
}

#[tokio::test]
async fn thousands_of_messages_arrive_in_order_by_polling_and_by_websocket() {
    let server = start(with_pages()).await;
    let (mut poller, mut page) = (Poller::open(server.address).await, Page::open(server.address).await);
    poller.join("99999").await;
    assert!(page.join("99999").await.contains(&poller.sid));
    // From one who polls: thirty requests of a hundred messages.
    for request in 0..30 {
        let word = |n: i32| format!("2{}", json!(["message", { "to": page.id, "type": "n", "n": request * 100 + n }]));
        assert_eq!(poller.say(&(0..100).map(word).collect::<Vec<_>>()).await.body, "ok");
    }
    for n in 0..3000 {
        let heard = page.hear("2[\"message\"").await;
        assert!(heard.contains(&format!("\"n\":{n},")), "{n}: {heard}");
    }
    // And to them, as many at once as a request finds.
    for hundred in 0..30 {
        for n in 0..100 {
            page.say("message", json!({ "to": poller.sid, "type": "n", "n": hundred * 100 + n })).await;
        }
        for n in 0..100 {
            let heard = poller.until("2[\"message\"").await;
            assert!(heard.contains(&format!("\"n\":{},", hundred * 100 + n)), "{n}: {heard}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_page_changes_from_polling_to_websocket_and_is_refused_polling_from_then_on() {
    let server = start(with_pages()).await;
    let mut poller = Poller::open(server.address).await;
    poller.join("99999").await;
    let query = format!("&sid={}", poller.sid);
    let mut socket = websocket(server.address, &query, &poller.cookie).await.unwrap();
    socket.send("2probe".into()).await.unwrap();
    assert_eq!(text(&mut socket).await, "3probe");
    socket.send("5".into()).await.unwrap();
    let mut other = Page::open(server.address).await;
    other.join("99999").await;
    other.say("message", json!({ "to": poller.sid, "type": "tea" })).await;
    while !text(&mut socket).await.contains("\"tea\"") {}
    assert_eq!(ask(server.address, "GET", &poller.path(), &poller.cookie, "").await.status, 400);
    socket.send("2".into()).await.unwrap();
    while text(&mut socket).await != "3" {}
    server.stop().await;
}

#[tokio::test]
async fn an_id_that_everybody_knows_opens_nobodys_session() {
    let server = start(with_pages()).await;
    let mut poller = Poller::open(server.address).await;
    poller.join("99999").await; // it has shown its cookie by now
    let stolen = poller.path();
    let word = "9:42[\"leave\"]";
    for headers in ["", "cookie: hearth_page=AAAAAAAAAAAAAAAAAAAAAA\r\n", "cookie: io=1\r\n"] {
        for (method, body) in [("GET", ""), ("POST", word)] {
            let answer = ask(server.address, method, &stolen, headers, body).await;
            assert_eq!(answer.status, 400, "{method} {headers}");
            assert_eq!(answer.body, r#"{"code":1,"message":"Session ID unknown"}"#);
        }
        let query = format!("&sid={}", poller.sid);
        assert!(websocket(server.address, &query, headers).await.is_none(), "{headers}");
    }
    let unknown = ask(server.address, "GET", &format!("{POLLING}&sid=AAAAAAAAAAAAAAAA"), "", "").await;
    assert_eq!((unknown.status, unknown.body.as_str()), (400, r#"{"code":1,"message":"Session ID unknown"}"#));
    assert!(Page::open(server.address).await.join("99999").await.contains(&poller.sid), "it is still there");
    server.stop().await;
}

#[tokio::test]
async fn pages_of_another_port_may_read_and_pages_of_others_may_not() {
    let server = start(with_pages()).await;
    let ours = "origin: http://127.0.0.1\r\n";
    let answer = ask(server.address, "GET", POLLING, ours, "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("access-control-allow-origin: http://127.0.0.1\r\n"), "{}", answer.head);
    assert!(answer.head.contains("access-control-allow-credentials: true"), "{}", answer.head);
    assert!(answer.head.contains("HttpOnly; SameSite=Lax"), "{}", answer.head);
    assert_eq!(ask(server.address, "OPTIONS", POLLING, ours, "").await.status, 204);
    for headers in ["origin: https://evil.example\r\n", "origin: null\r\n", "sec-fetch-site: cross-site\r\n"] {
        assert_eq!(ask(server.address, "GET", POLLING, headers, "").await.status, 403, "{headers}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_request_does_no_harm() {
    let server = start(with_pages()).await;
    let mut page = Page::open(server.address).await;
    let mut bad = Page::open(server.address).await;
    page.join("99999").await;
    for path in ["/socket.io/", "/socket.io/?EIO=4&transport=polling&sid=../..", "/socket.io/?EIO=9&transport=polling"]
    {
        assert_eq!(ask(server.address, "GET", path, "", "").await.status, 400, "{path}");
    }
    for packet in [
        r#"42["join",{"__proto__":{}}]"#,
        r#"42["join","__proto__"]"#,
        r#"42["message",{"to":"__proto__","type":"offer"}]"#,
        "42[",
        "4",
        "451-[\"file\",{\"_placeholder\":true,\"num\":0}]",
        "40/admin,",
    ] {
        bad.socket.send(packet.into()).await.unwrap();
    }
    let name = "x".repeat(200_000);
    bad.socket.send(format!("427{}", json!(["join", name])).into()).await.unwrap();
    assert_eq!(bad.hear("37").await, r#"37[null,{"clients":{}}]"#, "any text is a name");
    assert!(bad.join("99999").await.contains(&page.id));
    // Nobody keeps more of it than a message may be long.
    let mut long = Page::open(server.address).await;
    drop(long.socket.send(format!("42{}", json!(["join", "x".repeat(300_000)])).into()).await);
    while !matches!(within(long.socket.next()).await, None | Some(Err(_)) | Some(Ok(Message::Close(_)))) {}
    server.stop().await;
}

#[tokio::test]
async fn a_page_that_is_closed_is_gone_at_once() {
    let server = start(with_pages()).await;
    let (mut client, room) = host(&server).await;
    for farewell in [Message::Close(None), "41".into(), "1".into()] {
        let mut page = Page::open(server.address).await;
        page.join(room.as_str()).await;
        assert!(matches!(client.hear().await, hearth_protocol::ServerMessage::PeerJoined { .. }));
        page.socket.send(farewell).await.unwrap();
        let left = client.hear().await;
        assert!(matches!(left, hearth_protocol::ServerMessage::PeerLeft { .. }), "{left:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_page_that_leaves_without_a_word_is_gone_after_the_hold_and_one_that_is_back_never_was() {
    let server = start(with_pages()).await;
    let (mut client, room) = host(&server).await;
    let mut poller = Poller::open(server.address).await;
    poller.join(room.as_str()).await;
    assert!(matches!(client.hear().await, hearth_protocol::ServerMessage::PeerJoined { .. }));
    // Its WebSocket breaks, and its browser comes back with the same cookie.
    drop(upgrade(&poller).await);
    assert!(matches!(client.hear().await, hearth_protocol::ServerMessage::PeerAway { .. }));
    let mut back = websocket(server.address, "", &poller.cookie).await.unwrap();
    assert!(text(&mut back).await.starts_with('0'));
    assert!(matches!(client.hear().await, hearth_protocol::ServerMessage::PeerUpdated { .. }));
    let word = json!(["message", { "to": client.id.as_str(), "type": "chat", "payload": { "message": "still me" } }]);
    back.send(format!("42{word}").into()).await.unwrap();
    let heard = client.hear().await;
    assert!(
        matches!(&heard, hearth_protocol::ServerMessage::Signal(signal) if signal.from.unwrap().as_str() == poller.sid),
        "{heard:?}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_page_that_got_no_answer_to_its_handshake_finds_its_place_free() {
    let server = start(with_pages()).await;
    let (mut client, room) = host(&server).await;
    let mut page = Poller::open(server.address).await;
    page.join(room.as_str()).await;
    assert!(matches!(client.hear().await, hearth_protocol::ServerMessage::PeerJoined { .. }));
    drop(upgrade(&page).await);
    assert!(matches!(client.hear().await, hearth_protocol::ServerMessage::PeerAway { .. }));
    // Two answers are lost on their way to it. The third one arrives, as its next request shows.
    for _ in 0..2 {
        assert_eq!(ask(server.address, "GET", POLLING, &page.cookie, "").await.status, 200);
    }
    let answer = ask(server.address, "GET", POLLING, &page.cookie, "").await;
    let open: Value = serde_json::from_str(packets(&answer.body)[0].strip_prefix('0').unwrap()).unwrap();
    let known_as = std::mem::replace(&mut page.sid, open["sid"].as_str().unwrap().to_owned());
    let word = json!(["message", { "to": client.id.as_str(), "type": "chat", "payload": { "message": "still me" } }]);
    assert_eq!(page.say(&[format!("2{word}")]).await.status, 200);
    assert!(matches!(client.hear().await, hearth_protocol::ServerMessage::PeerUpdated { .. }));
    let heard = client.hear().await;
    assert!(
        matches!(&heard, hearth_protocol::ServerMessage::Signal(signal) if signal.from.unwrap().as_str() == known_as),
        "{heard:?}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_page_that_reads_nothing_is_dropped_by_nobodys_words_and_the_others_do_not_notice() {
    let server = start(with_pages()).await;
    let (mut deaf, mut talkers) = (Page::open(server.address).await, Vec::new());
    deaf.join("99999").await;
    for _ in 0..3 {
        let mut page = Page::open(server.address).await;
        page.join("99999").await;
        talkers.push(page);
    }
    let [mut one, mut two] = [Page::open(server.address).await, Page::open(server.address).await];
    one.join("other").await;
    two.join("other").await;
    // Each within what a page may say at once.
    let word = json!({ "to": deaf.id, "type": "n", "payload": "x".repeat(1900) });
    for round in 0..3990 {
        for page in &mut talkers {
            page.say("message", word.clone()).await;
        }
        if round % 100 == 0 {
            one.say("message", json!({ "to": two.id, "type": "n", "n": round })).await;
            let heard = tokio::time::timeout(NOTICED, two.hear(r#"2["message""#)).await.expect("at once");
            assert!(heard.contains(&format!(r#""n":{round}"#)), "{heard}");
        }
    }
    assert!(one.join("99999").await.contains(&deaf.id), "it is still there");
    server.stop().await;
}

#[tokio::test]
async fn where_pages_are_not_wanted_there_is_no_way_in() {
    let server = start(plain()).await;
    assert_eq!(ask(server.address, "GET", POLLING, "", "").await.status, 404);
    server.stop().await;
}

async fn host(server: &Running) -> (Client, hearth_protocol::RoomName) {
    let mut client = connect(server.address).await;
    let room = client.create().await;
    (client, room)
}
