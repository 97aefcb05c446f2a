//! `cargo xtask bench network`: a call through bad networks, ours beside Chromium's.
//!
//! Two network namespaces with a TUN device each, and hearth-netem between them. In each case our two programs and then
//! two of Chromium have a call through the same link, from the same seed, with the same clip before the camera.
//! Pictures go one way. Nothing leaves the machine.

mod case;
mod clip;
mod place;
mod record;
mod run;
mod summary;

use std::path::Path;

use case::{CASES, Case};
use place::Place;
use run::{Kind, Load, Run, Scene};
use summary::{Summary, TITLES, full_size_after};

use crate::bench::temporary_folder;
use crate::options::asks_help;
use crate::servers::{DEBUG, RELEASE, build};
use crate::steps::{aloud, cargo, printed};
use crate::{Outcome, packages};

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    cases: Vec<&'static str>,
    kinds: Vec<Kind>,
    seed: u64,
    /// Our camera, in place of the clip.
    camera: Option<String>,
    /// Whether each second is shown.
    seconds: bool,
    /// How our programs are built.
    profile: &'static str,
}

/// Runs the command.
pub(super) fn command(arguments: &[String]) -> Outcome<()> {
    if asks_help(arguments) {
        println!("{}", help());
        return Ok(());
    }
    let options = read(arguments)?;
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
    let clip = clip::make(&folder)?;
    let camera = options.camera.clone().unwrap_or_else(|| clip.display().to_string());
    let scene = Scene { place: &place, folder: &folder, camera: &camera, clip: &clip, profile: options.profile };
    measure(&scene, &options)
}

fn help() -> String {
    let cases: Vec<String> = CASES.iter().map(|case| format!("  {:<11} {}", case.name, case.what)).collect();
    format!(
        "Usage: cargo xtask bench network [CASE...] [--seed N] [--only hearth|chromium] [--pattern] [--seconds] [--debug]\n\n\
         A call through an emulated network, ours beside Chromium's. Needs root. Without a CASE, all of them:\n\n{}\n\n\
         --pattern  our camera is the test pattern, which is far easier to encode than the clip\n\
         --seconds  shows each second, too\n\
         --debug    takes our programs as the tests build them: soon there, and no figures to quote",
        cases.join("\n")
    )
}

fn read(arguments: &[String]) -> Outcome<Options> {
    let all = vec![Kind::Hearth, Kind::Chromium];
    let mut options =
        Options { cases: Vec::new(), kinds: all, seed: 1, camera: None, seconds: false, profile: RELEASE };
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--seed" => {
                let seed = words.next().and_then(|seed| seed.parse().ok());
                options.seed = seed.ok_or("--seed takes a number.")?;
            }
            "--only" => {
                options.kinds = match words.next() {
                    Some("hearth") => vec![Kind::Hearth],
                    Some("chromium") => vec![Kind::Chromium],
                    _ => return Err("--only takes hearth or chromium.".to_owned()),
                }
            }
            "--pattern" => options.camera = Some("pattern".to_owned()),
            "--seconds" => options.seconds = true,
            "--debug" => options.profile = DEBUG,
            name => {
                let case = Case::named(name);
                let unknown = || format!("There is no case `{name}`. See `cargo xtask bench network --help`.");
                options.cases.push(case.ok_or_else(unknown)?.name);
            }
        }
    }
    Ok(options)
}

