//! `cargo xtask package`: what a person installs by double click.

use std::path::PathBuf;
use std::process::Command;

use crate::options::asks_help;
use crate::steps::{aloud, cargo, succeeds};
use crate::{Outcome, packages};

const HELP: &str = "\
Makes a Debian package of the client: the program in a release build, its desktop entry, icon and metainfo, and the
association with hearth: links. cargo-deb is installed into the target folder where it is missing.

Usage: cargo xtask package [--debug]

  --debug   of a debug build, as the tests do: quick to make, slow to run

The package is written to target/debian/.";

/// The version that the metadata in app/Cargo.toml was written for.
const CARGO_DEB: &str = "cargo-deb@3.8.0";

/// Runs the command.
pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    if asks_help(arguments) {
        println!("{HELP}");
        return Ok(());
    }
    let debug = match arguments {
        [] => false,
        [option] if option == "--debug" => true,
        [word, ..] => return Err(format!("`cargo xtask package` takes no {word}. See `cargo xtask package --help`.")),
    };
    packages::ensure(packages::PACKAGE)?;
    let tools = tools()?;
    if !succeeds(with(&mut cargo(&["deb", "--version"]), &tools)) {
        println!("Installing {CARGO_DEB} into {}.", tools.display());
        let root = tools.display().to_string();
        aloud(&mut cargo(&["install", "--quiet", "--locked", "--debug", "--root", &root, CARGO_DEB]))?;
    }
    aloud(Command::new("desktop-file-validate").arg("assets/desktop/hearth.desktop"))?;
    aloud(Command::new("appstreamcli").args([
        "validate",
        "--no-net",
        "assets/desktop/io.github.hearth.Hearth.metainfo.xml",
    ]))?;
    let mut build = cargo(&["deb", "--package", "hearth"]);
    if debug {
        // What the tests have built already, symbols and all.
        build.args(["--profile", "dev", "--no-strip"]);
    }
    aloud(with(&mut build, &tools))
}

/// Where tools are kept that no package of the system brings.
fn tools() -> Outcome<PathBuf> {
    let target = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.parent()?.join("tools")));
    target.ok_or_else(|| "This program does not know where it stands. Run it by `cargo xtask`.".to_owned())
}

/// The command, which finds our own tools first.
fn with<'a>(command: &'a mut Command, tools: &std::path::Path) -> &'a mut Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(tools.join("bin")).chain(std::env::split_paths(&path));
    match std::env::join_paths(paths) {
        Ok(path) => command.env("PATH", path),
        Err(_) => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_choice() {
        assert!(command(&["--fast".to_owned()]).is_err());
        assert!(command(&["--help".to_owned()]).is_ok());
    }
}
