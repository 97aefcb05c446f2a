//! What follows from settings: every default in its place, every contradiction found.
//!
//! It reads the files of secrets and the names in a certificate, and nothing else; ports are opened by anyone who
//! carries the plan out.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use hearth_protocol::{IceServer, Limits};
use hearth_turn::DefaultFamily;
use hearth_turn::settings::{SettingsError, read_secrets};
use ipnet::IpNet;

use super::ConfigError;
use super::settings::{
    AcmeSettings, IceSettings, Password, RelayFamily, RelaySettings, Settings, TlsSettings, TurnSettings,
};
use crate::gateway::proxies::TrustedProxies;
use crate::rooms::{IceConfig, LegacyRules, RoomsConfig, TurnRest, TurnSecret};
use crate::server::{ConnectionLimits, Protection, ServerConfig};
use crate::tls::{AcmeConfig, LETS_ENCRYPT, names_in};

/// Where a server listens that was not told.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 8443);
/// How long a TURN credential is good: a new one goes out after three quarters of it, long before a call notices.
const TURN_LIFETIME: Duration = Duration::from_secs(6 * 3600);
/// Within which bounds: shorter ones end during a call's first words, longer ones are lasting passwords.
const TURN_LIFETIMES: RangeInclusive<u64> = 60..=30 * 24 * 3600;
/// Connections of a server that was not told: 10,000 people who wait and as many again.
const CONNECTIONS: usize = 20_000;
/// Files that a process needs beside its connections: ports, logs, certificates, files being served.
const OTHER_FILES: usize = 124;
/// Allocations of the relay, each of which is a socket.
const ALLOCATIONS: usize = 8192;

/// What a server behind a proxy loses that is told of none.
pub const ONE_SOURCE: &str = "counts whoever comes through a proxy as one source: one wrong number of many, or one person removed, is held \
                              against all; name the proxy by `trust_proxy`";

/// What is going to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub server: ServerConfig,
    /// A relay in the same process.
    pub relay: Option<RelayPlan>,
}

/// A relay that shares its process and its secret with the server.
#[derive(Clone, Debug)]
pub struct RelayPlan {
    /// Where it listens.
    pub listen: Vec<SocketAddr>,
    /// What the world sees of its addresses.
    pub external: Vec<IpAddr>,
    /// The ports that it relays on.
    pub ports: RangeInclusive<u16>,
    /// Ranges of private addresses that it may relay to.
    pub allow_peers: Vec<IpNet>,
    /// Allocations at once.
    pub allocations: usize,
    /// Names by which members reach it; where there is none, its addresses.
    pub names: Vec<String>,
    /// The secrets that are taken, where they were said for other TURN servers; the first one signs.
    pub secrets: Vec<Password>,
    /// The family of relays for clients that name none.
    pub family: DefaultFamily,
}

impl Plan {
    /// The plan that follows from `settings`, in a process that may have `files` files open.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn of(settings: Settings, files: usize) -> Result<Self, ConfigError> {
        let tickets = settings.state.clone();
        let protection = protection(settings.tls, settings.plain_http.unwrap_or_default(), settings.state)?;
        let names = settings.names.unwrap_or_default();
        let (ice, secrets) = ice(settings.ice)?;
        let relay = settings.turn.map(|relay| RelayPlan::of(relay, &names, &protection, files)).transpose()?;
        let relay = relay.map(|relay| RelayPlan { secrets, ..relay });
        let mut listen = settings.listen.unwrap_or_else(|| vec![LISTEN]).into_iter();
        let Some(first) = listen.next() else { return Err(ConfigError::value("listen", "names no address")) };
        let limits = Limits { room_peers: people(settings.rooms.max_clients)?, ..Limits::default() };
        let rooms = RoomsConfig { limits, ice, ..RoomsConfig::default() };
        let rooms = RoomsConfig { max_rooms: settings.rooms.max_rooms.unwrap_or(rooms.max_rooms), ..rooms };
        // A page's rooms hold as many as come unless somebody says otherwise: so its people know it.
        let most = settings.rooms.max_clients.filter(|most| *most > 0);
        let legacy = settings.legacy.unwrap_or(true).then_some(LegacyRules { max_clients: most });
        let rooms = RoomsConfig { legacy, ..rooms };
        let redirect = settings.redirect.unwrap_or_default();
        if !redirect.is_empty() && matches!(protection, Protection::PlainHttp) {
            let why = "leads to https, and there is none with `plain_http`; leave one of them out";
            return Err(ConfigError::value("redirect", why));
        }
        let taken = OTHER_FILES + relay.as_ref().map_or(0, |relay| relay.allocations);
        let asked_relays = rooms.ice.turn.as_ref().map(|turn| turn.urls.clone()).unwrap_or_default();
        let proxies = TrustedProxies::parse(&settings.trust_proxy.unwrap_or_default())
            .map_err(|why| ConfigError::value("trust_proxy", why))?;
        let server = ServerConfig {
            proxies,
            asked_relays,
            also_listen: listen.collect(),
            redirect,
            names,
            origins: origins(settings.origins.unwrap_or_default())?,
            static_files: settings.static_files,
            metrics: settings.metrics,
            tickets,
            rooms,
            connections: ConnectionLimits {
                all: connections(settings.limits.connections, files.saturating_sub(taken))?,
                of_one_source: settings
                    .limits
                    .connections_per_address
                    .unwrap_or(ConnectionLimits::default().of_one_source),
            },
            ..ServerConfig::new(first, protection)
        };
        Ok(Self { server, relay })
    }
}

