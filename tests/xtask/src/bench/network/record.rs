//! What was seen during a run: each picture, and each second of the link. Filled line by line; parsing is pure.

use std::collections::BTreeMap;

use crate::Outcome;

/// One picture that was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    /// Of the picture, modulo 2^15.
    pub(super) number: u16,
    /// Milliseconds since 1970.
    pub(super) at: f64,
    /// From its stamp, milliseconds.
    pub(super) age: f64,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// One second of the link, in the direction of the pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Second {
    /// Bits a second that it bears; 0 for no limit.
    pub(super) rate: f64,
    /// Bytes of UDP that came out of it, headers too.
    pub(super) bytes: u64,
    /// How many of these waited so many milliseconds.
    pub(super) queued: BTreeMap<u32, u64>,
    /// Datagrams lost by chance, and by the queue.
    pub(super) lost: u64,
    pub(super) dropped: u64,
    /// Bytes of others: traffic that is made up, and the UDP of another call.
    pub(super) cross: u64,
}

/// All of one call of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// Between which ends it is: their number in the emulator.
    ends: usize,
    /// When it began, milliseconds since 1970.
    begun: Option<f64>,
    pictures: Vec<Seen>,
    seconds: Vec<Second>,
    /// Key frames so far: our sender counts them, and Chromium's receiver.
    keys: Option<f64>,
    keys_before: Option<f64>,
    /// The emulator's own lateness: mean of each second, and the most; microseconds.
    late: Vec<(f64, f64)>,
}

impl Record {
    /// Of the call between these ends.
    pub(super) fn of(ends: usize) -> Self {
        Self { ends, ..Self::default() }
    }

    /// Whether a picture was seen.
    pub(super) fn has_pictures(&self) -> bool {
        !self.pictures.is_empty()
    }

    /// Seconds that are complete.
    pub(super) fn complete(&self) -> usize {
        self.seconds.len().saturating_sub(1)
    }

    /// Each second.
    pub(super) fn seconds(&self) -> &[Second] {
        &self.seconds
    }

    /// Pictures from one second to another.
    pub(super) fn pictures(&self, from: f64, to: f64) -> impl Iterator<Item = &Seen> {
        let begun = self.begun.unwrap_or(f64::INFINITY);
        let span = begun + from * 1000.0..begun + to * 1000.0;
        self.pictures.iter().filter(move |seen| span.contains(&seen.at))
    }

    /// When a picture came, seconds after the beginning.
    pub(super) fn second_of(&self, seen: &Seen) -> f64 {
        (seen.at - self.begun.unwrap_or_default()) / 1000.0
    }

    /// Key frames since the beginning.
    pub(super) fn keys(&self) -> Option<f64> {
        Some(self.keys? - self.keys_before.unwrap_or(0.0))
    }

    /// How late packets left the emulator, milliseconds: mean, and the most.
    pub(super) fn late(&self) -> (f64, f64) {
        let sum: f64 = self.late.iter().map(|(mean, _)| mean).sum();
        let most = self.late.iter().map(|(_, most)| *most).fold(0.0, f64::max);
        (sum / 1000.0 / self.late.len().max(1) as f64, most / 1000.0)
    }

    /// A line of the emulator.
    pub(super) fn handle_link(&mut self, line: &str) -> Outcome<()> {
        let unknown = || format!("The emulator said `{line}`, which is not understood. Build it again.");
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["begun", at] => {
                self.begun = Some(at.parse().map_err(|_| unknown())?);
                self.keys_before = self.keys;
            }
            ["link", number, "forward", rate, lost, full, codel] => {
                let count = |text: &str| text.parse::<u64>().map_err(|_| unknown());
                let rate = rate.parse().map_err(|_| unknown())?;
                let dropped = count(full)? + count(codel)?;
                let second = self.second(number).ok_or_else(unknown)?;
                (second.rate, second.lost, second.dropped) = (rate, count(lost)?, dropped);
            }
            ["flow", number, "forward", ends, "udp", _, _, _, bytes, queued] => {
                let bytes: u64 = bytes.parse().map_err(|_| unknown())?;
                let is_ours = ends.parse() == Ok(self.ends);
                let second = self.second(number).ok_or_else(unknown)?;
                if !is_ours {
                    second.cross += bytes;
                    return Ok(());
                }
                second.bytes += bytes;
                for (ms, count) in waits(queued) {
                    *second.queued.entry(ms).or_default() += count;
                }
            }
            ["cross", number, "forward", bytes, _] => {
                let bytes: u64 = bytes.parse().map_err(|_| unknown())?;
                self.second(number).ok_or_else(unknown)?.cross += bytes;
            }
            ["late", _, mean, most] => {
                let number = |text: &str| text.parse::<f64>().map_err(|_| unknown());
                self.late.push((number(mean)?, number(most)?));
            }
            // The way back, and what is not UDP.
            ["link" | "flow" | "cross", ..] => {}
            _ => return Err(unknown()),
        }
        Ok(())
    }

    /// What somebody who sees or sends says: pictures in `"recent":[[...],...]`, key frames in `"keyFramesEncoded":`,
    /// and Chromium's page in `"keys":`.
    pub(super) fn handle_line(&mut self, line: &str) {
        let told = recent(line);
        // Some of them were told before.
        let last = self.pictures.last().copied();
        let known = last.and_then(|last| told.iter().position(|seen| *seen == last)).map_or(0, |at| at + 1);
        let newer = told.iter().skip(known).filter(|seen| last.is_none_or(|last| seen.at >= last.at));
        self.pictures.extend(newer);
        let count = |name| crate::bench::field(line, name);
        self.keys = count("keyFramesEncoded").or_else(|| count("keys")).or(self.keys);
    }

    /// The second of this number, which is the newest or the one after it.
    fn second(&mut self, number: &str) -> Option<&mut Second> {
        let number: usize = number.parse().ok()?;
        if number == self.seconds.len() {
            self.seconds.push(Second::default());
        }
        self.seconds.get_mut(number)
    }
}

