//! One run: the emulator, somebody who sends, somebody who sees, and what is written down of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::case::{Case, Kind};
use super::clip::Clip;
use super::place::{CALLS, DEVICE, Ends, FIRST, LEFT, Place, in_namespace};
use super::quality::{Likeness, compare};
use super::record::Record;
use super::sound::Speech;
use super::stored::{left, recorded};
use crate::Outcome;
use crate::bench::chromium::ARGUMENTS;
use crate::bench::field;
use crate::bench::office::{STORED_PICTURES, STORED_SOUND};
use crate::bench::processor::{SECOND, ticks_of_all, ticks_of_tree};
use crate::children::{Children, Event};
use crate::servers::{program, rooms_address};
use crate::state::private_folder;

const LINK: &str = "the emulator";

/// What the programs of a call are called.
struct Names {
    rooms: &'static str,
    sender: &'static str,
    receiver: &'static str,
    /// Offices of both pages.
    office: &'static str,
    show: &'static str,
}

const NAMES: [Names; CALLS] = [
    Names {
        rooms: "hearth-signal",
        sender: "the sender",
        receiver: "the receiver",
        office: "the sender's office",
        show: "the receiver's office",
    },
    Names {
        rooms: "the second hearth-signal",
        sender: "the second sender",
        receiver: "the second receiver",
        office: "the second sender's office",
        show: "the second receiver's office",
    },
];
/// What our client records.
const RECORDING: &str = "seen.y4m";
const SOUND: &str = "heard.wav";
/// How long a page may take to hand its pictures over.
const HAND_OVER: Duration = Duration::from_secs(120);
/// What a server of rooms is built as.
const ROOMS: &str = "hearth-signal";

/// How long the first picture may take: at 30 % loss, each step on the way there is tried again and again.
const PATIENCE: usize = 90;
/// How long all programs together may say nothing: each second, somebody does.
const SILENCE: Duration = Duration::from_secs(10);

/// Chromium complains of every desktop service that is not there.
const QUIETLY: &str = r#"exec "$0" "$@" 2> /dev/null"#;

/// What came of one call of a run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) record: Record,
    /// Of what was kept.
    pub(super) quality: Quality,
    /// Processors that were kept busy.
    pub(super) load: Load,
}

/// How good what came was, where that was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Quality {
    /// Of pictures, 0 to 100, and of speech, 0 to 1.
    pub(super) vmaf: Option<f64>,
    pub(super) stoi: Option<f64>,
}

/// Processors that somebody kept busy: 1 is one of them, all the time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Load {
    pub(super) sender: f64,
    pub(super) receiver: f64,
    /// Everybody else, the emulator too: what is more than a tenth or two disturbs.
    pub(super) others: f64,
}

/// A clip that both film, the place, and a folder for what they write.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) place: &'a Place,
    pub(super) folder: &'a Path,
    /// What our client takes for its camera: a file, or `pattern`.
    pub(super) camera: &'a str,
    pub(super) film: &'a Clip,
    /// What is said, where sound and pictures are kept and judged.
    pub(super) speech: Option<&'a Speech>,
    /// How our programs were built.
    pub(super) profile: &'a str,
}

