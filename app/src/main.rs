//! `hearth`: parse, wire, run; nothing else.

use std::process::ExitCode;

use hearth::cli::{Cli, Run};
use hearth::words::Language;
use hearth::{headless, life, window};

fn main() -> ExitCode {
    Language::of_system().speak();
    let ended = match Cli::read() {
        Run::Headless(command) => {
            life::to_stderr();
            headless::main(command).map_err(anyhow::Error::from)
        }
        Run::Window { link, stats, source_id } => window::main(link, stats, source_id).map_err(anyhow::Error::from),
    };
    match ended {
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
