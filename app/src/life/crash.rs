//! What is left of a crash: a report in a file, which the next start tells of.
//!
//! A report holds the place and the words of the panic, the thread, the version and the way there; nothing that was
//! said or typed, and it is sent nowhere. At most [`KEPT`] are kept. What a library panics about where we expect and
//! catch it is no crash: it is logged.

use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use hearth_media::panics;

use crate::engine::clock;

/// The beginning of a report's name until somebody has looked at it.
const NEW: &str = "crash-";
/// And once somebody has.
const TOLD: &str = "told-";
/// How many reports are kept, the newest.
const KEPT: usize = 10;
/// Longest report, bytes: a recursion that ran away has a long way behind it.
const MAX: usize = 64 * 1024;

/// From now on every panic of any thread leaves a report in `folder`, beside what it prints.
pub fn write_reports(folder: PathBuf) {
    let before = std::panic::take_hook();
    let count = AtomicU32::new(0);
    std::panic::set_hook(Box::new(move |panic| {
        if panics::is_expected() {
            return tracing::warn!(%panic, "caught");
        }
        tracing::error!(%panic, "crashed");
        let number = count.fetch_add(1, Ordering::Relaxed);
        if number as usize >= KEPT {
            return before(panic); // the first ones say more than those that follow from them
        }
        let path = folder.join(format!("{NEW}{}-{number}.txt", clock::unix_s()));
        let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, report(panic)));
        if let Err(error) = written {
            tracing::error!(%error, "no report");
        }
        before(panic);
    }));
}

fn report(panic: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let mut text = format!("Hearth {} on {}\n", env!("CARGO_PKG_VERSION"), std::env::consts::OS);
    let thread = thread.name().unwrap_or("?");
    text.push_str(&format!("thread {thread}: {panic}\n\n{}", Backtrace::force_capture()));
    let end = text.floor_char_boundary(MAX);
    text.truncate(end);
    text
}

/// The newest report that nobody was told of yet. It counts as told from now on; the file stays under another name.
pub fn look_for_report(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let is_new = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(|n| n.starts_with(NEW));
    let mut reports: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_new).collect();
    reports.sort();
    let told: Vec<PathBuf> = reports.iter().filter_map(|report| tell(report)).collect();
    forget_old(folder);
    told.into_iter().next_back()
}

/// Removes the oldest of those that were told of.
fn forget_old(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let is_told = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(|n| n.starts_with(TOLD));
    let mut told: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_told).collect();
    told.sort();
    for old in told.iter().rev().skip(KEPT) {
        if let Err(error) = std::fs::remove_file(old) {
            tracing::debug!(%error, "an old report stays");
        }
    }
}

fn tell(report: &Path) -> Option<PathBuf> {
    let name = report.file_name()?.to_str()?;
    let told = report.with_file_name(format!("{TOLD}{name}"));
    std::fs::rename(report, &told).ok()?;
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_told_of_once_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look_for_report(folder.path()), None);
        for name in ["crash-100.txt", "crash-200.txt", "other.txt"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let told = look_for_report(folder.path()).unwrap();
        assert_eq!(told, folder.path().join("told-crash-200.txt"));
        assert!(told.exists());
        assert_eq!(look_for_report(folder.path()), None);
        assert_eq!(look_for_report(&folder.path().join("nowhere")), None);
        for n in 300..330 {
            std::fs::write(folder.path().join(format!("crash-{n}.txt")), "x").unwrap();
        }
        assert!(look_for_report(folder.path()).unwrap().ends_with("told-crash-329.txt"));
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, KEPT + 1, "and the file that is none of ours");
    }
}