fn protection(tls: TlsSettings, plain_http: bool, state: Option<PathBuf>) -> Result<Protection, ConfigError> {
    let kept = |why: &str| {
        let why = format!("names no folder for {why}; give one, such as --state ~/.local/state/hearth-signal");
        ConfigError::value("state", why)
    };
    match (tls.cert, tls.key, tls.acme, plain_http) {
        (None, None, None, true) => Ok(Protection::PlainHttp),
        (Some(certificate), Some(key), None, false) => Ok(Protection::Files { certificate, key }),
        (None, None, Some(acme), false) => {
            Ok(Protection::Acme(authority(acme, state.ok_or_else(|| kept("the certificate"))?)?))
        }
        (None, None, None, false) => Ok(Protection::Generated { state: state.ok_or_else(|| kept("the key"))? }),
        (Some(_), None, ..) => Err(ConfigError::value("tls.key", "is missing beside `tls.cert`")),
        (None, Some(_), ..) => Err(ConfigError::value("tls.cert", "is missing beside `tls.key`")),
        (Some(_), Some(_), ..) | (None, None, Some(_), true) => {
            Err(ConfigError::value("tls", "says more than one of files, an authority and plain HTTP; choose one"))
        }
    }
}

fn authority(acme: AcmeSettings, state: PathBuf) -> Result<AcmeConfig, ConfigError> {
    let refuse = |key: &str, why: &str| Err(ConfigError::value(&format!("tls.acme.{key}"), why));
    let is_name =
        |name: &String| !name.is_empty() && !name.contains(['/', ':', '*', ' ']) && name.parse::<IpAddr>().is_err();
    if acme.domains.is_empty() || !acme.domains.iter().all(is_name) {
        return refuse("domains", "must be names such as talk.example.org");
    }
    if !acme.contact.iter().all(|contact| contact.starts_with("mailto:")) {
        return refuse("contact", "must be addresses such as mailto:me@example.org");
    }
    let directory = acme.directory.unwrap_or_else(|| LETS_ENCRYPT.to_owned());
    if !directory.starts_with("https://") {
        return refuse("directory", "must be an https: URL");
    }
    let state = state.join("acme");
    Ok(AcmeConfig { domains: acme.domains, contact: acme.contact, directory, roots: acme.roots, state })
}

fn people(most: Option<u32>) -> Result<u32, ConfigError> {
    match most {
        None | Some(0) => Ok(Limits::default().room_peers), // no limit of its own
        Some(most @ 2..=1000) => Ok(most),
        Some(_) => Err(ConfigError::value("rooms.max_clients", "must be from 2 to 1000, or 0 for Hearth's own limit")),
    }
}

fn connections(wanted: Option<usize>, possible: usize) -> Result<usize, ConfigError> {
    match wanted {
        None => Ok(CONNECTIONS.min(possible)),
        Some(0) => Err(ConfigError::value("limits.connections", "must be at least 1")),
        Some(wanted) if wanted <= possible => Ok(wanted),
        Some(wanted) => {
            let why = format!(
                "is {wanted}, and the system lets this program have {possible}; raise its limit of open files (LimitNOFILE \
                 in a systemd unit, `ulimit -n` in a shell)"
            );
            Err(ConfigError::value("limits.connections", why))
        }
    }
}

fn origins(origins: Vec<String>) -> Result<Vec<String>, ConfigError> {
    let is_origin = |origin: &String| {
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        rest.is_some_and(|rest| !rest.is_empty() && !rest.trim_end_matches('/').contains(['/', '?', '#', '*', ' ']))
    };
    if origins.iter().all(is_origin) {
        return Ok(origins);
    }
    Err(ConfigError::value("origins", "must be written like https://talk.example.org:8800"))
}

