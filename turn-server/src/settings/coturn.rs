//! coturn's `turnserver.conf`: `key=value` or `key` a line. Every key is honoured, answered with a warning that names
//! it, or refused by name; nothing is passed over in silence, but for comments and keys that are left empty.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use super::draft::{DataRateDraft, Draft, Stun};
use super::external::{External, ExternalName};
use super::files::user;
use crate::DefaultFamily;

/// coturn's own port for figures.
const PROMETHEUS_PORT: u16 = 9641;
/// coturn's own time for nonces, where the key stands alone.
const STALE_NONCE: u64 = 600;
/// Ports of TLS and DTLS where no other is named.
const TLS_PORT: u16 = 5349;
/// And of everything else.
const PORT: u16 = 3478;

/// Reads the text of a file. Lines are numbered in errors, and never repeated: they may hold passwords.
///
/// # Errors
/// A sentence: which line, which key, what to do.
pub fn parse(text: &str) -> Result<Draft, String> {
    let mut reader = Reader::default();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let (key, value) = line.split_once(['=', ' ', '\t']).unwrap_or((line, ""));
        let value = value.trim().trim_start_matches('=').trim().trim_matches('"');
        let key = key.trim().trim_start_matches('-');
        reader.take(key, value).map_err(|what| format!("line {}: {key}: {what}", number + 1))?;
    }
    Ok(reader.finish())
}

#[derive(Default)]
struct Reader {
    draft: Draft,
    ports: Ports,
    prometheus: bool,
    prometheus_port: Option<u16>,
}

#[derive(Default)]
struct Ports {
    plain: Option<u16>,
    tls: Option<u16>,
}

impl Reader {
    fn take(&mut self, key: &str, value: &str) -> Result<(), String> {
        // Who leaves a value out means what coturn does without the key.
        if value.is_empty() && wants_value(key) {
            return Ok(());
        }
        // A switch that is turned off is one that was not said.
        if !wants_value(key) && key != "stale-nonce" && matches!(value, "0" | "false" | "no" | "off") {
            return Ok(());
        }
        if self.take_addresses(key, value)? || self.take_switches(key, value)? || self.take_limits(key, value)? {
            return Ok(());
        }
        if self.take_process(key, value)? || self.refuse(key) {
            return Ok(());
        }
        self.warn(key);
        Ok(())
    }

