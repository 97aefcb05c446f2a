//! The WebSocket to the signalling server.
//!
//! One task a connection. It moves messages and nothing else: greeting, numbering and coming back are the call's. Owner
//! of: the socket. Hangs up when its sender of messages is dropped.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hearth_protocol::{ClientMessage, Numbered, SUBPROTOCOL, ServerMessage, SpkiHash};
use rust_i18n::t;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Url;

use super::pin::{PinVerifier, Seen, Trust};
use super::{clock, names};

/// How long a connection may take to come about.
const DIALLING: Duration = Duration::from_secs(5);
/// The server pings every ten seconds; after three silent intervals it is gone.
const SILENCE: Duration = Duration::from_secs(30);
/// How long the server may take to give a sign of life that it is asked for.
const PROBE: Duration = Duration::from_secs(2);
/// How long a message may take into the system's buffer: a full one means that nobody reads.
const WRITING: Duration = Duration::from_secs(10);
/// How long the server may take to answer our goodbye.
const CLOSING: Duration = Duration::from_millis(300);
/// Messages on their way out: a join into a full room makes a hundred. Full: the connection is given up, and the
/// session says everything again on the next one.
pub(crate) const OUTBOX: usize = 512;
/// Longest message that is read, bytes: twice what servers announce.
const LONGEST: usize = 512 * 1024;

/// Where the server is, and how it is known.
#[derive(Clone, Debug)]
pub struct ServerAddress {
    /// `wss://HOST:PORT/ws`, or `ws://` behind a proxy on this machine.
    pub websocket: Url,
    /// Its public key.
    pub pin: Option<SpkiHash>,
}

/// What happened on a connection; `attempt` tells one from the next.
#[derive(Debug)]
pub(crate) enum SignalEvent {
    /// `local` is the address that the connection is on.
    Up {
        attempt: u64,
        server: Option<(SpkiHash, Trust)>,
        local: Option<IpAddr>,
    },
    Message {
        attempt: u64,
        message: Box<Numbered<ServerMessage>>,
    },
    Down {
        attempt: u64,
        why: SignalFault,
    },
}

/// Why there is no connection: words that follow a sentence.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SignalFault {
    /// It was not found, refused the connection, or took too long. Shared, because views are copied.
    #[error("{}", t!("signal.unreachable"))]
    Unreachable(#[source] Arc<std::io::Error>),
    /// Its key is not the one in the link.
    #[error("{}", t!("signal.wrong_server"))]
    WrongServer,
    /// It is no signalling server, or a broken one; in the library's own words.
    #[error("{}", t!("signal.protocol", detail = .0))]
    Protocol(String),
    /// It said goodbye, or we did.
    #[error("{}", t!("signal.closed"))]
    Closed,
    /// Nothing came for 30 s.
    #[error("{}", t!("signal.silent"))]
    Silent,
}

impl SignalFault {
    fn unreachable(error: std::io::Error) -> Self {
        Self::Unreachable(Arc::new(error))
    }
}

/// Runs one connection from dialling to its end.
pub(crate) async fn connection(
    server: ServerAddress,
    attempt: u64,
    mut outbox: mpsc::Receiver<Numbered<ClientMessage>>,
    probe: Arc<Notify>,
    events: mpsc::Sender<SignalEvent>,
) {
    let dialled = tokio::select! {
        dialled = tokio::time::timeout(DIALLING, dial(&server)) => dialled,
        // Nothing is said before it stands: it was hung up.
        _ = outbox.recv() => return,
    };
    let why = match dialled {
        Err(_) => SignalFault::unreachable(std::io::ErrorKind::TimedOut.into()),
        Ok(Err(why)) => why,
        Ok(Ok((socket, server, local))) => {
            if events.send(SignalEvent::Up { attempt, server, local }).await.is_err() {
                return;
            }
            talk(socket, attempt, outbox, &probe, &events).await
        }
    };
    // The call may have ended meanwhile, and then nobody waits for this.
    drop(events.send(SignalEvent::Down { attempt, why }).await);
}

/// A stream of either kind: TLS, or plain to a proxy on this machine.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

type Socket = WebSocketStream<Box<dyn ByteStream>>;

/// What a connection is: the socket, what was seen of the server, and the address that it is on.
type Dialled = (Socket, Option<(SpkiHash, Trust)>, Option<IpAddr>);