/// What members are told of, and the secrets of its signatures: the first one signs, and all are taken.
fn ice(settings: IceSettings) -> Result<(IceConfig, Vec<Password>), ConfigError> {
    let (mut ice, mut shared) = (IceConfig::default(), Vec::new());
    let stun = settings.stun.unwrap_or_default();
    check_urls("ice.stun", &stun, &["stun:", "stuns:"])?;
    if !stun.is_empty() {
        ice.fixed.push(IceServer { urls: stun, username: None, credential: None });
    }
    for turn in settings.turn.unwrap_or_default() {
        check_urls("ice.turn.urls", &turn.urls, &["turn:", "turns:"])?;
        let secrets = secrets(&turn)?;
        let Some(secret) = secrets.first() else {
            let credential = turn.credential.map(|password| password.reveal().to_owned());
            ice.fixed.push(IceServer { urls: turn.urls, username: turn.username, credential });
            continue;
        };
        if shared.first().is_some_and(|first| first != secret) {
            let why = "is not the same for all TURN servers; give them one secret, as hearth-signal signs with one";
            return Err(ConfigError::value("ice.turn.secret", why));
        }
        sign(&mut ice, turn, secret)?;
        shared.extend(secrets.into_iter().filter(|secret| !shared.contains(secret)).collect::<Vec<_>>());
    }
    Ok((ice, shared))
}

/// One more server that we sign for. Members get one credential for all of them.
fn sign(ice: &mut IceConfig, turn: TurnSettings, secret: &Password) -> Result<(), ConfigError> {
    let seconds = turn.lifetime_s.unwrap_or(TURN_LIFETIME.as_secs());
    if !TURN_LIFETIMES.contains(&seconds) {
        return Err(ConfigError::value("ice.turn.lifetime_s", "must be from 60 to 2592000 seconds"));
    }
    let lifetime = Duration::from_secs(seconds);
    match &mut ice.turn {
        Some(known) => {
            known.urls.extend(turn.urls);
            known.lifetime = known.lifetime.min(lifetime);
            known.before_join = known.lifetime;
        }
        none => {
            let secret = TurnSecret::new(secret.reveal());
            *none = secret.map(|secret| TurnRest { urls: turn.urls, secret, lifetime, before_join: lifetime });
        }
    }
    Ok(())
}

/// The secrets that are shared with a TURN server; none where it has a lasting password instead. Files of them are read
/// as the relay reads them: lines, comments, blanks, and several while one replaces another.
fn secrets(turn: &TurnSettings) -> Result<Vec<Password>, ConfigError> {
    let Some(path) = &turn.secret_file else {
        return Ok(turn.secret.clone().filter(|secret| !secret.is_empty()).into_iter().collect());
    };
    let secrets = read_secrets(path).map_err(|e| ConfigError::File { path: path.clone(), why: why(&e) })?;
    if secrets.is_empty() {
        let why = format!("({}) is empty. Write the secret of the TURN server into it", path.display());
        return Err(ConfigError::value("secret_file", why));
    }
    Ok(secrets.into_iter().map(Password::new).collect())
}

/// What is beside the path in another sentence.
fn why(error: &SettingsError) -> String {
    match error {
        SettingsError::Unreadable { error, .. } => error.to_string(),
        SettingsError::Wrong { what, .. } => what.clone(),
        SettingsError::Unfit(what) => what.clone(),
    }
}

fn check_urls(key: &str, urls: &[String], schemes: &[&str]) -> Result<(), ConfigError> {
    let begins = |url: &String| schemes.iter().any(|scheme| url.starts_with(scheme));
    if !urls.iter().all(begins) {
        return Err(ConfigError::value(key, format!("must begin with {}", schemes.join(" or "))));
    }
    if !urls.iter().all(|url| is_ice_url(url)) {
        let why = "must be written like turn:HOST:PORT, for TURN with ?transport=udp or ?transport=tcp behind it where it matters";
        return Err(ConfigError::value(key, why));
    }
    Ok(())
}

/// Whether it is what browsers take (RFC 7064, RFC 7065): for one URL that is not they refuse all servers, and make no
/// connection.
fn is_ice_url(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once(':') else { return false };
    let (authority, query) = rest.split_once('?').map_or((rest, None), |(authority, query)| (authority, Some(query)));
    let is_fit = match query {
        None => true,
        Some("transport=udp" | "transport=tcp") => scheme.starts_with("turn"),
        Some(_) => false,
    };
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) if host.parse::<Ipv6Addr>().is_ok() => {
            (host, port.strip_prefix(':').or(port.is_empty().then_some("1")))
        }
        Some(_) => return false,
        None => authority.split_once(':').map_or((authority, Some("1")), |(host, port)| (host, Some(port))),
    };
    let is_host = !host.is_empty() && !host.contains(|letter: char| letter.is_whitespace() || "/@#[]".contains(letter));
    let is_port = |port: &str| !port.starts_with('+') && port.parse::<u16>().is_ok_and(|port| port > 0);
    is_fit && is_host && port.is_some_and(is_port)
}

