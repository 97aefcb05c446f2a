//! `cargo xtask bench start|idle`: how soon the window is there, and what it costs at rest.
//!
//! On a screen of its own without a graphics card (Xvfb), by the release build, because that is what a person starts.

use std::path::Path;
use std::time::Duration;

use crate::bench::processor::ticks;
use crate::bench::{least, median, most, shown, temporary_folder};
use crate::children::{Children, Event};
use crate::servers::{RELEASE, program};
use crate::steps::{aloud, cargo, now};
use crate::{Outcome, packages};

/// Runs of which the median is taken.
const RUNS: usize = 10;
const CLIENT: &str = "hearth";
const SCREEN: &str = "Xvfb";
/// The field in which the client says how long its first frame took by its own clock, seconds.
const FIRST_FRAME: &str = "\"timeToWindow\":";
/// Fonts, icons and the network are looked at first.
const SETTLING: Duration = Duration::from_secs(5);
const RESTING: Duration = Duration::from_secs(10);

/// How soon the window is there.
pub(super) fn start() -> Outcome<()> {
    on_a_screen(|display, folder| {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let begun = now();
            let mut client = open(display, folder)?;
            times.push(now().saturating_duration_since(begun).as_secs_f64() * 1000.0);
            client.end_all();
        }
        println!("from the start of the program to its first frame, ms, {RUNS} runs: {}", shown(&times));
        times.sort_by(f64::total_cmp);
        println!("median {:.0}, least {:.0}, most {:.0}", median(&times), least(&times), most(&times));
        Ok(())
    })
}

/// What the window costs at rest.
pub(super) fn idle() -> Outcome<()> {
    on_a_screen(|display, folder| {
        let mut client = open(display, folder)?;
        let id = client.id(CLIENT).ok_or("The client has ended.")?;
        pass(SETTLING);
        let before = ticks(id)?;
        pass(RESTING);
        let ticks = ticks(id)? - before;
        client.end_all();
        println!("processor time at rest: {ticks} ticks of 10 ms in {} s", RESTING.as_secs());
        Ok(())
    })
}

fn on_a_screen(measure: impl FnOnce(&str, &Path) -> Outcome<()>) -> Outcome<()> {
    packages::ensure(packages::TEST)?;
    aloud(&mut cargo(&["build", "--release", "--package", "hearth", "--bin", "hearth"]))?;
    let folder = temporary_folder()?;
    let mut screen = Children::new();
    screen.start(
        SCREEN,
        SCREEN,
        &["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"].map(str::to_owned),
    )?;
    let display = format!(":{}", screen.wait_for(SCREEN, "")?.trim());
    let measured = measure(&display, &folder);
    screen.end_all();
    std::fs::remove_dir_all(&folder)
        .map_err(|error| format!("{} cannot be removed ({error}). Remove it by hand.", folder.display()))?;
    measured
}

/// The client, once its first frame is on the screen.
fn open(display: &str, folder: &Path) -> Outcome<Children> {
    let folder = folder.display().to_string();
    let environment = [
        ("DISPLAY", display),
        ("HOME", &folder),
        ("XDG_CONFIG_HOME", &folder),
        ("XDG_STATE_HOME", &folder),
        ("WAYLAND_DISPLAY", ""),
        ("LIBGL_ALWAYS_SOFTWARE", "1"),
    ];
    let mut client = Children::new();
    client.start_with(CLIENT, &program(CLIENT, RELEASE)?, &["--stats", "json"].map(str::to_owned), &environment)?;
    while let Some(Event::Line(_, line)) = client.next() {
        if line.contains(FIRST_FRAME) {
            return Ok(client);
        }
    }
    Err("The window did not come. Its log is in the state folder; `cargo xtask run` tells more.".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark of rest has nothing to wait for but the time")]
fn pass(time: Duration) {
    std::thread::sleep(time);
}
