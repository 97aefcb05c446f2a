//! One WebSocket: text in, text out, pings.
//!
//! Owns the socket and nothing else; it knows neither sessions nor rooms.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::rooms::{CloseReason, ConnId, Load};

/// How long one message may take to be written, and how many bytes more a second longer. 10 s: TCP itself would try for
/// a quarter of an hour. 4 KiB a second: the slowest link over which a call still has sound is not cut off for what
/// others send.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
const SLOWEST: usize = 4096;
/// How long the other side may take to answer our close.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// Pings that may go unanswered.
const PINGS_MISSED: u32 = 2;
/// Longest reason in a close frame (RFC 6455, section 5.5: 125 bytes, two of them the code).
const REASON_BYTES: usize = 123;

/// A WebSocket that was just opened.
pub(crate) struct OpenedWebSocket {
    pub(crate) socket: WebSocket,
    /// Where it comes from.
    pub(crate) address: IpAddr,
}

/// What a connection heard.
pub(super) type Received = (ConnId, Utf8Bytes);

/// What the hub puts into a connection's box.
#[derive(Debug)]
pub(super) enum OutboundFrame {
    /// To be sent; the permit frees its bytes once it is, and so does what another one's word counts for.
    Text { text: Arc<str>, bytes: OwnedSemaphorePermit, load: Option<Load> },
    /// The last one.
    Close(CloseReason),
}

/// How a conversation has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseKind {
    /// The client closed it on purpose: it does not come back to this session.
    Said,
    /// Anything else.
    None,
}

/// Why a conversation ends.
enum End {
    /// The other side is gone, or does not take what we write.
    Lost,
    /// We say why.
    Say { code: u16, reason: String },
}

/// Serves one WebSocket until either side has had enough.
pub(super) async fn run_connection(
    conn: ConnId,
    mut socket: WebSocket,
    heard: mpsc::Sender<Received>,
    mut parcels: mpsc::Receiver<OutboundFrame>,
    ping: Duration,
) -> CloseKind {
    let mut farewell = CloseKind::None;
    let mut pings = interval(ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.tick().await; // the first one comes at once
    let mut unanswered = 0;
    let end = loop {
        tokio::select! {
            frame = socket.recv() => match frame {
                Some(Ok(Message::Text(text))) => {
                    unanswered = 0;
                    if heard.send((conn, text)).await.is_err() {
                        break End::Lost;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => unanswered = 0,
                Some(Ok(Message::Binary(_))) => break say(1003, "text frames only"),
                // Answered by the library while we read on to the end.
                Some(Ok(Message::Close(frame))) => farewell = farewell_of(frame.as_ref()),
                Some(Err(e)) => break say(1002, &e.to_string()),
                None => break End::Lost,
            },
            parcel = parcels.recv() => match parcel {
                Some(OutboundFrame::Text { text, bytes, load }) => {
                    if write(&mut socket, Message::text(&*text)).await.is_err() {
                        break End::Lost;
                    }
                    drop((bytes, load));
                }
                Some(OutboundFrame::Close(reason)) => break say(reason.code(), reason.text()),
                None => break say(1001, "the server is going down"),
            },
            _ = pings.tick() => {
                if unanswered >= PINGS_MISSED || write(&mut socket, Message::Ping("".into())).await.is_err() {
                    break End::Lost;
                }
                unanswered += 1;
            }
        }
    };
    drop(heard);
    if let End::Say { code, reason } = end {
        say_goodbye(socket, code, reason).await;
    }
    farewell
}

/// A browser's tab that is closed says 1001 (RFC 6455, section 7.4.1), a client that leaves 1000 or nothing. Anyone who
/// changes connections says a code of its own, and its place is kept.
fn farewell_of(frame: Option<&CloseFrame>) -> CloseKind {
    match frame.map(|frame| frame.code) {
        None | Some(1000 | 1001 | 1005) => CloseKind::Said,
        Some(_) => CloseKind::None,
    }
}

/// Sends the close frame and reads on until the other side has seen it: closing with bytes unread would make TCP
/// throw our last words away.
async fn say_goodbye(mut socket: WebSocket, code: u16, reason: String) {
    let frame = CloseFrame { code, reason: reason.into() };
    if write(&mut socket, Message::Close(Some(frame))).await.is_ok() {
        let drained = async { while let Some(Ok(_)) = socket.recv().await {} };
        if timeout(CLOSE_WITHIN, drained).await.is_err() {
            tracing::debug!("a client did not answer the close in time");
        }
    }
}

fn say(code: u16, reason: &str) -> End {
    let end = (0..=REASON_BYTES.min(reason.len())).rev().find(|at| reason.is_char_boundary(*at)).unwrap_or(0);
    End::Say { code, reason: reason.get(..end).unwrap_or_default().to_owned() }
}

async fn write(socket: &mut WebSocket, message: Message) -> Result<(), ()> {
    let length = u64::try_from(message_length(&message) / SLOWEST).unwrap_or(u64::MAX);
    match timeout(WRITE_WITHIN + Duration::from_secs(length), socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}

fn message_length(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}
