//! `cargo xtask run`: Hearth's window, from this checkout.

use crate::options::asks_help;
use crate::servers::program;
use crate::steps::{aloud, cargo};
use crate::{Outcome, packages};

const HELP: &str = "\
Installs what is missing (apt, on Debian), builds, and opens Hearth's window. What follows `--` is handed to it: a link,
or `--headless create ...` for a client without a window.

Usage: cargo xtask run [--release] [-- ARGUMENTS]

  --release   build as for a package: slower to build, faster to run

Settings are kept in $XDG_CONFIG_HOME/hearth, keys and logs in $XDG_STATE_HOME/hearth.";

const CLIENT: &str = "hearth";

/// Runs the command.
pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    let (ours, theirs) = split(arguments);
    if asks_help(ours) {
        println!("{HELP}");
        return Ok(());
    }
    let release = match ours {
        [] => false,
        [option] if option == "--release" => true,
        [word, ..] => return Err(format!("`cargo xtask run` takes no {word}. See `cargo xtask run --help`.")),
    };
    packages::ensure(packages::RUN)?;
    println!("Building. The first time this takes minutes.");
    let mut build = cargo(&["build", "--package", "hearth", "--bin", "hearth"]);
    aloud(if release { build.arg("--release") } else { &mut build })?;
    let profile = if release { "release" } else { "debug" };
    aloud(std::process::Command::new(program(CLIENT, profile)?).args(theirs))
}

/// What is before `--`, and what is behind it.
fn split(arguments: &[String]) -> (&[String], &[String]) {
    let at = arguments.iter().position(|argument| argument == "--");
    let ours = arguments.get(..at.unwrap_or(arguments.len())).unwrap_or_default();
    (ours, at.and_then(|at| arguments.get(at + 1..)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_options_are_refused_with_a_sentence() {
        for bad in ["--nope", "word"] {
            assert!(command(&[bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(command(&["--help".to_owned()]).is_ok());
    }

    #[test]
    fn what_is_the_clients_is_not_read() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let all = words("--release -- --headless join");
        assert_eq!(split(&all), (&words("--release")[..], &words("--headless join")[..]));
        assert_eq!(split(&words("--release")), (&words("--release")[..], &[][..]));
    }
}
