//! What the transport calls when a page connects, says something, or is gone.
//!
//! It is called on the page's own task and may not wait. So a page has a store of bytes that may lie unheard in the
//! hub's queue, and one that uses it up is disconnected: it talks faster than all of us can listen.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use engineioxide::handler::EngineIoHandler;
use engineioxide::{DisconnectReason, Socket, Str};
use hearth_protocol::PeerId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::super::connection::CloseKind;
use crate::rooms::{BadPacket, CONNECTED, LegacyCaller, LegacyPacket, LegacyRequest, PageId, no_namespace};

/// Longest message, bytes: as in our own protocol. A description with all its candidates is 30 kB.
pub(super) const MESSAGE: usize = 256 * 1024;
/// Bytes of one page that the hub has not heard yet. Cap 2 MiB: two requests of the longest kind. Full: the page is
/// disconnected.
const UNHEARD_BYTES: usize = 2 * 1024 * 1024;
/// What a message counts for at least, bytes: it lies in a queue as a value.
const LEAST: usize = 256;

/// Who opens a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageCaller {
    pub(super) address: IpAddr,
    pub(super) page: Option<PageId>,
    /// How it reads what it polls.
    pub(super) form: PayloadEncoding,
}

/// How a polling page reads an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum PayloadEncoding {
    Text,
    Bytes,
}

/// A page's connection.
pub(in super::super) type PageSocket = Arc<Socket<UnhandledBytes>>;

/// What a page may still say before it is heard.
#[derive(Debug)]
pub(crate) struct UnhandledBytes(Arc<Semaphore>);

impl Default for UnhandledBytes {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNHEARD_BYTES)))
    }
}

/// What the hub hears of pages.
pub(in super::super) enum LegacyEvents {
    /// A page connected.
    Opened { socket: PageSocket, caller: LegacyCaller, form: PayloadEncoding },
    /// It said something; the permit gives its bytes back once that is heard.
    Said { sid: PeerId, request: Option<LegacyRequest>, bytes: OwnedSemaphorePermit },
    /// It is gone; `farewell` when it closed on purpose.
    Closed { sid: PeerId, farewell: CloseKind },
}

/// The transport's handler.
#[derive(Debug)]
pub(super) struct EngineIoEvents {
    pub(super) news: mpsc::Sender<LegacyEvents>,
}

impl EngineIoHandler for EngineIoEvents {
    type Data = UnhandledBytes;

    fn on_connect(self: Arc<Self>, socket: PageSocket) {
        let caller = socket.req_parts.extensions.get::<PageCaller>().copied();
        let (Some(caller), Some(id)) = (caller, sid_of(&socket)) else { return close(&socket) };
        let (caller, form) = (LegacyCaller { id, address: caller.address, page: caller.page }, caller.form);
        // The one namespace is connected without being asked for.
        if socket.emit(CONNECTED).is_err()
            || self.news.try_send(LegacyEvents::Opened { socket: socket.clone(), caller, form }).is_err()
        {
            close(&socket);
        }
    }

    fn on_disconnect(&self, socket: PageSocket, reason: DisconnectReason) {
        tracing::debug!(sid = %socket.id, ?reason, "page gone");
        let farewell = if reason == DisconnectReason::TransportClose { CloseKind::Said } else { CloseKind::None };
        if let Some(sid) = sid_of(&socket)
            && self.news.try_send(LegacyEvents::Closed { sid, farewell }).is_err()
        {
            tracing::debug!("the hub is busy, and will see by itself that the page is gone");
        }
    }

    fn on_message(self: &Arc<Self>, text: Str, socket: PageSocket) {
        if text.len() > MESSAGE {
            tracing::info!(sid = %socket.id, "page says something too long: disconnected");
            return close(&socket);
        }
        let request = match LegacyPacket::read(&text) {
            Ok(LegacyPacket::Event { ack, name, arguments }) => LegacyRequest::read(&name, arguments, ack).ok(),
            Ok(LegacyPacket::Disconnect) => return socket.close(DisconnectReason::TransportClose),
            Ok(LegacyPacket::Namespace(name)) => {
                return drop(socket.emit(no_namespace(&name)));
            }
            Ok(LegacyPacket::Ack) => return,
            Err(BadPacket) => None,
        };
        self.tell(&socket, text.len(), request);
    }

    fn on_binary(self: &Arc<Self>, data: Bytes, socket: PageSocket) {
        self.tell(&socket, data.len(), None);
    }
}

impl EngineIoEvents {
    fn tell(&self, socket: &PageSocket, length: usize, request: Option<LegacyRequest>) {
        let length = u32::try_from(length.max(LEAST)).unwrap_or(u32::MAX);
        let permit = socket.data.0.clone().try_acquire_many_owned(length);
        let (Ok(bytes), Some(sid)) = (permit, sid_of(socket)) else {
            tracing::info!(sid = %socket.id, "page says more than can be heard: disconnected");
            return close(socket);
        };
        if self.news.try_send(LegacyEvents::Said { sid, request, bytes }).is_err() {
            tracing::warn!(sid = %socket.id, "too much is said at once: page disconnected");
            close(socket);
        }
    }
}

/// The page's session, which is its id in the rooms.
fn sid_of(socket: &PageSocket) -> Option<PeerId> {
    PeerId::parse(&socket.id.to_string()).ok()
}

/// Ends it for our own reasons, which is no goodbye of the page's.
fn close(socket: &PageSocket) {
    socket.close(DisconnectReason::TransportError);
}
