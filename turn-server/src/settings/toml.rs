//! Our own file of settings; `assets/hearth-turn.toml` shows every key.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::draft::{DataRateDraft, Draft, Stun};
use super::external::{External, ExternalName};
use super::files::user;
use crate::DefaultFamily;

/// The whole file. A key that it does not have is an error: a typing mistake must not open a relay.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    listen: Vec<SocketAddr>,
    realm: Option<String>,
    workers: Option<usize>,
    metrics: Option<SocketAddr>,
    drain_seconds: Option<u64>,
    verbose: Option<bool>,
    auth: Auth,
    relay: RelayTable,
    limits: Limits,
    tls: Tls,
    protocol: Protocol,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Auth {
    users: Vec<String>,
    users_file: Option<PathBuf>,
    secrets: Vec<String>,
    secret_file: Option<PathBuf>,
    nonce_seconds: Option<u64>,
    sha256: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RelayTable {
    addresses: Vec<IpAddr>,
    external: Vec<String>,
    first_port: Option<u16>,
    last_port: Option<u16>,
    allow_peers: Vec<IpNet>,
    deny_peers: Vec<IpNet>,
    first_peer_port: Option<u16>,
    family: Option<Family>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    allocations: Option<usize>,
    allocations_per_user: Option<usize>,
    allocations_per_address: Option<usize>,
    bytes_per_second: Option<u64>,
    bytes_per_second_in_all: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tls {
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Protocol {
    udp: Option<bool>,
    tcp: Option<bool>,
    tls: Option<bool>,
    dtls: Option<bool>,
    udp_relays: Option<bool>,
    tcp_relays: Option<bool>,
    binding: Option<Binding>,
    mobility: Option<bool>,
    fingerprint: Option<bool>,
    software: Option<bool>,
    nat_discovery: Option<bool>,
    alternate_port: Option<u16>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Family {
    Available,
    Ipv4,
    Ipv6,
    Client,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Binding {
    Open,
    Authenticated,
    Off,
    Only,
}

/// Reads the text of a file.
///
/// # Errors
/// A sentence: where, and what.
pub(super) fn parse(text: &str) -> Result<Draft, String> {
    // The library's message quotes the line, and a line may hold a password: only where and why are passed on.
    let file: File = ::toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        format!("line {at}: {}", error.message())
    })?;
    file.draft()
}

impl File {
    fn draft(self) -> Result<Draft, String> {
        let users: Option<Vec<_>> = self.auth.users.iter().map(|line| user(line)).collect();
        let addresses = self.relay.external.iter().filter_map(|text| text.parse::<IpAddr>().ok());
        let names = self.relay.external.iter().filter(|text| text.parse::<IpAddr>().is_err());
        let names: Option<Vec<_>> = names.map(|name| ExternalName::new(name, None)).collect();
        let Protocol { udp, tcp, tls, dtls, udp_relays, tcp_relays, mobility, fingerprint, software, .. } =
            self.protocol;
        Ok(Draft {
            listen: self.listen,
            realm: self.realm,
            workers: self.workers,
            metrics: self.metrics,
            drain: self.drain_seconds.map(Duration::from_secs),
            verbose: self.verbose,
            users: users.ok_or("auth.users: write each as NAME:PASSWORD")?,
            users_file: self.auth.users_file,
            secrets: self.auth.secrets,
            secret_file: self.auth.secret_file,
            nonce_lifetime: self.auth.nonce_seconds.map(Duration::from_secs),
            sha256: self.auth.sha256,
            relay_ips: self.relay.addresses,
            external: addresses.map(External::from).collect(),
            external_names: names.ok_or("relay.external: write each as an address, or the name of a host")?,
            min_port: self.relay.first_port,
            max_port: self.relay.last_port,
            allow_peers: self.relay.allow_peers,
            deny_peers: self.relay.deny_peers,
            first_peer_port: self.relay.first_peer_port,
            family: self.relay.family.map(Family::meaning),
            total_quota: self.limits.allocations.map(DataRateDraft::Of),
            address_quota: self.limits.allocations_per_address.map(DataRateDraft::Of),
            user_quota: self.limits.allocations_per_user.map(DataRateDraft::Of),
            max_bps: self.limits.bytes_per_second,
            bps_capacity: self.limits.bytes_per_second_in_all,
            cert: self.tls.cert,
            key: self.tls.key,
            stun: self.protocol.binding.map(Binding::meaning),
            nat_discovery: self.protocol.nat_discovery,
            alternate_port: self.protocol.alternate_port,
            udp,
            tcp,
            tls,
            dtls,
            udp_relays,
            tcp_relays,
            mobility,
            fingerprint,
            software,
            ..Draft::default()
        })
    }
}

impl Family {
    fn meaning(self) -> DefaultFamily {
        match self {
            Self::Available => DefaultFamily::Available,
            Self::Ipv4 => DefaultFamily::V4,
            Self::Ipv6 => DefaultFamily::V6,
            Self::Client => DefaultFamily::Client,
        }
    }
}

impl Binding {
    fn meaning(self) -> Stun {
        match self {
            Self::Open => Stun::Open,
            Self::Authenticated => Stun::Authenticated,
            Self::Off => Stun::Off,
            Self::Only => Stun::Only,
        }
    }
}

#[cfg(test)]
mod tests;
