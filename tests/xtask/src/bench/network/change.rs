//! How soon a call follows a link that bears more or less than before. Pure functions.

use super::record::{Record, Second};

/// A rise is followed once so much of it is taken, in comparison with what is taken in the second half of the span.
const RISE: f64 = 0.9;
/// The rate before a change is that of so many seconds.
const BEFORE: usize = 5;
/// A fall is followed once no picture is older than this many times the oldest ones of the second half.
const OLDER: f64 = 1.2;
/// Of which one in twenty is left out.
const OLDEST: f64 = 0.95;

/// How long after the link changed, at second `from`, it was followed until `to`, seconds: after a rise, by what came
/// in whole seconds; after a fall, by the age of pictures. `None` where it did not change, or was not followed.
pub(super) fn followed_after(record: &Record, from: usize, to: usize) -> Option<f64> {
    let rate = |at: usize| record.seconds().get(at).map(|second| second.rate);
    let (before, after) = (rate(from.checked_sub(1)?)?, rate(from)?);
    let half = from + (to - from) / 2;
    match after.total_cmp(&before) {
        std::cmp::Ordering::Greater => rise(record.seconds(), from, half, to),
        std::cmp::Ordering::Less => fall(record, from as f64, half as f64, to as f64),
        std::cmp::Ordering::Equal => None,
    }
}

fn rise(seconds: &[Second], from: usize, half: usize, to: usize) -> Option<f64> {
    let mean = |seconds: &[Second]| {
        let bytes: u64 = seconds.iter().map(|second| second.bytes).sum();
        bytes as f64 / seconds.len().max(1) as f64
    };
    let before = mean(seconds.get(from.saturating_sub(BEFORE)..from)?);
    let settled = mean(seconds.get(half..to.min(seconds.len()))?);
    let enough = before + (settled - before) * RISE;
    let at = seconds.get(from..half)?.iter().position(|second| second.bytes as f64 >= enough)?;
    Some((at + 1) as f64)
}

fn fall(record: &Record, from: f64, half: f64, to: f64) -> Option<f64> {
    let mut ages: Vec<f64> = record.pictures(half, to).map(|seen| seen.age).collect();
    ages.sort_by(f64::total_cmp);
    let bound = ages.get((ages.len() as f64 * OLDEST) as usize)? * OLDER;
    let late = record.pictures(from, half).filter(|seen| seen.age > bound);
    Some(late.map(|seen| record.second_of(seen) - from).last().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    /// Pictures of a link of so many bits a second in each second, of which so many come.
    fn link(seconds: &[(f64, u64)]) -> Vec<Second> {
        seconds.iter().map(|(rate, bytes)| Second { rate: *rate, bytes: *bytes, ..Second::default() }).collect()
    }

    #[test]
    fn a_rise_is_followed_once_nine_tenths_of_it_are_taken() {
        let mut seconds = vec![(1e6, 100); 10];
        seconds.extend([(2e6, 120), (2e6, 185), (2e6, 195)]);
        seconds.extend([(2e6, 200); 7]);
        assert_eq!(rise(&link(&seconds), 10, 15, 20), Some(3.0));
        seconds.truncate(12);
        assert_eq!(rise(&link(&seconds), 10, 11, 12), None, "never");
    }

    #[test]
    fn a_link_that_does_not_change_has_nothing_to_follow() {
        let record = record(20, 0.5, (0..600).map(|n| f64::from(n) / 30.0));
        assert_eq!(followed_after(&record, 0, 10), None);
        assert_eq!(followed_after(&record, 10, 20), None);
        assert_eq!(fall(&record, 10.0, 15.0, 20.0), Some(0.0), "no picture is late");
    }

    #[test]
    fn a_fall_is_followed_once_no_picture_is_older_than_they_are_later() {
        let mut record = record(20, 0.5, []);
        for number in 0..600 {
            let time = f64::from(number) / 30.0;
            let age = if (10.0..11.5).contains(&time) { 300.0 } else { 50.0 };
            let at = 1_000_000.0 + time * 1000.0;
            record.handle_line(&format!("{{\"recent\":[[{number},{at},{age},1280,720]]}}"));
        }
        let after = fall(&record, 10.0, 15.0, 20.0).unwrap();
        assert!((1.4..1.5).contains(&after), "{after}");
    }
}
