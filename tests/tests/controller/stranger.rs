//! Somebody whose program is a different one: a call that signals, and says AV1 where it should say H.264. They come
//! into a room, or open one to everybody who knows its password, which ours never does.
//!
//! Owner of: the call's thread. It has no sockets: what is looked at here is settled before media flows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{Builder, JoinHandle};

use anyhow::{Context as _, Result};
use futures_util::{SinkExt as _, StreamExt as _};
use hearth_base::{TrackSource, VideoCodec};
use hearth_call::{
    Call, CallConfig, CallPhase, Command, HostRule, Input, Loopback, Output, SignallingState, TransportPolicy,
};
use hearth_protocol::{RoomLink, RoomName, RoomPassword, SUBPROTOCOL};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use url::Url;

use crate::lan::Host;
use crate::place::{now, on};
use crate::server::Signalling;

pub struct Stranger {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Stranger {
    /// Goes into a room on a server.
    pub fn enter(host: &Host, server: &Signalling, link: &str) -> Result<Self> {
        let link = RoomLink::parse(link)?;
        let join = Command::Join { room: link.room.clone(), secret: link.secret, password: None };
        Self::spawn(host, server.roots()?, link.websocket(), vec![join], |_| {})
    }

    /// Opens a room on a server, and asks for a password; who knows its name may come.
    pub fn open(host: &Host, server: &Signalling, password: RoomPassword) -> Result<(Self, RoomName)> {
        let link = RoomLink::new(&server.address, RoomName::from_random(0), None, None)?;
        let (say, said) = sync_channel(1);
        let create = Command::Create { secret: None, capacity: None };
        let rule = Command::Rule(HostRule::Password(Some(password)));
        // Full: it was told already.
        let told = move |call: &Call| {
            let snapshot = call.snapshot();
            let open = snapshot.room.filter(|_| snapshot.room_state.has_password);
            open.into_iter().for_each(|room| drop(say.try_send(room)));
        };
        let stranger = Self::spawn(host, server.roots()?, link.websocket(), vec![create, rule], told)?;
        Ok((stranger, said.recv_timeout(crate::person::SOON).context("no room was opened")?))
    }

    fn spawn(
        host: &Host,
        roots: RootCertStore,
        server: Url,
        actions: Vec<Command>,
        look: impl Fn(&Call) + Send + 'static,
    ) -> Result<Self> {
        let (end, ended) = oneshot::channel();
        let address = host.address;
        let run = move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let socket = connect(&server, roots).await?;
                visit(socket, actions, (address, 40_000).into(), &look, ended).await
            })
        };
        let run = move || run().unwrap_or_else(|error| println!("the stranger: {error:#}"));
        let thread = on(host, move || Builder::new().name("stranger".to_owned()).spawn(run))??;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.end = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            println!("the stranger panicked");
        }
    }
}

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// The WebSocket of a server that one of these roots vouches for.
async fn connect(server: &Url, roots: RootCertStore) -> Result<Socket> {
    let mut request = server.as_str().into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse()?);
    let address = server.socket_addrs(|| None)?.first().copied().context("an address")?;
    let config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let stream = TlsConnector::from(Arc::new(config)).connect(address.ip().into(), stream).await?;
    Ok(tokio_tungstenite::client_async(request, stream).await?.0)
}

/// The first action leads into a room; the others are for when we are in it.
async fn visit(
    mut socket: Socket,
    actions: Vec<Command>,
    address: SocketAddr,
    look: &impl Fn(&Call),
    mut ended: oneshot::Receiver<()>,
) -> Result<()> {
    let config = CallConfig {
        seed: [5; 32],
        nick: "Old".to_owned(),
        video_codecs: vec![VideoCodec::H264],
        transport: TransportPolicy::All,
        loopback: Loopback::Refused,
    };
    let mut call = Call::new(config);
    for source in [TrackSource::Microphone, TrackSource::Camera] {
        call.handle(Input::Command(Command::Publish(source)), now());
    }
    call.handle(Input::Interfaces(vec![address.ip().into()]), now());
    let mut actions = actions.into_iter();
    actions.next().into_iter().for_each(|first| call.handle(Input::Command(first), now()));
    loop {
        if call.snapshot().phase == CallPhase::InRoom {
            actions.by_ref().for_each(|action| call.handle(Input::Command(action), now()));
        }
        look(&call);
        while let Some(output) = call.poll_output() {
            if let Output::Signal(message) = output {
                let text = serde_json::to_string(&message)?.replace("H264/90000", "AV1/90000");
                socket.send(Message::text(text)).await?;
            } else if let Output::OpenSocket { socket, .. } = output {
                call.handle(Input::Socket { socket, local: Some(address) }, now());
            } else if let Output::DialSignal = output {
                call.handle(Input::Signalling(SignallingState::Up), now());
            }
        }
        let due = call.poll_timeout().unwrap_or_else(|| now() + crate::person::SOON);
        tokio::select! {
            _ = &mut ended => return Ok(()),
            () = tokio::time::sleep_until(due.into()) => call.handle(Input::Timeout, now()),
            frame = socket.next() => {
                if let Message::Text(text) = frame.context("the server hung up")?? {
                    call.handle(Input::Signal(serde_json::from_str(&text)?), now());
                }
            }
        }
    }
}
