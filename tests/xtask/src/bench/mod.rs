//! `cargo xtask bench`: figures that a person compares with those of another day, on a quiet machine.
//!
//! Measured by the programs themselves where they can; here they are started, ended and asked. CI runs none of it.

mod chromium;
mod join;
mod media;
mod network;
mod office;
mod processor;
mod signal;
mod turn;
mod window;

use std::path::{Path, PathBuf};

use office::Office;

use crate::options::asks_help;
use crate::{Outcome, state};

const HELP: &str = "\
Usage: cargo xtask bench join|media|network|signal|turn|start|idle

  join    The time from joining a room to the first picture of somebody in it, ten times on loopback, with both servers
          and both clients on this machine. The goal is a median of 250 ms.
  media   The time from camera to screen at 1280x720 and 30 pictures a second, and the processor time it takes: two
          clients on loopback, and two of Chromium beside them, in turns. The goal is a median of 17 ms; ten times that
          is a failure.
  network A call through emulated networks (rates that change, loss, traffic of others, an address that is lost), and
          one of Chromium through the same, in turns; or two calls at once. Needs root. `cargo xtask bench network --list`
          names them, and the goals of some.
  signal  What a crowd costs hearth-signal, without TLS and with it: 1000 people who come into rooms of 10 at 200 a second,
          words of 1 kB relayed, and 10,000 people who do nothing. The goals without TLS are a p99 of 10 ms, 60,000 words a
          processor second, and 16 kB each.
  turn    hearth-turn beside coturn, in turns, under the load generator that HEARTH_TURNLOAD names: processor time for each
          relayed datagram, for each allocation, and memory. The goals are ratios to coturn 4.6.1: 0.50 for a saturated
          echo, 0.70 for video, 0.90 for audio, 0.35 from relay to relay, 0.20 for an allocation.
  start   The time from starting the client to its first frame on the screen, ten times, on a screen of its own (Xvfb).
          The goal is 400 ms at most.
  idle    Processor time that the window takes in ten seconds in which nobody touches it. The goal is none.";

/// What a receiver has seen so far.
#[derive(Clone, Debug)]
struct Figures {
    /// Pictures whose stamp was read.
    pictures: f64,
    /// Half of them were younger, milliseconds.
    median: f64,
    /// 95 of 100 were younger, milliseconds.
    p95: f64,
    /// Pictures whose stamp could not be read.
    unreadable: f64,
    /// What else the receiver says, for a person.
    more: String,
}

/// Runs the command.
pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    if let Some(("network", rest)) = arguments.split_first().map(|(word, rest)| (word.as_str(), rest)) {
        return network::command(rest);
    }
    if asks_help(arguments) || arguments.is_empty() {
        println!("{HELP}");
        return Ok(());
    }
    match arguments {
        [word] if word == "join" => join::run(),
        [word] if word == "media" => media::run(),
        // By the benchmark of networks, in one.
        [word, folder] if word == "office" => Office::open(chromium::PAGE, Path::new(folder))?.print_all(),
        [word] if word == "signal" => signal::run(),
        [word] if word == "turn" => turn::run(),
        [word] if word == "start" => window::start(),
        [word] if word == "idle" => window::idle(),
        words => Err(format!("There is no benchmark `{}`. See `cargo xtask bench --help`.", words.join(" "))),
    }
}

/// A folder for one run, readable by nobody else.
fn temporary_folder() -> Outcome<PathBuf> {
    let folder = std::env::temp_dir().join(format!("hearth-bench-{}", std::process::id()));
    state::private_folder(&folder)?;
    Ok(folder)
}

fn shown(times: &[f64]) -> String {
    times.iter().map(|ms| format!("{ms:.0}")).collect::<Vec<_>>().join(" ")
}

/// The number behind the first `"name":` in a line of a client's statistics, once there is one.
fn field(line: &str, name: &str) -> Option<f64> {
    let (_, rest) = line.split_once(&format!("\"{name}\":"))?;
    rest.split([',', '}', ']']).next()?.trim().parse().ok()
}

/// The middle of sorted times, or the mean of the two in the middle.
fn median(sorted: &[f64]) -> f64 {
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { at(half) } else { f64::midpoint(at(half.wrapping_sub(1)), at(half)) }
}

fn least(sorted: &[f64]) -> f64 {
    sorted.first().copied().unwrap_or(f64::NAN)
}

fn most(sorted: &[f64]) -> f64 {
    sorted.last().copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_once_it_is_there() {
        assert_eq!(field(r#"{"phase":"in_room","timeToFirstFrame":0.2315,"x":1}"#, "timeToFirstFrame"), Some(0.2315));
        assert_eq!(field(r#"{"timeToFirstFrame":9}"#, "timeToFirstFrame"), Some(9.0));
        assert_eq!(field(r#"{"timeToFirstFrame":null}"#, "timeToFirstFrame"), None);
        assert_eq!(field("{}", "timeToFirstFrame"), None);
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[1.0, 2.0, 9.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), 3.0);
        assert!(median(&[]).is_nan());
    }
}
