//! `cargo xtask bench media`: how old a picture is when it is seen, ours beside Chromium's.
//!
//! One program sends, another receives, both on this machine, over loopback. The two kinds take turns (A B, B A, ...),
//! so that what else the machine does meets both alike. Each run counts from its first picture on.

use std::path::Path;
use std::time::Instant;

use crate::bench::chromium;
use crate::bench::processor::{SECOND, ticks_of_tree};
use crate::bench::{Figures, field, median, temporary_folder};
use crate::children::{Children, Event};
use crate::servers::{self, RELEASE, program};
use crate::steps::{aloud, cargo, now};
use crate::{Outcome, packages};

/// Pairs of runs.
const ROUNDS: usize = 3;
/// How often a receiver speaks before a run is over: once a second.
const WORDS: usize = 20;
/// How often it may speak before it has seen a picture.
const PATIENCE: usize = 30;
/// Half of the pictures should be younger, milliseconds.
const GOAL: f64 = 17.0;
/// So many times the goal, and something is broken.
const BROKEN: f64 = 10.0;

const WHERE: &str = "\
Read where a decoded picture is handed on to be drawn: ours to the window's painter (there is no window here), Chromium's
to its compositor (presentationTime of requestVideoFrameCallback). Neither drawing nor the screen's own period is in it.
Chromium's page is told later. Both work without a graphics card.";

/// One run.
#[derive(Clone, Debug)]
struct Run {
    figures: Figures,
    /// Pictures a second.
    rate: f64,
    /// Processors that the sender and the receiver kept busy.
    load: (f64, f64),
}

/// Runs it.
pub(super) fn run() -> Outcome<()> {
    packages::ensure(packages::TEST)?;
    let programs = ["--package", "hearth", "--package", "hearth-signal", "--package", "hearth-turn", "--bins"];
    aloud(cargo(&["build", "--release"]).args(programs))?;
    let folder = temporary_folder()?;
    let measured = measure(&folder);
    std::fs::remove_dir_all(&folder)
        .map_err(|error| format!("{} cannot be removed ({error}). Remove it by hand.", folder.display()))?;
    let pairs = measured?;
    println!("{WHERE}");
    let ratios = |of: fn(&Run) -> f64| {
        let mut ratios: Vec<f64> = pairs.iter().map(|(ours, theirs)| of(ours) / of(theirs)).collect();
        let shown = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(" ");
        ratios.sort_by(f64::total_cmp);
        format!("{:.2} (of {shown})", median(&ratios))
    };
    println!("ours to Chromium's, median of the rounds: age {}", ratios(|run| run.figures.median));
    println!("  p95 {}", ratios(|run| run.figures.p95));
    println!("  processor time {}", ratios(|run| run.load.0 + run.load.1));
    let mut medians: Vec<f64> = pairs.iter().map(|(ours, _)| ours.figures.median).collect();
    medians.sort_by(f64::total_cmp);
    let ours = median(&medians);
    println!("our median is {ours:.1} ms, the goal {GOAL:.0}");
    if ours <= BROKEN * GOAL {
        return Ok(());
    }
    Err(format!(
        "Pictures are {ours:.0} ms old, more than {BROKEN:.0} times the goal. See what else this machine does."
    ))
}

fn measure(folder: &Path) -> Outcome<Vec<(Run, Run)>> {
    println!("from camera to screen at 1280x720, 30 a second, over loopback; {ROUNDS} rounds of {WORDS} s each");
    let mut pairs = Vec::new();
    for round in 0..ROUNDS {
        let folder = folder.join(round.to_string());
        let (ours, theirs);
        if round % 2 == 0 {
            ours = told("Hearth", hearth(&folder.join("hearth"))?);
            theirs = told("Chromium", chromium(&folder)?);
        } else {
            theirs = told("Chromium", chromium(&folder)?);
            ours = told("Hearth", hearth(&folder.join("hearth"))?);
        }
        pairs.push((ours, theirs));
    }
    Ok(pairs)
}

