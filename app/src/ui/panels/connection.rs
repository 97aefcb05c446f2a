//! How the connection to somebody has been: a line for each thing that is measured, over the last two minutes.

mod report;
mod series;

use eframe::egui::{Label, RichText, ScrollArea, Ui};
use hearth_call::Route;
use hearth_protocol::{PeerId, PeerKind};
use rust_i18n::t;

use self::series::Series;
use crate::ui::facts::named;
use crate::ui::icons;
use crate::ui::parts::{Button, Graph, Parts as _, Pick, graph, picker};
use crate::ui::state::{Panel, UiState};
use crate::ui::tokens::{letters, space};
use crate::view::{ConnectionHistory, ConnectionPath, Person, Room, SAMPLES};

/// How long it is said that something was copied, seconds.
const SAID: f64 = 2.0;

/// The graphs, and what is drawn behind the line of each.
const GRAPHS: [(Series, Option<Series>); 10] = [
    (Series::CameraToScreen, None),
    (Series::RoundTrip, None),
    (Series::Loss, None),
    (Series::Sent, Some(Series::Target)),
    (Series::Received, None),
    (Series::Queue, None),
    (Series::Repair, None),
    (Series::Freezes, None),
    (Series::HeightSent, None),
    (Series::HeightReceived, None),
];

/// Draws it.
pub(super) fn connection(ui: &mut Ui, room: &Room, id: PeerId, state: &mut UiState) {
    let Some(person) = room.people.iter().find(|person| person.id == id) else { return };
    if room.people.len() > 1 {
        let picks: Vec<_> =
            room.people.iter().map(|person| Pick { value: person.id, text: named(&person.nick) }).collect();
        let width = ui.available_width();
        if let Some(other) = picker(ui, icons::PEOPLE, &t!("ui.connection.who"), &id, &picks, width) {
            state.show(Panel::Connection(other));
        }
    } else {
        ui.subtitle(named(&person.nick));
    }
    let history = &person.connection;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = space::S;
        path(ui, history.path.as_ref());
        for (main, behind) in GRAPHS {
            one(ui, history, main, behind);
        }
        if person.kind != PeerKind::Native {
            ui.hint(t!("ui.connection.no_stamps"));
        }
        ui.hint(t!("ui.connection.span"));
        copy(ui, person, state);
    });
}

fn one(ui: &mut Ui, history: &ConnectionHistory, main: Series, behind: Option<Series>) {
    let (line, under) = (main.values(history), behind.map(|series| series.values(history)).unwrap_or_default());
    let now = main.told(main.now(history));
    let value = match behind.and_then(|series| series.now(history).map(|value| (series, value))) {
        Some((series, value)) => {
            format!("{now} · {} {}", series.name(), series.told(Some(value)))
        }
        None => now,
    };
    let name = main.name();
    let shown = Graph {
        name: &name,
        value: &value,
        line: &line,
        behind: &under,
        room: SAMPLES,
        top: main.top(),
        scale: &|top| main.told(Some(top)),
    };
    let (response, before) = graph(ui, &shown);
    if let Some(before) = before {
        let then = line.len().checked_sub(before + 1).and_then(|at| line.get(at).copied().flatten());
        response.on_hover_text(t!("ui.connection.ago", seconds = before, value = main.told(then)));
    }
}

/// Which way media takes, and both its ends.
fn path(ui: &mut Ui, path: Option<&ConnectionPath>) {
    let t = ui.tokens();
    let Some(path) = path else {
        ui.hint(t!("ui.connection.no_path"));
        return;
    };
    let route = match path.route {
        Route::Direct => t!("ui.connection.is_direct"),
        Route::Relayed => t!("ui.connection.is_relayed"),
    };
    ui.words(route);
    let ends = [&path.local, &path.remote].map(|end| format!("{} {}", kind_of_end(&end.kind), end.address));
    let [local, remote] = ends;
    let line = |ui: &mut Ui, text: std::borrow::Cow<'_, str>| {
        ui.add(Label::new(RichText::new(text).size(letters::SMALL).color(t.weak)).truncate().selectable(true));
    };
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        line(ui, t!("ui.connection.here", end = local));
        line(ui, t!("ui.connection.there", end = remote));
    });
}

fn copy(ui: &mut Ui, person: &Person, state: &mut UiState) {
    let now = ui.input(|input| input.time);
    let is_said = state.connection_copied_until.is_some_and(|until| until > now);
    let (icon, word) =
        if is_said { (icons::CHECK, t!("ui.invite.copied")) } else { (icons::COPY, t!("ui.connection.copy")) };
    if Button::new(word).icon(icon).small().tip(t!("ui.connection.copy_tip")).show(ui) {
        ui.ctx().copy_text(report::report(&person.connection, person.kind));
        state.connection_copied_until = Some(now + SAID);
        ui.ctx().request_repaint_after_secs(SAID as f32);
    }
}

/// What somebody runs.
fn runs(kind: PeerKind) -> String {
    match kind {
        PeerKind::Native => t!("ui.people.native"),
        PeerKind::Web => t!("ui.people.web"),
        PeerKind::Legacy => t!("ui.people.legacy"),
    }
    .into_owned()
}

/// How an end of a way was found.
fn kind_of_end(kind: &str) -> String {
    match kind {
        "host" => t!("ui.connection.host").into_owned(),
        "srflx" | "prflx" => t!("ui.connection.reflexive").into_owned(),
        "relay" => t!("ui.connection.relay").into_owned(),
        other => other.to_owned(),
    }
}
