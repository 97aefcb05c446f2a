//! A client of the WebSocket, small enough to be trusted.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use hearth_protocol::{Numbered, PeerId, ResumeToken, RoomName, ServerMessage};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::within;

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
    pub(crate) id: PeerId,
    pub(crate) token: ResumeToken,
    pub(crate) resumed: bool,
    sent: u64,
    pub(crate) heard: u64,
}

/// The request of a client that is no browser.
pub(crate) fn request(address: SocketAddr) -> Request {
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "hearth.v1".parse().unwrap());
    request
}

/// A WebSocket that was welcomed.
pub(crate) async fn open(address: SocketAddr) -> WebSocketStream<TcpStream> {
    let stream = within(TcpStream::connect(address)).await.unwrap();
    open_on(stream, request(address)).await
}

/// The same over a connection that was made already, by this request.
pub(crate) async fn open_on(stream: TcpStream, request: Request) -> WebSocketStream<TcpStream> {
    let (mut socket, _) = within(client_async(request, stream)).await.unwrap();
    let welcome = hear_on(&mut socket).await.unwrap();
    assert!(matches!(welcome.message, ServerMessage::Welcome { ping_s: 1.., .. }), "{welcome:?}");
    socket
}

pub(crate) async fn connect(address: SocketAddr) -> Client {
    greet(address, "").await
}

/// Comes back to the session of `old`.
pub(crate) async fn come_back(address: SocketAddr, old: &Client) -> Client {
    let resume = format!(r#","resume":{{"token":"{}","last_seq":{}}}"#, old.token.reveal(), old.heard);
    let mut client = greet(address, &resume).await;
    (client.sent, client.heard) = (old.sent, old.heard);
    client
}

async fn greet(address: SocketAddr, resume: &str) -> Client {
    greet_on(open(address).await, resume).await
}

/// Says hello on a WebSocket that was welcomed.
pub(crate) async fn greet_on(mut socket: WebSocketStream<TcpStream>, resume: &str) -> Client {
    socket.send(format!(r#"{{"type":"hello","v":[1]{resume}}}"#).into()).await.unwrap();
    let session = hear_on(&mut socket).await.unwrap().message;
    let ServerMessage::Session { peer_id: id, resume_token: token, resumed, .. } = session else {
        panic!("{session:?}")
    };
    Client { socket, id, token, resumed, sent: 0, heard: 0 }
}

/// The next message, or how the connection was closed (none: without a word).
pub(crate) async fn hear_on(
    socket: &mut WebSocketStream<TcpStream>,
) -> Result<Numbered<ServerMessage>, Option<CloseFrame>> {
    loop {
        match within(socket.next()).await {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(frame))) => return Err(frame),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(None),
        }
    }
}

impl Client {
    /// The number of the next message, which the caller says.
    pub(crate) fn said(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    pub(crate) async fn say(&mut self, body: &str) {
        self.sent += 1;
        self.socket.send(format!(r#"{{"seq":{},{body}}}"#, self.sent).into()).await.unwrap();
    }

    pub(crate) async fn hear(&mut self) -> ServerMessage {
        let message = hear_on(&mut self.socket).await.unwrap();
        assert_eq!(message.seq, Some(self.heard + 1), "{message:?}");
        self.heard += 1;
        message.message
    }

    pub(crate) async fn create(&mut self) -> RoomName {
        self.say(r#""type":"create","nick":"Host""#).await;
        let ServerMessage::Joined(joined) = self.hear().await else { panic!() };
        joined.room
    }

    pub(crate) async fn join(&mut self, room: &RoomName) {
        self.say(&format!(r#""type":"join","room":"{room}""#)).await;
        let joined = self.hear().await;
        assert!(matches!(joined, ServerMessage::Joined(_)), "{joined:?}");
    }

    pub(crate) async fn signal(&mut self, to: PeerId, word: &str) {
        self.say(&format!(r#""type":"signal","to":"{to}","sid":1,"end":"{word}""#)).await;
    }
}
