//! Figures of a span of a run, and how they are shown. Pure functions.

use std::collections::BTreeMap;

use super::record::{Record, Seen};

/// A picture is late by so much, in comparison with the mean, and in milliseconds beyond it, where a freeze begins.
const FREEZE: (f64, f64) = (3.0, 150.0);
/// Gaps of which the mean is taken, as in W3C's webrtc-stats, freezeCount.
const RECENT_GAPS: usize = 30;

/// Figures of a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Summary {
    /// Kilobits of pictures a second, headers and what was sent again too.
    pub(super) kbps: f64,
    /// Share of what the link bears; none where there is no limit.
    pub(super) used: Option<f64>,
    /// From camera to screen, milliseconds.
    pub(super) median: f64,
    pub(super) p95: f64,
    /// Pictures a second.
    pub(super) rate: f64,
    /// What most pictures were in size.
    pub(super) size: (u32, u32),
    /// Times that it stood still, and the share of time that it did.
    pub(super) freezes: usize,
    pub(super) frozen: f64,
    /// Milliseconds in the queue before the link.
    pub(super) queue_median: f64,
    pub(super) queue_p95: f64,
    /// Share of packets that the link's queue dropped; those lost by chance are not in it.
    pub(super) dropped: f64,
    /// Kilobits of others a second.
    pub(super) cross: f64,
    /// The longest time without a picture that ended in the span, or with it; milliseconds.
    pub(super) gap: f64,
}

impl Summary {
    /// Of the seconds from one to another.
    pub(super) fn of(record: &Record, from: usize, to: usize) -> Self {
        let length = to.saturating_sub(from).max(1) as f64;
        let seconds = record.seconds().get(from..to.min(record.seconds().len())).unwrap_or_default();
        let bytes: u64 = seconds.iter().map(|second| second.bytes).sum();
        let borne: f64 = seconds.iter().map(|second| second.rate / 8.0).sum();
        let mut queued: BTreeMap<u32, u64> = BTreeMap::new();
        for (ms, count) in seconds.iter().flat_map(|second| &second.queued) {
            *queued.entry(*ms).or_default() += count;
        }
        let packets: u64 = queued.values().sum();
        let dropped: u64 = seconds.iter().map(|second| second.dropped).sum();
        let pictures: Vec<&Seen> = record.pictures(from as f64, to as f64).collect();
        let mut ages: Vec<f64> = pictures.iter().map(|seen| seen.age).collect();
        ages.sort_by(f64::total_cmp);
        let (freezes, frozen) = freezes(record, from as f64, to as f64);
        Self {
            kbps: bytes as f64 * 8.0 / 1000.0 / length,
            used: (borne > 0.0).then(|| bytes as f64 / borne),
            median: of_sorted(&ages, 0.5),
            p95: of_sorted(&ages, 0.95),
            rate: pictures.len() as f64 / length,
            size: most_common(&pictures),
            freezes,
            frozen: frozen / length,
            queue_median: of_counts(&queued, 0.5),
            queue_p95: of_counts(&queued, 0.95),
            dropped: dropped as f64 / (dropped + packets).max(1) as f64,
            cross: seconds.iter().map(|second| second.cross).sum::<u64>() as f64 * 8.0 / 1000.0 / length,
            gap: longest_gap(record, from as f64, to as f64) * 1000.0,
        }
    }

    /// What this call has of all that came over the link, where there is something else.
    pub(super) fn share(&self) -> Option<f64> {
        (self.cross > 0.0).then(|| self.kbps / (self.kbps + self.cross))
    }

    /// The size, as it is written.
    fn size_text(&self) -> String {
        format!("{}x{}", self.size.0, self.size.1)
    }
}

/// Titles of [`cells`].
pub(super) const TITLES: [&str; 10] =
    ["kbps", "used", "share", "age p50 / p95", "fps", "size", "freezes", "longest gap", "queue p50 / p95", "dropped"];

