//! Everything decided.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::SettingsError;
use super::draft::{DataRateDraft, Draft, Stun};
use super::external::{External, ExternalName};
use super::files::Files;
use crate::server::RESERVATIONS;
use crate::shell::{Identity, Listen, ListenSockets, every_address};
use crate::{BindingRule, Changes, Config, Options, PeerPolicy, Quotas, RelayAddress, Secret};

/// Longest realm in bytes: RFC 8489 section 14.9 says fewer than 128 characters.
const REALM: usize = 127;

/// Files that a server may need open beside that: listeners, logs, connections of clients that have no allocation yet.
const SPARE_FILES: u64 = 1024;

/// What should be done.
pub struct Plan {
    /// How the server behaves.
    pub config: Config,
    /// Where it listens.
    pub listen: Listen,
    /// Where its certificate comes from.
    pub tls: Option<Tls>,
    /// Where figures are served.
    pub metrics: Option<SocketAddr>,
    /// How long allocations may end by themselves once the server is to stop.
    pub drain: Duration,
    /// Where the log goes.
    pub logs: Logs,
    /// Where the process's number is written.
    pub pid_file: Option<PathBuf>,
    /// Who the process is once everything is bound.
    pub drop_to: IgnoredSetting,
    /// What the world sees of the addresses that relays stand on.
    pub external: Vec<External>,
    /// Of these, what was said in addresses.
    pub external_fixed: Vec<External>,
    /// Names by which that was said: they may lead elsewhere later.
    pub external_names: Vec<ExternalName>,
    /// Files whose change is looked for.
    pub files: Vec<PathBuf>,
    /// What was said and is not honoured.
    pub warnings: Vec<String>,
    /// What was said and is refused by name.
    pub refusals: Vec<String>,
}

/// A certificate's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The chain.
    pub cert: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// The log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    /// Whether more is said.
    pub verbose: bool,
    /// A file, else the standard error.
    pub file: Option<PathBuf>,
    /// Whether that file is one for ever, or one a day.
    pub is_one: bool,
}

/// User and group to become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoredSetting {
    /// The user's name.
    pub user: Option<String>,
    /// The group's.
    pub group: Option<String>,
}

