//! The server as a service: bound, watched, reloaded, drained, and ended.

mod helper;
mod metrics;
mod privileges;
mod watch;

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use hearth_turn::Stats;
use hearth_turn::logging::{self, Log};
use hearth_turn::settings::{Files, Logs, Plan};
use hearth_turn::shell::{Control, Shell};
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep_until};
use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, StatsFormat};
use crate::say;
use watch::Watch;

pub(crate) use helper::read_files;

/// Serves until a signal ends it.
pub(crate) fn run(cli: &Cli, plan: Plan, files: Files) -> anyhow::Result<()> {
    let _log = log_to(&plan.logs)?;
    for word in &plan.refusals {
        tracing::error!("{word}");
    }
    for word in &plan.warnings {
        tracing::warn!("{word}");
    }
    raise_open_files(&plan);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .context("the asynchronous runtime did not start; look at the limits of this process")?
        .block_on(serve(cli, plan, files))
}

async fn serve(cli: &Cli, plan: Plan, mut files: Files) -> anyhow::Result<()> {
    if plan.listen.identity.as_ref().is_some_and(|identity| !identity.is_whole()) {
        tracing::warn!(
            "DTLS cannot use this certificate, whose key is not of ECDSA, and shows one made here; TLS is not concerned"
        );
    }
    let shell = Shell::bind(plan.config.clone(), &plan.listen)?;
    let metrics = match plan.metrics {
        Some(address) => Some(metrics::Metrics::bind(address, shell.stats()).await?),
        None => None,
    };
    if let Some(path) = &plan.pid_file {
        write_pid(path)?;
    }
    become_user(&plan, &mut files)?;
    let mut signals = Signals::new()?;
    let addresses: Vec<String> = shell.local_addrs().iter().map(ToString::to_string).collect();
    // Who hears that it is ready may ask it to stop at once. Where nobody hears it, it serves all the same.
    say(&format!("ready {}", addresses.join(" "))).unwrap_or_else(|error| tracing::warn!("{error:#}"));
    if let Some(metrics) = &metrics {
        tracing::info!("figures are at http://{}/metrics", metrics.address());
    }
    notify(&[sd_notify::NotifyState::Ready]);
    let (control, stats) = (shell.control(), shell.stats());
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let run = shell.serve(async {
        drop(ended.await); // anyone who drops the other end wants it to stop as well
    });
    tokio::pin!(run);
    let mut watch = Watch::new(cli, plan, files, control.clone());
    let served = async {
        match metrics {
            Some(metrics) => metrics.run().await,
            None => std::future::pending().await,
        }
    };
    let told = async {
        tokio::select! {
            drained = signals.until_stop(&control, &mut watch, stats.clone()) => Ok(drained),
            () = print_stats(cli.stats, stats.clone()) => Ok(()),
            () = served => Err(anyhow::anyhow!("the figures' port was given up; start the server again")),
        }
    };
    let ended = tokio::select! {
        ended = &mut run => ended,
        told = told => {
            notify(&[sd_notify::NotifyState::Stopping]);
            drop(end);
            let ended = run.await;
            told?;
            ended
        }
    };
    say_last(cli, ended.as_ref().unwrap_or_else(|fault| &fault.last));
    ended?;
    Ok(())
}

/// Becomes the user that the settings name, with somebody left who reads what that one cannot.
fn become_user(plan: &Plan, files: &mut Files) -> anyhow::Result<()> {
    let helper = helper::Helper::start(plan);
    privileges::drop_to(&plan.drop_to)?;
    helper::warn(plan, helper.is_some());
    if let Some(helper) = helper {
        files.ask(Box::new(helper));
    }
    Ok(())
}

fn say_last(cli: &Cli, last: &Stats) {
    if cli.stats.is_some() {
        say_stats(last);
    }
}

/// A line of counters; where nobody reads it, it is lost.
fn say_stats(stats: &Stats) {
    let line = serde_json::to_string(stats).map_err(anyhow::Error::from);
    if let Err(error) = line.and_then(|line| say(&line)) {
        tracing::debug!("counters were not printed: {error:#}");
    }
}

/// Prints counters whenever they are published.
async fn print_stats(format: Option<StatsFormat>, mut stats: Receiver<Stats>) {
    let Some(StatsFormat::Json) = format else { return std::future::pending().await };
    loop {
        if stats.changed().await.is_err() {
            return std::future::pending().await; // the end prints the last ones itself
        }
        let line = *stats.borrow_and_update();
        say_stats(&line);
    }
}