impl Scene<'_> {
    /// Runs one case: calls of these kinds at once, whose files are in a folder of this name.
    pub(super) fn run(&self, kinds: &[Kind], case: &Case, seed: u64, name: &str) -> Outcome<Vec<Run>> {
        self.place.prepare(case)?;
        let mut programs = Children::new();
        self.start_link(&mut programs, case, kinds.len(), seed)?;
        let mut folders = Vec::new();
        for (call, kind) in kinds.iter().enumerate() {
            let (Some(ends), Some(names)) = (self.place.ends.get(call), NAMES.get(call)) else {
                return Err(format!("{} has more calls than there are ends.", case.name));
            };
            // Each call has a folder of its own: a profile, keys, letters.
            let folder = self.folder.join(format!("{name}-{call}"));
            private_folder(&folder)?;
            match kind {
                Kind::Hearth => self.start_hearth(&mut programs, names, ends, &folder)?,
                Kind::Chromium => self.start_chromium(&mut programs, names, ends, &folder)?,
            }
            folders.push(folder);
        }
        let runs = self.follow(&mut programs, case, &folders);
        let keeps = runs.is_ok() && self.speech.is_some();
        let handed_over = if keeps { hand_over(&mut programs, kinds, &folders) } else { Ok(()) };
        programs.end_all();
        let mut runs = runs?;
        handed_over?;
        let Some(speech) = self.speech else { return Ok(runs) };
        for ((run, kind), folder) in runs.iter_mut().zip(kinds).zip(folders) {
            run.quality = self.judge(&run.record, case, *kind, speech, &folder)?;
            // Two gigabytes of pictures.
            std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        Ok(runs)
    }

    /// Looks at what was kept, now that nothing else runs.
    fn judge(&self, record: &Record, case: &Case, kind: Kind, speech: &Speech, folder: &Path) -> Outcome<Quality> {
        let (from, to) = case.kept();
        let numbers: Vec<u16> = record.pictures(from as f64, to as f64).map(|seen| seen.number).collect();
        let Clip { clip, ffmpeg } = self.film;
        let likeness = match kind {
            Kind::Hearth => compare(ffmpeg, clip, folder, &numbers, recorded(&folder.join(RECORDING))?)?,
            Kind::Chromium => compare(ffmpeg, clip, folder, &numbers, left(&folder.join(STORED_PICTURES))?)?,
        };
        let stoi = match kind {
            // All of the call is there, and a page keeps those seconds alone.
            Kind::Hearth => speech.stoi(&folder.join(SOUND), (from, to))?,
            Kind::Chromium => speech.stoi(&folder.join(STORED_SOUND), (0, to - from))?,
        };
        if let Some(Likeness { pictures, missing, .. }) = likeness {
            println!("{} {}: {pictures} pictures compared, of which {missing} had not come", case.name, kind.name());
        }
        Ok(Quality { vmaf: likeness.map(|likeness| likeness.vmaf), stoi })
    }

    fn start_link(&self, programs: &mut Children, case: &Case, calls: usize, seed: u64) -> Outcome<()> {
        let netem = program("hearth-netem", self.profile)?;
        let seed = seed.to_string();
        // Before everything else that runs: a packet that leaves late is the emulator's fault.
        let mut words = vec!["--fifo", "50", &netem, "--device", DEVICE];
        let ends = self.place.ends.iter().take(calls);
        words.extend(ends.flat_map(|Ends { left, right }| ["--left", left, "--right", right]));
        words.extend(["--seed", &seed, "--forward", case.forward, "--backward", case.backward]);
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        programs.start_to_tell(LINK, "chrt", &words)?;
        programs.wait_for(LINK, "ready").map(drop)
    }

    fn start_hearth(&self, programs: &mut Children, names: &Names, ends: &Ends, folder: &Path) -> Outcome<()> {
        let client = program("hearth", self.profile)?;
        let keys = folder.join("signal").display().to_string();
        let rooms = ["--listen", &format!("{LEFT}:0"), "--state", &keys].map(str::to_owned);
        let rooms = in_namespace(&ends.left, &program(ROOMS, self.profile)?, &rooms);
        programs.start_with(names.rooms, FIRST, &rooms, &[("HEARTH_LOG", "warn")])?;
        let address = rooms_address(&programs.wait_for(names.rooms, "listening ")?)?;
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut sending = words("--headless create --size 1280x720 --fps 30 --stats json --camera");
        sending.extend([self.camera.to_owned(), address.url]);
        let speech = self.speech.map(|speech| ["--microphone".to_owned(), speech.file.display().to_string()]);
        sending.extend(speech.into_iter().flatten());
        sending.extend(address.spki.into_iter().flat_map(|spki| ["--spki".to_owned(), spki]));
        programs.start(names.sender, FIRST, &in_namespace(&ends.left, &client, &sending))?;
        let link = programs.wait_for(names.sender, "link ")?;
        let mut receiving = words("--headless join --source-id 2 --stats json");
        if self.speech.is_some() {
            receiving.extend(words("--size 1280x720 --fps 30 --leave-after 600"));
            for (option, name) in [("--record-video", RECORDING), ("--record-audio", SOUND)] {
                receiving.extend([option.to_owned(), folder.join(name).display().to_string()]);
            }
        }
        let receiving = in_namespace(&ends.right, &client, &receiving);
        programs.start_with(names.receiver, FIRST, &receiving, &[("HEARTH_LINK", &link)])
    }

    /// What both need to find each other does not go through the link: it is not what is measured.
    fn start_chromium(&self, programs: &mut Children, names: &Names, ends: &Ends, folder: &Path) -> Outcome<()> {
        let us = std::env::current_exe().map_err(|error| format!("This program is not found ({error})."))?;
        let us = us.display().to_string();
        let office = ["bench".to_owned(), "office".to_owned(), folder.display().to_string()];
        let film = format!("--use-file-for-fake-video-capture={}", self.film.clip.display());
        let mut capture = vec!["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", &film];
        let speech = self.speech.map(|speech| format!("--use-file-for-fake-audio-capture={}", speech.file.display()));
        capture.extend(speech.as_deref());
        let both = [
            (names.office, names.sender, &ends.left, "send", &capture[..]),
            (names.show, names.receiver, &ends.right, "show", &[]),
        ];
        for (office_name, name, namespace, role, more) in both {
            programs.start(office_name, FIRST, &in_namespace(namespace, &us, &office))?;
            let address = programs.wait_for(office_name, "listening ")?;
            let mut arguments: Vec<String> = ["-c", QUIETLY, "chromium"].map(str::to_owned).to_vec();
            let usual = ARGUMENTS.iter().filter(|word| !word.contains("loopback"));
            arguments.extend(usual.chain(more).map(|word| (*word).to_owned()));
            arguments.push(format!("--user-data-dir={}", folder.join(role).display()));
            let store = if self.speech.is_some() { "&store" } else { "" };
            arguments.push(format!("http://{address}/?role={role}&network{store}"));
            programs.start(name, FIRST, &in_namespace(namespace, "sh", &arguments))?;
        }
        Ok(())
    }

    /// Waits for the first picture of each call, lets the measurement begin, and writes down what is said until it
    /// ends.
    fn follow(&self, programs: &mut Children, case: &Case, folders: &[PathBuf]) -> Outcome<Vec<Run>> {
        let calls = folders.len();
        let ended = |name: &str| format!("{name} has ended. What it said is above.");
        let mut records: Vec<Record> = (0..calls).map(Record::of).collect();
        let mut before = None;
        let mut lines = 0;
        let mut is_kept = false;
        let mut changes = case.changes.iter().peekable();
        // Who sees tells of a picture up to a second later.
        while records.iter().any(|record| record.complete() <= case.seconds()) {
            match programs.next_within(SILENCE) {
                Some(Event::Line(LINK, line)) => records.iter_mut().try_for_each(|record| record.handle_link(&line))?,
                Some(Event::Line(name, line)) => {
                    let of = NAMES.iter().position(|names| names.tells_figures(name));
                    let record = of.and_then(|call| records.get_mut(call));
                    record.into_iter().for_each(|record| record.handle_line(&line));
                }
                Some(Event::Ended(name)) => return Err(ended(name)),
                None => {}
            }
            if before.is_some() {
                let passed = records.first().map_or(0, Record::complete);
                if self.speech.is_some() && !std::mem::replace(&mut is_kept, passed >= case.kept().0) && is_kept {
                    folders.iter().try_for_each(|folder| leave(folder, "store"))?;
                }
                while let Some((_, change)) = changes.next_if(|(second, _)| passed >= *second) {
                    self.place.change(*change)?;
                }
                continue;
            }
            lines += 1;
            if records.iter().all(Record::has_pictures) {
                programs.tell(LINK, "begin")?;
                before = Some(Ticks::read(programs, calls)?);
            } else if lines > PATIENCE * 3 * calls {
                return Err(format!("No picture came in the case {}. `cargo xtask test` tells more.", case.name));
            }
        }
        let after = Ticks::read(programs, calls)?;
        let loads = before.unwrap_or_default().loads_until(&after, case.seconds());
        Ok(records
            .into_iter()
            .zip(loads)
            .map(|(record, load)| Run { record, quality: Quality::default(), load })
            .collect())
    }
}

