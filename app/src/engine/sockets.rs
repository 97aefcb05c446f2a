//! The call's sockets: UDP, and streams to relays.
//!
//! Owner of: every socket, and the task that reads it. Datagrams are read in batches where the system can (GRO,
//! recvmmsg, by quinn-udp) and handed on through one bounded queue. Those that one input sends to one place leave in
//! one call. Sending never waits: a full socket buffer is the network's way to drop.

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use hearth_call::{RelayStream, SocketId};
use hearth_protocol::SpkiHash;
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::segments::Segments;
use super::streams::{self, Datagram, StreamNews};

/// Buffers read at once. Where the system joins datagrams (GRO), one holds up to 64 of them.
const BATCH: usize = 4;
/// Room for what GRO may join into one buffer: the longest that a datagram's length can say.
const BUFFER: usize = 64 * 1024;
/// Errors in a row after which a socket is left alone: its interface is gone, and the checks find another way.
const ERRORS: u32 = 100;
/// Datagrams that wait for the call: 30 ms of a room of 12. Full: the reader waits, and the system's buffer drops.
pub(crate) const WAITING: usize = 512;

/// News of streams that wait for the call: several for each peer of a full room. Full: the stream waits.
pub(super) const NEWS: usize = 64;

struct Open {
    io: Arc<UdpSocket>,
    state: Arc<UdpSocketState>,
    reader: AbortHandle,
}

impl Open {
    /// Whether the system took it: one datagram, or several of this length.
    fn try_send(&self, destination: SocketAddr, contents: &[u8], segment_size: Option<usize>) -> bool {
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: None };
        // Not by `try_io`, to which a socket that was just opened is not writable: its first words would be lost.
        self.state.try_send((&*self.io).into(), &transmit).is_ok()
    }
}

/// All sockets of one call.
pub(crate) struct Sockets {
    open: BTreeMap<SocketId, Open>,
    /// Dropped, a stream says its last words and ends.
    streams: BTreeMap<SocketId, mpsc::Sender<Bytes>>,
    readers: JoinSet<()>,
    arrivals: mpsc::Sender<Datagram>,
    news: mpsc::Sender<StreamNews>,
    /// The key of the room's own server, for relays that have the same.
    pub(super) room_key: Option<SpkiHash>,
    /// Datagrams of the input that is being worked off.
    waiting: Segments,
    /// Datagrams that the system did not take.
    pub(crate) unsent: u64,
}

