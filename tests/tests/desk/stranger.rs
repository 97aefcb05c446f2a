//! A guest whose program knows other codecs than ours: a call that signals, and says AV1 where it should say H.264.
//!
//! Owner of: the call's thread. It has no sockets: what is looked at here is settled before media flows.

use std::net::SocketAddr;
use std::thread::{Builder, JoinHandle};

use anyhow::{Context as _, Result};
use futures_util::{SinkExt as _, StreamExt as _};
use hearth_base::{TrackSource, VideoCodec};
use hearth_call::{Call, CallConfig, Input, Intent, Loopback, Output, SignalLink, TransportPolicy};
use hearth_protocol::{RoomLink, SUBPROTOCOL};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::lan::Host;
use crate::place::{now, on};

pub struct Stranger {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Stranger {
    /// Goes into a room.
    pub fn enter(host: &Host, link: &str) -> Result<Self> {
        let (end, ended) = oneshot::channel();
        let (link, address) = (RoomLink::parse(link)?, host.address);
        let run = move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(visit(&link, (address, 40_000).into(), ended))
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

async fn visit(link: &RoomLink, address: SocketAddr, mut ended: oneshot::Receiver<()>) -> Result<()> {
    let mut request = link.websocket().as_str().into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse()?);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
    let config = CallConfig {
        seed: [5; 32],
        nick: "Old".to_owned(),
        tracks: vec![TrackSource::Microphone, TrackSource::Camera],
        video_codecs: vec![VideoCodec::H264],
        transport: TransportPolicy::All,
        loopback: Loopback::Refused,
    };
    let mut call = Call::new(config, now());
    call.handle(Input::Interfaces(vec![address.ip()]), now());
    call.handle(Input::Intent(Intent::Join { room: link.room.clone(), secret: link.secret, password: None }), now());
    loop {
        while let Some(output) = call.poll_output() {
            if let Output::Signal(message) = output {
                let text = serde_json::to_string(&message)?.replace("H264/90000", "AV1/90000");
                socket.send(Message::text(text)).await?;
            } else if let Output::OpenSocket { socket, .. } = output {
                call.handle(Input::Socket { socket, local: Some(address) }, now());
            } else if let Output::DialSignal = output {
                call.handle(Input::SignalLink(SignalLink::Up), now());
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
