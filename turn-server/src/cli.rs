//! The command line. Secrets come from files or the environment's: arguments are in the process list.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use hearth_turn::DefaultFamily;
use hearth_turn::settings::{DataRateDraft, Draft, External, ExternalName, Files};
use ipnet::IpNet;

/// A STUN and TURN server.
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
    /// Say what the settings come to, and do nothing.
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Print live counters to the standard output, one line a second and one at the end.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) stats: Option<StatsFormat>,
}

/// Where settings are read from.
#[derive(Args, Clone)]
pub(crate) struct SettingsSource {
    /// File of settings: a `turnserver.conf` of coturn's (by its ending `.conf`), or our own TOML. Flags go before it.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// File of secrets of time-limited credentials, one a line; several while one replaces another.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// What may be said beside a file of settings, or instead of one.
#[derive(Args, Clone)]
pub(crate) struct Flags {
    /// Address and port to serve; several times for several. 0.0.0.0 and [::] mean every address of this machine.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Vec<SocketAddr>,
    /// File of users, `NAME:PASSWORD` a line.
    #[arg(long, value_name = "FILE")]
    users_file: Option<PathBuf>,
    /// File of the certificate's whole chain, in PEM: TLS and DTLS are served with it. Read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// File of its key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Range of special-purpose addresses that peers may have all the same, such as 192.168.0.0/16; several times for
    /// several.
    #[arg(long, value_name = "CIDR")]
    allow_peer: Vec<IpNet>,
    /// Range of addresses that peers may not have; several times for several.
    #[arg(long, value_name = "CIDR")]
    deny_peer: Vec<IpNet>,
    /// Address that relays stand on, instead of the listening ones; several times for several.
    #[arg(long, value_name = "ADDR")]
    relay_ip: Vec<IpAddr>,
    /// What peers see of the relays' addresses, where a NAT is in between: one of a family, or a name that leads there.
    #[arg(long, value_name = "ADDR|NAME", value_parser = seen_as)]
    external_ip: Vec<SeenAs>,
    /// Family of relays for clients that name none [default: available].
    #[arg(long, value_name = "FAMILY")]
    relay_family: Option<FamilyArg>,
    /// Realm of the credentials [default: hearth].
    #[arg(long)]
    realm: Option<String>,
    /// Ports that relays stand on [default: 49152-65535].
    #[arg(long, value_name = "MIN-MAX", value_parser = ports)]
    relay_ports: Option<(u16, u16)>,
    /// Allocations of one user at once: then users are counted, and addresses no more unless that is said as well.
    #[arg(long, value_name = "COUNT")]
    user_quota: Option<usize>,
    /// Allocations of one client address at once (of IPv6: one /64) [default: 256].
    #[arg(long, value_name = "COUNT")]
    address_quota: Option<usize>,
    /// Allocations of all users at once [default: 8192].
    #[arg(long, value_name = "COUNT")]
    total_quota: Option<usize>,
    /// Threads [default: one for each two processors].
    #[arg(long, value_name = "COUNT")]
    workers: Option<usize>,
    /// Offer SHA-256 credentials beside MD5.
    #[arg(long)]
    sha256: bool,
    /// Let clients learn how their NATs behave (RFC 5780); it takes two addresses of a family.
    #[arg(long)]
    nat_discovery: bool,
    /// Address and port of figures for Prometheus, and of /healthz.
    #[arg(long, value_name = "ADDR:PORT")]
    metrics: Option<SocketAddr>,
    /// How many seconds calls may end by themselves when the server is told to stop [default: 0].
    #[arg(long, value_name = "SECONDS")]
    drain: Option<u64>,
}

/// What else the program does.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print a name and password that end (TURN REST), for the first secret of the settings.
    Credentials {
        #[command(flatten)]
        source: SettingsSource,
        /// Whose they are: quotas count it.
        #[arg(long, default_value = "")]
        user: String,
        /// How many seconds they are good.
        #[arg(long, default_value_t = 86_400)]
        ttl: u64,
        /// How they are printed.
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
    /// Name and password, a line each.
    Text,
    /// One JSON object.
    Json,
}

/// How counters are printed.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum StatsFormat {
    /// One JSON object a line.
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
    /// IPv4 where the relay has it, else IPv6.
    Available,
    /// IPv4, as RFC 8656 says: a relay without it refuses.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// The one that the client came by.
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
