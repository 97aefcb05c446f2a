//! What an operator decides: names, secrets, addresses, quotas. Plain values; nothing here opens or reads anything.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use crate::PeerPolicy;

/// How a [`Server`](crate::Server) behaves.
pub struct Config {
    /// The realm that challenges name. Keep it short: it is a part of every 401, and so of what a forged request can
    /// make the server send to somebody else.
    pub realm: String,
    /// Secrets of time-limited credentials ([`rest`](crate::rest)); several, so that they can be rotated.
    pub secrets: Vec<Secret>,
    /// Users with a lasting password.
    pub users: Vec<User>,
    /// With whom clients may exchange data.
    pub peers: PeerPolicy,
    /// The addresses that relays stand on; of one family, the listener's own address is preferred, then the first.
    pub relay_addresses: Vec<RelayAddress>,
    /// The ports that relays stand on.
    pub relay_ports: RangeInclusive<u16>,
    /// What a user, and all users together, may hold.
    pub quotas: Quotas,
    /// Addresses that are never a peer, whatever the policy allows: the server's listeners and other services.
    pub own: Vec<SocketAddr>,
    /// Random bits: the nonces' key and the choice of ports come from them.
    pub seed: [u8; 32],
}

impl Config {
    /// The port that TURN clients try by default.
    pub const PORT: u16 = 3478;

    /// A server of realm `hearth` without users or addresses, its ports those that RFC 8656 section 7.2 recommends.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            realm: "hearth".to_owned(),
            secrets: Vec::new(),
            users: Vec::new(),
            peers: PeerPolicy::default(),
            relay_addresses: Vec::new(),
            relay_ports: 49152..=65535,
            quotas: Quotas::default(),
            own: Vec::new(),
            seed,
        }
    }
}

/// An address that relays stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayAddress {
    /// The address that sockets are bound to.
    pub bound: IpAddr,
    /// The address that peers send to: another one only where a NAT stands in between.
    pub advertised: IpAddr,
}

impl From<IpAddr> for RelayAddress {
    fn from(bound: IpAddr) -> Self {
        Self { bound, advertised: bound }
    }
}

/// A user with a lasting password.
#[derive(Clone, Debug)]
pub struct User {
    /// The name: at most 508 bytes (RFC 8489 section 14.3).
    pub name: String,
    /// The password.
    pub password: Secret,
}

/// What may be held at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Allocations in all; beyond it requests get 486.
    pub allocations: usize,
    /// Allocations of one user; beyond it requests get 486.
    pub allocations_per_user: usize,
    /// Addresses with a permission in one allocation; beyond it requests get 508.
    pub permissions: usize,
    /// Channels in one allocation; beyond it requests get 508.
    pub channels: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            // Half of the default ports: some are taken by others, and some rest after use.
            allocations: 8192,
            // A browser in a room of 12 makes an allocation a peer and network interface, twice that with a screen.
            allocations_per_user: 64,
            // A peer has about ten candidate addresses, and an allocation usually serves one peer.
            permissions: 128,
            channels: 128,
        }
    }
}

/// A password or shared secret: never empty, never printed.
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

/// The secret was empty. An empty key signs as well as any other, and everybody knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret is empty; put one into it, for example of `openssl rand -base64 32`")]
pub struct EmptySecret;

impl Secret {
    /// Takes a secret.
    ///
    /// # Errors
    /// [`EmptySecret`].
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, EmptySecret> {
        let secret = secret.as_ref();
        if secret.is_empty() { Err(EmptySecret) } else { Ok(Self(secret.into())) }
    }

    pub(crate) fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
