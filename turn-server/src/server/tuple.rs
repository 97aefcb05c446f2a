//! What tells clients apart.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FiveTuple {
    /// The client, as it is seen from here.
    pub client: SocketAddr,
    /// The listener that it came to.
    pub local: SocketAddr,
    /// How it came.
    pub transport: Transport,
}

/// An address as a key of maps that each datagram is looked up in: hashed in one word where the standard library takes
/// nine steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AddressKey(pub(crate) SocketAddr);

impl Hash for AddressKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let port = u64::from(self.0.port());
        match self.0.ip() {
            IpAddr::V4(ip) => state.write_u64(u64::from(ip.to_bits()) << 16 | port),
            // Scope and flow are left out: equal addresses have equal ones.
            IpAddr::V6(ip) => {
                state.write_u128(ip.to_bits());
                state.write_u64(port);
            }
        }
    }
}

impl Hash for FiveTuple {
    fn hash<H: Hasher>(&self, state: &mut H) {
        AddressKey(self.client).hash(state);
        // Listeners are few: their port tells most of them apart, and whatever it does not, equality does.
        state.write_u32(u32::from(self.local.port()) << 8 | self.transport as u32);
    }
}

impl FiveTuple {
    /// A client that comes by UDP.
    pub fn udp(client: SocketAddr, local: SocketAddr) -> Self {
        Self { client, local, transport: Transport::Udp }
    }
}
