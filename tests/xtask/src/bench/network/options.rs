//! What is asked for on the command line.

use super::case::{CASES, Case, Kind};
use crate::Outcome;
use crate::servers::{DEBUG, RELEASE};

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) cases: Vec<&'static str>,
    pub(super) kinds: Vec<Kind>,
    pub(super) seed: u64,
    /// Our camera, in place of the clip.
    pub(super) camera: Option<String>,
    /// Whether each case runs once, and not forth and back.
    pub(super) once: bool,
    /// Whether pictures and sound are kept, and compared with what was filmed and said.
    pub(super) quality: bool,
    /// Whether each second is shown.
    pub(super) seconds: bool,
    /// How our programs are built.
    pub(super) profile: &'static str,
}

/// How the command is used.
pub(super) fn help() -> String {
    format!(
        "Usage: cargo xtask bench network [CASE...] [--seed N] [--only hearth|chromium] [--once] [--quality]\n\
         \x20                                [--pattern] [--seconds] [--debug]\n\
         \x20      cargo xtask bench network --list\n\n\
         A call through an emulated network, ours beside Chromium's. Needs root. Each case runs ours, Chromium's,\n\
         Chromium's, ours, and the table has the mean of two and how far they are from it. Without a CASE, all of them:\n\n\
         {}\n\n\
         --list     shows the cases alone\n\
         --once     ours and then Chromium's, once\n\
         --quality  keeps ten seconds of each call, with speech, and compares them with what was filmed (VMAF) and said\n\
         \x20          (STOI); keeping them takes processor time of those who see\n\
         --pattern  our camera is the test pattern, which is far easier to encode than the clip\n\
         --seconds  shows each second, too\n\
         --debug    takes our programs as the tests build them: soon there, and no figures to quote",
        list()
    )
}

/// The cases, a line each.
pub(super) fn list() -> String {
    let lines: Vec<String> = CASES.iter().map(|case| format!("  {:<13} {}", case.name, case.what)).collect();
    lines.join("\n")
}

/// Reads the words after `network`.
pub(super) fn read(arguments: &[String]) -> Outcome<Options> {
    let all = vec![Kind::Hearth, Kind::Chromium];
    let (once, quality, seconds) = (false, false, false);
    let mut options =
        Options { cases: Vec::new(), kinds: all, seed: 1, camera: None, once, quality, seconds, profile: RELEASE };
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
            "--once" => options.once = true,
            "--quality" => options.quality = true,
            "--seconds" => options.seconds = true,
            "--debug" => options.profile = DEBUG,
            name => {
                let case = Case::named(name);
                let unknown = || format!("There is no case `{name}`. See `cargo xtask bench network --help`.");
                options.cases.push(case.ok_or_else(unknown)?.name);
            }
        }
    }
    if options.quality && options.camera.is_some() {
        return Err("--quality compares with the clip, which --pattern does not show.".to_owned());
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_asked_for_is_read_or_refused() {
        let options = read(&words("clean loss10 --seed 7 --only chromium --once --quality --seconds --debug")).unwrap();
        assert_eq!((options.cases, options.kinds, options.seed), (vec!["clean", "loss10"], vec![Kind::Chromium], 7));
        assert_eq!(options.profile, DEBUG);
        assert_eq!(read(&words("--pattern")).unwrap().camera.as_deref(), Some("pattern"));
        assert!(options.once && options.quality && options.seconds);
        let usual = read(&[]).unwrap();
        assert_eq!((usual.kinds, usual.profile, usual.once), (vec![Kind::Hearth, Kind::Chromium], RELEASE, false));
        for line in ["dirty", "--seed", "--seed x", "--only firefox", "--fast", "--quality --pattern"] {
            assert!(read(&words(line)).is_err(), "{line}");
        }
        assert!(CASES.iter().all(|case| help().contains(case.name) && list().contains(case.what)));
    }
}
