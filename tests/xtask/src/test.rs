//! `cargo xtask test`: everything that a change must pass, cheapest first.

use std::process::Command;

use crate::Outcome;
use crate::options::asks_help;
use crate::steps::{Steps, aloud, cargo, printed, succeeds};
use crate::{package, packages, pages, peers};

const HELP: &str = "\
Installs what the tests need (apt, on Debian) and runs them all:
format, lints, the tree without H.264, a package of the client to install, SimpleWebRTC and two peers
from npm, aiortc by pip, and every test, by cargo-nextest where it is installed.

Usage: cargo xtask test

All steps run, also after a failed one; the last line sums up. Where CI is set, nothing is kept for incremental builds.";

/// Runs the command.
pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    if asks_help(arguments) {
        println!("{HELP}");
        return Ok(());
    }
    if let Some(word) = arguments.first() {
        return Err(format!("`cargo xtask test` runs everything and takes no {word}. For a part, use cargo itself."));
    }
    let mut steps = Steps::default();
    steps.run("packages", || packages::ensure(packages::TEST));
    steps.run("format", || aloud(&mut cargo(&["fmt", "--all", "--check"])));
    steps.run("lints", || {
        aloud(&mut cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    });
    // All of the workspace that can be without, so that dependencies mostly have the features just checked.
    steps.run("without H.264", || {
        let without = ["check", "--quiet", "--workspace", "--exclude", "hearth-tests"];
        aloud(cargo(&without).args(["--all-targets", "--no-default-features"]))
    });
    // Programs too: the end-to-end tests start them. With `--tests`, so that features are those of the tests.
    steps.run("build", || aloud(&mut cargo(&["build", "--quiet", "--workspace", "--bins", "--tests"])));
    steps.run("package", package::of_debug_build);
    steps.run("old pages", pages::fetch);
    steps.run("peers", peers::fetch);
    steps.run("tests", run_tests);
    if has_doctests(&sources()?) {
        steps.run("doc tests", || aloud(&mut cargo(&["test", "--quiet", "--workspace", "--doc"])));
    }
    println!("{}", steps.summary()?);
    Ok(())
}

fn run_tests() -> Outcome<()> {
    if has_nextest() {
        return aloud(&mut cargo(&["nextest", "run", "--workspace"]));
    }
    println!("cargo-nextest is not installed: running `cargo test`, which stops no test that hangs.");
    aloud(&mut cargo(&["test", "--quiet", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]))
}

/// Whether cargo-nextest is there.
pub(crate) fn has_nextest() -> bool {
    succeeds(&mut cargo(&["nextest", "--version"]))
}

fn sources() -> Outcome<Vec<String>> {
    let listed = printed(Command::new("git").args(["ls-files", "*.rs"]))?;
    Ok(listed.lines().filter_map(|path| std::fs::read_to_string(path).ok()).collect())
}

/// Whether any documentation holds an example that rustdoc would run: looking costs less than starting it for nothing.
fn has_doctests(sources: &[String]) -> bool {
    sources.iter().any(|source| {
        let mut open = false;
        source.lines().filter_map(doc_fence).any(|info| {
            open = !open;
            open && !info.split(',').any(|word| matches!(word.trim(), "text" | "ignore" | "json" | "sh" | "toml"))
        })
    })
}

/// What is behind the three backticks of a line of documentation.
fn doc_fence(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))?;
    doc.trim_start().strip_prefix("```")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_examples_that_would_run_call_for_rustdoc() {
        let fence = "`".repeat(3);
        for (source, expected) in [
            (format!("/// A diagram:\n/// {fence}text\n/// a -> b\n/// {fence}\nfn f() {{}}"), false),
            (format!("//! {fence}\n//! let x = 1;\n//! {fence}"), true),
            (format!("    /// {fence}rust,no_run\n    /// x();\n    /// {fence}"), true),
            (format!("let s = \"{fence}\";"), false),
        ] {
            assert_eq!(has_doctests(std::slice::from_ref(&source)), expected, "{source}");
        }
    }

    #[test]
    fn there_is_nothing_to_choose() {
        assert!(command(&["fast".to_owned()]).is_err());
    }
}
