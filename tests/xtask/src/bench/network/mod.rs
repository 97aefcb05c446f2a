//! `cargo xtask bench network`: a call through bad networks, ours beside Chromium's.
//!
//! Two network namespaces with a TUN device each, and hearth-netem between them. In each case our two programs and then
//! two of Chromium have a call through the same link, from the same seed, with the same clip before the camera; or two
//! calls share the link, each between namespaces of its own. Pictures go one way. Nothing leaves the machine.

mod case;
mod change;
mod clip;
mod options;
mod place;
mod quality;
mod record;
mod run;
mod sound;
mod stored;
mod summary;
mod table;

use std::path::Path;

use case::{CASES, Case, Kind};
use options::Options;
use place::Place;
use run::{Run, Scene};
use sound::Speech;
use summary::{Summary, TITLES, cells};
use table::{gather, heading, rows_of};

use crate::bench::temporary_folder;
use crate::options::asks_help;
use crate::servers::{DEBUG, build};
use crate::steps::{aloud, cargo, printed};
use crate::{Outcome, packages};

/// Runs the command.
pub(super) fn command(arguments: &[String]) -> Outcome<()> {
    if asks_help(arguments) {
        println!("{}", options::help());
        return Ok(());
    }
    if arguments == ["--list"] {
        println!("{}", options::list());
        return Ok(());
    }
    let options = options::read(arguments)?;
    packages::ensure(packages::TEST)?;
    let programs = ["--package", "hearth", "--package", "hearth-signal", "--package", "hearth-netem", "--bins"];
    aloud(&mut match options.profile {
        DEBUG => build(),
        _ => {
            let mut release = cargo(&["build", "--release"]);
            release.args(programs);
            release
        }
    })?;
    let folder = temporary_folder()?;
    let place = Place::make(&folder)?;
    let film = clip::make(&folder)?;
    let camera = options.camera.clone().unwrap_or_else(|| film.clip.display().to_string());
    let speech = options.quality.then(|| Speech::make(&folder, &film.ffmpeg)).transpose()?;
    let speech = speech.as_ref();
    let (place, folder, camera, film) = (&place, folder.as_path(), camera.as_str(), &film);
    let scene = Scene { place, folder, camera, film, speech, profile: options.profile };
    measure(&scene, &options)
}

fn measure(scene: &Scene<'_>, options: &Options) -> Outcome<()> {
    let film = film(scene.camera);
    println!("{}, seed {}, {}, our camera: {film}", version(), options.seed, options.profile);
    let mut rows = vec![heading(), vec!["---".to_owned(); heading().len()]];
    let asked = CASES.iter().filter(|case| options.cases.is_empty() || options.cases.contains(&case.name));
    let mut failed = Vec::new();
    for case in asked {
        let mut runs = Vec::new();
        for (round, kinds) in case.runs(&options.kinds, options.once).into_iter().enumerate() {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
            let who = format!("{} {}", case.name, names.join(" + "));
            match scene.run(&kinds, case, options.seed, &format!("{}-{round}", case.name)) {
                Ok(calls) => {
                    let (mean, most) = calls.first().map(|call| call.record.late()).unwrap_or_default();
                    println!("{who}: the emulator was {mean:.2} ms late, {most:.1} at most");
                    let shown = kinds.iter().zip(&calls).filter(|_| options.seconds);
                    shown.for_each(|(kind, run)| each_second(case, *kind, run));
                    runs.push((kinds, calls));
                }
                // The others are worth measuring all the same.
                Err(sentence) => failed.push(format!("{who}: {sentence}")),
            }
        }
        let first = rows.len();
        let calls = gather(case, runs);
        rows.extend(case.phases.iter().flat_map(|phase| rows_of(case, *phase, &calls)));
        rows.iter().skip(first).for_each(|row| println!("{}", row.join(" | ")));
    }
    println!();
    rows.iter().for_each(|row| println!("| {} |", row.join(" | ")));
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

fn each_second(case: &Case, kind: Kind, run: &Run) {
    println!("{} {}: second | {} | cross kbps", case.name, kind.name(), TITLES.join(" | "));
    for second in 0..case.seconds() {
        let summary = Summary::of(&run.record, second, second + 1);
        let cross = summary.cross;
        println!("{second} | {} | {cross:.0}", cells(&[summary]).join(" | "));
    }
}

fn film(camera: &str) -> String {
    Path::new(camera).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The commit, and when.
fn version() -> String {
    let word = |program: &str, arguments: &[&str]| {
        printed(std::process::Command::new(program).args(arguments))
            .map_or_else(|_| "?".to_owned(), |text| text.trim().to_owned())
    };
    format!("{}, {}", word("git", &["describe", "--always", "--dirty"]), word("date", &["+%Y-%m-%d"]))
}
