//! What the system says of the server's process (proc(5)).

use std::time::Duration;

use anyhow::{Context as _, Result};

/// Ticks of a second, as Linux counts processor time for anyone who asks.
const TICKS: u64 = 100;

/// A process of this machine.
#[derive(Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// Memory that it has in use, bytes.
    pub(crate) fn memory(self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024)
    }

    /// Processor time that it has taken so far.
    pub(crate) fn processor_time(self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        // After the name, which may hold anything: utime is field 14, stime 15.
        let (_, fields) = stat.rsplit_once(')').context("stat")?;
        let ticks: Vec<u64> = fields.split_whitespace().skip(12).take(2).map(str::parse).collect::<Result<_, _>>()?;
        Ok(Duration::from_millis(ticks.iter().sum::<u64>() * 1000 / TICKS))
    }
}
