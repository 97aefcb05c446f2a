//! The command line and the environment, as settings. Flags come before the environment, that before a file, and a file
//! before what stands for nothing said. Secrets come from files: arguments are in the process list.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Parser;
use clap::builder::BoolishValueParser;
use hearth_signal::config::{
    AcmeSettings, IceSettings, LimitSettings, RelayFamily, RelaySettings, RoomSettings, Settings, TlsSettings,
    TurnSettings,
};

/// Signalling server for Hearth: rooms, the guest page, and optionally a TURN relay.
///
/// Each option can be set in the environment instead (several values separated by commas) or in a file (-c). Flags
/// override the environment, and the environment overrides the file.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Cli {
    /// Settings file: TOML, or JSON as signalmaster has it.
    #[arg(short, long, value_name = "FILE", env = "HEARTH_SIGNAL_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Check the settings, print what they mean, and exit.
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Address and port to serve on [default: [::]:8443]; can be repeated.
    #[arg(long, value_name = "ADDR:PORT", env = "HEARTH_SIGNAL_LISTEN", value_delimiter = ',')]
    listen: Vec<SocketAddr>,
    /// Address and port where plain HTTP is redirected to https; can be repeated.
    #[arg(long, value_name = "ADDR:PORT", env = "HEARTH_SIGNAL_REDIRECT", value_delimiter = ',')]
    redirect: Vec<SocketAddr>,
    /// Folder for keys, certificates and the rooms that survive a restart; created if missing.
    #[arg(long, value_name = "DIR", env = "HEARTH_SIGNAL_STATE")]
    state: Option<PathBuf>,
    /// Further host name or public address of this server; can be repeated.
    #[arg(long, value_name = "HOST", env = "HEARTH_SIGNAL_NAME", value_delimiter = ',')]
    name: Vec<String>,
    /// Origin of a page elsewhere that may connect to this server, as https://HOST:PORT; can be repeated.
    #[arg(long, value_name = "ORIGIN", env = "HEARTH_SIGNAL_ORIGIN", value_delimiter = ',')]
    origin: Vec<String>,
    /// Folder of files to serve in addition to the guest page.
    #[arg(long = "static", value_name = "DIR", env = "HEARTH_SIGNAL_STATIC")]
    static_files: Option<PathBuf>,
    /// PEM file with the certificate chain.
    #[arg(long, value_name = "FILE", env = "HEARTH_SIGNAL_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    #[arg(long, value_name = "FILE", env = "HEARTH_SIGNAL_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// Domain to get a certificate for by ACME, from Let's Encrypt by default; can be repeated.
    #[arg(long, value_name = "DOMAIN", env = "HEARTH_SIGNAL_ACME", value_delimiter = ',')]
    acme: Vec<String>,
    /// Contact for the certificate authority, as mailto:ADDRESS; can be repeated.
    #[arg(long, value_name = "URL", requires = "acme", env = "HEARTH_SIGNAL_ACME_CONTACT", value_delimiter = ',')]
    acme_contact: Vec<String>,
    /// ACME directory of the certificate authority.
    #[arg(long, value_name = "URL", requires = "acme", env = "HEARTH_SIGNAL_ACME_DIRECTORY")]
    acme_directory: Option<String>,
    /// PEM file of root certificates for reaching a certificate authority that is not public.
    #[arg(long, value_name = "FILE", requires = "acme", env = "HEARTH_SIGNAL_ACME_ROOTS")]
    acme_roots: Option<PathBuf>,
    /// Serve plain HTTP, for a proxy on this machine or for tests.
    #[arg(long, env = "HEARTH_SIGNAL_PLAIN_HTTP", value_parser = BoolishValueParser::new())]
    plain_http: bool,
    /// Reverse proxy whose Forwarded or X-Forwarded-For header is trusted: its address, its network, or `loopback`; can
    /// be repeated.
    #[arg(long, value_name = "PROXY", env = "HEARTH_SIGNAL_TRUST_PROXY", value_delimiter = ',')]
    trust_proxy: Vec<String>,
    /// Whether pages written for signalmaster can join through /socket.io/ [default: true].
    #[arg(long, value_name = "YES|NO", env = "HEARTH_SIGNAL_LEGACY", value_parser = BoolishValueParser::new())]
    legacy: Option<bool>,
    /// Address and port for Prometheus metrics, such as 127.0.0.1:9469.
    #[arg(long, value_name = "ADDR:PORT", env = "HEARTH_SIGNAL_METRICS")]
    metrics: Option<SocketAddr>,
    /// Most people in a room.
    #[arg(long, value_name = "COUNT", env = "HEARTH_SIGNAL_MAX_CLIENTS")]
    max_clients: Option<u32>,
    /// Most connections at once.
    #[arg(long, value_name = "COUNT", env = "HEARTH_SIGNAL_CONNECTIONS")]
    connections: Option<usize>,
    /// TURN server for members, as turn:HOST:PORT, with ?transport=tcp for TCP, or turns: for TLS; can be repeated.
    #[arg(
        long,
        value_name = "URL",
        requires = "turn_secret_file",
        env = "HEARTH_SIGNAL_TURN_URL",
        value_delimiter = ','
    )]
    turn_url: Vec<String>,
    /// File with the secret shared with the TURN server.
    #[arg(long, value_name = "FILE", requires = "turn_url", env = "HEARTH_SIGNAL_TURN_SECRET_FILE")]
    turn_secret_file: Option<PathBuf>,
    /// STUN server for members, as stun:HOST:PORT; can be repeated.
    #[arg(long, value_name = "URL", env = "HEARTH_SIGNAL_STUN_URL", value_delimiter = ',')]
    stun_url: Vec<String>,
    /// Run a TURN relay in this process and offer it to members.
    #[arg(long, env = "HEARTH_SIGNAL_TURN", value_parser = BoolishValueParser::new())]
    turn: bool,
    /// Address and port of the built-in relay [default: 0.0.0.0:3478]; can be repeated.
    #[arg(long, value_name = "ADDR:PORT", requires = "turn", env = "HEARTH_SIGNAL_TURN_LISTEN", value_delimiter = ',')]
    turn_listen: Vec<SocketAddr>,
    /// Public address of the built-in relay behind a NAT; one per address family.
    #[arg(long, value_name = "ADDR", requires = "turn", env = "HEARTH_SIGNAL_TURN_EXTERNAL", value_delimiter = ',')]
    turn_external: Vec<IpAddr>,
    /// Ports that the built-in relay uses [default: 49152-65535].
    #[arg(long, value_name = "MIN-MAX", requires = "turn", env = "HEARTH_SIGNAL_TURN_PORTS")]
    turn_ports: Option<String>,
    /// Range of private addresses that the built-in relay may send to, such as 192.168.0.0/16; can be repeated.
    #[arg(long, value_name = "CIDR", requires = "turn", env = "HEARTH_SIGNAL_TURN_ALLOW_PEER", value_delimiter = ',')]
    turn_allow_peer: Vec<String>,
    /// Address family for clients that request none, as browsers do: available (IPv4 if it has it, else IPv6; the
    /// default), ipv4, ipv6, or client (the family they connected by).
    #[arg(long, value_name = "FAMILY", requires = "turn", env = "HEARTH_SIGNAL_TURN_FAMILY", value_parser = family)]
    turn_family: Option<RelayFamily>,
}

