//! The call's UDP sockets.
//!
//! Owner of: every socket, and the task that reads it. Datagrams are read in batches where the system can (GRO,
//! recvmmsg, by quinn-udp) and handed on through one bounded queue. Sending never waits: a full socket buffer is the
//! network's way to drop.

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use hearth_call::SocketId;
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// Datagrams read at once.
const BATCH: usize = 32;
/// Room for what GRO may join into one buffer.
const BUFFER: usize = 64 * 1024;
/// Datagrams that wait for the call: 30 ms of a room of 12. Full: the reader waits, and the system's buffer drops.
pub(crate) const WAITING: usize = 512;

/// A datagram that came in.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) socket: SocketId,
    pub(crate) from: SocketAddr,
    pub(crate) payload: Bytes,
}

struct Open {
    io: Arc<UdpSocket>,
    state: Arc<UdpSocketState>,
    reader: AbortHandle,
}

/// All sockets of one call.
pub(crate) struct Sockets {
    open: BTreeMap<SocketId, Open>,
    readers: JoinSet<()>,
    arrivals: mpsc::Sender<Datagram>,
    /// Datagrams that the system did not take.
    pub(crate) unsent: u64,
}

impl Sockets {
    pub(crate) fn new(arrivals: mpsc::Sender<Datagram>) -> Self {
        Self { open: BTreeMap::new(), readers: JoinSet::new(), arrivals, unsent: 0 }
    }

    /// Opens a socket on `bind`, with a port of the system's choice.
    ///
    /// # Errors
    /// What the system says: the address may have gone in this moment.
    pub(crate) fn open(&mut self, socket: SocketId, bind: IpAddr) -> io::Result<SocketAddr> {
        let io = std::net::UdpSocket::bind(SocketAddr::new(bind, 0))?;
        io.set_nonblocking(true)?;
        let state = Arc::new(UdpSocketState::new((&io).into())?);
        let io = Arc::new(UdpSocket::from_std(io)?);
        let local = io.local_addr()?;
        let reader = self.readers.spawn(read(socket, io.clone(), state.clone(), self.arrivals.clone()));
        self.open.insert(socket, Open { io, state, reader });
        Ok(local)
    }

    pub(crate) fn close(&mut self, socket: SocketId) {
        if let Some(open) = self.open.remove(&socket) {
            open.reader.abort();
        }
        // Readers that were aborted are taken out, or the set would grow with every restart.
        while self.readers.try_join_next().is_some() {}
    }

    pub(crate) fn send(&mut self, socket: SocketId, to: SocketAddr, payload: &[u8]) {
        let Some(open) = self.open.get(&socket) else { return };
        let transmit = Transmit { destination: to, ecn: None, contents: payload, segment_size: None, src_ip: None };
        let sent = open.io.try_io(Interest::WRITABLE, || open.state.try_send((&*open.io).into(), &transmit));
        if sent.is_err() {
            self.unsent += 1;
        }
    }
}

async fn read(socket: SocketId, io: Arc<UdpSocket>, state: Arc<UdpSocketState>, arrivals: mpsc::Sender<Datagram>) {
    let mut storage = vec![0_u8; BUFFER * state.gro_segments().min(4)];
    let each = storage.len() / BATCH.min(storage.len() / 2048).max(1);
    let mut metas = [RecvMeta::default(); BATCH];
    loop {
        let received = io
            .async_io(Interest::READABLE, || {
                let mut buffers: Vec<_> = storage.chunks_mut(each).take(BATCH).map(IoSliceMut::new).collect();
                state.recv((&*io).into(), &mut buffers, &mut metas)
            })
            .await;
        let Ok(count) = received else {
            // A peer's port is closed, or the interface is down: both pass, and the checks notice.
            tokio::task::yield_now().await;
            continue;
        };
        for (meta, buffer) in metas.iter().zip(storage.chunks(each)).take(count) {
            for payload in buffer.get(..meta.len).unwrap_or_default().chunks(meta.stride.max(1)) {
                let payload = Bytes::copy_from_slice(payload);
                if arrivals.send(Datagram { socket, from: meta.addr, payload }).await.is_err() {
                    return;
                }
            }
        }
    }
}
