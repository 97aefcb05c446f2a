//! What an operator decides: names, secrets, addresses, quotas. Plain values; nothing here opens or reads anything.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::{Discovery, PeerPolicy};

/// How a [`Server`](crate::Server) behaves.
#[derive(Clone)]
pub struct Config {
    /// The realm that challenges name. Keep it short: it is a part of every 401, and so of what a forged request can
    /// make the server send to somebody else.
    pub realm: String,
    /// Secrets of time-limited credentials ([`rest`](crate::rest)); several, so that they can be rotated.
    pub secrets: Vec<Secret>,
    /// Users with a lasting password.
    pub users: Vec<User>,
    /// Which of the names that a secret signs are honoured.
    pub names: NameRule,
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
    /// What it offers, and how.
    pub options: Options,
    /// Where clients learn how their NATs behave (RFC 5780).
    pub discovery: Vec<Discovery>,
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
            names: NameRule::default(),
            peers: PeerPolicy::default(),
            relay_addresses: Vec::new(),
            relay_ports: 49152..=65535,
            quotas: Quotas::default(),
            own: Vec::new(),
            options: Options::default(),
            discovery: Vec::new(),
            seed,
        }
    }
}

/// Which time-limited names ([`rest`](crate::rest)) are honoured, of those that a secret signs. They are granted and
/// withdrawn by what is behind the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameRule {
    /// All, until their time is over.
    #[default]
    All,
    /// Those that were granted and not withdrawn since: for a server that alone knows the secret.
    Granted,
    /// All but those that were withdrawn: for a secret that others sign with as well.
    NotWithdrawn,
}

/// What a server offers, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether it relays at all, or is a STUN server alone.
    pub relaying: bool,
    /// Whether it relays datagrams.
    pub udp_relays: bool,
    /// Whether it relays TCP connections (RFC 6062).
    pub tcp_relays: bool,
    /// Who gets an answer to Binding.
    pub binding: BindingRule,
    /// Whether an allocation follows a client that has another address now (RFC 8016).
    pub mobility: bool,
    /// Whether SHA-256 and digests of user names are offered. It makes each 401 longer, and no browser asks for it.
    pub sha256: bool,
    /// Whether every answer and indication carries FINGERPRINT, not only those to requests with one.
    pub fingerprint: bool,
    /// Whether answers name this program.
    pub software: bool,
    /// The family of relays for clients that name none.
    pub family: DefaultFamily,
    /// The lowest port of peers: below 1024 stand services, and no media (RFC 6335 section 6 calls these the system
    /// ports).
    pub first_peer_port: u16,
    /// How long a nonce is honoured.
    pub nonce_lifetime: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            relaying: true,
            udp_relays: true,
            tcp_relays: true,
            binding: BindingRule::Open,
            mobility: true,
            sha256: false,
            fingerprint: false,
            software: false,
            family: DefaultFamily::default(),
            first_peer_port: 1,
            nonce_lifetime: Duration::from_secs(3600), // RFC 8656 section 5: "at least once every hour"
        }
    }
}

/// Who gets an answer to Binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingRule {
    /// Everybody.
    Open,
    /// Who has credentials.
    Authenticated,
    /// Nobody.
    Off,
}

/// The family of relays for clients that name none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefaultFamily {
    /// IPv4 where the relay has an address of it, else IPv6: browsers name none, and on a relay without IPv4 the 440
    /// that RFC 8656 section 7.2 asks for would leave them without any.
    #[default]
    Available,
    /// IPv4, as RFC 8656 section 7.2 says.
    V4,
    /// IPv6.
    V6,
    /// The one that the client came by.
    Client,
}

/// What an operator may change while the server runs.
#[derive(Clone, Debug)]
pub struct Changes {
    /// Users with a lasting password.
    pub users: Vec<User>,
    /// Secrets of time-limited credentials.
    pub secrets: Vec<Secret>,
    /// With whom clients may exchange data.
    pub peers: PeerPolicy,
    /// What may be held.
    pub quotas: Quotas,
}

/// An address that relays stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayAddress {
    /// The address that sockets are bound to.
    pub bound: IpAddr,
    /// The address that peers send to: another one only where a NAT is in between.
    pub advertised: IpAddr,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

impl From<IpAddr> for RelayAddress {
    fn from(bound: IpAddr) -> Self {
        Self { bound, advertised: bound }
    }
}

/// A user with a lasting password.
#[derive(Clone)]
pub struct User {
    /// The name: at most 508 bytes (RFC 8489 section 14.3).
    pub name: String,
    /// The password.
    pub password: Secret,
    /// Its key, where that is known and the password is not: MD5 of name, realm and password, as coturn's tools print
    /// it. Such a user cannot come in by SHA-256.
    pub key: Option<[u8; 16]>,
}

impl User {
    /// A user whose password is known.
    pub fn new(name: impl Into<String>, password: Secret) -> Self {
        Self { name: name.into(), password, key: None }
    }
}

/// What may be held at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Allocations in all; beyond it requests get 486.
    pub allocations: usize,
    /// Allocations of one user; beyond it requests get 486.
    pub allocations_per_user: usize,
    /// Allocations of one client address (of IPv6: one /64); beyond it requests get 486.
    pub allocations_per_address: usize,
    /// Addresses with a permission in one allocation; beyond it requests get 508.
    pub permissions: usize,
    /// Channels in one allocation; beyond it requests get 508.
    pub channels: usize,
    /// Bytes a second that one allocation relays, each way by itself; beyond it datagrams are dropped, and streams of
    /// TCP relays wait.
    pub bytes_per_second: Option<u64>,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            // Half of the default ports: some are taken by others, and some rest after use.
            allocations: 8192,
            // A set-up may have one user whom everybody shares, as coturn's usually does.
            allocations_per_user: usize::MAX,
            // A browser makes an allocation for each end of a connection: 132 in a room of 12 behind one address; two
            // of them.
            allocations_per_address: 256,
            // A peer has about ten candidate addresses, and an allocation usually serves one peer.
            permissions: 128,
            channels: 128,
            bytes_per_second: None,
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
