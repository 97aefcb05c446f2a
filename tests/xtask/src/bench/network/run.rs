//! One run: the emulator, somebody who sends, somebody who sees, and what is written down of it.

use std::path::Path;
use std::time::Duration;

use super::case::Case;
use super::place::{DEVICE, FIRST, LEFT, Place, in_namespace};
use super::record::Record;
use crate::Outcome;
use crate::bench::chromium::ARGUMENTS;
use crate::bench::processor::{SECOND, ticks_of_all, ticks_of_tree};
use crate::children::{Children, Event};
use crate::servers::{program, rooms_address};
use crate::state::private_folder;

const LINK: &str = "the emulator";
const ROOMS: &str = "hearth-signal";
const SENDER: &str = "the sender";
const RECEIVER: &str = "the receiver";
const OFFICE: &str = "the sender's office";
const SHOW: &str = "the receiver's office";

/// How long the first picture may take: at 30 % loss, each step on the way there is tried again and again.
const PATIENCE: usize = 90;
/// How long all programs together may say nothing: each second, somebody does.
const SILENCE: Duration = Duration::from_secs(10);

/// Chromium complains of every desktop service that is not there.
const QUIETLY: &str = r#"exec "$0" "$@" 2> /dev/null"#;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Hearth,
    Chromium,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hearth => "Hearth",
            Self::Chromium => "Chromium",
        }
    }
}

/// What came of a run.
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
    /// Runs one case.
    pub(super) fn run(&self, kind: Kind, case: &Case, seed: u64) -> Outcome<Run> {
        let mut programs = Children::new();
        self.start_link(&mut programs, case, seed)?;
        // Each run has a folder of its own: a profile, keys, letters.
        let folder = self.folder.join(format!("{}-{}-{seed}", case.name, kind.name()));
        private_folder(&folder)?;
        match kind {
            Kind::Hearth => self.start_hearth(&mut programs, &folder)?,
            Kind::Chromium => self.start_chromium(&mut programs, &folder)?,
        }
        let run = follow(&mut programs, case);
        programs.end_all();
        run
    }

    fn start_link(&self, programs: &mut Children, case: &Case, seed: u64) -> Outcome<()> {
        let netem = program("hearth-netem", self.profile)?;
        let seed = seed.to_string();
        let Place { left, right, .. } = self.place;
        // Before everything else that runs: a packet that leaves late is the emulator's fault.
        let mut words = vec!["--fifo", "50", &netem, "--left", left, "--right", right, "--device", DEVICE];
        words.extend(["--seed", &seed, "--forward", case.forward, "--backward", case.backward]);
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        programs.start_to_tell(LINK, "chrt", &words)?;
        programs.wait_for(LINK, "ready").map(drop)
    }

    fn start_hearth(&self, programs: &mut Children, folder: &Path) -> Outcome<()> {
        let client = program("hearth", self.profile)?;
        let keys = folder.join("signal").display().to_string();
        let rooms = ["--listen", &format!("{LEFT}:0"), "--state", &keys].map(str::to_owned);
        let rooms = in_namespace(&self.place.left, &program(ROOMS, self.profile)?, &rooms);
        programs.start_with(ROOMS, FIRST, &rooms, &[("HEARTH_LOG", "warn")])?;
        let address = rooms_address(&programs.wait_for(ROOMS, "listening ")?)?;
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut sending = words("--headless create --size 1280x720 --fps 30 --stats json --camera");
        sending.extend([self.camera.to_owned(), address.url]);
        sending.extend(address.spki.into_iter().flat_map(|spki| ["--spki".to_owned(), spki]));
        programs.start(SENDER, FIRST, &in_namespace(&self.place.left, &client, &sending))?;
        let link = programs.wait_for(SENDER, "link ")?;
        let receiving = in_namespace(&self.place.right, &client, &words("--headless join --source-id 2 --stats json"));
        programs.start_with(RECEIVER, FIRST, &receiving, &[("HEARTH_LINK", &link)])
    }

    /// What both need to find each other does not go through the link: it is not what is measured.
    fn start_chromium(&self, programs: &mut Children, folder: &Path) -> Outcome<()> {
        let us = std::env::current_exe().map_err(|error| format!("This program is not found ({error})."))?;
        let us = us.display().to_string();
        let office = ["bench".to_owned(), "office".to_owned(), folder.display().to_string()];
        let film = format!("--use-file-for-fake-video-capture={}", self.clip.display());
        let capture = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", &film];
        let both = [
            (OFFICE, SENDER, &self.place.left, "send", &capture[..]),
            (SHOW, RECEIVER, &self.place.right, "show", &[]),
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

/// Waits for the first picture, lets the measurement begin, and writes down what is said until it ends.
fn follow(programs: &mut Children, case: &Case) -> Outcome<Run> {
    let ended = |name: &str| format!("{name} has ended. What it said is above.");
    let mut record = Record::default();
    let mut before = None;
    let mut lines = 0;
    // Who sees tells of a picture up to a second later.
    while record.complete() <= case.seconds() {
        match programs.next_within(SILENCE) {
            Some(Event::Line(LINK, line)) => record.handle_link(&line)?,
            Some(Event::Line(SENDER | RECEIVER | SHOW, line)) => record.handle_line(&line),
            Some(Event::Line(..)) => {}
            Some(Event::Ended(name)) => return Err(ended(name)),
            None => {}
        }
        if before.is_some() {
            continue;
        }
        lines += 1;
        if record.has_pictures() {
            programs.tell(LINK, "begin")?;
            before = Some(load(programs)?);
        } else if lines > PATIENCE * 3 {
            return Err(format!("No picture came in the case {}. `cargo xtask test` tells more.", case.name));
        }
    }
    let (before, after) = (before.unwrap_or_default(), load(programs)?);
    let seconds = case.seconds() as f64;
    let busy = |before: u64, after: u64| after.saturating_sub(before) as f64 / SECOND / seconds;
    let (sender, receiver) = (busy(before[0], after[0]), busy(before[1], after[1]));
    let others = busy(before[2], after[2]) - sender - receiver;
    Ok(Run { record, load: Load { sender, receiver, others } })
}

/// Ticks of the sender, of the receiver, and of all programs.
fn load(programs: &Children) -> Outcome<[u64; 3]> {
    let ticks = |name: &str| programs.id(name).map_or(Ok(0), ticks_of_tree);
    Ok([ticks(SENDER)?, ticks(RECEIVER)?, ticks_of_all()?])
}