impl Plan {
    /// Decides what was left open, and reads files of secrets and certificates. `seed` is chance.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(draft: Draft, seed: [u8; 32]) -> Result<Self, SettingsError> {
        Self::with(draft, seed, &mut Files::default())
    }

    /// The same, by a way to `files` that remembers what they said before.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn with(draft: Draft, seed: [u8; 32], files: &mut Files) -> Result<Self, SettingsError> {
        let mut draft = draft;
        let changes = changes(&draft, files)?;
        let mut config = Config::new(seed);
        config.users.clone_from(&changes.users);
        config.secrets.clone_from(&changes.secrets);
        config.peers = changes.peers;
        config.quotas = changes.quotas;
        if let Some(realm) = draft.realm.take() {
            check(!realm.is_empty() && realm.len() <= REALM, "the realm must have 1 to 127 bytes; shorten it")?;
            config.realm = realm;
        }
        config.relay_ports = ports(&draft)?;
        let external = external(&mut draft);
        config.relay_addresses = draft.relay_ips.iter().map(|ip| External::of(*ip, &external)).collect();
        config.options = options(&draft);
        config.own.extend(draft.metrics); // opened ranges do not lead to the figures
        let tls = tls(&draft)?;
        let identity = tls.as_ref().map(|tls| files.identity(&tls.cert, &tls.key)).transpose()?.map(Arc::new);
        let listen = Listen { external: external.clone(), ..listen(&draft, identity)? };
        let mut paths = std::mem::take(&mut draft.files);
        paths.extend(draft.users_file.iter().chain(&draft.secret_file).cloned());
        paths.extend(tls.iter().flat_map(|tls| [tls.cert.clone(), tls.key.clone()]));
        let logs = Logs {
            verbose: draft.verbose.unwrap_or(false),
            file: draft.log_file,
            is_one: draft.one_log.unwrap_or(false),
        };
        Ok(Self {
            config,
            listen,
            tls,
            metrics: draft.metrics,
            drain: draft.drain.unwrap_or_default(),
            logs,
            pid_file: draft.pid_file,
            drop_to: IgnoredSetting { user: draft.user, group: draft.group },
            external,
            external_fixed: draft.external,
            external_names: draft.external_names,
            files: paths,
            warnings: draft.warnings,
            refusals: draft.refusals,
        })
    }

    /// What of it a running server takes.
    pub fn changes(&self) -> Changes {
        Changes {
            users: self.config.users.clone(),
            secrets: self.config.secrets.clone(),
            peers: self.config.peers.clone(),
            quotas: self.config.quotas,
        }
    }

    /// Files that a server with every allocation that the quota allows has open: relays, two of an allocation where
    /// there are both families; ports that are reserved; and a connection of each client, where clients come by
    /// streams.
    ///
    /// TCP connections with peers (RFC 6062) are left out: hardly an allocation has any, and all together have no more
    /// than 1024 with each worker. Where no file is left, Connect gets 447.
    pub fn open_files(&self) -> u64 {
        let (config, doors) = (&self.config, self.listen.doors);
        // Where no address is named, relays stand on the listeners', of which there may be both families.
        let addresses = match config.relay_addresses.is_empty() {
            true => vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)],
            false => config.relay_addresses.iter().map(|address| address.bound).collect(),
        };
        let has = |is_ipv4: bool| usize::from(addresses.iter().any(|ip| ip.is_ipv4() == is_ipv4));
        let ports = config.relay_ports.len().saturating_mul(addresses.len());
        let allocations = config.quotas.allocations.min(ports);
        let relays = allocations.saturating_mul(has(true) + has(false)).min(ports);
        let reserved = RESERVATIONS.min(ports - relays);
        let clients = if doors.tcp || doors.tls { allocations } else { 0 };
        (relays + reserved + clients) as u64 + SPARE_FILES
    }

    /// What the settings come to, for a person to read. It holds no secret.
    pub fn summary(&self) -> String {
        let config = &self.config;
        let mut text = String::new();
        let list = |items: Vec<String>| if items.is_empty() { "-".to_owned() } else { items.join(" ") };
        let mut row = |name: &str, value: String| text.push_str(&format!("{name:<14}{value}\n"));
        row("listen", list(self.listen.addresses.iter().map(ToString::to_string).collect()));
        let doors = self.listen.doors;
        let served = [(doors.udp, "udp"), (doors.tcp, "tcp"), (doors.tls, "tls"), (doors.dtls, "dtls")];
        row("transports", list(served.iter().filter(|(is, _)| *is).map(|(_, name)| (*name).to_owned()).collect()));
        let relay = |address: &RelayAddress| match address.bound == address.advertised {
            true => address.bound.to_string(),
            false => format!("{} (seen as {})", address.bound, address.advertised),
        };
        row(
            "relays on",
            match config.relay_addresses.is_empty() {
                true => "the listening addresses".to_owned(),
                false => list(config.relay_addresses.iter().map(relay).collect()),
            },
        );
        row("ports", format!("{}-{}", config.relay_ports.start(), config.relay_ports.end()));
        row("realm", config.realm.clone());
        row("users", format!("{}, and {} secrets of time-limited names", config.users.len(), config.secrets.len()));
        let quotas = &config.quotas;
        let most = |count: usize, of: &str| match count {
            usize::MAX => format!("any number {of}"),
            count => format!("{count} {of}"),
        };
        let (user, address) = (quotas.allocations_per_user, quotas.allocations_per_address);
        let each = format!("{}, {}", most(address, "of an address"), most(user, "of a user"));
        row("quotas", format!("{}, {each}", most(quotas.allocations, "allocations")));
        row("metrics", self.metrics.map_or("-".to_owned(), |metrics| format!("http://{metrics}/metrics")));
        text
    }
}

fn check(is_so: bool, what: &str) -> Result<(), SettingsError> {
    if is_so { Ok(()) } else { Err(SettingsError::Unfit(what.to_owned())) }
}

/// Who may come in, whom they may reach, and how much.
fn changes(draft: &Draft, files: &mut Files) -> Result<Changes, SettingsError> {
    let mut users = draft.users.clone();
    if let Some(path) = &draft.users_file {
        users.extend(files.users(path)?);
    }
    let mut texts = draft.secrets.clone();
    if let Some(path) = &draft.secret_file {
        texts.extend(files.secrets(path)?);
    }
    let secrets: Result<Vec<Secret>, _> = texts.iter().map(Secret::new).collect();
    let secrets = secrets.map_err(|error| SettingsError::Unfit(error.to_string()))?;
    let stun_only = draft.stun == Some(Stun::Only);
    let nobody =
        "nobody could use this server; give it a user or a secret (--users-file, --secret-file, or in its file)";
    check(stun_only || !users.is_empty() || !secrets.is_empty(), nobody)?;
    let peers = PeerPolicy::allowing(draft.allow_peers.iter().copied()).denying(draft.deny_peers.iter().copied());
    Ok(Changes { users, secrets, peers, quotas: quotas(draft)? })
}