    /// Where it stands, and who may come in.
    fn take_addresses(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let draft = &mut self.draft;
        match key {
            "listening-port" => self.ports.plain = Some(number(value)?),
            "tls-listening-port" => self.ports.tls = Some(number(value)?),
            // 0 stands for the next one.
            "alt-listening-port" => draft.alternate_port = Some(number(value)?).filter(|port| *port != 0),
            "listening-ip" => draft.listening_ips.push(address(value)?),
            "relay-ip" => draft.relay_ips.push(address(value)?),
            "external-ip" => match external(value)? {
                Seen::As(external) => draft.external.push(external),
                Seen::By(name) => draft.external_names.push(name),
            },
            "min-port" => draft.min_port = Some(number(value)?),
            "max-port" => draft.max_port = Some(number(value)?),
            "realm" => draft.realm = Some(value.to_owned()),
            "user" => draft.users.push(user(value).ok_or("write it as NAME:PASSWORD")?),
            "static-auth-secret" => draft.secrets.push(value.to_owned()),
            "cert" => draft.cert = Some(value.into()),
            "pkey" => draft.key = Some(value.into()),
            "allowed-peer-ip" => draft.allow_peers.extend(range(value)?),
            "denied-peer-ip" => draft.deny_peers.extend(range(value)?),
            "allow-loopback-peers" => draft.allow_peers.extend(range("127.0.0.0/8")?.into_iter().chain(range("::1")?)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What is served, and how.
    fn take_switches(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let draft = &mut self.draft;
        match key {
            "no-udp" => draft.udp = Some(false),
            "no-tcp" => draft.tcp = Some(false),
            "no-tls" => draft.tls = Some(false),
            "no-dtls" => draft.dtls = Some(false),
            "no-udp-relay" => draft.udp_relays = Some(false),
            "no-tcp-relay" => draft.tcp_relays = Some(false),
            "secure-stun" => draft.stun = Some(Stun::Authenticated),
            "no-stun" => draft.stun = Some(Stun::Off),
            "stun-only" => draft.stun = Some(Stun::Only),
            "mobility" => draft.mobility = Some(true),
            "fingerprint" => draft.fingerprint = Some(true),
            "no-rfc5780" => draft.nat_discovery = Some(false),
            "allocation-default-address-family" => {
                draft.family = Some(match value {
                    "ipv4" => DefaultFamily::V4,
                    "ipv6" => DefaultFamily::V6,
                    "keep" => DefaultFamily::Client,
                    _ => return Err("write ipv4, ipv6 or keep".to_owned()),
                });
            }
            "stale-nonce" => {
                let seconds = if value.is_empty() { STALE_NONCE } else { number(value)? };
                // 0 is for ever there; RFC 8656 section 5 wants an end each hour.
                draft.nonce_lifetime = Some(Duration::from_secs(seconds)).filter(|lifetime| !lifetime.is_zero());
            }
            // What this server is and does in any case.
            "lt-cred-mech"
            | "use-auth-secret"
            | "no-multicast-peers"
            | "no-cli"
            | "no-tlsv1"
            | "no-tlsv1_1"
            | "no-software-attribute"
            | "server-name" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_limits(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let draft = &mut self.draft;
        let allowance =
            || number(value).map(|count| if count == 0 { DataRateDraft::Unlimited } else { DataRateDraft::Of(count) });
        let rate = || number(value).map(|rate| Some(rate).filter(|rate: &u64| *rate > 0));
        match key {
            "user-quota" => draft.user_quota = Some(allowance()?),
            "total-quota" => draft.total_quota = Some(allowance()?),
            "max-bps" => draft.max_bps = rate()?,
            "bps-capacity" => draft.bps_capacity = rate()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The process itself.
    fn take_process(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let draft = &mut self.draft;
        match key {
            "verbose" | "Verbose" => draft.verbose = Some(true),
            "log-file" => draft.log_file = Some(value.into()).filter(|_| value != "stdout"),
            "simple-log" => draft.one_log = Some(true),
            "pidfile" => draft.pid_file = Some(value.into()),
            "proc-user" => draft.user = Some(value.to_owned()),
            "proc-group" => draft.group = Some(value.to_owned()),
            // 0 is one thread for everything there.
            "relay-threads" => draft.workers = Some(number::<usize>(value)?.max(1)),
            "prometheus" => self.prometheus = true,
            "prometheus-port" => self.prometheus_port = Some(number(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What this server does not have, and why its file goes on without.
    fn refuse(&mut self, key: &str) -> bool {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| key.starts_with(prefix));
        let why = if key == "userdb" || starts(&["psql-", "mysql-", "mongo-", "redis-", "sql-"]) {
            "users of a database are not read; name them by `user`, or give out time-limited names by `static-auth-secret`"
        } else if starts(&["web-admin", "cli-"]) {
            "there is no console; figures are at `prometheus`, and the file is read again when it changes"
        } else if starts(&["oauth", "oauth-"]) {
            "there is no OAuth (RFC 7635); use `use-auth-secret`"
        } else if matches!(key, "no-auth" | "no-auth-pings" | "server-relay") {
            "a relay without credentials is everybody's, and a way into the network it stands in"
        } else if matches!(key, "dh-file" | "dh566" | "dh1066" | "dh2066" | "cipher-list" | "ec-curve-name") {
            "TLS takes its own modern choice, and needs no parameters"
        } else if key == "alt-tls-listening-port" {
            "NAT discovery is served over UDP, on `alt-listening-port`"
        } else if key == "syslog" {
            "the log goes to the standard error, where systemd's journal takes it"
        } else {
            return false;
        };
        self.draft.refusals.push(format!("`{key}` is refused: {why}."));
        true
    }

    fn warn(&mut self, key: &str) {
        // The key is somebody's text: what could pass for a line of the log is taken out.
        let key: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
        self.draft.warnings.push(format!("`{key}` means nothing to this server, and is passed over."));
    }

    fn finish(self) -> Draft {
        let Self { mut draft, ports, prometheus, prometheus_port } = self;
        draft.listening_ports = vec![ports.plain.unwrap_or(PORT), ports.tls.unwrap_or(TLS_PORT)];
        draft.nat_discovery.get_or_insert(true);
        draft.mobility.get_or_insert(false); // only where the file says so, as there
        if draft.allow_peers.is_empty() {
            let word = "Peers on private networks are refused unless they are named: coturn let them through. Where clients \
                        call each other within one, add `allowed-peer-ip=192.168.0.0-192.168.255.255` or the like.";
            draft.warnings.push(word.to_owned());
        }
        if prometheus {
            // It was open to the world there, and is a secret of the operator's here.
            let port = prometheus_port.unwrap_or(PROMETHEUS_PORT);
            draft.metrics = Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
        }
        draft
    }
}

/// Whether a key says nothing without a value.
fn wants_value(key: &str) -> bool {
    const ALONE: &[&str] = &["stale-nonce", "verbose", "Verbose"];
    !ALONE.contains(&key) && (key.ends_with("-ip") || key.ends_with("-port") || VALUED.contains(&key))
}

const VALUED: &[&str] = &[
    "realm",
    "user",
    "static-auth-secret",
    "cert",
    "pkey",
    "user-quota",
    "total-quota",
    "max-bps",
    "bps-capacity",
    "log-file",
    "pidfile",
    "proc-user",
    "proc-group",
    "relay-threads",
    "userdb",
    "server-name",
    "dh-file",
    "cipher-list",
    "allocation-default-address-family",
];

/// The digits in front, as coturn reads them: what is behind them is a remark.
fn number<T: FromStr>(value: &str) -> Result<T, String> {
    let digits = value.find(|c: char| !c.is_ascii_digit()).map_or(value, |end| value.get(..end).unwrap_or_default());
    digits.parse().map_err(|_| "this is no number that fits here".to_owned())
}

fn address(value: &str) -> Result<IpAddr, String> {
    value
        .trim_matches(['[', ']'])
        .parse()
        .map_err(|_| "this is no IP address (a device's name is not enough)".to_owned())
}

/// What is said of how the world sees an address.
enum Seen {
    As(External),
    By(ExternalName),
}

/// `PUBLIC` or `PUBLIC/PRIVATE`, where the public one may be the name of a host.
fn external(value: &str) -> Result<Seen, String> {
    let (public, private) = value.split_once('/').map_or((value, None), |(public, private)| (public, Some(private)));
    let private = private.map(address).transpose()?;
    if let Ok(public) = address(public) {
        return Ok(Seen::As(External { public, private }));
    }
    let name = ExternalName::new(public, private).map(Seen::By);
    name.ok_or_else(|| "this is no IP address, and no name of a host".to_owned())
}

/// An address, a range from one to another, or a prefix.
fn range(value: &str) -> Result<Vec<IpNet>, String> {
    if let Ok(net) = value.parse::<IpNet>() {
        return Ok(vec![net]);
    }
    let (first, last) = value.split_once('-').unwrap_or((value, value));
    match (address(first.trim())?, address(last.trim())?) {
        (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
            Ok(Ipv4Subnets::new(first, last, 0).map(IpNet::V4).collect())
        }
        (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
            Ok(Ipv6Subnets::new(first, last, 0).map(IpNet::V6).collect())
        }
        _ => Err("the range ends before it begins, or its ends are of two families".to_owned()),
    }
}

#[cfg(test)]
mod tests;
