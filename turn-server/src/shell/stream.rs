//! A TCP connection, encrypted or not: bytes in, bytes out, and a bound on each.
//!
//! It knows no STUN. Whether it is TLS is seen by its first byte (RFC 7983 section 7), so that one port serves both, as
//! coturn's do.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::{ServerConfig, ServerConnection};

/// Bytes that are read of one connection in one go, so that no other waits for long.
const READ: usize = 64 << 10;
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// A connection.
pub(super) struct BufferedStream {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
    /// What came and has not been taken.
    pub(super) inbox: Vec<u8>,
    /// What is to go, from `sent` on.
    outbox: Vec<u8>,
    sent: usize,
    /// The other end has said that it sends no more.
    pub(super) has_ended: bool,
}

/// The connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone;

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// There is nothing more, for now.
    Drained,
    /// There may be more.
    More,
}

/// What a connection's first byte says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstByte {
    Plain,
    Tls,
}

impl BufferedStream {
    pub(super) fn new(socket: TcpStream) -> Self {
        // Media must not wait for more of it.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "small segments may wait");
        }
        Self { socket, tls: None, inbox: Vec::new(), outbox: Vec::new(), sent: 0, has_ended: false }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE | Interest::WRITABLE)
    }

    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut self.socket)
    }

    /// Whether the connection that was begun stands.
    pub(super) fn connected(&self) -> Result<bool, Gone> {
        if let Ok(Some(_)) | Err(_) = self.socket.take_error() {
            return Err(Gone);
        }
        match self.socket.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(_) => Err(Gone),
        }
    }

    pub(super) fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.socket.peer_addr()?, self.socket.local_addr()?))
    }

    /// What its first byte says, once it is there.
    pub(super) fn opening(&self) -> Result<Option<FirstByte>, Gone> {
        let mut first = [0];
        match self.socket.peek(&mut first) {
            Ok(0) => Err(Gone),
            Ok(_) => Ok(Some(if first == [HANDSHAKE] { FirstByte::Tls } else { FirstByte::Plain })),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(_) => Err(Gone),
        }
    }

    /// From now on what is on the wire is TLS.
    pub(super) fn encrypt(&mut self, config: &Arc<ServerConfig>) -> Result<(), Gone> {
        let tls = ServerConnection::new(Arc::clone(config)).map_err(|_| Gone)?;
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Reads what is there into the inbox.
    pub(super) fn read(&mut self) -> Result<Progress, Gone> {
        match self.tls.take() {
            None => self.read_plain(),
            Some(mut tls) => {
                let outcome = self.read_tls(&mut tls);
                self.tls = Some(tls);
                outcome
            }
        }
    }

    fn read_plain(&mut self) -> Result<Progress, Gone> {
        let start = self.inbox.len();
        let mut room = 4096; // grows with what comes: most connections are quiet
        while self.inbox.len() - start < READ {
            let end = self.inbox.len();
            self.inbox.resize(end + room, 0);
            let read = self.socket.read(self.inbox.get_mut(end..).unwrap_or_default());
            self.inbox.truncate(end + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => {
                    self.has_ended = true;
                    return Ok(Progress::Drained);
                }
                // A short read does not say that there is no more: the edge has to be used up.
                Ok(_) => room = READ / 4,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Progress::Drained),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(Progress::More)
    }

    fn read_tls(&mut self, tls: &mut ServerConnection) -> Result<Progress, Gone> {
        let mut taken = 0; // of the wire: records may be empty
        while taken < READ {
            let read = tls.read_tls(&mut self.socket);
            taken += *read.as_ref().unwrap_or(&0);
            let is_dry = match read {
                Ok(0) => {
                    self.has_ended = true;
                    true
                }
                Ok(_) => false,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(Gone),
            };
            let state = tls.process_new_packets();
            if state.is_err() {
                // The alert that says why is worth one try.
                return tls.write_tls(&mut self.socket).map_or(Err(Gone), |_| Err(Gone));
            }
            match tls.reader().read_to_end(&mut self.inbox) {
                Ok(_) => self.has_ended = true, // close_notify
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => self.has_ended = true, // cut off without one
            }
            if is_dry {
                return Ok(Progress::Drained);
            }
        }
        Ok(Progress::More)
    }

    /// Bytes that wait to be sent.
    pub(super) fn queued(&self) -> usize {
        let encrypted = self.tls.as_ref().is_some_and(|tls| tls.wants_write());
        self.outbox.len() - self.sent + usize::from(encrypted)
    }

    /// Queues bytes; the caller bounds how many.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.outbox.extend_from_slice(bytes);
    }

    /// Sends what the system takes.
    pub(super) fn flush(&mut self) -> Result<(), Gone> {
        let outcome = match self.tls.take() {
            None => self.flush_plain(),
            Some(mut tls) => {
                let outcome = self.flush_tls(&mut tls);
                self.tls = Some(tls);
                outcome
            }
        };
        if self.sent == self.outbox.len() {
            self.outbox.clear();
            self.sent = 0;
            self.outbox.shrink_to(READ);
        }
        outcome
    }

    fn flush_plain(&mut self) -> Result<(), Gone> {
        while let Some(rest) = self.outbox.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest) {
                Ok(0) => return Err(Gone),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }

    fn flush_tls(&mut self, tls: &mut ServerConnection) -> Result<(), Gone> {
        loop {
            while tls.wants_write() {
                match tls.write_tls(&mut self.socket) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return Err(Gone),
                }
            }
            let rest = self.outbox.get(self.sent..).unwrap_or_default();
            if rest.is_empty() || tls.is_handshaking() {
                return Ok(());
            }
            self.sent += tls.writer().write(rest).map_err(|_| Gone)?;
        }
    }
}
