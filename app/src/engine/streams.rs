//! One stream to a relay: dialled, secured, written and read.
//!
//! Owner of: the connection, and of what waits to go out. It frames nothing: what is sent is a message, what comes is
//! bytes.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use hearth_call::{RelayStream, SocketId, StreamSecurity, is_media};
use hearth_protocol::SpkiHash;
use rust_i18n::t;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::names;
use super::pin::Trust;
use super::signalling::{ByteStream, SignalFault, secure};

/// How long a connection may take to come about, TLS with it.
const DIALLING: Duration = Duration::from_secs(10);
/// How long one address of a name is tried alone, before the next one is beside it (RFC 8305, section 5).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);
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

/// A datagram that came in, or bytes of a stream.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) socket: SocketId,
    pub(crate) from: SocketAddr,
    pub(crate) payload: Bytes,
}

/// Why there is no stream, in one sentence for the log.
#[derive(Debug, thiserror::Error)]
enum StreamFault {
    #[error("{}", t!("stream.late"))]
    Late,
    #[error("{}", t!("stream.unreachable", why = .0))]
    Unreachable(#[from] io::Error),
    #[error("{}", t!("stream.tls", why = .0))]
    Tls(SignalFault),
    #[error("{}", t!("stream.untrusted"))]
    Untrusted,
}

/// What waits to go out.
#[derive(Default)]
struct SendQueue {
    /// What the connection takes just now; part of it may be gone, so it stays.
    current: Bytes,
    queue: VecDeque<Bytes>,
}

impl SendQueue {
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
    let dialled = tokio::time::timeout(DIALLING, dial(&to, room)).await.unwrap_or(Err(StreamFault::Late));
    match dialled {
        Ok((connection, local, remote)) => {
            if news.send((socket, Some(local))).await.is_ok() {
                let ended =
                    talk(connection, outbox, |payload| Datagram { socket, from: remote, payload }, &arrivals).await;
                tracing::info!(host = to.host, ?ended, "the stream to a relay has ended");
            }
        }
        Err(why) => tracing::warn!("The relay {} is not used by way of port {}. {why}", to.host, to.port),
    }
    // The call may have ended meanwhile, and then nobody waits for this.
    if news.send((socket, None)).await.is_err() {
        tracing::debug!("nobody waits for the end of a stream");
    }
}

/// What a dialled stream is: itself, our address, and the relay's.
type Dialled = (Box<dyn ByteStream>, SocketAddr, SocketAddr);

async fn dial(to: &RelayStream, room: Option<SpkiHash>) -> Result<Dialled, StreamFault> {
    let tcp = connect(to).await?;
    tcp.set_nodelay(true)?;
    let (local, remote) = (tcp.local_addr()?, tcp.peer_addr()?);
    match to.security {
        StreamSecurity::Plain => Ok((Box::new(tcp), local, remote)),
        StreamSecurity::Tls => {
            let (tls, seen) = secure(tcp, to.host.clone(), None).await.map_err(StreamFault::Tls)?;
            // An authority vouches for the name; or it is the key of the server that told us of the relay, which could
            // have named any other. A stranger's certificate is nobody's.
            match seen {
                Some((_, Trust::Verified | Trust::Pinned)) => Ok((tls, local, remote)),
                Some((key, Trust::FirstUse)) if Some(key) == room => Ok((tls, local, remote)),
                Some((_, Trust::FirstUse)) | None => Err(StreamFault::Untrusted),
            }
        }
    }
}

/// The first of the name's addresses that answers: one that leads nowhere would else take all the time there is.
async fn connect(to: &RelayStream) -> io::Result<TcpStream> {
    let mut addresses =
        names::chosen(tokio::net::lookup_host((to.host.as_str(), to.port)).await?.collect()).into_iter();
    let mut attempts = JoinSet::new();
    let mut why = io::Error::from(io::ErrorKind::NotFound);
    attempts.extend(addresses.next().map(TcpStream::connect));
    loop {
        let attempt = tokio::time::timeout(NEXT_ADDRESS, attempts.join_next()).await;
        match attempt {
            Ok(Some(Ok(Ok(tcp)))) => return Ok(tcp),
            Ok(Some(Ok(Err(error)))) => why = error,
            Ok(None) if addresses.len() == 0 => return Err(why),
            // None is out, or all take their time.
            Ok(Some(Err(_)) | None) | Err(_) => {}
        }
        attempts.extend(addresses.next().map(TcpStream::connect));
    }
}

/// Writes and reads until one side has had enough.
async fn talk(
    connection: Box<dyn ByteStream>,
    mut outbox: mpsc::Receiver<Bytes>,
    received: impl Fn(Bytes) -> Datagram,
    arrivals: &mpsc::Sender<Datagram>,
) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(connection);
    let mut waiting = SendQueue::default();
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

/// Writes some of `bytes`, or, where there are none, what lies between here and the system. May be given up at any
/// time.
async fn step(writer: &mut WriteHalf<Box<dyn ByteStream>>, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    match writer.write(bytes).await {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        written => written,
    }
}

/// The last words: an allocation given back is a port that is free now.
async fn finish(mut writer: WriteHalf<Box<dyn ByteStream>>, mut waiting: SendQueue) -> io::Result<()> {
    while !waiting.front().is_empty() {
        let length = waiting.current.len();
        writer.write_all(&waiting.current).await?;
        waiting.current.advance(length);
    }
    writer.shutdown().await
}

#[cfg(test)]
mod tests {
    use sha2::Digest as _;