/// Cells of a row for a span of several runs: means, and how far the furthest run is from them.
pub(super) fn cells(runs: &[Summary]) -> Vec<String> {
    let mean = |digits: usize, of: fn(&Summary) -> f64| spread(&runs.iter().map(of).collect::<Vec<_>>(), digits);
    let known = |of: fn(&Summary) -> Option<f64>| {
        let values: Option<Vec<f64>> = runs.iter().map(of).collect();
        values.map_or("-".to_owned(), |values| spread(&values, 2))
    };
    let mut sizes: Vec<String> = runs.iter().map(Summary::size_text).collect();
    sizes.dedup();
    vec![
        mean(0, |one| one.kbps),
        known(|one| one.used),
        known(Summary::share),
        format!("{} / {}", mean(0, |one| one.median), mean(0, |one| one.p95)),
        mean(1, |one| one.rate),
        sizes.join(", "),
        format!("{} / {} %", mean(0, |one| one.freezes as f64), mean(1, |one| one.frozen * 100.0)),
        mean(0, |one| one.gap),
        format!("{} / {}", mean(0, |one| one.queue_median), mean(0, |one| one.queue_p95)),
        format!("{} %", mean(1, |one| one.dropped * 100.0)),
    ]
}

/// The mean of values, and how far the furthest is from it where there are several.
pub(super) fn spread(values: &[f64], digits: usize) -> String {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let most = values.iter().map(|value| (value - mean).abs()).fold(0.0, f64::max);
    if values.len() > 1 { format!("{mean:.digits$} ±{most:.digits$}") } else { format!("{mean:.digits$}") }
}

/// Jain's index of fairness (1984): 1 where all have the same, one by their number where one has everything.
pub(super) fn jain(values: &[f64]) -> f64 {
    let (sum, squares) = (values.iter().sum::<f64>(), values.iter().map(|value| value * value).sum::<f64>());
    sum * sum / (values.len() as f64 * squares)
}

/// When the first picture of full width came after which no smaller one did for a second, seconds.
pub(super) fn full_size_after(record: &Record, width: u32) -> Option<f64> {
    let pictures: Vec<&Seen> = record.pictures(0.0, f64::INFINITY).collect();
    let is_stable = |at: usize| {
        let rest = pictures.iter().skip(at);
        let first = pictures.get(at).map_or(0.0, |seen| seen.at);
        rest.take_while(|seen| seen.at < first + 1000.0).all(|seen| seen.width >= width)
    };
    let at = (0..pictures.len()).find(|at| is_stable(*at))?;
    pictures.get(at).map(|seen| record.second_of(seen))
}

/// Gaps of at least three times the mean, or 150 ms more than it, the larger: how many, and how many seconds of them
/// lie in the span. What is still missing at its end is a gap too.
fn freezes(record: &Record, from: f64, to: f64) -> (usize, f64) {
    let times = times_until(record, to);
    let gaps: Vec<f64> = times.iter().zip(times.iter().skip(1)).map(|(before, at)| (at - before).max(0.0)).collect();
    let (mut count, mut frozen) = (0, 0.0);
    for (at, gap) in gaps.iter().enumerate() {
        let recent = gaps.get(at.saturating_sub(RECENT_GAPS)..at).unwrap_or_default();
        let mean = if recent.is_empty() { *gap } else { recent.iter().sum::<f64>() / recent.len() as f64 };
        let (begin, end) = times.get(at).map_or((to, to), |begin| (begin.max(from), (begin + gap).min(to)));
        if *gap >= (FREEZE.0 * mean).max(mean + FREEZE.1 / 1000.0) && end > begin {
            count += 1;
            frozen += end - begin;
        }
    }
    if times.len() == 1 { (1, to - from) } else { (count, frozen) }
}

/// The longest time without a picture that ended between two times, or with the second one; seconds.
fn longest_gap(record: &Record, from: f64, to: f64) -> f64 {
    let times = times_until(record, to);
    let gaps = times.iter().zip(times.iter().skip(1)).filter(|(_, at)| **at > from);
    // Without any picture, all of it.
    gaps.map(|(before, at)| at - before).reduce(f64::max).unwrap_or(to - from)
}

/// When pictures came, and the end.
fn times_until(record: &Record, to: f64) -> Vec<f64> {
    let seen = record.pictures(f64::NEG_INFINITY, to).map(|seen| record.second_of(seen));
    seen.chain(std::iter::once(to)).collect()
}

fn most_common(pictures: &[&Seen]) -> (u32, u32) {
    let mut sizes: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for seen in pictures {
        *sizes.entry((seen.width, seen.height)).or_default() += 1;
    }
    sizes.into_iter().max_by_key(|(_, count)| *count).map_or((0, 0), |(size, _)| size)
}

