//! The table that is printed: a row for each call of a case and each of its spans.

use super::case::{Calls, Case, Kind};
use super::change::followed_after;
use super::run::{Load, Run};
use super::summary::{Summary, TITLES, cells, full_size_after, jain, spread};

/// One call of a case, in each of its runs.
pub(super) struct Rounds {
    who: String,
    runs: Vec<Run>,
}

/// The calls of all runs, each with those of its kind; where two of a run are of one kind, by who was started first.
pub(super) fn gather(case: &Case, runs: Vec<(Vec<Kind>, Vec<Run>)>) -> Vec<Rounds> {
    let mut rounds: Vec<(Kind, Rounds)> = Vec::new();
    for (kinds, calls) in runs {
        for (place, (kind, run)) in kinds.iter().zip(calls).enumerate() {
            let who = match case.calls {
                Calls::AtOnce([first, second]) if first == second => format!("{} {}", kind.name(), place + 1),
                Calls::AtOnce(_) | Calls::InTurns => kind.name().to_owned(),
            };
            match rounds.iter_mut().find(|(_, known)| known.who == who) {
                Some((_, known)) => known.runs.push(run),
                None => rounds.push((*kind, Rounds { who, runs: vec![run] })),
            }
        }
    }
    rounds.sort_by_key(|(kind, _)| *kind); // the sort is stable
    rounds.into_iter().map(|(_, rounds)| rounds).collect()
}

/// Titles of the columns.
pub(super) fn heading() -> Vec<String> {
    let more = ["full size after, s", "followed after, s", "VMAF", "STOI", "key frames", "processors"];
    ["case", "who"].into_iter().chain(TITLES).chain(more).map(str::to_owned).collect()
}

/// A row for each call, one of ratios where there are two, and one of fairness where these were there at once.
pub(super) fn rows_of(case: &Case, (from, to): (usize, usize), calls: &[Rounds]) -> Vec<Vec<String>> {
    let name = format!("{} {from}-{to} s", case.name);
    let summaries: Vec<Vec<Summary>> = calls.iter().map(|call| call.summaries(from, to)).collect();
    let mut rows = Vec::new();
    for (call, summaries) in calls.iter().zip(&summaries) {
        let mut row = vec![name.clone(), call.who.clone()];
        row.extend(cells(summaries));
        // What is of the whole run is told once, and what is of the seconds that are kept beside these.
        let (of_run, of_kept) = (from == 0, (from..to).contains(&case.kept().0));
        let [full_size, keys, load] = call.whole_run().map(|cell| if of_run { cell } else { String::new() });
        let [vmaf, stoi] = call.quality().map(|cell| if of_kept { cell } else { String::new() });
        // Between calls that share a link, what one has depends on the other.
        let followed = match case.calls {
            Calls::InTurns => call.known(1, |run| followed_after(&run.record, from, to), "-"),
            Calls::AtOnce(_) => String::new(),
        };
        row.extend([full_size, followed, vmaf, stoi, keys, load]);
        rows.push(row);
    }
    if let [ours, theirs] = summaries.as_slice() {
        rows.push(ratios(&name, ours, theirs));
        if matches!(case.calls, Calls::AtOnce(_)) {
            let index = |(ours, theirs): (&Summary, &Summary)| jain(&[ours.kbps, theirs.kbps]);
            let indices: Vec<f64> = ours.iter().zip(theirs).map(index).collect();
            let mut row = vec![name, "Jain's index".to_owned(), spread(&indices, 3)];
            row.resize(heading().len(), String::new());
            rows.push(row);
        }
    }
    rows
}

impl Rounds {
    fn summaries(&self, from: usize, to: usize) -> Vec<Summary> {
        self.runs.iter().map(|run| Summary::of(&run.record, from, to)).collect()
    }

    /// How good it was, where that was asked.
    fn quality(&self) -> [String; 2] {
        [self.known(1, |run| run.quality.vmaf, "-"), self.known(2, |run| run.quality.stoi, "-")]
    }

    /// The mean of all its runs, where each of them knows.
    fn known(&self, digits: usize, of: impl Fn(&Run) -> Option<f64>, otherwise: &str) -> String {
        let values: Option<Vec<f64>> = self.runs.iter().map(of).collect();
        values.map_or(otherwise.to_owned(), |values| spread(&values, digits))
    }

