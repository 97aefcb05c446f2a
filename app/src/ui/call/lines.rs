//! The lines of the moment, over the tiles: who came, what was written, what a key has done.

use eframe::egui::{Align2, Rect, Role as Part, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::ui::fonts;
use crate::ui::news::{Leads, NoticeLine};
use crate::ui::parts::{elided, focus_ring};
use crate::ui::state::{Panel, UiState};
use crate::ui::style::corner;
use crate::ui::tokens::{self, letters, space};

/// Of one line, and the widest.
const HEIGHT: f32 = 34.0;
const WIDEST: f32 = 460.0;
const ICON: f32 = 17.0;

/// Draws them at the foot of the stage, the newest lowest.
pub(super) fn lines(ui: &mut Ui, stage: Rect, state: &mut UiState) {
    let lines: Vec<NoticeLine> = state.news.lines().cloned().collect();
    let mut bottom = stage.bottom() - space::M;
    let mut is_opened = false;
    for (at, line) in lines.iter().enumerate().rev() {
        is_opened |= draw(ui, stage, bottom, line, at);
        bottom -= HEIGHT + space::XS;
    }
    if is_opened {
        state.show(Panel::Chat);
    }
}

/// Draws one; whether it was pressed.
fn draw(ui: &mut Ui, stage: Rect, bottom: f32, line: &NoticeLine, at: usize) -> bool {
    let beside = 2.0 * space::M + ICON + space::S;
    let room = WIDEST.min(stage.width() - space::XL) - beside;
    let galley = elided(ui.painter(), &line.text, fonts::plain(letters::BODY), tokens::ON_LABEL, room);
    let size = vec2(galley.size().x + beside, HEIGHT);
    let rect = Align2::CENTER_BOTTOM.anchor_size(pos2(stage.center().x, bottom), size);
    let sense = if line.leads == Leads::Chat { Sense::click() } else { Sense::hover() };
    let response = ui.interact(rect, ui.scope_id().with(("line", at)), sense);
    let part = if line.leads == Leads::Chat { Part::Button } else { Part::Status };
    response.widget_info(|| WidgetInfo::labeled(part, true, &line.text));
    let ground = if response.hovered() && line.leads == Leads::Chat { tokens::LINE_HOVER } else { tokens::LINE };
    let rounding = corner(HEIGHT / 2.0);
    ui.painter().rect_filled(rect, rounding, ground);
    focus_ring(ui, &response, rounding);
    let icon = pos2(rect.left() + space::M + ICON / 2.0, rect.center().y);
    line.icon.paint(ui.painter(), icon, ICON, tokens::ON_LABEL);
    let place = Align2::LEFT_CENTER.anchor_size(pos2(icon.x + ICON / 2.0 + space::S, rect.center().y), galley.size());
    ui.painter().galley(place.min, galley, tokens::ON_LABEL);
    response.clicked()
}