fn of_sorted(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

fn of_counts(counts: &BTreeMap<u32, u64>, share: f64) -> f64 {
    let all: u64 = counts.values().sum();
    let mut passed = 0;
    let found = counts.iter().find(|(_, count)| {
        passed += **count;
        passed as f64 >= all as f64 * share
    });
    found.map_or(f64::NAN, |(ms, _)| f64::from(*ms))
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    /// Thirty a second, but for those that `lost` names.
    fn times(seconds: usize, lost: impl Fn(usize) -> bool) -> Vec<f64> {
        (0..seconds * 30).filter(|n| !lost(*n)).map(|n| n as f64 / 30.0 + 0.001).collect()
    }

    #[test]
    fn a_span_is_summed_up() {
        let record = record(10, 0.5, times(10, |_| false));
        let summary = Summary::of(&record, 2, 6);
        assert_eq!((summary.kbps, summary.used), (500.0, Some(0.5)));
        assert_eq!((summary.median, summary.p95, summary.rate), (40.5, 40.5, 30.0));
        assert_eq!((summary.size, summary.freezes, summary.frozen), ((1280, 720), 0, 0.0));
        assert_eq!((summary.queue_median, summary.queue_p95), (10.0, 200.0));
        assert!((summary.dropped - 5.0 / 105.0).abs() < 1e-9);
        assert_eq!((summary.cross, summary.share()), (0.0, None));
        assert_eq!(cells(&[summary]).len(), TITLES.len());
        assert_eq!(full_size_after(&record, 1280), Some(0.001));
        assert_eq!(full_size_after(&record, 1281), None);
    }

    #[test]
    fn freezes_are_gaps_well_above_the_mean() {
        // Two pictures missing: 100 ms, three times the mean, but not 150 ms above it.
        let short = record(10, 0.5, times(10, |n| (90..92).contains(&n)));
        assert_eq!(freezes(&short, 0.0, 10.0), (0, 0.0));
        let long = record(10, 0.5, times(10, |n| (90..105).contains(&n)));
        let (count, frozen) = freezes(&long, 0.0, 10.0);
        assert!(count == 1 && (frozen - 16.0 / 30.0).abs() < 1e-6, "{count} {frozen}");
        // Of a freeze, what lies in the span.
        let (count, frozen) = freezes(&long, 3.2, 10.0);
        assert!(count == 1 && (frozen - (3.5 + 0.001 - 3.2)).abs() < 1e-6, "{frozen}");
        let ends = record(10, 0.5, times(8, |_| false));
        let (count, frozen) = freezes(&ends, 5.0, 10.0);
        assert!(count == 1 && (frozen - 2.032).abs() < 0.01, "{frozen}");
        assert_eq!(freezes(&record(10, 0.5, []), 0.0, 10.0), (1, 10.0));
    }

    #[test]
    fn a_row_has_the_mean_and_the_spread() {
        let of = |share| Summary::of(&record(4, share, times(4, |_| false)), 0, 4);
        let row = cells(&[of(0.5), of(0.6)]);
        assert_eq!((row[0].as_str(), row[1].as_str(), row[2].as_str()), ("550 ±50", "0.55 ±0.05", "-"));
        assert_eq!((row[5].as_str(), row[6].as_str()), ("1280x720", "0 ±0 / 0.0 ±0.0 %"));
        assert_eq!(cells(&[of(0.5)])[0], "500");
        assert_eq!(spread(&[1.0, 4.0], 1), "2.5 ±1.5");
        assert_eq!((jain(&[2.0, 2.0]), jain(&[3.0, 0.0])), (1.0, 0.5));
    }

    #[test]
    fn the_longest_gap_is_told_where_it_ends() {
        let gap = record(10, 0.5, times(10, |n| (90..105).contains(&n)));
        let is_near = |found: f64, expected: f64| (found - expected).abs() < 1e-6;
        assert!(is_near(longest_gap(&gap, 0.0, 10.0), 16.0 / 30.0));
        assert!(is_near(longest_gap(&gap, 3.2, 10.0), 16.0 / 30.0), "whole, though it began before");
        assert!(longest_gap(&gap, 5.0, 10.0) < 0.05);
        // It goes on at the end of the span: as far as it has come.
        assert!(is_near(longest_gap(&gap, 0.0, 3.3), 3.3 - (89.0 / 30.0 + 0.001)));
        assert!(is_near(longest_gap(&record(10, 0.5, []), 2.0, 10.0), 8.0));
    }

    #[test]
    fn nothing_at_all_is_shown_too() {
        let summary = Summary::of(&record(3, 0.0, []), 0, 3);
        assert_eq!((summary.rate, summary.frozen, summary.size), (0.0, 1.0, (0, 0)));
        assert!(summary.median.is_nan());
    }
}