fn waits(text: &str) -> impl Iterator<Item = (u32, u64)> {
    text.split(',').filter_map(|pair| {
        let (ms, count) = pair.split_once(':')?;
        Some((ms.parse().ok()?, count.parse().ok()?))
    })
}

fn recent(line: &str) -> Vec<Seen> {
    let list = line.split_once("\"recent\":[[").and_then(|(_, rest)| rest.split_once("]]"));
    let Some((list, _)) = list else { return Vec::new() };
    let seen = list.split("],[").filter_map(|numbers| {
        let numbers: Vec<f64> = numbers.split(',').map(|text| text.trim().parse().ok()).collect::<Option<_>>()?;
        let [number, at, age, width, height] = numbers[..] else { return None };
        Some(Seen { number: number as u16, at, age, width: width as u32, height: height as u32 })
    });
    seen.collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A record of `seconds` at 1 Mbps of which `share` was used, begun at 1,000,000 ms, of pictures at these times.
    pub(crate) fn record(seconds: usize, share: f64, times: impl IntoIterator<Item = f64>) -> Record {
        let mut record = Record::default();
        record.handle_link("begun 1000000").unwrap();
        for second in 0..=seconds {
            let bytes = (125_000.0 * share) as u64;
            record.handle_link(&format!("link {second} forward 1000000 1 2 3")).unwrap();
            record.handle_link(&format!("flow {second} forward 0 udp 1 2 100 {bytes} 10:90,200:10")).unwrap();
        }
        for (number, time) in times.into_iter().enumerate() {
            let at = 1_000_000.0 + time * 1000.0;
            record.handle_line(&format!("{{\"recent\":[[{number},{at},40.5,1280,720]]}}"));
        }
        record
    }

    #[test]
    fn lines_of_the_emulator_are_read() {
        let record = record(2, 0.5, []);
        assert_eq!(record.complete(), 2);
        let second = &record.seconds()[1];
        assert_eq!((second.rate, second.bytes, second.lost, second.dropped), (1_000_000.0, 62_500, 1, 5));
        assert_eq!(second.queued, BTreeMap::from([(10, 90), (200, 10)]));
        let mut record = record;
        for line in [
            "link 2 backward 0 0 0 0",
            "flow 2 forward 0 tcp 1 2 3 4 0:3",
            "flow 2 forward 1 udp 1 2 3 400 0:3",
            "cross 2 forward 5000 7",
            "late 0 100 900",
            "late 1 200 700",
        ] {
            record.handle_link(line).unwrap();
        }
        assert_eq!((record.seconds()[2].cross, record.late()), (5400, (0.15, 0.9)), "and the other call's");
        assert_eq!(record.seconds()[2].bytes, 62_500);
        for line in ["", "ready", "link 9 forward 0 0 0 0", "link 2 forward x 0 0 0", "begun soon"] {
            assert!(record.handle_link(line).is_err(), "{line}");
        }
    }

    #[test]
    fn pictures_that_are_told_twice_count_once() {
        let mut record = Record::default();
        record.handle_line(r#"{"keys":3,"recent":[[7,1000,50.25,640,360],[8,1033,49,640,360]]}"#);
        record.handle_line(r#"{"recent":[[8,1033,49,640,360],[9,1033,60,1280,720]],"keys":4}"#);
        record.handle_line(r#"{"recent":[]}"#);
        record.handle_link("begun 1010").unwrap();
        record.handle_line(r#"{"type":"outbound-rtp","keyFramesEncoded":6}"#);
        assert_eq!(record.pictures.len(), 3);
        assert_eq!(
            record.pictures(0.0, 1.0).map(|seen| (seen.number, seen.width)).collect::<Vec<_>>(),
            [(8, 640), (9, 1280)]
        );
        assert_eq!(record.keys(), Some(2.0));
    }
}
