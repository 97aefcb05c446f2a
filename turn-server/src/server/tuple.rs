//! What tells clients apart.

use std::net::SocketAddr;

/// How a client reaches the server (RFC 8656 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// A datagram is a message.
    Udp,
    /// Messages one behind the other on a stream.
    Tcp,
    /// The same, encrypted.
    Tls,
    /// Datagrams, encrypted.
    Dtls,
}

impl Transport {
    /// Whether messages come on a stream: then ChannelData is padded, and clients may ask for TCP relays.
    pub fn is_stream(self) -> bool {
        match self {
            Self::Tcp | Self::Tls => true,
            Self::Udp | Self::Dtls => false,
        }
    }
}

/// A client's address, the listener's, and the transport between them (RFC 8656 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FiveTuple {
    /// The client, as it is seen from here.
    pub client: SocketAddr,
    /// The listener that it came to.
    pub local: SocketAddr,
    /// How it came.
    pub transport: Transport,
}

impl FiveTuple {
    /// A client that comes by UDP.
    pub fn udp(client: SocketAddr, local: SocketAddr) -> Self {
        Self { client, local, transport: Transport::Udp }
    }
}
