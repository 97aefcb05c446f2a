//! `hearth`: parse, wire, run; nothing else.

use std::process::ExitCode;

use clap::Parser;
use hearth::cli::Cli;
use hearth::words::Language;

fn main() -> ExitCode {
    Language::of_system().speak();
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("HEARTH_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        // Colours are for eyes, not for files.
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    match hearth::headless::main(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            tracing::debug!(?fault, "ended");
            #[expect(clippy::print_stderr, reason = "the one sentence that a person reads")]
            {
                eprintln!("{fault}");
            }
            ExitCode::FAILURE
        }
    }
}
