//! Steps of a command: cargo runs, each timed, and one summary line at the end.
//!
//! Every step runs, also after one that failed: a person mends more at once then. Owner of: the list of what was done.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;

/// What was done so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: String,
    took: Duration,
    passed: bool,
}

impl Steps {
    /// Runs one step.
    pub(crate) fn run(&mut self, name: &str, work: impl FnOnce() -> Outcome<()>) {
        println!("== {name}");
        let start = now();
        let outcome = work();
        let took = now().saturating_duration_since(start);
        if let Err(sentence) = &outcome {
            println!("{sentence}");
        }
        println!("== {name}: {} in {}", if outcome.is_ok() { "done" } else { "FAILED" }, shown(took));
        self.done.push(Step { name: name.to_owned(), took, passed: outcome.is_ok() });
    }

    /// One line on all of it; an error where a step failed.
    pub(crate) fn summary(&self) -> Outcome<String> {
        let total = shown(self.done.iter().map(|step| step.took).sum());
        let each: Vec<_> = self.done.iter().map(|step| format!("{} {}", step.name, shown(step.took))).collect();
        let failed: Vec<_> = self.done.iter().filter(|step| !step.passed).map(|step| step.name.as_str()).collect();
        let each = each.join(", ");
        if failed.is_empty() {
            return Ok(format!("All passed in {total} ({each})."));
        }
        Err(format!("FAILED: {}. It took {total} ({each}).", failed.join(", ")))
    }
}

#[expect(clippy::disallowed_methods, reason = "a person wants to know how long each step took")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

fn shown(duration: Duration) -> String {
    let s = duration.as_secs();
    if s < 60 { format!("{:.1} s", duration.as_secs_f64()) } else { format!("{} min {} s", s / 60, s % 60) }
}

/// Beginnings of the variables in which cargo tells a program which package it is of.
const OURS: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];

/// `cargo` with arguments, in the toolchain that runs us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    // What cargo told us of ourselves: build scripts that look at it would take each build for another one's.
    for (name, _) in std::env::vars_os() {
        if OURS.iter().any(|start| name.to_string_lossy().starts_with(start)) {
            command.env_remove(name);
        }
    }
    if is_ci() {
        // A cold build reuses nothing: what incremental compilation writes down is for nobody.
        command.env("CARGO_INCREMENTAL", "0").env("CARGO_TERM_COLOR", "never");
    }
    command
}

/// Whether a continuous-integration system runs us, by the custom that it sets `CI`.
fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "0" && value != "false")
}

/// Runs a command that speaks for itself.
pub(crate) fn aloud(command: &mut Command) -> Outcome<()> {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}.", shown_command(command))) }
}

/// Runs a command whose words matter only if it fails; the error holds them.
pub(crate) fn quietly(command: &mut Command) -> Outcome<()> {
    let output = command.stdin(Stdio::inherit()).output().map_err(|error| not_started(command, &error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{}{} ended with {}.", String::from_utf8_lossy(&said), shown_command(command), output.status))
}

/// What a command prints.
pub(crate) fn printed(command: &mut Command) -> Outcome<String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| not_started(command, &error))?;
    if !output.status.success() {
        return Err(format!("{} ended with {}.", shown_command(command), output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a command runs and succeeds; what it says is nobody's business.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
}

fn not_started(command: &Command, error: &std::io::Error) -> String {
    format!("{} did not start ({error}). Is it installed?", shown_command(command))
}

fn shown_command(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let line = words.join(" ");
    format!("`{line}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_step_fails_the_whole_and_is_named() {
        let mut steps = Steps::default();
        steps.run("first", || Ok(()));
        assert!(steps.summary().unwrap().starts_with("All passed"));
        steps.run("second", || Err("It broke.".to_owned()));
        steps.run("third", || Ok(()));
        assert!(steps.summary().unwrap_err().starts_with("FAILED: second."));
    }

    #[test]
    fn a_command_that_fails_quietly_is_quoted() {
        let said = quietly(Command::new("sh").args(["-c", "echo why; exit 3"])).unwrap_err();
        assert!(said.starts_with("why\n`sh -c") && said.contains('3'), "{said}");
        assert!(quietly(&mut Command::new("no-such-program-as-this")).is_err());
    }

    #[test]
    fn times_are_shown_in_seconds_then_in_minutes() {
        assert_eq!(shown(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(shown(Duration::from_secs(185)), "3 min 5 s");
    }
}
