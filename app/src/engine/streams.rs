//! One stream to a relay: dialled, secured, written and read.
//!
//! Owner of: the connection, and of what waits to go out. It frames nothing: what is sent is a message, what comes is bytes.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use hearth_call::{RelayStream, SocketId, StreamSecurity, is_media};
use hearth_protocol::SpkiHash;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::pin::Trust;
use super::signalling::{Stream, secure};
use super::sockets::Datagram;

/// How long a connection may take to come about, TLS with it.
const DIALLING: Duration = Duration::from_secs(10);
/// How long what was said last may take to go out.
const CLOSING: Duration = Duration::from_secs(2);
/// Messages on their way to the task, which always takes them. Full: the newest goes, as on a full UDP socket.
pub(super) const OUTBOX: usize = 128;
/// Messages that wait for TCP: 100 ms of 2.5 Mbit/s. Full: the oldest that is media goes, because what is late is worth
/// less than what is new; requests stay, because nothing repeats them.
const WAITING: usize = 64;
/// Bytes read at once.
const CHUNK: usize = 16 * 1024;

/// What a stream has to say of itself: its address, or that it is no more.
pub(super) type StreamNews = (SocketId, Option<SocketAddr>);

/// What waits to go out.
#[derive(Default)]
struct Waiting {
    /// What the connection takes just now; part of it may be gone, so it stays.
    current: Bytes,
    queue: VecDeque<Bytes>,
}

impl Waiting {
    fn push(&mut self, message: Bytes) {
        if self.queue.len() >= WAITING {
            let oldest = self.queue.iter().position(|message| is_media(message)).unwrap_or(0);
            drop(self.queue.remove(oldest));
        }
        self.queue.push_back(message);
    }

    /// The bytes that go next; none when nothing waits.
    fn front(&mut self) -> &[u8] {
        if self.current.is_empty() {
            self.current = self.queue.pop_front().unwrap_or_default();
        }
        &self.current
    }
}

/// Runs one stream from dialling to its end; `room` is the key of the room's own server.
pub(super) async fn stream(
    socket: SocketId,
    to: RelayStream,
    room: Option<SpkiHash>,
    outbox: mpsc::Receiver<Bytes>,
    news: mpsc::Sender<StreamNews>,
    arrivals: mpsc::Sender<Datagram>,
) {
    let dialled = tokio::time::timeout(DIALLING, dial(&to, room)).await.unwrap_or_else(|late| Err(late.into()));
    match dialled {
        Ok((connection, local, remote)) => {
            if news.send((socket, Some(local))).await.is_ok() {
                let ended =
                    talk(connection, outbox, |payload| Datagram { socket, from: remote, payload }, &arrivals).await;
                tracing::info!(host = to.host, ?ended, "the stream to a relay has ended");
            }
        }
        Err(error) => tracing::warn!(%error, host = to.host, port = to.port, "no stream to a relay"),
    }
    // The call may have ended meanwhile, and then nobody waits for this.
    if news.send((socket, None)).await.is_err() {
        tracing::debug!("nobody waits for the end of a stream");
    }
}

async fn dial(to: &RelayStream, room: Option<SpkiHash>) -> io::Result<(Box<dyn Stream>, SocketAddr, SocketAddr)> {
    let tcp = TcpStream::connect((to.host.as_str(), to.port)).await?;
    tcp.set_nodelay(true)?;
    let (local, remote) = (tcp.local_addr()?, tcp.peer_addr()?);
    match to.security {
        StreamSecurity::Plain => Ok((Box::new(tcp), local, remote)),
        StreamSecurity::Tls => {
            let (tls, seen) = secure(tcp, to.host.clone(), None).await.map_err(io::Error::other)?;
            // An authority vouches for the name; or it is the key of the server that told us of the relay, which could have
            // named any other. A stranger's certificate is nobody's.
            match seen {
                Some((_, Trust::Verified | Trust::Pinned)) => Ok((tls, local, remote)),
                Some((key, Trust::FirstUse)) if Some(key) == room => Ok((tls, local, remote)),
                Some((_, Trust::FirstUse)) | None => Err(io::Error::other("nobody vouches for its certificate")),
            }
        }
    }
}