fn quotas(draft: &Draft) -> Result<Quotas, SettingsError> {
    let default = Quotas::default();
    let count = |allowance: Option<DataRateDraft>, default: usize| match allowance {
        None => default,
        Some(DataRateDraft::Of(count)) => count,
        Some(DataRateDraft::Unlimited) => usize::MAX,
    };
    let mut allocations = count(draft.total_quota, default.allocations);
    if let Some(capacity) = draft.bps_capacity {
        let each = draft.max_bps.filter(|each| *each <= capacity);
        let each = each.ok_or_else(|| {
            SettingsError::Unfit("bps-capacity is divided by max-bps: say that as well, and no more than it".to_owned())
        })?;
        allocations = allocations.min(usize::try_from(capacity / each).unwrap_or(usize::MAX));
    }
    let allocations_per_user = count(draft.user_quota, default.allocations_per_user);
    // Who counts users has said what is counted: addresses then only where that is said as well.
    let default_address = if draft.user_quota.is_some() { usize::MAX } else { default.allocations_per_address };
    let allocations_per_address = count(draft.address_quota, default_address);
    let bytes_per_second = draft.max_bps;
    Ok(Quotas { allocations, allocations_per_user, allocations_per_address, bytes_per_second, ..default })
}

fn ports(draft: &Draft) -> Result<std::ops::RangeInclusive<u16>, SettingsError> {
    let (first, last) = (draft.min_port.unwrap_or(49152), draft.max_port.unwrap_or(65535));
    check(first > 0 && first <= last, "the first port of relays must be above 0 and not above the last one")?;
    Ok(first..=last)
}

fn options(draft: &Draft) -> Options {
    let default = Options::default();
    let stun = draft.stun.unwrap_or(Stun::Open);
    Options {
        relaying: stun != Stun::Only,
        udp_relays: draft.udp_relays.unwrap_or(true),
        tcp_relays: draft.tcp_relays.unwrap_or(true),
        binding: match stun {
            Stun::Open | Stun::Only => BindingRule::Open,
            Stun::Authenticated => BindingRule::Authenticated,
            Stun::Off => BindingRule::Off,
        },
        mobility: draft.mobility.unwrap_or(true),
        sha256: draft.sha256.unwrap_or(false),
        fingerprint: draft.fingerprint.unwrap_or(false),
        software: draft.software.unwrap_or(false),
        family: draft.family.unwrap_or(default.family),
        first_peer_port: draft.first_peer_port.unwrap_or(default.first_peer_port),
        nonce_lifetime: draft.nonce_lifetime.unwrap_or(default.nonce_lifetime),
    }
}

/// The certificate, where TLS or DTLS is not turned off.
fn tls(draft: &Draft) -> Result<Option<Tls>, SettingsError> {
    if draft.tls == Some(false) && draft.dtls == Some(false) {
        return Ok(None);
    }
    match (&draft.cert, &draft.key) {
        (Some(cert), Some(key)) => Ok(Some(Tls { cert: cert.clone(), key: key.clone() })),
        (None, None) if draft.tls == Some(true) || draft.dtls == Some(true) => {
            Err(SettingsError::Unfit("TLS needs a certificate and a key; name both files".to_owned()))
        }
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(SettingsError::Unfit(
            "a certificate needs its key, and a key its certificate; name both files".to_owned(),
        )),
    }
}

fn listen(draft: &Draft, identity: Option<Arc<Identity>>) -> Result<Listen, SettingsError> {
    let has_identity = identity.is_some();
    let doors = ListenSockets {
        udp: draft.udp.unwrap_or(true),
        tcp: draft.tcp.unwrap_or(true),
        tls: has_identity && draft.tls.unwrap_or(true),
        dtls: has_identity && draft.dtls.unwrap_or(true),
    };
    check(doors.udp || doors.tcp || doors.tls || doors.dtls, "every transport is turned off; leave one on")?;
    let mut addresses = draft.listen.clone();
    if addresses.is_empty() {
        let all = vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        let is_plain = draft.listening_ports.is_empty();
        let ips = match draft.listening_ips.is_empty() {
            true if is_plain => vec![every_address()],
            true => all,
            false => draft.listening_ips.clone(),
        };
        let mut ports = if is_plain { vec![Config::PORT] } else { draft.listening_ports.clone() };
        if !doors.tls && !doors.dtls {
            ports.truncate(1); // the second one is of TLS
        }
        addresses = ports.iter().flat_map(|port| ips.iter().map(move |ip| SocketAddr::new(*ip, *port))).collect();
    }
    let discovery = draft.nat_discovery.unwrap_or(false) && doors.udp;
    Ok(Listen {
        addresses,
        external: Vec::new(),
        workers: draft.workers.unwrap_or(0),
        doors,
        identity,
        discovery: discovery.then_some(draft.alternate_port),
    })
}

/// What the world sees, with each name in its place, and a warning of those that lead nowhere.
fn external(draft: &mut Draft) -> Vec<External> {
    let mut all = draft.external.clone();
    for name in &draft.external_names {
        let found = name.resolve(&[]);
        if found.is_empty() {
            let name = &name.name;
            draft.warnings.push(format!(
                "The name {name}, by which the world sees this machine, leads nowhere now; it is asked for again, and until then peers \
                 are told this machine's own addresses."
            ));
        }
        all.extend(found);
    }
    all
}
