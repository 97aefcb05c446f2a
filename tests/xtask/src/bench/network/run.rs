//! One run: the emulator, somebody who sends, somebody who sees, and what is written down of it.

use std::path::Path;
use std::time::Duration;

use super::case::{Case, Kind};
use super::place::{CALLS, DEVICE, Ends, FIRST, LEFT, Place, in_namespace};
use super::record::Record;
use crate::Outcome;
use crate::bench::chromium::ARGUMENTS;
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
    /// Processors that were kept busy.
    pub(super) load: Load,
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
    pub(super) clip: &'a Path,
    /// How our programs were built.
    pub(super) profile: &'a str,
}

impl Scene<'_> {
    /// Runs one case: calls of these kinds at once, whose files are in a folder of this name.
    pub(super) fn run(&self, kinds: &[Kind], case: &Case, seed: u64, name: &str) -> Outcome<Vec<Run>> {
        self.place.prepare(case)?;
        let mut programs = Children::new();
        self.start_link(&mut programs, case, kinds.len(), seed)?;
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
        }
        let run = follow(&mut programs, case, self.place, kinds.len());
        programs.end_all();
        run
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
        sending.extend(address.spki.into_iter().flat_map(|spki| ["--spki".to_owned(), spki]));
        programs.start(names.sender, FIRST, &in_namespace(&ends.left, &client, &sending))?;
        let link = programs.wait_for(names.sender, "link ")?;
        let receiving = in_namespace(&ends.right, &client, &words("--headless join --source-id 2 --stats json"));
        programs.start_with(names.receiver, FIRST, &receiving, &[("HEARTH_LINK", &link)])
    }

    /// What both need to find each other does not go through the link: it is not what is measured.
    fn start_chromium(&self, programs: &mut Children, names: &Names, ends: &Ends, folder: &Path) -> Outcome<()> {
        let us = std::env::current_exe().map_err(|error| format!("This program is not found ({error})."))?;
        let us = us.display().to_string();
        let office = ["bench".to_owned(), "office".to_owned(), folder.display().to_string()];
        let film = format!("--use-file-for-fake-video-capture={}", self.clip.display());
        let capture = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", &film];
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
            arguments.push(format!("http://{address}/?role={role}&network"));
            programs.start(name, FIRST, &in_namespace(namespace, "sh", &arguments))?;
        }
        Ok(())
    }
}

/// Waits for the first picture of each call, lets the measurement begin, and writes down what is said until it ends.
fn follow(programs: &mut Children, case: &Case, place: &Place, calls: usize) -> Outcome<Vec<Run>> {
    let ended = |name: &str| format!("{name} has ended. What it said is above.");
    let mut records: Vec<Record> = (0..calls).map(Record::of).collect();
    let mut before = None;
    let mut lines = 0;
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
            while let Some((_, change)) = changes.next_if(|(second, _)| passed >= *second) {
                place.change(*change)?;
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
    Ok(records.into_iter().zip(loads).map(|(record, load)| Run { record, load }).collect())
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