fn family(text: &str) -> Result<RelayFamily, String> {
    match text {
        "available" => Ok(RelayFamily::Available),
        "ipv4" => Ok(RelayFamily::Ipv4),
        "ipv6" => Ok(RelayFamily::Ipv6),
        "client" => Ok(RelayFamily::Client),
        _ => Err("write available, ipv4, ipv6 or client".to_owned()),
    }
}

impl Cli {
    /// A sentence about ports of the file that are not served, because flags name others.
    pub(crate) fn overrules(&self, file: Option<&Settings>) -> Option<String> {
        let theirs = file?.listen.as_ref()?;
        let unserved: Vec<String> =
            theirs.iter().filter(|address| !self.listen.contains(address)).map(SocketAddr::to_string).collect();
        let ours: Vec<String> = self.listen.iter().map(SocketAddr::to_string).collect();
        (!ours.is_empty() && !unserved.is_empty()).then(|| {
            format!(
                "--listen goes before the file: served is {}, and not {}; say --listen for each port that is wanted",
                ours.join(", "),
                unserved.join(", ")
            )
        })
    }

    /// What was said by flags and the environment.
    pub(crate) fn settings(self) -> Settings {
        let acme = some(self.acme).map(|domains| AcmeSettings {
            domains,
            contact: self.acme_contact,
            directory: self.acme_directory,
            roots: self.acme_roots,
        });
        let signed = some(self.turn_url)
            .map(|urls| vec![TurnSettings { urls, secret_file: self.turn_secret_file, ..TurnSettings::default() }]);
        let relay = self.turn.then(|| RelaySettings {
            listen: some(self.turn_listen),
            external: some(self.turn_external),
            ports: self.turn_ports,
            allow_peers: some(self.turn_allow_peer),
            family: self.turn_family,
        });
        Settings {
            listen: some(self.listen),
            redirect: some(self.redirect),
            names: some(self.name),
            origins: some(self.origin),
            static_files: self.static_files,
            state: self.state,
            plain_http: self.plain_http.then_some(true),
            trust_proxy: some(self.trust_proxy),
            legacy: self.legacy,
            metrics: self.metrics,
            tls: TlsSettings { cert: self.tls_cert, key: self.tls_key, acme },
            rooms: RoomSettings { max_clients: self.max_clients, max_rooms: None },
            limits: LimitSettings { connections: self.connections, connections_per_address: None },
            ice: IceSettings { stun: some(self.stun_url), turn: signed },
            turn: relay,
        }
    }
}

/// A list that was given.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
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
    fn flags_become_settings() {
        let words = "hearth-signal --listen [::]:443 --listen [::]:8800 --redirect [::]:80 --static html --tls-cert c \
                     --tls-key k --turn --turn-external 203.0.113.7";
        let settings = Cli::try_parse_from(words.split_whitespace()).unwrap().settings();
        assert_eq!(settings.listen.unwrap().len(), 2);
        assert_eq!(settings.tls.cert, Some("c".into()));
        assert_eq!(settings.turn.unwrap().external, Some(vec![[203, 0, 113, 7].into()]));
        assert_eq!(settings.plain_http, None, "what is not said is left to the file");
    }

    #[test]
    fn ports_of_the_file_that_flags_take_the_place_of_are_named() {
        let file = Settings { listen: Some(vec![([0; 8], 8888).into(), ([0; 8], 443).into()]), ..Settings::default() };
        let said = |words: &str| Cli::try_parse_from(words.split_whitespace()).unwrap().overrules(Some(&file));
        let sentence = said("hearth-signal --listen [::]:443").unwrap();
        assert!(sentence.contains("served is [::]:443, and not [::]:8888"), "{sentence}");
        assert_eq!(said("hearth-signal"), None);
        assert_eq!(said("hearth-signal --listen [::]:443 --listen [::]:8888"), None);
        let none = Cli::try_parse_from(["hearth-signal", "--listen", "[::]:443"]).unwrap();
        assert_eq!((none.overrules(None), none.overrules(Some(&Settings::default()))), (None, None));
    }
}
