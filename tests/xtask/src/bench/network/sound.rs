//! How well speech is understood: STOI of what was heard against what was said. Its packages are kept in the target
//! folder; speech is made by espeak-ng, which is installed where it is missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::package::target;
use crate::steps::{printed, quietly};
use crate::{Outcome, packages};

const PACKAGES: [&str; 3] = ["pystoi==0.4.1", "numpy==2.4.6", "scipy==1.17.1"];
const SCRIPT: &str = include_str!("stoi.py");
/// The first of the Harvard sentences (IEEE 297, 1969).
const TEXT: &str = "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. \
                    It's easy to tell the depth of a well. These days a chicken leg is a rare dish. \
                    Rice is often served in round bowls. The juice of lemons makes fine punch. \
                    The box was thrown beside the parked truck. The hogs were fed chopped corn and garbage. \
                    Four hours of steady work faced us. A large size in stockings is hard to sell.";

/// What is said, and who judges what was heard.
#[derive(Debug)]
pub(super) struct Speech {
    /// 48 kHz, one channel, 16 bits.
    pub(super) file: PathBuf,
    python: PathBuf,
}

impl Speech {
    /// Makes it in `folder`.
    pub(super) fn make(folder: &Path, ffmpeg: &str) -> Outcome<Self> {
        packages::ensure(packages::SPEECH)?;
        let (said, file) = (folder.join("said.wav"), folder.join("speech.wav"));
        quietly(Command::new("espeak-ng").args(["-s", "150", "-w"]).arg(&said).arg(TEXT))?;
        let convert = ["-ar", "48000", "-ac", "1", "-c:a", "pcm_s16le"];
        quietly(Command::new(ffmpeg).args(["-loglevel", "error", "-i"]).arg(&said).args(convert).arg(&file))?;
        Ok(Self { file, python: fetch()? })
    }

    /// STOI of so many seconds of a file, 0 to 1; none where there are too few.
    pub(super) fn stoi(&self, heard: &Path, (from, to): (usize, usize)) -> Outcome<Option<f64>> {
        let mut script = Command::new(&self.python);
        script.args(["-c", SCRIPT]).arg(&self.file).arg(heard);
        let text = printed(script.args([from.to_string(), (to - from).to_string()]))?;
        Ok(text.trim().parse().ok())
    }
}

/// Python with those packages, fetched once.
fn fetch() -> Outcome<PathBuf> {
    let folder = target()?.join("tools/quality");
    let python = folder.join("bin/python");
    let done = folder.join(PACKAGES.join("+"));
    if !done.is_file() {
        quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        quietly(Command::new(&python).args(pip).args(PACKAGES))?;
        std::fs::write(&done, "").map_err(|error| format!("{} cannot be written ({error}).", done.display()))?;
    }
    Ok(python)
}
