//! Two of Chromium in a call on loopback, to be measured beside ours.
//!
//! Each is a program of its own, as our clients are. H.264 at the bit rate that ours may have, no sound.

use std::path::Path;

use crate::Outcome;
use crate::bench::Figures;
use crate::bench::office::Office;
use crate::children::Children;
use crate::state::private_folder;

/// What both open.
pub(super) const PAGE: &str = include_str!("page.html");

const SENDER: &str = "the sending Chromium";
const RECEIVER: &str = "the receiving Chromium";

/// The call.
pub(super) struct Call {
    /// Dropped first: then nobody asks the office any more.
    programs: Children,
    office: Office,
}

impl Call {
    /// Starts both; `folder` keeps what they write.
    pub(super) fn start(folder: &Path) -> Outcome<Self> {
        private_folder(folder)?;
        let office = Office::open(PAGE, folder)?;
        let mut programs = Children::new();
        for (name, role) in [(SENDER, "send"), (RECEIVER, "show")] {
            let profile = format!("--user-data-dir={}", folder.join(role).display());
            let mut arguments: Vec<String> = ARGUMENTS.iter().map(|&argument| argument.to_owned()).collect();
            arguments.extend([profile, office.url(role)]);
            programs.start(name, "chromium", &arguments)?;
        }
        Ok(Self { programs, office })
    }

    /// What the receiver has seen so far; waits for its next word.
    pub(super) fn next(&self) -> Outcome<Figures> {
        let text = self.office.next()?;
        figures(&text).ok_or_else(|| format!("The page said `{text}`, which is not understood."))
    }

    /// Their processes: the sender's, the receiver's.
    pub(super) fn ids(&self) -> Option<(u32, u32)> {
        Some((self.programs.id(SENDER)?, self.programs.id(RECEIVER)?))
    }
}

/// What each is started with, beside its profile and its page.
pub(super) const ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-dev-shm-usage",
    "--window-size=1300,800",
    // Both only say how they may reach each other on one machine.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
];

/// From what the page says: pictures; median and p95 when the compositor got them; median when the page was told;
/// width, height; pictures whose stamp could not be read.
fn figures(text: &str) -> Option<Figures> {
    let numbers: Vec<f64> = text.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [pictures, median, p95, told, width, height, unreadable] = numbers[..] else { return None };
    let more = format!(" of {width}x{height}, told of at {told:.1} ms");
    Some(Figures { pictures, median, p95, unreadable, more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_page_says_is_read() {
        let read = figures("600 41.25 60 50 1280 720 1").unwrap();
        assert_eq!((read.pictures, read.median, read.p95, read.unreadable), (600.0, 41.25, 60.0, 1.0));
        assert!(figures("").is_none() && figures("1 2 3").is_none());
    }
}
