//! A question in the way of everything else: the card, what it says, and its answers.

use eframe::egui::{Id, Modal, ModalResponse, Ui};
use rust_i18n::t;

use super::parts::{Button, Parts as _, row};
use super::state::UiState;
use super::tokens::space;

/// How a question was put away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// It was not, or by a button of its own.
    No,
    /// By a press beside it.
    Beside,
    /// By Escape.
    Escape,
}

/// A card over a veil. Escape and a press beside it close it.
pub(super) fn modal(
    ui: &Ui,
    name: &str,
    width: f32,
    state: &mut UiState,
    add: impl FnOnce(&mut Ui, &mut UiState),
) -> Closed {
    let t = ui.tokens();
    let room = ui.ctx().content_rect().width() - 2.0 * space::L;
    let shown: ModalResponse<()> =
        Modal::new(Id::unique(name)).backdrop_color(t.veil).frame(frame(ui)).show(ui.ctx(), |ui| {
            ui.set_width(width.min(room - 2.0 * space::XL));
            add(ui, state);
        });
    if !shown.should_close() {
        return Closed::No;
    }
    state.dialogs.open = None;
    if shown.backdrop_response.clicked() { Closed::Beside } else { Closed::Escape }
}

fn frame(ui: &Ui) -> eframe::egui::Frame {
    let style = ui.style();
    eframe::egui::Frame::popup(style)
        .inner_margin(eframe::egui::Margin::same(space::XL as i8))
        .corner_radius(style.visuals.window_corner_radius)
}

/// What it is about.
pub(super) fn question(ui: &mut Ui, title: &str, text: &str) {
    ui.title(title);
    ui.add_space(space::XS);
    ui.words(text);
    ui.add_space(space::L);
}

/// A row of answers: what harms nothing is first, and has the keyboard when the question opens.
pub(super) fn answers<A>(ui: &mut Ui, entries: Vec<(Button, A)>, state: &mut UiState) -> Option<A> {
    row(ui, entries, |response| {
        if std::mem::take(&mut state.dialogs.is_asking) {
            response.request_focus();
        }
    })
}

/// What puts a question away.
pub(super) fn cancel() -> Button {
    Button::new(t!("ui.cancel")).quiet()
}
