//! As much of a TURN client as it takes to ask for an allocation, and what it may be used for (RFC 8656, section 7; RFC
//! 8489, section 9.2).

use std::net::SocketAddr;
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::within;

pub(crate) const ALLOCATE: u16 = 0x0003;
pub(crate) const CREATE_PERMISSION: u16 = 0x0008;
pub(crate) const XOR_PEER_ADDRESS: u16 = 0x0012;
const ERROR_CODE: u16 = 0x0009;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const REALM: u16 = 0x0014;
const NONCE: u16 = 0x0015;
const REQUESTED_TRANSPORT: u16 = 0x0019;

/// Whether the relay at `address` gives an allocation for this name and password.
pub(crate) async fn allocates(address: SocketAddr, username: &str, password: &str) -> bool {
    Client::new(address, username, password).await.ask(ALLOCATE, &[UDP]).await.is_ok()
}

/// A client with a socket of its own, and a challenge.
pub(crate) struct Client {
    socket: UdpSocket,
    address: SocketAddr,
    username: String,
    key: Vec<u8>,
    realm: Vec<u8>,
    nonce: Vec<u8>,
}

/// How long an answer may take on this machine before the request is sent again.
const RETRANSMIT_AFTER: Duration = Duration::from_millis(500);

/// REQUESTED-TRANSPORT.
pub(crate) const UDP: (u16, &[u8]) = (REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
pub(crate) const TCP: (u16, &[u8]) = (REQUESTED_TRANSPORT, &[6, 0, 0, 0]);

impl Client {
    pub(crate) async fn new(address: SocketAddr, username: &str, password: &str) -> Self {
        let socket = UdpSocket::bind((address.ip(), 0)).await.unwrap();
        let challenge = exchange(&socket, address, &request(ALLOCATE, &[UDP], None)).await;
        let [realm, nonce] = [REALM, NONCE].map(|kind| attribute(&challenge, kind).expect("a challenge"));
        let key = Md5::digest([username.as_bytes(), b":", &realm, b":", password.as_bytes()].concat()).to_vec();
        Self { socket, address, username: username.to_owned(), key, realm, nonce }
    }

    /// Asks; else the code of the refusal.
    pub(crate) async fn ask(&self, method: u16, attributes: &[(u16, &[u8])]) -> Result<(), u16> {
        let own = [(USERNAME, self.username.as_bytes()), (REALM, &self.realm[..]), (NONCE, &self.nonce[..])];
        let all: Vec<_> = attributes.iter().copied().chain(own).collect();
        let answer = exchange(&self.socket, self.address, &request(method, &all, Some(&self.key))).await;
        match attribute(&answer, ERROR_CODE) {
            None => Ok(()),
            Some(code) => Err(u16::from(code[2]) * 100 + u16::from(code[3])),
        }
    }
}

/// The value of XOR-PEER-ADDRESS (RFC 8489, section 14.2).
pub(crate) fn peer(ip: [u8; 4], port: u16) -> Vec<u8> {
    let masked = ip.iter().zip([0x21, 0x12, 0xa4, 0x42]).map(|(byte, mask)| byte ^ mask);
    [&[0, 1][..], &(port ^ 0x2112).to_be_bytes()].concat().into_iter().chain(masked).collect()
}

fn request(method: u16, attributes: &[(u16, &[u8])], key: Option<&[u8]>) -> Vec<u8> {
    let mut message = [&method.to_be_bytes()[..], &[0, 0, 0x21, 0x12, 0xa4, 0x42], b"transaction!"].concat();
    for (kind, value) in attributes {
        add(&mut message, *kind, value);
    }
    if let Some(key) = key {
        let length = u16::try_from(message.len() - 20 + 24).unwrap().to_be_bytes();
        message[2..4].copy_from_slice(&length); // as it will be with the integrity
        let mut mac = Hmac::<Sha1>::new_from_slice(key).unwrap();
        mac.update(&message);
        add(&mut message, MESSAGE_INTEGRITY, &mac.finalize().into_bytes());
    }
    message
}

fn add(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
    let length = u16::try_from(message.len() - 20).unwrap().to_be_bytes();
    message[2..4].copy_from_slice(&length);
}

/// Sent again while no answer comes (RFC 8489, section 6.2.1): a relay answers only so many strangers of one address a
/// second.
async fn exchange(socket: &UdpSocket, address: SocketAddr, message: &[u8]) -> Vec<u8> {
    let mut answer = vec![0; 1500];
    let length = within(async {
        loop {
            socket.send_to(message, address).await.unwrap();
            if let Ok(length) = timeout(RETRANSMIT_AFTER, socket.recv(&mut answer)).await {
                return length.unwrap();
            }
        }
    })
    .await;
    answer.truncate(length);
    answer
}

fn attribute(message: &[u8], wanted: u16) -> Option<Vec<u8>> {
    let mut rest = &message[20..];
    while let [a, b, c, d, after @ ..] = rest {
        let (kind, length) = (u16::from_be_bytes([*a, *b]), usize::from(u16::from_be_bytes([*c, *d])));
        if kind == wanted {
            return Some(after[..length].to_vec());
        }
        rest = &after[length.next_multiple_of(4)..];
    }
    None
}