impl RelayPlan {
    fn of(
        settings: RelaySettings,
        names: &[String],
        protection: &Protection,
        files: usize,
    ) -> Result<Self, ConfigError> {
        let range = settings.ports.unwrap_or_else(|| "49152-65535".to_owned());
        let ports =
            range.split_once('-').and_then(|(min, max)| Some(min.trim().parse().ok()?..=max.trim().parse().ok()?));
        let ports = ports.filter(|ports: &RangeInclusive<u16>| !ports.is_empty() && *ports.start() > 0);
        let ports = ports.ok_or_else(|| ConfigError::value("turn.ports", "must be written like 49152-65535"))?;
        let allowed = settings.allow_peers.unwrap_or_default();
        let allow_peers = allowed.iter().map(|range| range.parse()).collect::<Result<Vec<IpNet>, _>>();
        let allow_peers =
            allow_peers.map_err(|_| ConfigError::value("turn.allow_peers", "must be ranges such as 192.168.0.0/16"))?;
        let all = vec![SocketAddr::new(hearth_turn::shell::every_address(), hearth_turn::Config::PORT)];
        let known = match protection {
            Protection::Acme(acme) => acme.domains.clone(),
            Protection::Files { certificate, .. } => names_in(certificate).unwrap_or_default(),
            Protection::Generated { .. } | Protection::PlainHttp => Vec::new(),
        };
        let names = if names.is_empty() { known } else { names.to_vec() };
        Ok(Self {
            listen: settings.listen.filter(|listen| !listen.is_empty()).unwrap_or(all),
            external: settings.external.unwrap_or_default(),
            ports,
            allow_peers,
            allocations: ALLOCATIONS.min(files / 2),
            names: names.into_iter().filter(|name| !name.contains('*')).collect(),
            secrets: Vec::new(),
            family: settings.family.map_or(DefaultFamily::default(), RelayFamily::meaning),
        })
    }
}

impl Plan {
    /// Who is believed who calls, or what is lost behind a proxy that nobody named.
    fn proxies(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServerConfig { proxies, protection, .. } = &self.server;
        if !proxies.is_empty() {
            writeln!(f, "believes {proxies} who calls")?;
        } else if matches!(protection, Protection::PlainHttp) {
            writeln!(f, "{ONE_SOURCE}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (server, scheme) =
            (&self.server, if matches!(self.server.protection, Protection::PlainHttp) { "http" } else { "https" });
        for address in [&server.listen].into_iter().chain(&server.also_listen) {
            writeln!(f, "serves {scheme}://{address}")?;
        }
        for address in &server.redirect {
            writeln!(f, "leads http://{address} to https")?;
        }
        match &server.protection {
            Protection::Generated { state } => writeln!(f, "makes a certificate of its own in {}", state.display())?,
            Protection::Files { certificate, key } => {
                writeln!(f, "takes the certificate in {} and the key in {}", certificate.display(), key.display())?;
            }
            Protection::Acme(acme) => {
                writeln!(f, "asks {} for a certificate for {}", acme.directory, acme.domains.join(", "))?
            }
            Protection::PlainHttp => writeln!(f, "is not encrypted: something in front of it must be")?,
        }
        self.proxies(f)?;
        if !server.names.is_empty() {
            writeln!(f, "goes by {}", server.names.join(", "))?;
        }
        if !server.origins.is_empty() {
            writeln!(f, "lets pages of {} speak to it", server.origins.join(", "))?;
        }
        if let Some(folder) = &server.tickets {
            writeln!(f, "lets rooms outlive a restart by a key in {}", folder.display())?;
        }
        if server.rooms.legacy.is_some() {
            writeln!(f, "speaks signalmaster's protocol on /socket.io/")?;
        }
        if let Some(folder) = &server.static_files {
            writeln!(f, "serves the files in {}", folder.display())?;
        }
        if let Some(address) = server.metrics {
            writeln!(f, "counts on http://{address}/metrics")?;
        }
        let (rooms, limits) = (&server.rooms, &server.connections);
        writeln!(f, "holds {} people a room, {} rooms", rooms.limits.room_peers, rooms.max_rooms)?;
        writeln!(f, "holds {} connections, {} of one address", limits.all, limits.of_one_source)?;
        for ice in &rooms.ice.fixed {
            let how = if ice.credential.is_some() { " with its name and password" } else { "" };
            writeln!(f, "tells of {}{how}", ice.urls.join(", "))?;
        }
        if let Some(turn) = &rooms.ice.turn {
            writeln!(f, "signs for {}, for {} s", turn.urls.join(", "), turn.lifetime.as_secs())?;
        }
        if let Some(relay) = &self.relay {
            let listen: Vec<String> = relay.listen.iter().map(SocketAddr::to_string).collect();
            let (first, last) = (relay.ports.start(), relay.ports.end());
            writeln!(f, "relays on {}, with the ports {first} to {last}", listen.join(", "))?;
        }
        Ok(())
    }
}
