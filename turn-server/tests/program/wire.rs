//! As much STUN as it takes to ask a server something, written down once more: the server's own codec is what is
//! tested.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use md5::{Digest as _, Md5};
use sha1::Sha1;

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const REALM: &[u8] = b"abc";
/// Message types (RFC 8656 section 17).
pub(crate) const ALLOCATE: u16 = 0x003;
pub(crate) const REFRESH: u16 = 0x004;

/// A client with one socket.
pub(crate) struct Client {
    socket: UdpSocket,
    user: String,
    password: String,
    nonce: Vec<u8>,
    transactions: u8,
    /// Where the last answer said that peers reach it (XOR-RELAYED-ADDRESS).
    pub(crate) relayed: Option<Ipv4Addr>,
}

/// The first wait for an answer, and how often a request is sent, each time after twice the wait before (RFC 8489,
/// section 6.2.1): 7.5 s in all, for a machine that stands still or has lost some.
const RTO: Duration = Duration::from_millis(500);
const SENDINGS: u32 = 4;

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Success,
    Error(u16),
}

impl Client {
    pub(crate) fn new(server: SocketAddr, user: &str, password: &str) -> Self {
        Self::at([127, 0, 0, 1], server, user, password)
    }

    /// A client at an address of its own.
    pub(crate) fn at(ip: [u8; 4], server: SocketAddr, user: &str, password: &str) -> Self {
        let socket = UdpSocket::bind(SocketAddr::from((ip, 0))).unwrap();
        socket.connect(server).unwrap();
        let (user, password) = (user.to_owned(), password.to_owned());
        Self { socket, user, password, nonce: Vec::new(), transactions: 0, relayed: None }
    }

    /// Sends a signed request; `None` when no answer comes.
    pub(crate) fn ask(&mut self, method: u16, attributes: &[(u16, &[u8])]) -> Option<Answer> {
        self.transactions = self.transactions.wrapping_add(1);
        let mut message = method.to_be_bytes().to_vec();
        message.extend([0, 0]);
        message.extend(COOKIE);
        message.extend([self.transactions; 12]);
        let credentials: [(u16, &[u8]); 3] = [(6, self.user.as_bytes()), (0x14, REALM), (0x15, &self.nonce)];
        let signed = !self.nonce.is_empty();
        for (kind, value) in attributes.iter().chain(credentials.iter().filter(|_| signed)) {
            append(&mut message, *kind, value);
        }
        if signed {
            set_length(&mut message, 24);
            let key: [u8; 16] = Md5::digest(format!("{}:abc:{}", self.user, self.password)).into();
            let mut mac = Hmac::<Sha1>::new_from_slice(&key).unwrap();
            mac.update(&message);
            append(&mut message, 8, &mac.finalize().into_bytes());
        }
        set_length(&mut message, 0);
        for sending in 0..SENDINGS {
            self.socket.set_read_timeout(Some(RTO * 2_u32.pow(sending))).unwrap();
            self.socket.send(&message).ok()?;
            let mut buffer = [0; 1500];
            while let Ok(length) = self.socket.recv(&mut buffer) {
                // Not one to a request before this, which was sent twice.
                if buffer.get(8..20) == message.get(8..20) {
                    return self.take(&buffer[..length]);
                }
            }
        }
        None
    }

    /// An allocation, by way of the challenge.
    pub(crate) fn allocate(&mut self) -> Option<Answer> {
        let transport: (u16, &[u8]) = (0x19, &[17, 0, 0, 0]);
        match self.ask(ALLOCATE, &[transport])? {
            Answer::Error(401 | 438) => self.ask(ALLOCATE, &[transport]),
            answer @ (Answer::Success | Answer::Error(_)) => Some(answer),
        }
    }

    fn take(&mut self, message: &[u8]) -> Option<Answer> {
        let mut rest = message.get(20..)?;
        let mut code = 0;
        while let [k0, k1, l0, l1, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*l0, *l1]));
            let value = after.get(..length)?;
            match u16::from_be_bytes([*k0, *k1]) {
                0x09 => code = u16::from(value[2]) * 100 + u16::from(value[3]),
                0x15 => self.nonce = value.to_vec(),
                0x16 if value[1] == 1 => {
                    let bits = u32::from_be_bytes(value[4..8].try_into().unwrap());
                    self.relayed = Some((bits ^ u32::from_be_bytes(COOKIE)).into());
                }
                _ => {}
            }
            rest = after.get(length.next_multiple_of(4)..)?;
        }
        Some(if message[0] & 1 == 1 && message[1] & 0x10 == 0 { Answer::Success } else { Answer::Error(code) })
    }
}

/// A request without a signature.
pub(crate) fn unsigned(method: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut message = method.to_be_bytes().to_vec();
    message.extend([0, 0]);
    message.extend(COOKIE);
    message.extend([9; 12]);
    for (kind, value) in attributes {
        append(&mut message, *kind, value);
    }
    set_length(&mut message, 0);
    message
}

fn append(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend((value.len() as u16).to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn set_length(message: &mut [u8], coming: usize) {
    let length = (message.len() - 20 + coming) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
}
