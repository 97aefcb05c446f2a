//! As much of a TURN client as it takes to ask for an allocation (RFC 8656, section 7; RFC 8489, section 9.2).

use std::net::SocketAddr;

use hmac::{Hmac, Mac as _};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use tokio::net::UdpSocket;

use crate::within;

const ALLOCATE: u16 = 0x0003;
const SUCCESS: u16 = 0x0103;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const REALM: u16 = 0x0014;
const NONCE: u16 = 0x0015;
const REQUESTED_TRANSPORT: u16 = 0x0019;

/// Whether the relay at `address` gives an allocation for this name and password.
pub(crate) async fn allocates(address: SocketAddr, username: &str, password: &str) -> bool {
    let socket = UdpSocket::bind((address.ip(), 0)).await.unwrap();
    let challenge = exchange(&socket, address, &request(&[], None)).await;
    let [realm, nonce] = [REALM, NONCE].map(|kind| attribute(&challenge, kind).expect("a challenge"));
    let key = Md5::digest([username.as_bytes(), b":", &realm, b":", password.as_bytes()].concat());
    let attributes = [(USERNAME, username.as_bytes()), (REALM, &realm), (NONCE, &nonce)];
    let answer = exchange(&socket, address, &request(&attributes, Some(&key))).await;
    answer[..2] == SUCCESS.to_be_bytes()
}

fn request(attributes: &[(u16, &[u8])], key: Option<&[u8]>) -> Vec<u8> {
    let mut message = [&ALLOCATE.to_be_bytes()[..], &[0, 0, 0x21, 0x12, 0xa4, 0x42], b"transaction!"].concat();
    add(&mut message, REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
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

async fn exchange(socket: &UdpSocket, address: SocketAddr, message: &[u8]) -> Vec<u8> {
    socket.send_to(message, address).await.unwrap();
    let mut answer = vec![0; 1500];
    let length = within(socket.recv(&mut answer)).await.unwrap();
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