fn measure(scene: &Scene<'_>, options: &Options) -> Outcome<()> {
    let film = film(scene.camera);
    println!("{}, seed {}, {}, our camera: {film}", version(), options.seed, options.profile);
    let mut rows = vec![heading(), vec!["---".to_owned(); heading().len()]];
    let asked = CASES.iter().filter(|case| options.cases.is_empty() || options.cases.contains(&case.name));
    let mut failed = Vec::new();
    for case in asked {
        let mut runs = Vec::new();
        for kind in &options.kinds {
            match scene.run(*kind, case, options.seed) {
                Ok(run) => {
                    let (mean, most) = run.record.late();
                    println!("{} {}: the emulator was {mean:.2} ms late, {most:.1} at most", case.name, kind.name());
                    runs.push((*kind, run));
                }
                // The others are worth measuring all the same.
                Err(sentence) => failed.push(format!("{} {}: {sentence}", case.name, kind.name())),
            }
        }
        for (kind, run) in runs.iter().filter(|_| options.seconds) {
            each_second(case, *kind, run);
        }
        let first = rows.len();
        rows.extend(case.phases.iter().flat_map(|phase| rows_of(case, *phase, &runs)));
        rows.iter().skip(first).for_each(|row| println!("{}", row.join(" | ")));
    }
    println!();
    rows.iter().for_each(|row| println!("| {} |", row.join(" | ")));
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

fn heading() -> Vec<String> {
    let more = ["full size after, s", "key frames", "processors"];
    ["case", "who"].into_iter().chain(TITLES).chain(more).map(str::to_owned).collect()
}

/// A row for each that ran, and one of ratios where two did.
fn rows_of(case: &Case, (from, to): (usize, usize), runs: &[(Kind, Run)]) -> Vec<Vec<String>> {
    let name = format!("{} {from}-{to} s", case.name);
    let of_run = from == 0;
    let mut rows = Vec::new();
    for (kind, run) in runs {
        let mut row = vec![name.clone(), kind.name().to_owned()];
        row.extend(Summary::of(&run.record, from, to).cells());
        // What is of the whole run is told once.
        let full = full_size_after(&run.record, 1280).map_or("never".to_owned(), |after| format!("{after:.1}"));
        let keys = run.record.keys().map_or("?".to_owned(), |keys| format!("{keys:.0}"));
        let Load { sender, receiver, others } = run.load;
        let load = format!("{sender:.2} + {receiver:.2}, others {others:.2}");
        row.extend([full, keys, load].map(|cell| if of_run { cell } else { String::new() }));
        rows.push(row);
    }
    if let [(_, ours), (_, theirs)] = runs {
        rows.push(ratios(&name, &Summary::of(&ours.record, from, to), &Summary::of(&theirs.record, from, to)));
    }
    rows
}

/// Ours to theirs.
fn ratios(name: &str, ours: &Summary, theirs: &Summary) -> Vec<String> {
    let ratio = |of: fn(&Summary) -> f64| {
        let ratio = of(ours) / of(theirs);
        // To nothing, there is none.
        if ratio.is_finite() { format!("{ratio:.2}") } else { "-".to_owned() }
    };
    let mut row = vec![name.to_owned(), "ratio".to_owned(), ratio(|summary| summary.kbps), String::new()];
    row.push(format!("{} / {}", ratio(|summary| summary.median), ratio(|summary| summary.p95)));
    row.push(ratio(|summary| summary.rate));
    row.push(ratio(|summary| f64::from(summary.size.0) * f64::from(summary.size.1)));
    row.push(ratio(|summary| summary.frozen));
    row.push(format!("{} / {}", ratio(|summary| summary.queue_median), ratio(|summary| summary.queue_p95)));
    row.resize(heading().len(), String::new());
    row
}

fn each_second(case: &Case, kind: Kind, run: &Run) {
    println!("{} {}: second | {} | cross kbps", case.name, kind.name(), TITLES.join(" | "));
    for second in 0..case.seconds() {
        let summary = Summary::of(&run.record, second, second + 1);
        println!("{second} | {} | {:.0}", summary.cells().join(" | "), summary.cross);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_asked_for_is_read_or_refused() {
        let options = read(&words("clean loss10 --seed 7 --only chromium --pattern --seconds --debug")).unwrap();
        assert_eq!((options.cases, options.kinds, options.seed), (vec!["clean", "loss10"], vec![Kind::Chromium], 7));
        assert_eq!((options.camera.as_deref(), options.seconds, options.profile), (Some("pattern"), true, DEBUG));
        let usual = read(&[]).unwrap();
        assert_eq!((usual.kinds, usual.profile), (vec![Kind::Hearth, Kind::Chromium], RELEASE));
        for line in ["dirty", "--seed", "--seed x", "--only firefox", "--fast"] {
            assert!(read(&words(line)).is_err(), "{line}");
        }
        assert!(CASES.iter().all(|case| help().contains(case.name)));
    }

    #[test]
    fn each_phase_has_a_row_for_both_and_one_of_ratios() {
        let case = Case::named("variable").unwrap();
        let run = |share: f64| {
            let record = record::tests::record(100, share, (0..3000).map(|n| f64::from(n) / 30.0));
            Run { record, load: Load { sender: 0.5, receiver: 0.25, others: 0.125 } }
        };
        let runs = [(Kind::Hearth, run(0.5)), (Kind::Chromium, run(0.25))];
        let rows = rows_of(case, (0, 40), &runs);
        assert!(rows.iter().all(|row| row.len() == heading().len()));
        assert_eq!(rows[0][..4], ["variable 0-40 s", "Hearth", "500", "0.50"]);
        assert_eq!(rows[0].last().map(String::as_str), Some("0.50 + 0.25, others 0.12"));
        assert_eq!(rows[2][..3], ["variable 0-40 s", "ratio", "2.00"]);
        assert_eq!(rows[2][7], "-", "nothing froze");
        assert_eq!(rows_of(case, (40, 60), &runs)[0].last().map(String::as_str), Some(""));
        assert_eq!(rows_of(case, (0, 40), &runs[..1]).len(), 1);
    }
}
