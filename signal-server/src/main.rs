//! `hearth-signal`: rooms and the guest page on one port.
//!
//! Parses, wires, runs; everything else is in the library.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Parser;
use hearth_protocol::IceServer;
use hearth_signal::rooms::{IceConfig, RoomsConfig, TurnRest, TurnSecret};
use hearth_signal::{Protection, Server, ServerConfig};

/// How long a TURN credential is good: a new one goes out after three quarters of it, long before a call notices.
const TURN_LIFETIME: Duration = Duration::from_secs(6 * 3600);

/// Rooms for Hearth: signalling and the guest page on one port.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Where to listen.
    #[arg(long, value_name = "ADDR:PORT", default_value = "[::]:8443")]
    listen: SocketAddr,
    /// Folder that keeps the key and the certificate (made if there is none).
    #[arg(long, value_name = "DIR", required_unless_present = "plain_http")]
    state: Option<PathBuf>,
    /// Another name or outside address that this server goes by; may be given several times.
    #[arg(long, value_name = "HOST")]
    name: Vec<String>,
    /// A TURN server that members are told of, as turn:IP:PORT; may be given several times.
    #[arg(long, value_name = "URL", requires = "turn_secret_file")]
    turn_url: Vec<String>,
    /// File with the secret that the TURN server shares with us.
    #[arg(long, value_name = "FILE", requires = "turn_url")]
    turn_secret_file: Option<PathBuf>,
    /// A STUN server that members are told of, as stun:IP:PORT; may be given several times.
    #[arg(long, value_name = "URL")]
    stun_url: Vec<String>,
    /// Plain HTTP: behind a proxy on this machine, or for tests.
    #[arg(long)]
    plain_http: bool,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        // Colours are for eyes, not for files.
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("HEARTH_LOG").unwrap_or_else(|_| "hearth_signal=info".into()),
        )
        .init();
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            tracing::error!("{e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> anyhow::Result<()> {
    let config = configure(options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("The system gives no threads or timers. Close other programs, then try again")?;
    runtime.block_on(async {
        let server = Server::bind(config).await?;
        // Who is told where it listens may ask it to stop at once.
        let asked = asked_to_stop()?;
        announce(&server)?;
        server.run(asked).await;
        Ok(())
    })
}

fn configure(options: Options) -> anyhow::Result<ServerConfig> {
    let protection = match (options.plain_http, options.state) {
        (false, Some(state)) => Protection::Generated { state },
        _ => Protection::PlainHttp,
    };
    let turn = match &options.turn_secret_file {
        Some(file) => Some(TurnRest {
            urls: options.turn_url,
            secret: read_secret(file)?,
            lifetime: TURN_LIFETIME,
            before_join: TURN_LIFETIME,
        }),
        None => None,
    };
    let stun = IceServer { urls: options.stun_url, username: None, credential: None };
    let fixed = if stun.urls.is_empty() { Vec::new() } else { vec![stun] };
    let rooms = RoomsConfig { ice: IceConfig { fixed, turn }, ..RoomsConfig::default() };
    Ok(ServerConfig { names: options.name, rooms, ..ServerConfig::new(options.listen, protection) })
}

fn read_secret(file: &Path) -> anyhow::Result<TurnSecret> {
    let text = std::fs::read_to_string(file).with_context(|| {
        format!("The TURN secret in {} cannot be read. Check the path and its rights", file.display())
    })?;
    let Some(secret) = TurnSecret::new(text.trim_end_matches(['\r', '\n'])) else {
        bail!("{} is empty. Write the secret of the TURN server into it.", file.display());
    };
    Ok(secret)
}

/// The one line on standard output, for whoever started us:
/// `listening https://ADDR:PORT spki=BASE64URL cert_sha256=HEX`, or `listening http://ADDR:PORT`.
fn announce(server: &Server) -> anyhow::Result<()> {
    let address = server.local_addr();
    let line = match (server.spki(), *server.certificate_sha256().borrow()) {
        (Some(spki), Some(certificate)) => {
            let hex: String = certificate.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("listening https://{address} spki={} cert_sha256={hex}\n", spki.to_text())
        }
        _ => format!("listening http://{address}\n"),
    };
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).context("Standard output is closed. Give it a reader")
}

/// Done when somebody wants the server to end: Ctrl-C, or SIGTERM.
fn asked_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .context("The system gives no signals. Restart it")?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await; // nobody can ask: run on
        }
    })
}
