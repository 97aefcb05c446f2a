//! `cargo xtask bench join`: how soon somebody who joins sees somebody.

use std::path::Path;

use crate::Outcome;
use crate::bench::{field, least, median, most, shown, temporary_folder};
use crate::children::{Children, Event};
use crate::servers::{self, DEBUG, build, program};
use crate::steps::aloud;

/// Runs of which the median is taken.
const RUNS: usize = 10;
/// The field in which a headless client says how long its first picture took, seconds.
const FIRST_FRAME: &str = "timeToFirstFrame";

/// Runs it.
pub(super) fn run() -> Outcome<()> {
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

fn measure(children: &mut Children, folder: &Path) -> Outcome<Vec<f64>> {
    let rooms = servers::start(children, folder, DEBUG)?;
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
        if let Some(seconds) = field(&line, FIRST_FRAME) {
            return Ok(seconds * 1000.0);
        }
    }
    Err("A guest saw no picture within 10 s. `cargo xtask test` tells more.".to_owned())
}
