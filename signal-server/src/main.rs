//! `hearth-signal`: rooms, the guest page, and whatever else a machine that is always on should serve.
//!
//! Parses, wires, runs; everything else is in the library.

mod cli;
mod relay;

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use hearth_signal::config::{ONE_SOURCE, Plan, read};
use hearth_signal::{Protection, Server};
use hearth_turn::shell::exit_status;

use cli::Cli;

/// Threads that look at files for those who ask for them. More would only wait for the same disk.
const FILE_THREADS: usize = 16;
/// Open files that are asked for: for the connections of a server that was not told how many, and a full relay.
const FILES: u64 = 65_536;

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("HEARTH_LOG")
        .unwrap_or_else(|_| "hearth_signal=info,hearth_turn=info".into());
    // Colours are for eyes, not for files.
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let _log = hearth_turn::logging::start(filter, std::io::stderr(), is_terminal);
    exit_status(run(Cli::parse()), |error| tracing::error!("{error:#}"))
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let is_check = cli.check_config;
    let plan = plan(cli)?;
    if is_check {
        return say(&plan.to_string());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(FILE_THREADS)
        .enable_all()
        .build()
        .context("The system gives no threads or timers. Close other programs, then try again")?;
    runtime.block_on(serve(plan))
}

fn plan(cli: Cli) -> anyhow::Result<Plan> {
    let file = cli.config.as_deref().map(read).transpose()?;
    let dialect = file.as_ref().map(|file| file.dialect).unwrap_or_default();
    let below = file.map(|file| {
        for warning in &file.warnings {
            tracing::warn!("{warning}");
        }
        file.settings
    });
    if let Some(overruled) = cli.overrules(below.as_ref()) {
        tracing::warn!("{overruled}");
    }
    let files = rlimit::increase_nofile_limit(FILES).context("The system does not say how many files may be open")?;
    let settings = cli.settings().over(below.unwrap_or_default());
    let plan = Plan::of(settings, usize::try_from(files).unwrap_or(usize::MAX));
    Ok(plan.map_err(|error| error.in_words_of(dialect))?)
}

async fn serve(mut plan: Plan) -> anyhow::Result<()> {
    let relay = plan.relay.as_ref().map(|relay| relay::bind(relay, &mut plan.server)).transpose()?;
    let is_plain = matches!(plan.server.protection, Protection::PlainHttp);
    let is_one_source = is_plain && plan.server.proxies.is_empty();
    let mut server = Server::bind(plan.server).await?;
    if let Some(relay) = &relay {
        server.attach_relay(relay);
    }
    // Who is told where it listens may ask it to stop at once.
    let asked = asked_to_stop()?;
    let relays: Vec<String> = relay.iter().flat_map(|relay| relay.local_addrs()).map(ToString::to_string).collect();
    // Where nobody reads it, it serves all the same.
    if let Err(error) = announce(&server, is_plain, &relays) {
        tracing::warn!("{error:#}");
    }
    if is_one_source {
        tracing::warn!("this server {ONE_SOURCE}");
    }
    notify(Moment::Ready);
    Ok(server.run_beside(relay, asked, || notify(Moment::Stopping)).await?)
}

/// The lines on standard output, for anyone who started us. The first is
/// `listening https://ADDR:PORT spki=BASE64URL cert_sha256=HEX` (without hashes where an authority gives the
/// certificate), or `listening http://ADDR:PORT`; then one for each further port, and what is on it.
fn announce(server: &Server, is_plain: bool, relays: &[String]) -> anyhow::Result<()> {
    let scheme = if is_plain { "http" } else { "https" };
    let mut hashes = String::new();
    if let (Some(spki), Some(certificate)) = (server.spki(), *server.certificate_sha256().borrow()) {
        let hex: String = certificate.iter().map(|byte| format!("{byte:02x}")).collect();
        write!(hashes, " spki={} cert_sha256={hex}", spki.to_text())?;
    }
    let mut lines = String::new();
    for address in [&server.local_addr()].into_iter().chain(server.other_addrs()) {
        writeln!(lines, "listening {scheme}://{address}{hashes}")?;
    }
    for address in server.redirect_addrs() {
        writeln!(lines, "redirecting http://{address}")?;
    }
    if let Some(address) = server.metrics_addr() {
        writeln!(lines, "metrics http://{address}/metrics")?;
    }
    for address in relays {
        writeln!(lines, "relaying turn:{address}")?;
    }
    say(&lines)
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("Standard output is closed. Give it a reader")
}

/// What systemd is told, where it wants to know.
#[derive(Clone, Copy)]
enum Moment {
    Ready,
    Stopping,
}

fn notify(moment: Moment) {
    #[cfg(unix)]
    {
        let state = match moment {
            Moment::Ready => sd_notify::NotifyState::Ready,
            Moment::Stopping => sd_notify::NotifyState::Stopping,
        };
        if let Err(e) = sd_notify::notify(&[state]) {
            tracing::debug!("systemd could not be told: {e}");
        }
    }
    #[cfg(not(unix))]
    let _ = moment;
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