/// Leaves a letter for the pages of a call.
fn leave(folder: &Path, name: &str) -> Outcome<()> {
    let path = folder.join(format!("{name}.letter"));
    std::fs::write(&path, "").map_err(|error| format!("{} cannot be written ({error}).", path.display()))
}

/// Lets the pages hand over what they have kept, now that nothing is measured any more.
fn hand_over(programs: &mut Children, kinds: &[Kind], folders: &[PathBuf]) -> Outcome<()> {
    for ((kind, folder), names) in
        kinds.iter().zip(folders).zip(&NAMES).filter(|((kind, _), _)| **kind == Kind::Chromium)
    {
        leave(folder, "keep")?;
        loop {
            match programs.next_within(HAND_OVER) {
                Some(Event::Line(name, line)) if name == names.show && field(&line, "stored").is_some() => break,
                Some(Event::Line(..)) => {}
                Some(Event::Ended(name)) => return Err(format!("{name} has ended. What it said is above.")),
                None => return Err(format!("The page of {} kept no pictures.", kind.name())),
            }
        }
    }
    Ok(())
}

impl Names {
    /// Whether it tells of pictures that came, or that left.
    fn tells_figures(&self, name: &str) -> bool {
        [self.sender, self.receiver, self.show].contains(&name)
    }
}

