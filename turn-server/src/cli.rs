//! The command line. Secrets come from files or the environment's: arguments are in the process list.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use hearth_turn::DefaultFamily;
use hearth_turn::settings::{DataRateDraft, Draft, External, ExternalName, Files};
use ipnet::IpNet;

/// STUN and TURN server (RFC 8489, RFC 8656).
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) source: SettingsSource,
    #[command(flatten)]
    pub(crate) flags: Flags,
    /// Check the settings, print what they mean, and exit.
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Print counters to the standard output, one line each second and one at the end.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) stats: Option<StatsFormat>,
}

/// Where settings are read from.
#[derive(Args, Clone)]
pub(crate) struct SettingsSource {
    /// Settings file: coturn's format if its name ends in `.conf`, otherwise TOML. Flags override it.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// File of shared secrets for time-limited credentials, one per line; more than one while secrets are rotated.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// What may be said beside a file of settings, or instead of one.
#[derive(Args, Clone)]
pub(crate) struct Flags {
    /// Address and port to serve on; can be repeated. 0.0.0.0 and [::] mean every address of this machine.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Vec<SocketAddr>,
    /// File of users, one NAME:PASSWORD per line.
    #[arg(long, value_name = "FILE")]
    users_file: Option<PathBuf>,
    /// PEM file with the certificate chain, for TLS and DTLS; read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Range of special-purpose addresses that peers may have, such as 192.168.0.0/16; can be repeated.
    #[arg(long, value_name = "CIDR")]
    allow_peer: Vec<IpNet>,
    /// Range of addresses that peers may not have; can be repeated.
    #[arg(long, value_name = "CIDR")]
    deny_peer: Vec<IpNet>,
    /// Address for relayed traffic, instead of the listening addresses; can be repeated.
    #[arg(long, value_name = "ADDR")]
    relay_ip: Vec<IpAddr>,
    /// Public address of the relay behind a NAT: one per address family, or a host name.
    #[arg(long, value_name = "ADDR|NAME", value_parser = seen_as)]
    external_ip: Vec<SeenAs>,
    /// Address family for clients that request none [default: available].
    #[arg(long, value_name = "FAMILY")]
    relay_family: Option<FamilyArg>,
    /// Realm of the credentials [default: hearth].
    #[arg(long)]
    realm: Option<String>,
    /// Ports for relayed traffic [default: 49152-65535].
    #[arg(long, value_name = "MIN-MAX", value_parser = ports)]
    relay_ports: Option<(u16, u16)>,
    /// Most allocations per user; replaces the quota per address unless that is set too.
    #[arg(long, value_name = "COUNT")]
    user_quota: Option<usize>,
    /// Most allocations per client address, per /64 for IPv6 [default: 256].
    #[arg(long, value_name = "COUNT")]
    address_quota: Option<usize>,
    /// Most allocations in all [default: 8192].
    #[arg(long, value_name = "COUNT")]
    total_quota: Option<usize>,
    /// Worker threads [default: half the number of processors].
    #[arg(long, value_name = "COUNT")]
    workers: Option<usize>,
    /// Offer SHA-256 credentials in addition to MD5.
    #[arg(long)]
    sha256: bool,
    /// Answer NAT behaviour discovery (RFC 5780); needs two addresses of one family.
    #[arg(long)]
    nat_discovery: bool,
    /// Address and port for Prometheus metrics and /healthz.
    #[arg(long, value_name = "ADDR:PORT")]
    metrics: Option<SocketAddr>,
    /// Seconds that calls are given to end when the server is stopped [default: 0].
    #[arg(long, value_name = "SECONDS")]
    drain: Option<u64>,
}

/// What else the program does.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print a time-limited user name and password (TURN REST), made with the first secret of the settings.
    Credentials {
        #[command(flatten)]
        source: SettingsSource,
        /// User that quotas count.
        #[arg(long, default_value = "")]
        user: String,
        /// Seconds until they expire.
        #[arg(long, default_value_t = 86_400)]
        ttl: u64,
        /// Output format.
        #[arg(long, default_value = "text")]
        format: CredentialsFormat,
    },
    /// Hands over these files to the server that started it, for as long as that lives.
    #[command(hide = true)]
    ReadFiles {
        /// The files.
        paths: Vec<PathBuf>,
    },
}

