//! `cargo xtask bench`: figures that a person compares with those of another day, on a quiet machine.
//!
//! Measured by the clients themselves; here they are only started, ended and asked. CI runs none of it.

use std::path::PathBuf;

use crate::Outcome;
use crate::children::{Children, Event};
use crate::options::asks_help;
use crate::servers::{DEBUG, Servers, build, program};
use crate::state;
use crate::steps::aloud;

const HELP: &str = "\
Usage: cargo xtask bench join

  join    The time from joining a room to the first picture of somebody in it, ten times on loopback, with both servers
          and both clients on this machine. The goal is a median of 250 ms.";

/// Runs of which the median is taken.
const RUNS: usize = 10;
/// Ports that no other Hearth on this machine is likely to have.
const PORT: u16 = 18_443;
const TURN_PORT: u16 = 13_478;
/// The field in which a headless client says how long its first picture took, milliseconds.
const FIRST_FRAME: &str = "\"first_frame_ms\":";

/// Runs the command.
pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    if asks_help(arguments) || arguments.is_empty() {
        println!("{HELP}");
        return Ok(());
    }
    match arguments {
        [word] if word == "join" => join(),
        words => Err(format!("There is no benchmark `{}`. See `cargo xtask bench --help`.", words.join(" "))),
    }
}

fn join() -> Outcome<()> {
    aloud(&mut build())?;
    let folder = temporary_folder()?;
    let mut children = Children::new();
    let measured = measure(&mut children, &folder);
    children.end_all();
    std::fs::remove_dir_all(&folder)
        .map_err(|error| format!("{} cannot be removed ({error}). Remove it by hand.", folder.display()))?;
    let mut times = measured?;
    println!("join to first picture, ms, {RUNS} runs on loopback: {}", shown(&times));
    times.sort_by(f64::total_cmp);
    println!("median {:.0}, least {:.0}, most {:.0}", median(&times), least(&times), most(&times));
    Ok(())
}

fn measure(children: &mut Children, folder: &std::path::Path) -> Outcome<Vec<f64>> {
    let servers = Servers { port: PORT, turn: TURN_PORT };
    let rooms = servers.start(children, folder)?;
    let mut host = vec!["--headless".to_owned(), "create".to_owned(), rooms.url];
    host.extend(rooms.spki.into_iter().flat_map(|spki| ["--spki".to_owned(), spki]));
    host.extend(["--loopback", "--camera", "pattern", "--microphone", "chirp"].map(str::to_owned));
    children.start("host", &program("hearth", DEBUG)?, &host)?;
    let link = children.wait_for("host", "link ")?;
    (0..RUNS).map(|_| one_join(&link)).collect()
}

/// One client that joins, sees its first picture, and leaves.
fn one_join(link: &str) -> Outcome<f64> {
    let arguments = ["--headless", "join", "--loopback", "--source-id", "2", "--stats", "json", "--leave-after", "10"];
    let mut guest = Children::new();
    guest.start_with("guest", &program("hearth", DEBUG)?, &arguments.map(str::to_owned), &[("HEARTH_LINK", link)])?;
    while let Some(Event::Line(_, line)) = guest.next() {
        if let Some(ms) = first_frame(&line) {
            return Ok(ms);
        }
    }
    Err("A guest saw no picture within 10 s. `cargo xtask test` tells more.".to_owned())
}

/// The figure in a line of a client's statistics, once it has one.
fn first_frame(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once(FIRST_FRAME)?;
    rest.split([',', '}']).next()?.trim().parse().ok()
}

fn temporary_folder() -> Outcome<PathBuf> {
    let folder = std::env::temp_dir().join(format!("hearth-bench-{}", std::process::id()));
    state::private_folder(&folder)?;
    Ok(folder)
}

fn shown(times: &[f64]) -> String {
    times.iter().map(|ms| format!("{ms:.0}")).collect::<Vec<_>>().join(" ")
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
    fn the_first_pictures_time_is_found_once_it_is_there() {
        assert_eq!(first_frame(r#"{"phase":"in_room","first_frame_ms":231.5,"x":1}"#), Some(231.5));
        assert_eq!(first_frame(r#"{"first_frame_ms":9}"#), Some(9.0));
        assert_eq!(first_frame(r#"{"first_frame_ms":null}"#), None);
        assert_eq!(first_frame("{}"), None);
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[1.0, 2.0, 9.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), 3.0);
        assert!(median(&[]).is_nan());
    }
}