    /// When full size came, key frames, and processors.
    fn whole_run(&self) -> [String; 3] {
        let load = |of: fn(&Load) -> f64| spread(&self.runs.iter().map(|run| of(&run.load)).collect::<Vec<_>>(), 2);
        let (sender, receiver) = (load(|load| load.sender), load(|load| load.receiver));
        [
            self.known(1, |run| full_size_after(&run.record, 1280), "never"),
            self.known(0, |run| run.record.keys(), "?"),
            format!("{sender} + {receiver}, others {}", load(|load| load.others)),
        ]
    }
}

/// Ours to theirs, of the means of all runs.
fn ratios(name: &str, ours: &[Summary], theirs: &[Summary]) -> Vec<String> {
    let ratio = |of: fn(&Summary) -> f64| {
        let mean = |runs: &[Summary]| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
        let ratio = mean(ours) / mean(theirs);
        // To nothing, there is none.
        if ratio.is_finite() { format!("{ratio:.2}") } else { "-".to_owned() }
    };
    let mut row = vec![name.to_owned(), "ratio".to_owned(), ratio(|one| one.kbps), String::new(), String::new()];
    row.push(format!("{} / {}", ratio(|one| one.median), ratio(|one| one.p95)));
    row.push(ratio(|one| one.rate));
    row.push(ratio(|one| f64::from(one.size.0) * f64::from(one.size.1)));
    row.push(ratio(|one| one.frozen));
    row.push(ratio(|one| one.gap));
    row.push(format!("{} / {}", ratio(|one| one.queue_median), ratio(|one| one.queue_p95)));
    row.resize(heading().len(), String::new());
    row
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::super::run::Quality;
    use super::*;

    fn run(seconds: usize, share: f64) -> Run {
        let record = record(seconds, share, (0..seconds * 30).map(|n| n as f64 / 30.0));
        Run { record, quality: Quality::default(), load: Load { sender: 0.5, receiver: 0.25, others: 0.125 } }
    }

    #[test]
    fn each_phase_has_a_row_for_both_and_one_of_ratios() {
        use Kind::{Chromium, Hearth};
        let case = Case::named("variable").unwrap();
        let runs = [(Hearth, 0.5), (Chromium, 0.25), (Chromium, 0.35), (Hearth, 0.7)];
        let calls = gather(case, runs.into_iter().map(|(kind, share)| (vec![kind], vec![run(100, share)])).collect());
        let rows = rows_of(case, (0, 40), &calls);
        assert!(rows.len() == 3 && rows.iter().all(|row| row.len() == heading().len()));
        assert_eq!(rows[0][..4], ["variable 0-40 s", "Hearth", "600 ±100", "0.60 ±0.10"]);
        assert_eq!(rows[0].last().map(String::as_str), Some("0.50 ±0.00 + 0.25 ±0.00, others 0.12 ±0.00"));
        assert_eq!(rows[1][..3], ["variable 0-40 s", "Chromium", "300 ±50"]);
        assert_eq!(rows[2][..3], ["variable 0-40 s", "ratio", "2.00"]);
        assert_eq!(rows[2][8], "-", "nothing froze");
        assert_eq!(rows_of(case, (40, 60), &calls)[0].last().map(String::as_str), Some(""));
        assert_eq!(rows_of(case, (0, 40), &calls[..1]).len(), 1);
    }

    #[test]
    fn calls_at_once_are_told_apart_and_have_an_index() {
        let [same, both] = ["two-calls", "with-chromium"].map(|name| Case::named(name).unwrap());
        let two = |case: &Case| {
            let order = |kinds: Vec<Kind>| (kinds, vec![run(60, 0.3), run(60, 0.1)]);
            gather(case, case.runs(&[], false).into_iter().map(order).collect())
        };
        let rows = rows_of(same, (20, 60), &two(same));
        assert_eq!(
            rows.iter().map(|row| row[1].as_str()).collect::<Vec<_>>(),
            ["Hearth 1", "Hearth 2", "ratio", "Jain's index"]
        );
        assert_eq!(
            (rows[0][2].as_str(), rows[1][2].as_str(), rows[3][2].as_str()),
            ("300 ±0", "100 ±0", "0.800 ±0.000")
        );
        // Who was started first changes from run to run, and each has been it once.
        let rows = rows_of(both, (20, 60), &two(both));
        assert_eq!((rows[0][1].as_str(), rows[1][1].as_str()), ("Hearth", "Chromium"));
        assert_eq!((rows[0][2].as_str(), rows[1][2].as_str()), ("200 ±100", "200 ±100"));
    }
}