fn told(name: &str, run: Run) -> Run {
    let Run { figures, rate, load } = &run;
    println!(
        "{name:>8}: median {:5.1} ms, p95 {:5.1}; {rate:.1} pictures a second{}, {} unreadable; \
         processors: {:.2} sending, {:.2} receiving",
        figures.median, figures.p95, figures.more, figures.unreadable, load.0, load.1
    );
    run
}

/// Ours: a client that sends, a client that receives, and both servers.
fn hearth(folder: &Path) -> Outcome<Run> {
    const SENDER: &str = "the sending client";
    const RECEIVER: &str = "the receiving client";
    let client = program("hearth", RELEASE)?;
    let mut servers = Children::new();
    let rooms = servers::start(&mut servers, folder, RELEASE)?;
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut sending = words("--headless create --loopback --camera pattern --size 1280x720 --fps 30");
    sending.push(rooms.url);
    sending.extend(rooms.spki.into_iter().flat_map(|spki| ["--spki".to_owned(), spki]));
    let mut sender = Children::new();
    sender.start(SENDER, &client, &sending)?;
    let link = sender.wait_for(SENDER, "link ")?;
    let mut receiver = Children::new();
    let receiving = words("--headless join --loopback --source-id 2 --stats json");
    receiver.start_with(RECEIVER, &client, &receiving, &[("HEARTH_LINK", &link)])?;
    let ended = || "A client has ended. `cargo xtask test` tells more.".to_owned();
    let ids = sender.id(SENDER).zip(receiver.id(RECEIVER)).ok_or_else(ended)?;
    let next = || match receiver.next() {
        Some(Event::Line(_, line)) => Ok(figures(&line)),
        Some(Event::Ended(_)) | None => Err(ended()),
    };
    follow(ids, next)
}

fn chromium(folder: &Path) -> Outcome<Run> {
    let call = chromium::Call::start(folder)?;
    let ids = call.ids().ok_or("Chromium has ended. Does it start by itself?")?;
    follow(ids, || call.next().map(Some))
}

/// One run, from the first picture on.
fn follow(ids: (u32, u32), mut next: impl FnMut() -> Outcome<Option<Figures>>) -> Outcome<Run> {
    let mut first = None;
    for _ in 0..PATIENCE {
        first = next()?.filter(|figures| figures.pictures > 0.0);
        if first.is_some() {
            break;
        }
    }
    let first = first.ok_or("No picture came. `cargo xtask test` tells more.")?;
    let (begun, before) = (now(), load(ids)?);
    let mut last = first.clone();
    for _ in 0..WORDS {
        last = next()?.unwrap_or(last);
    }
    let after = load(ids)?;
    let seconds = passed(begun);
    let busy = |before: u64, after: u64| after.saturating_sub(before) as f64 / SECOND / seconds;
    let rate = (last.pictures - first.pictures) / seconds;
    Ok(Run { figures: last, rate, load: (busy(before.0, after.0), busy(before.1, after.1)) })
}

fn passed(since: Instant) -> f64 {
    now().saturating_duration_since(since).as_secs_f64()
}

fn load(ids: (u32, u32)) -> Outcome<(u64, u64)> {
    Ok((ticks_of_tree(ids.0)?, ticks_of_tree(ids.1)?))
}

/// What a client says of the stamps on the only track that it gets.
fn figures(line: &str) -> Option<Figures> {
    let (_, stamps) = line.split_once("\"stamps\":{")?;
    Some(Figures {
        pictures: field(stamps, "pictures")?,
        median: field(stamps, "latencyMedianMs")?,
        p95: field(stamps, "latencyP95Ms")?,
        unreadable: field(stamps, "unreadable")?,
        more: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_of_stamps_is_read() {
        let line = r#"{"peers":[{"stats":[{"type":"inbound-rtp","stamps":{"foreign":0,"latencyMedianMs":6.25,"latencyP95Ms":9.0,
            "pictures":30,"unreadable":1,"window":{"pictures":2}}}]}]}"#;
        let read = figures(line).unwrap();
        assert_eq!((read.pictures, read.median, read.p95, read.unreadable), (30.0, 6.25, 9.0, 1.0));
        assert!(figures(r#"{"stamps":null}"#).is_none());
    }
}