/// The signals of an operator: the end, reading the files again, draining.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
    #[cfg(unix)]
    drain: tokio::signal::unix::Signal,
}

/// What an operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServiceEvent {
    Stop,
    Reload,
    Drain,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen =
            |kind| signal(kind).context("signals of the system are not heard; look at the limits of this process");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
            drain: listen(SignalKind::user_defined1())?,
        })
    }

    #[cfg(not(unix))]
    fn new() -> anyhow::Result<Self> {
        Ok(Self {})
    }

    async fn next(&mut self) -> ServiceEvent {
        #[cfg(unix)]
        return tokio::select! {
            () = interrupted() => ServiceEvent::Stop,
            _ = self.terminate.recv() => ServiceEvent::Stop,
            _ = self.hangup.recv() => ServiceEvent::Reload,
            _ = self.drain.recv() => ServiceEvent::Drain,
        };
        #[cfg(not(unix))]
        {
            interrupted().await;
            ServiceEvent::Stop
        }
    }

    /// Carries wishes out, until the server is to stop: at once, or once its last allocation has ended or the time for
    /// that is over. A second word ends it at once.
    async fn until_stop(&mut self, control: &Control, watch: &mut Watch, mut stats: Receiver<Stats>) {
        let mut deadline = None;
        let mut is_draining = false;
        loop {
            if is_draining && control.allocations() == 0 {
                tracing::info!("the last allocation has ended");
                return;
            }
            let wish = tokio::select! {
                wish = self.next() => wish,
                () = watch.changed() => ServiceEvent::Reload,
                () = until(deadline) => return,
                Ok(()) = stats.changed() => continue,
            };
            match wish {
                ServiceEvent::Reload => {
                    notify(&[sd_notify::NotifyState::Reloading]);
                    watch.reload();
                    notify(&[sd_notify::NotifyState::Ready]);
                }
                ServiceEvent::Stop if is_draining || watch.drain().is_zero() => return,
                ServiceEvent::Stop => {
                    deadline = Some(now() + watch.drain());
                    is_draining = true;
                    control.drain();
                    tracing::info!(
                        seconds = watch.drain().as_secs(),
                        "no new allocations; the last ones may end by themselves"
                    );
                }
                ServiceEvent::Drain => {
                    is_draining = true;
                    control.drain();
                    tracing::info!("no new allocations; the server ends with the last one");
                }
            }
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn interrupted() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!(%error, "Ctrl-C is not heard; end the server by other means");
        std::future::pending().await
    }
}

/// Tells systemd, where it asked to be told.
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager was not told");
    }
}

fn log_to(logs: &Logs) -> anyhow::Result<Log> {
    let default = if logs.verbose { "info,hearth_turn=debug" } else { "info" };
    let filter = EnvFilter::try_from_env("HEARTH_LOG").or_else(|_| EnvFilter::try_from_default_env());
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(default));
    let Some(path) = &logs.file else {
        return Ok(logging::start(filter, std::io::stderr(), std::io::stderr().is_terminal()));
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().context("the log file has no name; name a file, not a folder")?;
    let appender = tracing_appender::rolling::Builder::new().filename_prefix(name.to_string_lossy());
    let appender = match logs.is_one {
        true => appender.rotation(tracing_appender::rolling::Rotation::NEVER),
        false => appender.rotation(tracing_appender::rolling::Rotation::DAILY).max_log_files(31),
    };
    let appender =
        appender.build(folder).with_context(|| format!("the log cannot be written to {}", path.display()))?;
    Ok(logging::start(filter, appender, false))
}

/// Raises the limit of open files to what the quota may need, or says that it does not reach.
fn raise_open_files(plan: &Plan) {
    let needed = plan.open_files();
    match rlimit::increase_nofile_limit(needed) {
        Ok(limit) if limit < needed => tracing::warn!(
            limit,
            needed,
            "the limit of open files is below what the quota allows, and later allocations will be refused; raise it \
             (LimitNOFILE= of systemd, `ulimit -n` of a shell), or lower --total-quota"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the limit of open files is not known"),
    }
}

fn write_pid(path: &Path) -> anyhow::Result<()> {
    let number = format!("{}\n", std::process::id());
    std::fs::write(path, number)
        .with_context(|| format!("the process's number cannot be written to {}", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "a deadline of the shell's own")]
fn now() -> Instant {
    Instant::now()
}

/// The time since 1970.
#[expect(clippy::disallowed_methods, reason = "credentials end by the wall clock")]
pub(crate) fn unix_now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
