//! `hearth`: parse, wire, run; nothing else.

use std::io::Write as _;
use std::process::ExitCode;

use hearth::cli::{Cli, Run};
use hearth::words::Language;
use hearth::{headless, life, window};

fn main() -> ExitCode {
    Language::of_system().speak();
    let ended = match Cli::read() {
        Run::Headless(command) => {
            let _log = life::to_stderr();
            headless::main(*command).map_err(anyhow::Error::from)
        }
        Run::Window { link, stats, source_id, files } => {
            window::main(link, stats, source_id, files).map_err(anyhow::Error::from)
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            tracing::debug!(?fault, "ended");
            // The one sentence that a person reads; where nobody does, there is nobody to tell.
            drop(writeln!(std::io::stderr(), "{fault}"));
            ExitCode::FAILURE
        }
    }
}