/// Writes and reads until one side has had enough.
async fn talk(
    connection: Box<dyn Stream>,
    mut outbox: mpsc::Receiver<Bytes>,
    received: impl Fn(Bytes) -> Datagram,
    arrivals: &mpsc::Sender<Datagram>,
) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(connection);
    let mut waiting = Waiting::default();
    let mut chunk = BytesMut::with_capacity(CHUNK);
    let mut is_flushed = true;
    loop {
        let has_more = !waiting.front().is_empty();
        tokio::select! {
            message = outbox.recv() => match message {
                Some(message) => waiting.push(message),
                None => return tokio::time::timeout(CLOSING, finish(writer, waiting)).await?,
            },
            written = step(&mut writer, &waiting.current), if has_more || !is_flushed => {
                waiting.current.advance(written?);
                is_flushed = !has_more;
            }
            read = reader.read_buf(&mut chunk) => {
                if read? == 0 {
                    return Ok(());
                }
                if arrivals.send(received(chunk.split().freeze())).await.is_err() {
                    return Ok(());
                }
                chunk.reserve(CHUNK);
            }
        }
    }
}

/// Writes some of `bytes`, or, where there are none, what lies between here and the system. May be given up at any time.
async fn step(writer: &mut WriteHalf<Box<dyn Stream>>, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    match writer.write(bytes).await {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        written => written,
    }
}

/// The last words: an allocation given back is a port that is free now.
async fn finish(mut writer: WriteHalf<Box<dyn Stream>>, mut waiting: Waiting) -> io::Result<()> {
    while !waiting.front().is_empty() {
        let length = waiting.current.len();
        writer.write_all(&waiting.current).await?;
        waiting.current.advance(length);
    }
    writer.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_stream_loses_its_oldest_media_and_no_request() {
        let request = Bytes::from_static(&[0, 3, 0, 0]);
        let mut waiting = Waiting::default();
        waiting.push(request.clone());
        for number in 0..=u8::MAX {
            waiting.push(Bytes::from(vec![0x40, number, 0, 0]));
        }
        assert_eq!(waiting.queue.len(), WAITING);
        assert_eq!(waiting.front(), &request[..]);
        assert_eq!(waiting.queue.front().map(|oldest| oldest[1]), Some(u8::MAX - 62));
        assert_eq!(waiting.queue.back().map(|newest| newest[1]), Some(u8::MAX));
    }

    /// A Binding request, which needs no credentials, and the head of its answer.
    async fn ask(to: RelayStream) -> Option<[u8; 2]> {
        let (outbox, messages) = mpsc::channel(OUTBOX);
        let (news, mut told) = mpsc::channel(2);
        let (arrivals, mut came) = mpsc::channel(2);
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(stream(SocketId(1), to, None, messages, news, arrivals));
        let limit = Duration::from_secs(5);
        let (_, local) = tokio::time::timeout(limit, told.recv()).await.unwrap().unwrap();
        local?;
        let request = [&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42][..], &[9; 12]].concat();
        outbox.send(Bytes::from(request)).await.unwrap();
        let answer = tokio::time::timeout(limit, came.recv()).await.unwrap().unwrap();
        drop(outbox);
        assert_eq!(tokio::time::timeout(limit, told.recv()).await.unwrap().unwrap(), (SocketId(1), None));
        tasks.join_next().await.unwrap().unwrap();
        answer.payload.first_chunk().copied()
    }

    #[tokio::test]
    async fn a_relay_answers_on_a_stream_and_a_closed_port_is_told() {
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let config = hearth_turn::Config::new([7; 32]);
        let shell = hearth_turn::shell::Shell::bind(config, &hearth_turn::shell::Listen::on(&[address])).unwrap();
        let port = shell.local_addrs()[0].port();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let mut relay = tokio::task::JoinSet::new();
        relay.spawn(shell.run(async { drop(stopped.await) }));
        let to = |port, security| RelayStream { host: "localhost".to_owned(), port, security };
        let plain = tokio::net::TcpListener::bind(address).await.unwrap().local_addr().unwrap();
        assert_eq!(ask(to(port, StreamSecurity::Plain)).await, Some([1, 1]));
        assert_eq!(ask(to(plain.port(), StreamSecurity::Plain)).await, None, "nobody listens there any more");
        drop(stop);
        relay.join_next().await.unwrap().unwrap();
    }
}
