//! The connection as a text for those who look into what went wrong: figures, and nobody's name or address.

use hearth_call::Route;
use hearth_protocol::PeerKind;
use rust_i18n::t;

use super::series::{ALL, Series, UNKNOWN};
use super::{kind_of_end, runs};
use crate::ui::when;
use crate::view::{ConnectionHistory, ConnectionPath};

/// The text. Times are UTC: where somebody is, is theirs to tell.
pub(super) fn report(history: &ConnectionHistory, kind: PeerKind) -> String {
    let day = when::date(history.unix_s);
    let mut lines = vec![
        t!("ui.connection.report_title", version = env!("CARGO_PKG_VERSION"), system = std::env::consts::OS)
            .into_owned(),
        t!("ui.connection.report_when", day = day).into_owned(),
        t!("ui.connection.report_with", program = runs(kind)).into_owned(),
        t!("ui.connection.report_path", path = path(history.path.as_ref())).into_owned(),
        t!("ui.connection.report_columns", seconds = history.samples().len().saturating_sub(1)).into_owned(),
    ];
    lines.extend(ALL.into_iter().map(|series| line(series, history)));
    lines.join("\n") + "\n"
}

fn line(series: Series, history: &ConnectionHistory) -> String {
    let told = |value| series.told(value);
    let summary = series.summary(history);
    let now = told(history.newest().and_then(|sample| series.of(sample)));
    let columns = t!(
        "ui.connection.report_row",
        name = series.name(),
        now = now,
        least = told(summary.map(|of| of.least)),
        median = told(summary.map(|of| of.median)),
        most = told(summary.map(|of| of.most))
    );
    match (series, summary) {
        (Series::Freezes, Some(summary)) => {
            t!("ui.connection.report_freezes", name = series.name(), count = series.told(Some(summary.sum)))
                .into_owned()
        }
        _ => columns.into_owned(),
    }
}

/// The way without an address.
fn path(path: Option<&ConnectionPath>) -> String {
    let Some(path) = path else { return UNKNOWN.to_owned() };
    let route = match path.route {
        Route::Direct => t!("ui.people.direct"),
        Route::Relayed => t!("ui.people.relayed"),
    };
    let [local, remote] = [&path.local, &path.remote].map(|end| format!("{} {}", kind_of_end(&end.kind), end.family()));
    t!("ui.connection.report_ends", route = route, local = local, remote = remote).into_owned()
}
