//! What is shown of a connection: each series, its name, its unit, and what it was over two minutes.

use rust_i18n::t;

use crate::view::{ConnectionHistory, ConnectionSample};

/// Something that is measured each second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Series {
    Sent,
    Target,
    Received,
    Loss,
    RoundTrip,
    Queue,
    Repair,
    Freezes,
    HeightSent,
    HeightReceived,
    CameraToScreen,
}

/// In the order in which they are read.
pub(super) const ALL: [Series; 11] = [
    Series::CameraToScreen,
    Series::RoundTrip,
    Series::Loss,
    Series::Sent,
    Series::Target,
    Series::Received,
    Series::Queue,
    Series::Repair,
    Series::Freezes,
    Series::HeightSent,
    Series::HeightReceived,
];

/// What stands where nothing is known.
pub(super) const UNKNOWN: &str = "—";

/// What a series was over the time that is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) least: f64,
    pub(super) median: f64,
    pub(super) most: f64,
    pub(super) sum: f64,
}

impl Series {
    /// The value of a second.
    pub(super) fn of(self, sample: &ConnectionSample) -> Option<f64> {
        match self {
            Self::Sent => sample.sent,
            Self::Target => sample.target,
            Self::Received => sample.received,
            Self::Loss => sample.loss,
            Self::RoundTrip => sample.round_trip,
            Self::Queue => sample.queue,
            Self::Repair => sample.repair,
            Self::Freezes => sample.freezes.map(f64::from),
            Self::HeightSent => sample.height_sent.map(f64::from),
            Self::HeightReceived => sample.height_received.map(f64::from),
            Self::CameraToScreen => sample.camera_to_screen,
        }
    }

    /// All of them, the oldest first.
    pub(super) fn values(self, history: &ConnectionHistory) -> Vec<Option<f64>> {
        history.samples().map(|sample| self.of(sample)).collect()
    }

    /// What it was, where it was anything.
    pub(super) fn summary(self, history: &ConnectionHistory) -> Option<Summary> {
        let mut values: Vec<f64> = self.values(history).into_iter().flatten().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        Some(Summary { least, median: *values.get(values.len() / 2)?, most, sum: values.iter().sum() })
    }

    /// What it is called.
    pub(super) fn name(self) -> String {
        match self {
            Self::Sent => t!("ui.connection.sent"),
            Self::Target => t!("ui.connection.target"),
            Self::Received => t!("ui.connection.received"),
            Self::Loss => t!("ui.connection.loss"),
            Self::RoundTrip => t!("ui.connection.round_trip"),
            Self::Queue => t!("ui.connection.queue"),
            Self::Repair => t!("ui.connection.repair"),
            Self::Freezes => t!("ui.connection.freezes"),
            Self::HeightSent => t!("ui.connection.height_sent"),
            Self::HeightReceived => t!("ui.connection.height_received"),
            Self::CameraToScreen => t!("ui.connection.camera_to_screen"),
        }
        .into_owned()
    }

    /// A value with its unit; a dash where there is none.
    pub(super) fn told(self, value: Option<f64>) -> String {
        let Some(value) = value else { return UNKNOWN.to_owned() };
        match self {
            Self::Sent | Self::Target | Self::Received if value >= 1e6 => format!("{:.1} Mbit/s", value / 1e6),
            Self::Sent | Self::Target | Self::Received => format!("{:.0} kbit/s", value / 1e3),
            Self::Loss | Self::Repair => {
                let percent = value * 100.0;
                let digits = if percent > 0.0 && percent < 10.0 { 1 } else { 0 };
                format!("{percent:.digits$} %")
            }
            Self::RoundTrip | Self::Queue | Self::CameraToScreen => format!("{:.0} ms", value * 1e3),
            Self::Freezes => format!("{value:.0}"),
            Self::HeightSent | Self::HeightReceived => format!("{value:.0}p"),
        }
    }

    /// What it is now: of freezes, how many there were in the time that is shown.
    pub(super) fn now(self, history: &ConnectionHistory) -> Option<f64> {
        match self {
            Self::Freezes => self.summary(history).map(|summary| summary.sum),
            Self::Sent
            | Self::Target
            | Self::Received
            | Self::Loss
            | Self::RoundTrip
            | Self::Queue
            | Self::Repair
            | Self::HeightSent
            | Self::HeightReceived
            | Self::CameraToScreen => history.newest().and_then(|sample| self.of(sample)),
        }
    }

    /// The top of its graph is no lower than this: what is harmless should not look like mountains.
    pub(super) fn top(self) -> f64 {
        match self {
            Self::Sent | Self::Target | Self::Received => 200_000.0,
            Self::Loss => 0.05,
            Self::RoundTrip | Self::Queue => 0.1,
            Self::Repair => 0.2,
            Self::Freezes => 2.0,
            Self::HeightSent | Self::HeightReceived => 360.0,
            Self::CameraToScreen => 0.2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_summed_up_without_what_is_not_known() {
        let mut history = ConnectionHistory::default();
        for (n, loss) in [Some(0.3), None, Some(0.0), Some(0.1)].into_iter().enumerate() {
            let freezes = Some(n as u32);
            history.push(ConnectionSample { loss, freezes, ..ConnectionSample::default() });
        }
        let summary = Series::Loss.summary(&history).unwrap();
        assert_eq!((summary.least, summary.median, summary.most), (0.0, 0.1, 0.3));
        assert_eq!((Series::Loss.now(&history), Series::Freezes.now(&history)), (Some(0.1), Some(6.0)));
        assert_eq!(Series::CameraToScreen.summary(&history), None);
        assert_eq!(Series::Loss.values(&history), [Some(0.3), None, Some(0.0), Some(0.1)]);
    }
}
