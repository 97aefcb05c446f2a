//! The command line, and the configuration that it makes. Secrets come from files: arguments stand in the process list.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::{Parser, ValueEnum};
use hearth_turn::{Config, PeerPolicy, Quotas, RelayAddress, Secret, User};
use ipnet::IpNet;

/// A STUN and TURN server.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Cli {
    /// Address and port to serve; several times for several. 0.0.0.0 and [::] mean every address of this machine.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Vec<SocketAddr>,
    /// File of secrets of time-limited credentials, one a line; several while one replaces another.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// File of users, `NAME:PASSWORD` a line.
    #[arg(long, value_name = "FILE")]
    users_file: Option<PathBuf>,
    /// Range of special-purpose addresses that peers may have all the same, such as 192.168.0.0/16; several times for
    /// several.
    #[arg(long, value_name = "CIDR")]
    allow_peer: Vec<IpNet>,
    /// Address that relays stand on, instead of the listening ones; several times for several.
    #[arg(long, value_name = "ADDR")]
    relay_ip: Vec<IpAddr>,
    /// What peers see of the relays' addresses, where a NAT stands in between: one of a family.
    #[arg(long, value_name = "ADDR")]
    pub(crate) external_ip: Vec<IpAddr>,
    /// Realm of the credentials.
    #[arg(long, default_value = "hearth")]
    realm: String,
    /// Ports that relays stand on.
    #[arg(long, value_name = "MIN-MAX", default_value = "49152-65535", value_parser = ports)]
    relay_ports: RangeInclusive<u16>,
    /// Allocations of one user at once.
    #[arg(long, value_name = "COUNT", default_value_t = Quotas::default().allocations_per_user)]
    user_quota: usize,
    /// Allocations of all users at once.
    #[arg(long, value_name = "COUNT", default_value_t = Quotas::default().allocations)]
    total_quota: usize,
    /// Print live counters to the standard output, one line a second and one at the end.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) stats: Option<StatsFormat>,
}

/// How counters are printed.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum StatsFormat {
    /// One JSON object a line.
    Json,
}

/// Longest realm in bytes: RFC 8489 section 14.9 says fewer than 128 characters.
const REALM: usize = 127;

impl Cli {
    /// Where to listen.
    pub(crate) fn listen(&self) -> Vec<SocketAddr> {
        if self.listen.is_empty() {
            return vec![SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), Config::PORT)];
        }
        self.listen.clone()
    }

    /// The configuration, secrets read from their files.
    pub(crate) fn config(&self, seed: [u8; 32]) -> anyhow::Result<Config> {
        ensure!(!self.realm.is_empty() && self.realm.len() <= REALM, "--realm must have 1 to {REALM} bytes");
        let mut config = Config::new(seed);
        config.realm.clone_from(&self.realm);
        config.quotas.allocations = self.total_quota;
        config.quotas.allocations_per_user = self.user_quota;
        config.relay_ports = self.relay_ports.clone();
        config.peers = PeerPolicy::allowing(self.allow_peer.iter().copied());
        config.relay_addresses = self.relay_ip.iter().map(|ip| self.relay_address(*ip)).collect();
        if let Some(path) = &self.secret_file {
            config.secrets = lines(path)?.iter().map(Secret::new).collect::<Result<_, _>>()?;
        }
        if let Some(path) = &self.users_file {
            config.users = lines(path)?.iter().map(|line| user(line, path)).collect::<Result<_, _>>()?;
        }
        if config.secrets.is_empty() && config.users.is_empty() {
            bail!("nobody could use this server; give it a --secret-file or a --users-file that is not empty");
        }
        Ok(config)
    }

    fn relay_address(&self, bound: IpAddr) -> RelayAddress {
        let external = self.external_ip.iter().find(|ip| ip.is_ipv4() == bound.is_ipv4());
        RelayAddress { bound, advertised: external.copied().unwrap_or(bound) }
    }
}

/// The lines of a file, without empty ones.
fn lines(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}; check its name and its owner", path.display()))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect())
}

fn user(line: &str, path: &Path) -> anyhow::Result<User> {
    let user = line.split_once(':').and_then(|(name, password)| {
        let password = Secret::new(password).ok()?;
        (!name.is_empty()).then(|| User { name: name.to_owned(), password })
    });
    user.with_context(|| format!("a line of {} is not NAME:PASSWORD; correct or delete it", path.display()))
}

fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let range = text.split_once('-').and_then(|(min, max)| Some(min.trim().parse().ok()?..=max.trim().parse().ok()?));
    range.filter(|range| !range.is_empty() && *range.start() > 0).ok_or_else(|| "write it as 49152-65535".to_owned())
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
        assert_eq!(ports("49152-65535"), Ok(49152..=65535));
        assert_eq!(ports("5000-5000"), Ok(5000..=5000));
        for bad in ["", "5000", "6000-5000", "0-5", "1-65536", "a-b"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_user_needs_a_name_and_a_password() {
        let path = Path::new("users");
        assert_eq!(user("ann:pass:word", path).unwrap().name, "ann");
        for bad in ["ann", ":pass", "ann:"] {
            let error = user(bad, path).unwrap_err().to_string();
            assert!(!error.contains(bad), "an error repeats no line of a file of passwords");
        }
    }
}
