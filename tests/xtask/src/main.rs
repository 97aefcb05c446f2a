//! `cargo xtask`: the commands that a developer needs, each from a fresh checkout.
//!
//! Parses and dispatches; each command is a file. Nothing here is a dependency of Hearth, and nothing here has one:
//! this program must build in seconds before anything else does. It keeps no state between runs.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod bench;
mod children;
mod options;
mod package;
mod packages;
mod pages;
mod peers;
mod run;
mod servers;
mod soak;
mod state;
mod steps;
mod test;

use std::process::ExitCode;

/// What went wrong, as one sentence that also says what to do.
type Outcome<T> = Result<T, String>;

const HELP: &str = "\
Hearth's developer commands.

Usage: cargo xtask COMMAND

  run     Installs what is missing, builds, and opens Hearth's window.
  test    Installs what the tests need and runs them all: format, lints, tidy, unit, World, end to end.
  soak    Runs the tests in their long variants, and the fuzzers where cargo-fuzz and a nightly toolchain are there.
  bench   Measures; `cargo xtask bench join` is the time from joining to the first picture.

  package Makes a Debian package of the client.

`cargo xtask COMMAND --help` says more.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("--help", Default::default()),
    };
    let outcome = match command {
        "run" => run::command(rest),
        "test" => test::command(rest),
        "soak" => soak::command(rest),
        "bench" => bench::command(rest),
        "package" => package::command(rest),
        "help" | "-h" | "--help" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(format!("There is no command `{other}`. See `cargo xtask --help`.")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}
