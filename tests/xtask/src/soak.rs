//! `cargo xtask soak`: what takes longer than a change should wait for.

use std::process::Command;

use crate::options::asks_help;
use crate::steps::{Steps, aloud, cargo, printed, succeeds};
use crate::{Outcome, package, packages, test};

const HELP: &str = "\
Runs the tests in their long variants (HEARTH_SOAK=1: more pairs, more scripts, narrower goals), then each fuzz target
for a minute, those of the relay for ten, where cargo-fuzz and a nightly toolchain are installed.

Usage: cargo xtask soak";

/// Where the fuzz targets are; a workspace of its own, because it needs a nightly compiler.
const FUZZ: &str = "tests/fuzz";
/// Seconds that each target gets: long enough to leave the corpus behind, short enough to run before each release.
const FUZZ_S: u32 = 60;
/// And those of the relay, which strangers reach.
const FUZZ_RELAY_S: u32 = 600;

/// Runs the command.
pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    if asks_help(arguments) {
        println!("{HELP}");
        return Ok(());
    }
    if let Some(word) = arguments.first() {
        return Err(format!("`cargo xtask soak` takes no {word}. See `cargo xtask soak --help`."));
    }
    let mut steps = Steps::default();
    steps.run("packages", || packages::ensure(packages::TEST));
    steps.run("build", || aloud(&mut cargo(&["build", "--quiet", "--workspace", "--bins", "--tests"])));
    steps.run("package", package::of_debug_build);
    steps.run("long tests", long_tests);
    if can_fuzz() {
        for target in fuzz_targets()? {
            steps.run(&target, || fuzz(&target));
        }
    } else {
        println!("No fuzzing: it needs a nightly toolchain (rustup toolchain install nightly) and cargo-fuzz.");
    }
    println!("{}", steps.summary()?);
    Ok(())
}

fn long_tests() -> Outcome<()> {
    let mut command = if test::has_nextest() {
        cargo(&["nextest", "run", "--workspace", "--profile", "soak"])
    } else {
        cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"])
    };
    aloud(command.env("HEARTH_SOAK", "1"))
}

fn can_fuzz() -> bool {
    // Through rustup, not through the cargo that runs us: that one is of the other toolchain.
    succeeds(Command::new("cargo").args(["+nightly", "--version"]).env_remove("RUSTUP_TOOLCHAIN"))
        && succeeds(&mut cargo(&["fuzz", "--version"]))
}

fn fuzz(target: &str) -> Outcome<()> {
    // What it finds is written to the first folder; the corpus in the tree is read only.
    let found = format!("target/fuzz/{target}");
    std::fs::create_dir_all(&found).map_err(|error| format!("{found} cannot be made ({error}). Check its rights."))?;
    let seconds = if target.starts_with("turn") { FUZZ_RELAY_S } else { FUZZ_S };
    let (corpus, limit) = (format!("{FUZZ}/corpus/{target}"), format!("-max_total_time={seconds}"));
    let mut command = Command::new("cargo");
    command.args(["+nightly", "fuzz", "run", "--fuzz-dir", FUZZ, target, &found, &corpus, "--", &limit]);
    aloud(command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO"))
}

fn fuzz_targets() -> Outcome<Vec<String>> {
    let listed = printed(&mut cargo(&["fuzz", "list", "--fuzz-dir", FUZZ]))?;
    Ok(listed.lines().map(str::to_owned).collect())
}
