//! What is beside the tiles: people, chat, invitation, the connection to somebody.

mod chat;
mod connection;
mod invite;
mod people;
mod qr;

use eframe::egui::{Align, Frame, Layout, Margin, Stroke, Ui};
use rust_i18n::t;

use super::icons;
use super::parts::{IconButton, Parts as _};
use super::state::{Panel, UiState};
use super::style::corner;
use super::tokens::{control, radius, space};
use crate::view::Room;

pub(super) use people::{answers, let_in, same_address};
pub(super) use qr::Code;

/// Draws one.
pub(super) fn panel(ui: &mut Ui, room: &Room, panel: Panel, state: &mut UiState) {
    let t = ui.tokens();
    let frame = Frame::new()
        .fill(t.surface)
        .stroke(Stroke::new(control::LINE, t.line))
        .corner_radius(corner(radius::XL))
        .inner_margin(Margin::same(space::L as i8));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.set_height(ui.available_height());
        head(ui, panel, state);
        match panel {
            Panel::People => people::people(ui, room, state),
            Panel::Chat => chat::chat(ui, room, state),
            Panel::Invite => invite::invite(ui, room, state),
            Panel::Connection(id) => connection::connection(ui, room, id, state),
        }
    });
}

fn head(ui: &mut Ui, panel: Panel, state: &mut UiState) {
    let (icon, name) = match panel {
        Panel::People => (icons::PEOPLE, t!("ui.command.people")),
        Panel::Chat => (icons::CHAT, t!("ui.command.chat")),
        Panel::Invite => (icons::INVITE, t!("ui.command.invite")),
        Panel::Connection(_) => (icons::NETWORK, t!("ui.command.connection")),
    };
    ui.horizontal(|ui| {
        super::parts::section(ui, icon, name);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if IconButton::new(icons::CLOSE, t!("ui.close")).size(30.0, 30.0).show(ui) {
                state.panel = None;
            }
        });
    });
    ui.add_space(space::XS);
}