/// Processor time so far.
#[derive(Default)]
struct Ticks {
    /// Of the sender and the receiver of each call.
    calls: Vec<(u64, u64)>,
    /// Of all programs.
    all: u64,
}

impl Ticks {
    fn read(programs: &Children, calls: usize) -> Outcome<Self> {
        let ticks = |name: &str| programs.id(name).map_or(Ok(0), ticks_of_tree);
        let of_call = |names: &Names| Ok((ticks(names.sender)?, ticks(names.receiver)?));
        let calls = NAMES.iter().take(calls).map(of_call).collect::<Outcome<_>>()?;
        Ok(Self { calls, all: ticks_of_all()? })
    }

    /// What was busy from here to there, which is so many seconds.
    fn loads_until(&self, after: &Self, seconds: usize) -> Vec<Load> {
        let busy = |before: u64, after: u64| after.saturating_sub(before) as f64 / SECOND / seconds as f64;
        let both = |(before, after): (&(u64, u64), &(u64, u64))| (busy(before.0, after.0), busy(before.1, after.1));
        let calls: Vec<(f64, f64)> = self.calls.iter().zip(&after.calls).map(both).collect();
        let ours: f64 = calls.iter().map(|(sender, receiver)| sender + receiver).sum();
        let others = busy(self.all, after.all) - ours;
        calls.into_iter().map(|(sender, receiver)| Load { sender, receiver, others }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_call_takes_is_of_others() {
        let before = Ticks { calls: vec![(100, 0), (0, 0)], all: 1000 };
        let after = Ticks { calls: vec![(600, 250), (100, 50)], all: 3000 };
        let loads = before.loads_until(&after, 10);
        assert_eq!(loads[0], Load { sender: 0.5, receiver: 0.25, others: 1.1 });
        assert_eq!((loads[1].sender, loads[1].receiver, loads.len()), (0.1, 0.05, 2));
    }
}
