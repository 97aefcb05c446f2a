//! One of the crowd: a WebSocket that speaks our protocol, and as little as it can.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use hearth_protocol::{Numbered, PeerId, ServerMessage};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;
use tokio::time::{MissedTickBehavior, interval_at, sleep_until};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::any_certificate;

/// Where the crowd comes in.
#[derive(Clone)]
pub(crate) struct Door {
    url: String,
    address: String,
    tls: Option<TlsConnector>,
    /// Connections so far.
    opened: Arc<AtomicU32>,
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Somebody.
pub(crate) struct Person {
    socket: WebSocketStream<Box<dyn Stream>>,
    said: u64,
    other: Option<PeerId>,
}

impl Door {
    pub(crate) fn new(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").context("a URL")?;
        let address = rest.split('/').next().unwrap_or_default().to_owned();
        let tls = (scheme == "wss").then(any_certificate::connector).transpose()?;
        Ok(Self { url: url.trim_end_matches("/ws").to_owned(), address, tls, opened: Arc::default() })
    }

    /// A WebSocket at `path`, by a subprotocol or none.
    pub(crate) async fn websocket(
        &self,
        path: &str,
        protocol: Option<&str>,
    ) -> Result<WebSocketStream<Box<dyn Stream>>> {
        let mut request = format!("{}{path}", self.url).into_client_request()?;
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse()?);
        }
        Ok(client_async(request, self.open().await?).await?.0)
    }

    async fn open(&self) -> Result<Box<dyn Stream>> {
        let to = self.address.parse::<SocketAddr>()?;
        let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if to.is_ipv4() && to.ip().is_loopback() {
            // People are at home: each has an address of its own, by which the server counts.
            let [.., a, b] = self.opened.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            socket.bind((Ipv4Addr::new(127, 1, a, b.max(1)), 0).into())?;
        }
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            Some(tls) => Box::new(tls.connect("localhost".try_into()?, stream).await?),
            None => Box::new(stream),
        })
    }
}

impl Person {
    /// Connects, and has a session.
    pub(crate) async fn connect(door: &Door) -> Result<Self> {
        let socket = door.websocket("/ws", Some("hearth.v1")).await?;
        let mut person = Self { socket, said: 0, other: None };
        person.socket.send(r#"{"type":"hello","v":[1],"client":"load/1"}"#.into()).await?;
        loop {
            if let ServerMessage::Session { .. } = person.hear().await? {
                return Ok(person);
            }
        }
    }

    /// Into a room, which the first one makes.
    pub(crate) async fn enter(&mut self, room: &str, is_first: bool) -> Result<()> {
        // Anyone who was to make it may not have been let in yet.
        for kind in if is_first { ["create"; 40] } else { ["join"; 40] } {
            self.say(&format!(r#""type":"{kind}","id":1,"room":"{room}","nick":"somebody""#)).await?;
            loop {
                let message = self.hear().await?;
                if let ServerMessage::Joined(joined) = message {
                    self.other = joined.peers.first().map(|peer| peer.id);
                    return Ok(());
                }
                if matches!(message, ServerMessage::Error { .. }) {
                    break;
                }
            }
        }
        bail!("not let into {room}")
    }

    /// Waits for somebody else.
    pub(crate) async fn meet(&mut self) -> Result<()> {
        loop {
            if let ServerMessage::PeerJoined { peer } = self.hear().await? {
                self.other = Some(peer.id);
                return Ok(());
            }
        }
    }

    /// Sends words to the other one, so many a second, and gives how many it heard.
    pub(crate) async fn talk(mut self, words: u32, length: usize, until: Instant) -> Result<u64> {
        let to = self.other.context("nobody to talk to")?;
        let word = format!(r#""type":"signal","to":"{to}","sid":1,"end":"{}""#, "x".repeat(length));
        let pause = Duration::from_secs(1) / words;
        let mut ticks = interval_at((Instant::now() + pause).into(), pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let end = sleep_until(until.into());
        tokio::pin!(end);
        let mut heard = 0;
        loop {
            tokio::select! {
                () = &mut end => return Ok(heard),
                _ = ticks.tick() => self.say(&word).await?,
                message = self.socket.next() => {
                    let message = message.context("hung up")??;
                    heard += u64::from(words_of(&message).is_some_and(|text| text.contains("\"signal\"")));
                }
            }
        }
    }

    async fn say(&mut self, body: &str) -> Result<()> {
        self.said += 1;
        Ok(self.socket.send(format!(r#"{{"seq":{},{body}}}"#, self.said).into()).await?)
    }

    async fn hear(&mut self) -> Result<ServerMessage> {
        loop {
            let message = self.socket.next().await.context("hung up")??;
            if let Some(text) = words_of(&message) {
                return Ok(serde_json::from_str::<Numbered<ServerMessage>>(text)?.message);
            }
        }
    }
}

pub(crate) fn words_of(message: &Message) -> Option<&str> {
    if let Message::Text(text) = message { Some(text) } else { None }
}