impl Sockets {
    pub(super) fn new(arrivals: mpsc::Sender<Datagram>, news: mpsc::Sender<StreamNews>) -> Self {
        Self {
            open: BTreeMap::new(),
            streams: BTreeMap::new(),
            readers: JoinSet::new(),
            arrivals,
            news,
            room_key: None,
            waiting: Segments::default(),
            unsent: 0,
        }
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

    /// Begins to open a stream; what becomes of it is news.
    pub(super) fn dial(&mut self, socket: SocketId, to: RelayStream) {
        let (outbox, messages) = mpsc::channel(streams::OUTBOX);
        self.streams.insert(socket, outbox);
        let (news, arrivals) = (self.news.clone(), self.arrivals.clone());
        self.readers.spawn(streams::stream(socket, to, self.room_key, messages, news, arrivals));
    }

    pub(crate) fn close(&mut self, socket: SocketId) {
        self.flush();
        if let Some(open) = self.open.remove(&socket) {
            open.reader.abort();
        }
        self.streams.remove(&socket);
        // Readers that were aborted are taken out, or the set would grow with every restart.
        while self.readers.try_join_next().is_some() {}
    }

    pub(crate) fn send(&mut self, socket: SocketId, to: SocketAddr, payload: Bytes) {
        if let Some(stream) = self.streams.get(&socket) {
            if stream.try_send(payload).is_err() {
                self.unsent += 1;
            }
            return;
        }
        let Some(open) = self.open.get(&socket) else { return };
        let most = open.state.max_gso_segments();
        if !self.waiting.takes(socket, to, &payload, most) {
            self.flush();
        }
        self.waiting.push(socket, to, &payload);
    }

    /// Sends what waits for more of its kind: no more comes with this input.
    pub(crate) fn flush(&mut self) {
        let Some((socket, to)) = self.waiting.destination() else { return };
        if let Some(open) = self.open.get(&socket) {
            let (contents, length) = self.waiting.run();
            let is_sent = open.try_send(to, contents, length);
            // A network card that cuts nothing says so when it is first asked to, and none has left then.
            if !is_sent && length.is_some() && open.state.max_gso_segments() == 1 {
                self.unsent += self.waiting.each().filter(|datagram| !open.try_send(to, datagram, None)).count() as u64;
            } else if !is_sent {
                self.unsent += self.waiting.each().count() as u64;
            }
        }
        self.waiting.clear();
    }
}

async fn read(socket: SocketId, io: Arc<UdpSocket>, state: Arc<UdpSocketState>, arrivals: mpsc::Sender<Datagram>) {
    let mut storage = vec![0_u8; BUFFER * BATCH];
    let mut metas = [RecvMeta::default(); BATCH];
    let mut errors = 0;
    while errors < ERRORS {
        let received = io
            .async_io(Interest::READABLE, || {
                let mut buffers: Vec<_> = storage.chunks_mut(BUFFER).map(IoSliceMut::new).collect();
                state.recv((&*io).into(), &mut buffers, &mut metas)
            })
            .await;
        let Ok(count) = received else {
            // A peer's port is closed: that passes, and the checks notice.
            errors += 1;
            tokio::task::yield_now().await;
            continue;
        };
        errors = 0;
        for (meta, buffer) in metas.iter().zip(storage.chunks(BUFFER)).take(count) {
            for payload in buffer.get(..meta.len).unwrap_or_default().chunks(meta.stride.max(1)) {
                let payload = Bytes::copy_from_slice(payload);
                if arrivals.send(Datagram { socket, from: meta.addr, payload }).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a sender's burst looks like where the network card joins it: one buffer, many datagrams.
    #[tokio::test]
    async fn a_burst_that_arrives_joined_is_taken_apart() {
        const COUNT: usize = 30;
        const LENGTH: usize = 1200;
        let (sender, mut arrivals) = mpsc::channel(WAITING);
        let (news, _) = mpsc::channel(NEWS);
        let mut sockets = Sockets::new(sender, news);
        let local = sockets.open(SocketId(1), IpAddr::from([127, 0, 0, 1])).unwrap();
        let out = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let state = UdpSocketState::new((&out).into()).unwrap();
        let contents: Vec<u8> = (0..COUNT).flat_map(|n| [n as u8; LENGTH]).collect();
        let run = state.max_gso_segments().min(COUNT);
        for part in contents.chunks(LENGTH * run) {
            let transmit =
                Transmit { destination: local, ecn: None, contents: part, segment_size: Some(LENGTH), src_ip: None };
            out.async_io(Interest::WRITABLE, || state.try_send((&out).into(), &transmit)).await.unwrap();
        }
        for n in 0..COUNT {
            let limit = std::time::Duration::from_secs(5);
            let datagram = tokio::time::timeout(limit, arrivals.recv()).await.unwrap().unwrap();
            assert_eq!(&datagram.payload[..], &[n as u8; LENGTH], "datagram {n}");
        }
    }

    #[tokio::test]
    async fn what_one_input_sends_arrives_in_order_and_whole() {
        let (sender, mut arrivals) = mpsc::channel(WAITING);
        let (news, _) = mpsc::channel(NEWS);
        let mut sockets = Sockets::new(sender, news);
        let (from, to) = (SocketId(1), SocketId(2));
        sockets.open(from, IpAddr::from([127, 0, 0, 1])).unwrap();
        let there = sockets.open(to, IpAddr::from([127, 0, 0, 1])).unwrap();
        let lengths = [1200, 1200, 1200, 700, 80, 1200, 1200, 80, 80, 1];
        for (n, length) in lengths.into_iter().enumerate() {
            sockets.send(from, there, Bytes::from(vec![n as u8; length]));
        }
        sockets.flush();
        for (n, length) in lengths.into_iter().enumerate() {
            let limit = std::time::Duration::from_secs(5);
            let datagram = tokio::time::timeout(limit, arrivals.recv()).await.unwrap().unwrap();
            assert_eq!(&datagram.payload[..], &vec![n as u8; length], "datagram {n}");
        }
        assert_eq!(sockets.unsent, 0);
    }
}
