//! What may be said in a file or by flags: every key optional, nothing yet decided.
//!
//! Values only. The names of the fields are the keys of the file.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use hearth_turn::DefaultFamily;
use serde::Deserialize;

/// Everything that may be said.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where to serve.
    pub listen: Option<Vec<SocketAddr>>,
    /// Where to send plain HTTP to https, and nothing else.
    pub redirect: Option<Vec<SocketAddr>>,
    /// Names and outside addresses that the server goes by.
    pub names: Option<Vec<String>>,
    /// Pages of others that may speak to it.
    pub origins: Option<Vec<String>>,
    /// A folder of files to serve.
    #[serde(rename = "static")]
    pub static_files: Option<PathBuf>,
    /// The folder of keys and certificates.
    pub state: Option<PathBuf>,
    /// No TLS.
    pub plain_http: Option<bool>,
    /// Reverse proxies that are believed who calls: addresses, networks, or `loopback`.
    pub trust_proxy: Option<Vec<String>>,
    /// Whether pages written for signalmaster come in.
    pub legacy: Option<bool>,
    /// Where counters are read.
    pub metrics: Option<SocketAddr>,
    /// By what the server proves itself.
    pub tls: TlsSettings,
    /// Rules of rooms.
    pub rooms: RoomSettings,
    /// Rules of connections.
    pub limits: LimitSettings,
    /// STUN and TURN servers that members are told of.
    pub ice: IceSettings,
    /// A relay in this process.
    pub turn: Option<RelaySettings>,
}

/// By what the server proves itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSettings {
    /// A PEM file of the certificate and those above it.
    pub cert: Option<PathBuf>,
    /// A PEM file of its key.
    pub key: Option<PathBuf>,
    /// An authority to ask.
    pub acme: Option<AcmeSettings>,
}

/// An authority that gives certificates.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AcmeSettings {
    /// The names to be in the certificate.
    pub domains: Vec<String>,
    /// Who runs the server, as `mailto:` addresses.
    pub contact: Vec<String>,
    /// The authority's directory.
    pub directory: Option<String>,
    /// A PEM file of roots that the authority is trusted by.
    pub roots: Option<PathBuf>,
}

/// Rules of rooms.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoomSettings {
    /// People in a room.
    pub max_clients: Option<u32>,
    /// Rooms.
    pub max_rooms: Option<usize>,
}

/// Rules of connections.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Connections in all.
    pub connections: Option<usize>,
    /// Connections of one address.
    pub connections_per_address: Option<usize>,
}

/// STUN and TURN servers that members are told of.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IceSettings {
    /// URLs of STUN servers.
    pub stun: Option<Vec<String>>,
    /// TURN servers.
    pub turn: Option<Vec<TurnSettings>>,
}

/// A TURN server: with a secret, which signs; or with a name and a password, handed out as they are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TurnSettings {
    /// Its URLs.
    pub urls: Vec<String>,
    /// A name.
    pub username: Option<String>,
    /// The password of that name.
    pub credential: Option<Password>,
    /// The secret that it shares with us.
    pub secret: Option<Password>,
    /// A file that holds that secret.
    pub secret_file: Option<PathBuf>,
    /// How long what we sign is good, seconds.
    pub lifetime_s: Option<u64>,
}

/// A relay in this process.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelaySettings {
    /// Where it listens.
    pub listen: Option<Vec<SocketAddr>>,
    /// What the world sees of its addresses, where a NAT is in between.
    pub external: Option<Vec<IpAddr>>,
    /// The ports that it relays on, `MIN-MAX`.
    pub ports: Option<String>,
    /// Ranges of private addresses that it may relay to.
    pub allow_peers: Option<Vec<String>>,
    /// The family of relays for clients that name none.
    pub family: Option<RelayFamily>,
}

/// The family of relays for clients that name none, as browsers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelayFamily {
    /// IPv4 where the relay has it, else IPv6.
    Available,
    /// IPv4, as RFC 8656 says: a relay without it refuses.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// The one that the client came by.
    Client,
}

impl RelayFamily {
    /// What the relay's library calls it.
    pub fn meaning(self) -> DefaultFamily {
        match self {
            Self::Available => DefaultFamily::Available,
            Self::Ipv4 => DefaultFamily::V4,
            Self::Ipv6 => DefaultFamily::V6,
            Self::Client => DefaultFamily::Client,
        }
    }
}

/// A word that is printed nowhere.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// Takes it.
    pub fn new(word: impl Into<String>) -> Self {
        Self(word.into())
    }

    /// Whether it is none at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The word itself, for who has to know it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl Settings {
    /// What is said here, and for the rest what `below` says. A list replaces a list, and a way to be protected (files,
    /// an authority, none) replaces another way.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        let (tls, plain_http) = if self.tls == TlsSettings::default() && self.plain_http.is_none() {
            (below.tls, below.plain_http)
        } else {
            (self.tls, self.plain_http)
        };
        Self {
            listen: self.listen.or(below.listen),
            redirect: self.redirect.or(below.redirect),
            names: self.names.or(below.names),
            origins: self.origins.or(below.origins),
            static_files: self.static_files.or(below.static_files),
            state: self.state.or(below.state),
            plain_http,
            trust_proxy: self.trust_proxy.or(below.trust_proxy),
            legacy: self.legacy.or(below.legacy),
            metrics: self.metrics.or(below.metrics),
            tls,
            rooms: RoomSettings {
                max_clients: self.rooms.max_clients.or(below.rooms.max_clients),
                max_rooms: self.rooms.max_rooms.or(below.rooms.max_rooms),
            },
            limits: LimitSettings {
                connections: self.limits.connections.or(below.limits.connections),
                connections_per_address: self.limits.connections_per_address.or(below.limits.connections_per_address),
            },
            ice: IceSettings { stun: self.ice.stun.or(below.ice.stun), turn: self.ice.turn.or(below.ice.turn) },
            turn: match (self.turn, below.turn) {
                (Some(above), Some(below)) => Some(above.over(below)),
                (above, below) => above.or(below),
            },
        }
    }

    /// With its relative paths counted from `folder`.
    pub(super) fn relative_to(mut self, folder: &Path) -> Self {
        let acme = self.tls.acme.as_mut().and_then(|acme| acme.roots.as_mut());
        let secrets = self.ice.turn.iter_mut().flatten().filter_map(|turn| turn.secret_file.as_mut());
        let own = [&mut self.static_files, &mut self.state, &mut self.tls.cert, &mut self.tls.key];
        for path in own.into_iter().flatten().chain(acme).chain(secrets) {
            *path = folder.join(&*path);
        }
        self
    }
}

impl RelaySettings {
    fn over(self, below: Self) -> Self {
        Self {
            listen: self.listen.or(below.listen),
            external: self.external.or(below.external),
            ports: self.ports.or(below.ports),
            allow_peers: self.allow_peers.or(below.allow_peers),
            family: self.family.or(below.family),
        }
    }
}