    use super::*;

    #[test]
    fn a_slow_stream_loses_its_oldest_media_and_no_request() {
        let request = Bytes::from_static(&[0, 3, 0, 0]);
        let mut waiting = SendQueue::default();
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
    async fn ask(to: RelayStream, room: Option<SpkiHash>) -> Option<[u8; 2]> {
        let (outbox, messages) = mpsc::channel(OUTBOX);
        let (news, mut told) = mpsc::channel(2);
        let (arrivals, mut came) = mpsc::channel(2);
        let mut tasks = JoinSet::new();
        tasks.spawn(stream(SocketId(1), to, room, messages, news, arrivals));
        let (_, local) = soon(told.recv()).await.unwrap();
        local?;
        let request = [&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42][..], &[9; 12]].concat();
        outbox.send(Bytes::from(request)).await.unwrap();
        let answer = soon(came.recv()).await.unwrap();
        drop(outbox);
        assert_eq!(soon(told.recv()).await.unwrap(), (SocketId(1), None));
        tasks.join_next().await.unwrap().unwrap();
        answer.payload.first_chunk().copied()
    }

    async fn soon<T>(what: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(5), what).await.unwrap()
    }

    /// A relay on this machine, for as long as it is kept.
    struct Relay {
        port: u16,
        _stop: tokio::sync::oneshot::Sender<()>,
        _tasks: JoinSet<hearth_turn::Stats>,
    }

    fn relay(identity: Option<hearth_turn::shell::Identity>) -> Relay {
        let listen = hearth_turn::shell::Listen {
            identity: identity.map(std::sync::Arc::new),
            ..hearth_turn::shell::Listen::on(&["127.0.0.1:0".parse().unwrap()])
        };
        let shell = hearth_turn::shell::Shell::bind(hearth_turn::Config::new([7; 32]), &listen).unwrap();
        let port = shell.local_addrs()[0].port();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(shell.run(async { drop(stopped.await) }));
        Relay { port, _stop: stop, _tasks: tasks }
    }

    /// A certificate that nobody has signed but its own key, and that key's hash.
    fn identity() -> (hearth_turn::shell::Identity, SpkiHash) {
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let hash = SpkiHash(sha2::Sha256::digest(rcgen::PublicKeyData::subject_public_key_info(&key)).into());
        let secret = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
        (hearth_turn::shell::Identity::new(vec![certificate.der().clone()], secret.into()).unwrap(), hash)
    }

    fn to(port: u16, security: StreamSecurity) -> RelayStream {
        RelayStream { host: "localhost".to_owned(), port, security }
    }

    async fn closed_port() -> u16 {
        tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
    }

    #[tokio::test]
    async fn a_relay_answers_on_a_stream_and_a_closed_port_is_told() {
        let relay = relay(None);
        assert_eq!(ask(to(relay.port, StreamSecurity::Plain), None).await, Some([1, 1]));
        let closed = closed_port().await;
        assert_eq!(ask(to(closed, StreamSecurity::Plain), None).await, None, "nobody listens there any more");
        let why = dial(&to(closed, StreamSecurity::Plain), None).await.map(drop).unwrap_err();
        assert!(why.to_string().starts_with("It cannot be reached ("), "{why}");
    }

    #[tokio::test]
    async fn by_tls_the_key_of_the_rooms_server_is_trusted_and_a_strangers_is_not() {
        let (identity, key) = identity();
        let relay = relay(Some(identity));
        let to = to(relay.port, StreamSecurity::Tls);
        assert_eq!(ask(to.clone(), Some(key)).await, Some([1, 1]));
        for room in [None, Some(SpkiHash([7; 32]))] {
            assert_eq!(ask(to.clone(), room).await, None);
            let why = soon(dial(&to, room)).await.map(drop).unwrap_err().to_string();
            let sentence = "Its certificate is not trusted, and its key is not that of the room's server.";
            assert_eq!(why, sentence);
        }
    }

    #[tokio::test]
    async fn whoever_speaks_no_tls_is_not_a_relay_by_tls() {
        let relay = relay(None);
        let why = soon(dial(&to(relay.port, StreamSecurity::Tls), None)).await.map(drop).unwrap_err();
        assert!(matches!(why, StreamFault::Tls(_)), "{why}");
    }

    #[tokio::test]
    async fn the_end_of_a_relay_is_told() {
        let stand_in = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = stand_in.local_addr().unwrap().port();
        let (outbox, messages) = mpsc::channel(OUTBOX);
        let (news, mut told) = mpsc::channel(2);
        let (arrivals, _came) = mpsc::channel(2);
        let mut tasks = JoinSet::new();
        tasks.spawn(stream(SocketId(3), to(port, StreamSecurity::Plain), None, messages, news, arrivals));
        let (connection, _) = soon(stand_in.accept()).await.unwrap();
        assert!(soon(told.recv()).await.unwrap().1.is_some());
        drop(connection);
        assert_eq!(soon(told.recv()).await, Some((SocketId(3), None)));
        drop(outbox);
    }
}
