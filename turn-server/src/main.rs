//! `hearth-turn`: reads the command line, and serves, checks, or prints credentials. Nothing else.

mod cli;
mod service;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use hearth_turn::settings::{Files, Plan};
use hearth_turn::shell::exit_status;
use hearth_turn::{Secret, rest};

use cli::{Cli, Command, CredentialsFormat, SettingsSource};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A sentence; a backtrace helps nobody who mistyped an address. The log may not have begun.
    exit_status(run(&cli), |error| complain(&format!("hearth-turn: {error:#}")))
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    if let Some(Command::Credentials { source, user, ttl, format }) = &cli.command {
        return credentials(source, user, Duration::from_secs(*ttl), *format);
    }
    if let Some(Command::ReadFiles { paths }) = &cli.command {
        return service::read_files(paths);
    }
    let mut files = Files::default();
    let plan = plan(cli, &mut files)?;
    if cli.check_config {
        for word in plan.refusals.iter().chain(&plan.warnings) {
            complain(word);
        }
        return say(plan.summary().trim_end());
    }
    service::run(cli, plan, files)
}

/// What file and flags come to.
fn plan(cli: &Cli, files: &mut Files) -> anyhow::Result<Plan> {
    let draft = cli.flags.draft().over(cli.source.draft(files)?);
    Ok(Plan::with(draft, rand::random(), files)?)
}

fn credentials(source: &SettingsSource, user: &str, ttl: Duration, format: CredentialsFormat) -> anyhow::Result<()> {
    let draft = source.draft(&mut Files::default())?;
    let mut secrets = Plan::new(draft, [0; 32])?.config.secrets;
    anyhow::ensure!(!secrets.is_empty(), "the settings hold no secret; name a --secret-file, or a file that has one");
    let secret: Secret = secrets.swap_remove(0);
    let (username, password) = rest::credentials(&secret, user, ttl, service::unix_now());
    match format {
        CredentialsFormat::Text => say(&format!("{username}\n{password}")),
        CredentialsFormat::Json => {
            let object = serde_json::json!({ "username": username, "credential": password, "ttl": ttl.as_secs() });
            say(&object.to_string())
        }
    }
}

/// A line on the standard output, at once.
pub(crate) fn say(line: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context("nobody reads the standard output any more")
}

/// A line on the standard error; where nobody reads it there is nobody to tell.
fn complain(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}
