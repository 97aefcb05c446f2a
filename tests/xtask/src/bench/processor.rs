//! Processor time, as Linux counts it: in ticks of 10 ms.

use std::collections::HashSet;

use crate::Outcome;

/// Ticks of a second.
pub(super) const SECOND: f64 = 100.0;

/// Processor time that a process has taken so far.
pub(super) fn ticks(id: u32) -> Outcome<u64> {
    stat(id).map(|stat| stat.ticks).ok_or_else(|| format!("/proc/{id}/stat is not understood. This needs Linux."))
}

/// The same of a process and all that it has started, directly or not, and that still run.
pub(super) fn ticks_of_tree(root: u32) -> Outcome<u64> {
    let own = ticks(root)?;
    let running = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = running.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut rest: Vec<(u32, Stat)> = ids.filter_map(|id| Some((id, stat(id)?))).collect();
    let (mut family, mut sum) = (HashSet::from([root]), own);
    loop {
        let (children, others): (Vec<_>, _) = rest.into_iter().partition(|(_, stat)| family.contains(&stat.parent));
        if children.is_empty() {
            return Ok(sum);
        }
        for (id, stat) in children {
            if family.insert(id) {
                sum += stat.ticks;
            }
        }
        rest = others;
    }
}

/// The same of everything on this machine.
pub(super) fn ticks_of_all() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    all_busy(&text).ok_or_else(|| "/proc/stat is not understood. This needs Linux.".to_owned())
}

/// From proc(5): user, nice, system, idle, iowait, irq, softirq, steal.
fn all_busy(text: &str) -> Option<u64> {
    let numbers = text.lines().next()?.strip_prefix("cpu ")?;
    let numbers: Vec<u64> = numbers.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let [user, nice, system, _, _, irq, softirq, steal, ..] = numbers[..] else { return None };
    Some(user + nice + system + irq + softirq + steal)
}

struct Stat {
    parent: u32,
    ticks: u64,
}

/// From proc(5): the parent is field 4, utime 14, stime 15.
fn stat(id: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // After the name, which may hold anything.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    let mut times = fields.skip(9).map(str::parse::<u64>);
    Some(Stat { parent, ticks: times.next()?.ok()? + times.next()?.ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ticks_of_this_process_are_read() {
        assert!(ticks(std::process::id()).is_ok());
        assert!(ticks(u32::MAX).is_err());
    }

    #[test]
    fn all_that_is_busy_is_added_up() {
        assert_eq!(all_busy("cpu  1 2 3 400 500 6 7 8 0 0\ncpu0 9 9 9 9 9"), Some(27));
        assert_eq!(all_busy("cpu0 1 2 3"), None);
        assert!(ticks_of_all().unwrap() >= ticks(std::process::id()).unwrap());
    }

    #[test]
    fn a_tree_has_taken_at_least_what_its_root_has() {
        let parent = stat(std::process::id()).unwrap().parent;
        let own = ticks(std::process::id()).unwrap();
        assert!(ticks_of_tree(parent).unwrap() >= own);
    }
}
