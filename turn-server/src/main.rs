//! `hearth-turn`: reads the command line, binds the shell, prints counters, ends on a signal. Nothing else.

mod cli;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use hearth_turn::Stats;
use hearth_turn::shell::Shell;
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match start(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}"); // a sentence; a backtrace helps nobody who mistyped an address
            ExitCode::FAILURE
        }
    }
}

fn start(cli: &cli::Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("the asynchronous runtime did not start; look at the limits of this process")?.block_on(serve(cli))
}

async fn serve(cli: &cli::Cli) -> anyhow::Result<()> {
    let config = cli.config(rand::random())?;
    let shell = Shell::bind(config, &cli.listen(), &cli.external_ip)?;
    let addresses: Vec<String> = shell.local_addrs().iter().map(ToString::to_string).collect();
    // Who hears that it is ready may ask it to stop at once.
    let signalled = signalled();
    say(&format!("ready {}", addresses.join(" ")))?;
    let stats = shell.stats();
    let printed = async {
        match cli.stats {
            Some(cli::StatsFormat::Json) => print_stats(stats).await,
            None => std::future::pending().await,
        }
    };
    let run = shell.run(signalled);
    tokio::pin!(run);
    let last = tokio::select! {
        last = &mut run => last,
        error = printed => return Err(error),
    };
    if cli.stats.is_some() {
        say(&serde_json::to_string(&last)?)?;
    }
    Ok(())
}

/// Prints counters whenever they are published, until that is impossible.
async fn print_stats(mut stats: watch::Receiver<Stats>) -> anyhow::Error {
    loop {
        if let Err(error) = stats.changed().await {
            return error.into();
        }
        let line = *stats.borrow_and_update();
        if let Err(error) = serde_json::to_string(&line).map_err(anyhow::Error::from).and_then(|line| say(&line)) {
            return error;
        }
    }
}

/// A line on the standard output, at once.
fn say(line: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context("nobody reads the standard output any more")
}

/// Ends with Ctrl-C or, where there is one, SIGTERM, which is listened for from this call on.
fn signalled() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    async move {
        #[cfg(unix)]
        if let Ok(mut terminate) = terminate {
            tokio::select! {
                () = interrupted() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
        interrupted().await;
    }
}

async fn interrupted() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!(%error, "Ctrl-C is not heard; end the server by other means");
        std::future::pending().await
    }
}
