//! A client over each transport, on blocking sockets with a deadline, and a server that runs in a thread of its own.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream as Tcp, UdpSocket as Udp};
use std::thread::JoinHandle as Thread;

use dimpl::{Dtls, Output};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;
use crate::Transport;
use crate::codec::frame_length;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server; it ends with this.
pub(in crate::shell) struct Running {
    pub(in crate::shell) address: SocketAddr,
    pub(in crate::shell) certificate: CertificateDer<'static>,
    /// A name and its password, the same for all clients: what one has made another may ask for.
    credentials: (String, String),
    /// Sockets of clients by DTLS that have gone: nobody else gets their ports, on which the server still knows a
    /// session.
    kept: RefCell<Vec<Udp>>,
    stats: Counters,
    /// Of each worker by itself.
    counted: Vec<Counters>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<Thread<()>>,
}

/// A certificate for `localhost`, as a server shows it and as a client trusts it.
pub(in crate::shell) fn identity() -> (Arc<Identity>, CertificateDer<'static>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let certificate = certificate.der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    (Arc::new(Identity::new(vec![certificate.clone()], key).unwrap()), certificate)
}

/// One end of DTLS that begins the handshake.
pub(in crate::shell) fn dtls_client(now: Instant) -> Dtls {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap().self_signed(&key).unwrap();
    let certificate =
        dimpl::DtlsCertificate { certificate: certificate.der().to_vec(), private_key: key.serialize_der() };
    let mut dtls = Dtls::new_auto(Arc::new(dimpl::Config::default()), certificate, now);
    dtls.set_active(true);
    dtls.handle_timeout(now).unwrap();
    dtls
}

