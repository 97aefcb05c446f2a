//! What is left of a crash: a report in a file, which the next start tells of.
//!
//! A report holds the place and the words of the panic, the thread, the version and the way there; nothing that was said
//! or typed, and it is sent nowhere.

use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};

use crate::engine::clock;

/// The beginning of a report's name until somebody has looked at it.
const NEW: &str = "crash-";
/// Longest report, bytes: a recursion that ran away has a long way behind it.
const MAX: usize = 64 * 1024;

/// From now on every panic of any thread leaves a report in `folder`, beside what it prints.
pub fn write_reports(folder: PathBuf) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!(%panic, "crashed");
        let path = folder.join(format!("{NEW}{}.txt", clock::unix_s()));
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
    told.into_iter().next_back()
}

fn tell(report: &Path) -> Option<PathBuf> {
    let name = report.file_name()?.to_str()?;
    let told = report.with_file_name(format!("told-{name}"));
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
    }
}
