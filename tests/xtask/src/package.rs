//! `cargo xtask package`: what a person installs by double click.
//!
//! cargo-deb makes it, from the metadata in app/Cargo.toml. It means to make releases alone and will refuse cargo's dev
//! profile one day, and a profile of our own would build everything a second time. So the debug package, which tests
//! install, is made of the program as it is built already, from a folder in which cargo-deb finds it as a release.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::options::asks_help;
use crate::servers::{DEBUG, program};
use crate::steps::{aloud, cargo, quietly, succeeds};
use crate::{Outcome, packages};

const HELP: &str = "\
Makes a Debian package of the client: the program in a release build, its desktop entry, icon and metainfo, and the
association with hearth: links. cargo-deb is installed into the target folder where it is missing.

Usage: cargo xtask package [--debug | --relay]

  --debug   of a debug build, for the tests to install: quick to make, slow to run; it is target/debug/hearth.deb
  --relay   the relay instead: hearth-turn, its file of settings and its systemd unit, for a server

The package is written to target/debian/.";

/// The version that the metadata in app/Cargo.toml was written for.
const CARGO_DEB: &str = "cargo-deb@3.8.0";
const CLIENT: &str = "hearth";
const RELAY: &str = "hearth-turn";
/// The package that tests install, beside the programs that they start.
const DEBUG_PACKAGE: &str = "debug/hearth.deb";
/// Where cargo-deb looks for a release, while it makes that package.
const STAGE: &str = "tmp/package";

/// Runs the command.
pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    if asks_help(arguments) {
        println!("{HELP}");
        return Ok(());
    }
    let debug = match arguments {
        [] => false,
        [option] if option == "--debug" => true,
        [option] if option == "--relay" => {
            packages::ensure(packages::PACKAGE)?;
            return aloud(&mut deb(RELAY)?);
        }
        [word, ..] => return Err(format!("`cargo xtask package` takes no {word}. See `cargo xtask package --help`.")),
    };
    packages::ensure(packages::PACKAGE)?;
    if debug {
        aloud(&mut cargo(&["build", "--package", CLIENT, "--bin", CLIENT]))?;
        return of_debug_build();
    }
    check()?;
    aloud(&mut deb(CLIENT)?)
}

/// Packages the client as it was built for the tests.
pub(crate) fn of_debug_build() -> Outcome<()> {
    check()?;
    let target = target()?;
    let stage = target.join(STAGE);
    stand_in(Path::new(&program(CLIENT, DEBUG)?), &stage.join("release"))?;
    let package = target.join(DEBUG_PACKAGE);
    let mut deb = deb(CLIENT)?;
    // Symbols and all, and packed in little time: it is unpacked once, and on this machine.
    deb.args(["--no-build", "--no-strip", "--fast", "--compress-type", "gz", "--output"]).arg(&package);
    quietly(deb.env("CARGO_TARGET_DIR", &stage))?;
    println!("{}", package.display());
    Ok(())
}

/// What the desktop is told of us, read by its own tools.
fn check() -> Outcome<()> {
    quietly(Command::new("desktop-file-validate").arg("assets/desktop/hearth.desktop"))?;
    let metainfo = "assets/desktop/io.github.hearth.Hearth.metainfo.xml";
    quietly(Command::new("appstreamcli").args(["validate", "--no-net", metainfo]))
}

/// cargo-deb on a package. Programs of the system compress faster than its own code, which is not optimised here.
fn deb(package: &str) -> Outcome<Command> {
    let tools = target()?.join("tools");
    if !succeeds(with(&mut cargo(&["deb", "--version"]), &tools)) {
        println!("Installing {CARGO_DEB} into {}.", tools.display());
        let mut install = cargo(&["install", "--quiet", "--locked", "--debug", "--no-default-features"]);
        install.args(["--config", "profile.dev.debug=false"]).arg("--root").arg(&tools).arg(CARGO_DEB);
        aloud(&mut install)?;
    }
    let mut deb = cargo(&["deb", "--package", package, "--compress-system"]);
    with(&mut deb, &tools);
    Ok(deb)
}

/// Puts a program into `folder`: as a second name of the same file, where the file system has such.
fn stand_in(program: &Path, folder: &Path) -> Outcome<()> {
    let place = folder.join(CLIENT);
    let removed = match std::fs::remove_file(&place) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir_all(folder),
    };
    let done = removed
        .and_then(|()| std::fs::hard_link(program, &place).or_else(|_| std::fs::copy(program, &place).map(drop)));
    done.map_err(|error| format!("{} cannot be written ({error}). Check its rights.", place.display()))
}

/// The folder that everything is built in.
pub(crate) fn target() -> Outcome<PathBuf> {
    let target = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.parent()?.to_owned()));
    target.ok_or_else(|| "This program does not know where it stands. Run it by `cargo xtask`.".to_owned())
}

/// The command, which finds our own tools first.
fn with<'a>(command: &'a mut Command, tools: &Path) -> &'a mut Command {
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

    #[test]
    fn a_newer_program_takes_the_place_of_the_older() {
        let folder = std::env::temp_dir().join(format!("hearth-xtask-stage-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let built = folder.join("built");
        for what in ["old", "new"] {
            std::fs::write(&built, what).unwrap();
            stand_in(&built, &folder.join("release")).unwrap();
            assert_eq!(std::fs::read_to_string(folder.join("release/hearth")).unwrap(), what);
            std::fs::remove_file(&built).unwrap();
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