/// How credentials are printed.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum CredentialsFormat {
    /// Name and password, one per line.
    Text,
    /// One JSON object.
    Json,
}

/// How counters are printed.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum StatsFormat {
    /// One JSON object per line.
    Json,
}

impl SettingsSource {
    /// What the file says, and the flags that go with it.
    pub(crate) fn draft(&self, files: &mut Files) -> Result<Draft, hearth_turn::settings::SettingsError> {
        let file = self.config.as_deref().map(|path| hearth_turn::settings::read(path, files)).transpose()?;
        let file = file.unwrap_or_default();
        let flags = Draft { secret_file: self.secret_file.clone(), ..Draft::default() };
        Ok(flags.over(file))
    }
}

impl Flags {
    /// What the flags say.
    pub(crate) fn draft(&self) -> Draft {
        let addresses = self.external_ip.iter().filter_map(|seen| match seen {
            SeenAs::Address(public) => Some(External::from(*public)),
            SeenAs::Name(_) => None,
        });
        let names = self.external_ip.iter().filter_map(|seen| match seen {
            SeenAs::Address(_) => None,
            SeenAs::Name(name) => Some(name.clone()),
        });
        Draft {
            listen: self.listen.clone(),
            users_file: self.users_file.clone(),
            cert: self.tls_cert.clone(),
            key: self.tls_key.clone(),
            allow_peers: self.allow_peer.clone(),
            deny_peers: self.deny_peer.clone(),
            relay_ips: self.relay_ip.clone(),
            external: addresses.collect(),
            external_names: names.collect(),
            family: self.relay_family.map(FamilyArg::meaning),
            realm: self.realm.clone(),
            min_port: self.relay_ports.map(|(first, _)| first),
            max_port: self.relay_ports.map(|(_, last)| last),
            address_quota: self.address_quota.map(DataRateDraft::Of),
            user_quota: self.user_quota.map(DataRateDraft::Of),
            total_quota: self.total_quota.map(DataRateDraft::Of),
            workers: self.workers,
            sha256: self.sha256.then_some(true),
            nat_discovery: self.nat_discovery.then_some(true),
            metrics: self.metrics,
            drain: self.drain.map(Duration::from_secs),
            ..Draft::default()
        }
    }
}

/// What the world sees, as it is said.
#[derive(Clone)]
enum SeenAs {
    Address(IpAddr),
    Name(ExternalName),
}

fn seen_as(text: &str) -> Result<SeenAs, String> {
    let name = || ExternalName::new(text, None).map(SeenAs::Name);
    let found = text.parse().ok().map(SeenAs::Address).or_else(name);
    found.ok_or_else(|| "write an address, or the name of a host".to_owned())
}

/// The family of relays for clients that name none.
#[derive(Clone, Copy, ValueEnum)]
enum FamilyArg {
    /// IPv4 if the relay has it, otherwise IPv6.
    Available,
    /// IPv4, as RFC 8656 requires; without it, requests are refused.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// The family that the client connected by.
    Client,
}

impl FamilyArg {
    fn meaning(self) -> DefaultFamily {
        match self {
            Self::Available => DefaultFamily::Available,
            Self::Ipv4 => DefaultFamily::V4,
            Self::Ipv6 => DefaultFamily::V6,
            Self::Client => DefaultFamily::Client,
        }
    }
}

fn ports(text: &str) -> Result<(u16, u16), String> {
    let range = text.split_once('-').and_then(|(min, max)| Some((min.trim().parse().ok()?, max.trim().parse().ok()?)));
    range.filter(|(min, max)| *min > 0 && min <= max).ok_or_else(|| "write it as 49152-65535".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn port_ranges_are_read_or_refused() {
        assert_eq!(ports("49152-65535"), Ok((49152, 65535)));
        assert_eq!(ports("5000-5000"), Ok((5000, 5000)));
        for bad in ["", "5000", "6000-5000", "0-5", "1-65536", "a-b"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }
}