impl Running {
    pub(in crate::shell) fn start(config: Config, workers: usize) -> Self {
        let (identity, certificate) = identity();
        let listen = Listen { workers, identity: Some(identity), ..Listen::on(&[any()]) };
        let shell = Shell::bind(config, &listen).unwrap();
        let (address, stats, counted) = (shell.local_addrs()[0], shell.stats(), shell.counted.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = move || {
            block_on(shell.run(async { stopped.await.unwrap_or_default() }));
        };
        let thread = std::thread::Builder::new().spawn(serve).unwrap();
        let credentials = rest::credentials(&secret(), "ann", Duration::from_secs(600), unix_now());
        let (kept, stop, thread) = (RefCell::default(), Some(stop), Some(thread));
        Self { address, certificate, credentials, kept, stats, counted, stop, thread }
    }

    /// Waits until the counters are so.
    pub(in crate::shell) fn until(&self, is_so: impl FnMut(&Stats) -> bool) -> Stats {
        let mut stats = self.stats.clone();
        block_on(async move { *soon(stats.wait_for(is_so)).await.unwrap() })
    }

    /// Waits until the counters of each worker are so.
    pub(in crate::shell) fn until_each(&self, is_so: impl Fn(&Stats) -> bool) {
        for counted in &self.counted {
            let mut counted = counted.clone();
            block_on(async { soon(counted.wait_for(&is_so)).await.unwrap() });
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The way to the server.
enum Wire {
    Udp(Udp),
    Dtls { socket: Udp, dtls: Box<Dtls>, came: VecDeque<Vec<u8>> },
    Tcp(Tcp),
    Tls(Box<StreamOwned<ClientConnection, Tcp>>),
}

/// A client.
pub(in crate::shell) struct Caller {
    wire: Wire,
    /// What came on a stream and is no whole message yet.
    pub(in crate::shell) inbox: Vec<u8>,
    username: String,
    key: Key,
    nonce: Vec<u8>,
    transactions: u8,
}

impl Caller {
    /// A client that has its challenge.
    pub(in crate::shell) fn new(server: &Running, transport: Transport) -> Self {
        let mut caller = Self::stranger(server, transport);
        let challenge = caller.ask(Method::Allocate, |w| w);
        let challenge = Message::decode(&challenge).unwrap();
        caller.nonce = challenge.attribute(attribute::NONCE).unwrap().to_vec();
        caller
    }

    /// A client that has said nothing.
    pub(in crate::shell) fn stranger(server: &Running, transport: Transport) -> Self {
        let (username, password) = server.credentials.clone();
        let key = Key::long_term(username.as_bytes(), b"hearth", password.as_bytes());
        let wire = Wire::new(server, transport);
        Self { wire, inbox: Vec::new(), username, key, nonce: Vec::new(), transactions: 0 }
    }

    /// A signed request.
    pub(in crate::shell) fn request(&mut self, method: Method, build: impl FnOnce(Writer) -> Writer) -> Vec<u8> {
        self.transactions += 1;
        build(Writer::new(Class::Request, method, [self.transactions; 12]))
            .attribute(attribute::USERNAME, self.username.as_bytes())
            .attribute(attribute::REALM, b"hearth")
            .attribute(attribute::NONCE, &self.nonce)
            .seal(Some(&self.key), false)
            .unwrap()
    }

    /// Asks, and takes the next message for the answer.
    pub(in crate::shell) fn ask(&mut self, method: Method, build: impl FnOnce(Writer) -> Writer) -> Vec<u8> {
        let request = self.request(method, build);
        self.send(&request);
        self.receive()
    }

    /// Asks for what must succeed, and gives one attribute of the answer.
    pub(in crate::shell) fn get(&mut self, method: Method, build: impl FnOnce(Writer) -> Writer, kind: u16) -> Vec<u8> {
        let answer = self.ask(method, build);
        let answer = Message::decode(&answer).unwrap();
        let code = answer.attribute(attribute::ERROR_CODE);
        assert_eq!((answer.class, answer.method, code), (Class::Success, method, None));
        answer.attribute(kind).unwrap_or_default().to_vec()
    }

    /// Binds channel 0x4000 to `peer`.
    pub(in crate::shell) fn bind(&mut self, peer: SocketAddr) {
        let build = |w: Writer| {
            w.attribute(attribute::CHANNEL_NUMBER, &[0x40, 0, 0, 0]).address(attribute::XOR_PEER_ADDRESS, peer)
        };
        self.get(Method::ChannelBind, build, 0);
    }

    pub(in crate::shell) fn send(&mut self, bytes: &[u8]) {
        match &mut self.wire {
            Wire::Udp(socket) => drop(socket.send(bytes).unwrap()),
            Wire::Dtls { socket, dtls, came } => {
                dtls.send_application_data(bytes).unwrap();
                drain(socket, dtls, came);
            }
            Wire::Tcp(stream) => stream.write_all(bytes).unwrap(),
            Wire::Tls(stream) => stream.write_all(bytes).unwrap(),
        }
    }

    /// The next whole message, or datagram.
    pub(in crate::shell) fn receive(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        loop {
            if let Ok(Some(length)) = frame_length(&self.inbox)
                && length <= self.inbox.len()
            {
                return self.inbox.drain(..length).collect();
            }
            match &mut self.wire {
                Wire::Udp(socket) => {
                    let length = socket.recv(&mut buffer).unwrap();
                    return buffer[..length].to_vec();
                }
                Wire::Dtls { socket, dtls, came } => match came.pop_front() {
                    Some(message) => return message,
                    None => _ = advance(socket, dtls, came),
                },
                Wire::Tcp(_) | Wire::Tls(_) => assert!(self.read_some(), "the server hung up"),
            }
        }
    }

    /// Bytes of a stream, as many as this; what is in the inbox comes first.
    pub(in crate::shell) fn read_exact(&mut self, count: usize) -> Vec<u8> {
        while self.inbox.len() < count {
            assert!(self.read_some(), "the server hung up");
        }
        self.inbox.drain(..count).collect()
    }

    /// Reads some of a stream; nothing more comes when it gives false.
    pub(in crate::shell) fn read_some(&mut self) -> bool {
        let mut buffer = vec![0; 65_536];
        let read = match &mut self.wire {
            Wire::Tcp(stream) => stream.read(&mut buffer),
            Wire::Tls(stream) => stream.read(&mut buffer),
            Wire::Udp(_) | Wire::Dtls { .. } => panic!("no stream"),
        };
        match read {
            Ok(length) => {
                self.inbox.extend_from_slice(&buffer[..length]);
                length > 0
            }
            Err(error) => {
                let ends = [io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof];
                assert!(ends.contains(&error.kind()), "{error}");
                false
            }
        }
    }

    /// The two halves of a client that comes by TLS, for what no client does.
    pub(in crate::shell) fn into_tls(self) -> (ClientConnection, Tcp) {
        match self.wire {
            Wire::Tls(stream) => (stream.conn, stream.sock),
            Wire::Udp(_) | Wire::Dtls { .. } | Wire::Tcp(_) => panic!("no TLS"),
        }
    }

    /// The socket of a client that comes by TCP, for what no client does.
    pub(in crate::shell) fn tcp(&mut self) -> &mut Tcp {
        match &mut self.wire {
            Wire::Tcp(stream) => stream,
            Wire::Tls(stream) => &mut stream.sock,
            Wire::Udp(_) | Wire::Dtls { .. } => panic!("no stream"),
        }
    }
}

impl Wire {
    fn new(server: &Running, transport: Transport) -> Self {
        let udp = || {
            let socket = Udp::bind(any()).unwrap();
            socket.connect(server.address).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        };
        let tcp = || {
            let stream = Tcp::connect(server.address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_nodelay(true).unwrap();
            stream
        };
        match transport {
            Transport::Udp => Self::Udp(udp()),
            Transport::Tcp => Self::Tcp(tcp()),
            Transport::Tls => {
                let mut roots = RootCertStore::empty();
                roots.add(server.certificate.clone()).unwrap();
                let provider = Arc::new(rustls::crypto::ring::default_provider());
                let config =
                    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
                let mut config = config.with_root_certificates(roots).with_no_client_auth();
                config.enable_secret_extraction = true;
                let name = ServerName::try_from("localhost").unwrap();
                let session = ClientConnection::new(Arc::new(config), name).unwrap();
                Self::Tls(Box::new(StreamOwned::new(session, tcp())))
            }
            Transport::Dtls => {
                let (socket, mut dtls, mut came) = (udp(), Box::new(dtls_client(now())), VecDeque::new());
                server.kept.borrow_mut().push(socket.try_clone().unwrap());
                let mut is_connected = drain(&socket, &mut dtls, &mut came);
                while !is_connected {
                    is_connected = advance(&socket, &mut dtls, &mut came);
                }
                Self::Dtls { socket, dtls, came }
            }
        }
    }
}

/// Sends what a state machine has to say, and keeps what it has heard; says whether the handshake has just ended.
fn drain(socket: &Udp, dtls: &mut Dtls, came: &mut VecDeque<Vec<u8>>) -> bool {
    let mut buffer = vec![0; 17 << 10];
    let mut is_connected = false;
    loop {
        match dtls.poll_output(&mut buffer) {
            Output::Packet(packet) => drop(socket.send(packet).unwrap()),
            Output::ApplicationData(data) => came.push_back(data.to_vec()),
            Output::Connected => is_connected = true,
            Output::Timeout(_) => return is_connected,
            Output::CloseNotify => panic!("the server hung up"),
            Output::BufferTooSmall { .. } | Output::PeerCert(_) | Output::KeyingMaterial(..) | _ => {}
        }
    }
}

/// Takes one datagram, and goes on.
fn advance(socket: &Udp, dtls: &mut Dtls, came: &mut VecDeque<Vec<u8>>) -> bool {
    let mut buffer = vec![0; 65_536];
    let length = socket.recv(&mut buffer).unwrap();
    dtls.handle_packet(&buffer[..length]).unwrap();
    drain(socket, dtls, came)
}