async fn dial(server: &ServerAddress) -> Result<Dialled, SignalFault> {
    let host = server.websocket.host_str().ok_or_else(|| SignalFault::Protocol("no host".to_owned()))?;
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = server.websocket.port_or_known_default().unwrap_or(443);
    let tcp = TcpStream::connect((bare.as_str(), port)).await.map_err(SignalFault::unreachable)?;
    tcp.set_nodelay(true).map_err(SignalFault::unreachable)?;
    let local = tcp.local_addr().ok().map(|address| address.ip());
    let mut request =
        server.websocket.as_str().into_client_request().map_err(|error| SignalFault::Protocol(error.to_string()))?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
    let (stream, seen): (Box<dyn ByteStream>, _) = if server.websocket.scheme() == "ws" {
        (Box::new(tcp), None)
    } else {
        let (tls, seen) = secure(tcp, bare, server.pin).await?;
        (tls, seen)
    };
    let config = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
    let (socket, _) = client_async_with_config(request, stream, Some(config))
        .await
        .map_err(|error| SignalFault::Protocol(error.to_string()))?;
    Ok((socket, seen, local))
}

/// TLS to anyone who it is, unless there is a pin: what was seen of them is the caller's to judge.
pub(super) async fn secure(
    tcp: TcpStream,
    host: String,
    pin: Option<SpkiHash>,
) -> Result<(Box<dyn ByteStream>, Option<(SpkiHash, Trust)>), SignalFault> {
    let seen = Seen::default();
    let protocol = |error: &dyn std::fmt::Display| SignalFault::Protocol(error.to_string());
    let verifier = PinVerifier::new(pin, seen.clone()).map_err(|error| protocol(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| protocol(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let name = ServerName::try_from(host).map_err(|error| protocol(&error))?;
    let tls = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|error| {
        // The verifier refuses for one reason only.
        if pin.is_some() && error.kind() == std::io::ErrorKind::InvalidData {
            SignalFault::WrongServer
        } else {
            SignalFault::unreachable(error)
        }
    })?;
    Ok((Box::new(tls), seen.get().copied()))
}

async fn talk(
    mut socket: Socket,
    attempt: u64,
    mut outbox: mpsc::Receiver<Numbered<ClientMessage>>,
    probe: &Notify,
    events: &mpsc::Sender<SignalEvent>,
) -> SignalFault {
    let mut silent_at = clock::now() + SILENCE;
    loop {
        tokio::select! {
            said = outbox.recv() => {
                let Some(message) = said else {
                    hang_up(socket).await;
                    return SignalFault::Closed;
                };
                let Ok(text) = serde_json::to_string(&message) else { continue };
                match tokio::time::timeout(WRITING, socket.send(Message::text(text))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return SignalFault::Protocol(error.to_string()),
                    Err(_) => return SignalFault::Silent,
                }
            }
            // What we say ourselves is no sign of life of the server.
            () = tokio::time::sleep_until(silent_at.into()) => return SignalFault::Silent,
            () = probe.notified() => {
                let ping = socket.send(Message::Ping(Vec::new().into()));
                if !matches!(tokio::time::timeout(PROBE, ping).await, Ok(Ok(()))) {
                    return SignalFault::Silent;
                }
                silent_at = silent_at.min(clock::now() + PROBE);
            }
            frame = socket.next() => {
                silent_at = clock::now() + SILENCE;
                match read(frame) {
                    Ok(None) => {}
                    Ok(Some(mut message)) => {
                        names::resolve_servers(&mut message.message).await;
                        if events.send(SignalEvent::Message { attempt, message: Box::new(message) }).await.is_err() {
                            return SignalFault::Closed;
                        }
                    }
                    Err(why) => return why,
                }
            }
        }
    }
}

/// Hangs up on purpose; a close that cannot be said is a close as well. Reads on until the server has seen it: closing
/// with bytes unread would make TCP throw our last words away.
async fn hang_up(mut socket: Socket) {
    if let Ok(Ok(())) = tokio::time::timeout(WRITING, socket.close(None)).await {
        let answered = async { while let Some(Ok(_)) = socket.next().await {} };
        if tokio::time::timeout(CLOSING, answered).await.is_err() {
            tracing::debug!("the server did not answer the close in time");
        }
    }
}

fn read(frame: Option<tungstenite::Result<Message>>) -> Result<Option<Numbered<ServerMessage>>, SignalFault> {
    match frame {
        None => Err(SignalFault::Closed),
        Some(Err(error)) => Err(SignalFault::Protocol(error.to_string())),
        Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
            Ok(message) => Ok(Some(message)),
            Err(error) => {
                tracing::warn!(%error, "a message of the server was not understood");
                Ok(None)
            }
        },
        Some(Ok(Message::Close(_))) => Err(SignalFault::Closed),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => Ok(None),
    }
}
