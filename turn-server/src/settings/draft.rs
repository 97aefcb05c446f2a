//! Settings as far as somebody said them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::external::{External, ExternalName};
use crate::{DefaultFamily, User};

/// What was said; [`Draft::over`] lays one over another.
#[derive(Clone, Default)]
pub struct Draft {
    /// Addresses with their ports. Several places may add to it.
    pub listen: Vec<SocketAddr>,
    /// coturn's way: addresses by themselves ...
    pub listening_ips: Vec<IpAddr>,
    /// ... and ports by themselves.
    pub listening_ports: Vec<u16>,
    /// Where relays stand.
    pub relay_ips: Vec<IpAddr>,
    /// What the world sees of them.
    pub external: Vec<External>,
    /// The same, by names.
    pub external_names: Vec<ExternalName>,
    /// The first port of relays.
    pub min_port: Option<u16>,
    /// The last one.
    pub max_port: Option<u16>,
    /// The realm.
    pub realm: Option<String>,
    /// Users.
    pub users: Vec<User>,
    /// A file of users.
    pub users_file: Option<PathBuf>,
    /// Secrets of time-limited credentials.
    pub secrets: Vec<String>,
    /// A file of them.
    pub secret_file: Option<PathBuf>,
    /// Ranges that are opened.
    pub allow_peers: Vec<IpNet>,
    /// Ranges that are closed.
    pub deny_peers: Vec<IpNet>,
    /// Allocations of one user. Who says it counts users; else addresses are counted.
    pub user_quota: Option<DataRateDraft>,
    /// Allocations of one client address.
    pub address_quota: Option<DataRateDraft>,
    /// Allocations in all.
    pub total_quota: Option<DataRateDraft>,
    /// Bytes a second of one allocation, each way.
    pub max_bps: Option<u64>,
    /// Bytes a second of all, each way.
    pub bps_capacity: Option<u64>,
    /// The certificate's chain.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// Whether each transport is served.
    pub udp: Option<bool>,
    /// As above.
    pub tcp: Option<bool>,
    /// As above.
    pub tls: Option<bool>,
    /// As above.
    pub dtls: Option<bool>,
    /// Whether datagrams are relayed.
    pub udp_relays: Option<bool>,
    /// Whether TCP is.
    pub tcp_relays: Option<bool>,
    /// The lowest port of peers.
    pub first_peer_port: Option<u16>,
    /// Who gets STUN.
    pub stun: Option<Stun>,
    /// Whether clients may move.
    pub mobility: Option<bool>,
    /// Whether SHA-256 is offered.
    pub sha256: Option<bool>,
    /// Whether everything carries FINGERPRINT.
    pub fingerprint: Option<bool>,
    /// Whether answers name the program.
    pub software: Option<bool>,
    /// The family of relays for who names none.
    pub family: Option<DefaultFamily>,
    /// How long a nonce is good.
    pub nonce_lifetime: Option<Duration>,
    /// Whether clients learn how their NATs behave, where there are two addresses.
    pub nat_discovery: Option<bool>,
    /// The other port for that.
    pub alternate_port: Option<u16>,
    /// Threads.
    pub workers: Option<usize>,
    /// Where figures are.
    pub metrics: Option<SocketAddr>,
    /// How long allocations may end by themselves when the server is to stop.
    pub drain: Option<Duration>,
    /// Whether more is logged.
    pub verbose: Option<bool>,
    /// Where to.
    pub log_file: Option<PathBuf>,
    /// Whether that file is one for ever.
    pub one_log: Option<bool>,
    /// Where the process's number is written.
    pub pid_file: Option<PathBuf>,
    /// Who the process is once everything is bound.
    pub user: Option<String>,
    /// As above.
    pub group: Option<String>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// What was said and is not honoured: a sentence each.
    pub warnings: Vec<String>,
    /// What was said and is refused by name: a sentence each.
    pub refusals: Vec<String>,
}

/// A quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataRateDraft {
    /// That many.
    Of(usize),
    /// As many as there are ports (coturn's 0).
    Unlimited,
}

/// Who gets STUN, and what else there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stun {
    /// Everybody gets Binding.
    Open,
    /// Who has credentials.
    Authenticated,
    /// Nobody.
    Off,
    /// Everybody, and nobody gets a relay.
    Only,
}

/// Takes what `over` says, else what `under` does.
macro_rules! lay {
    ($over:ident, $under:ident; one: $($one:ident)*; all: $($all:ident)*; listed: $($listed:ident)*) => {
        Self {
            $($one: $over.$one.or($under.$one),)*
            $($all: [$under.$all, $over.$all].concat(),)*
            $($listed: if $over.$listed.is_empty() { $under.$listed } else { $over.$listed },)*
        }
    };
}

impl Draft {
    /// This laid over `under`. Lists of addresses replace each other; users, secrets, ranges and words add up.
    #[must_use]
    pub fn over(self, under: Self) -> Self {
        let over = self;
        lay!(over, under;
            one: min_port max_port realm users_file secret_file user_quota address_quota total_quota first_peer_port max_bps bps_capacity cert key udp tcp
                tls dtls udp_relays tcp_relays stun mobility sha256 fingerprint software family nonce_lifetime nat_discovery
                alternate_port workers metrics drain verbose log_file one_log pid_file user group;
            all: users secrets allow_peers deny_peers files warnings refusals;
            listed: listen listening_ips listening_ports relay_ips external external_names)
    }

    /// Remembers the file it was read from: names in it are meant from its folder on.
    pub(super) fn read_from(&mut self, path: &Path) {
        let folder = path.parent().unwrap_or(Path::new(""));
        for name in [&mut self.users_file, &mut self.secret_file, &mut self.cert, &mut self.key].into_iter().flatten() {
            // A name that leads somewhere from here is left as it is: coturn's files are written that way.
            if name.is_relative() && !name.exists() {
                *name = folder.join(&*name);
            }
        }
        self.files.push(path.to_owned());
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("listen", &self.listen).field("realm", &self.realm).finish_non_exhaustive()
    }
}
