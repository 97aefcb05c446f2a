//! How others come in: number, link, code, words to compare, and what a guest will see.

use eframe::egui::{Align, Label, Layout, RichText, ScrollArea, Ui};
use rust_i18n::t;

use super::qr::Code;
use crate::ui::fonts;
use crate::ui::icons;
use crate::ui::parts::{Banner, Button, IconButton, Parts as _, Pick, Tone, picker};
use crate::ui::state::{Copied, CopiedPart, UiState};
use crate::ui::tokens::{letters, space};
use crate::ui::when;
use crate::view::{Action, AddressKind, Invite, InviteAddress, Room};

/// How long it is said that something was copied.
const SAID: f64 = 2.0;

/// Draws it.
pub(super) fn invite(ui: &mut Ui, room: &Room, state: &mut UiState) {
    let Some(invite) = &room.invite else {
        ui.hint(t!("ui.invite.none"));
        return;
    };
    // Another one each time that it is opened, so that it begins at its top.
    ScrollArea::vertical().id_salt(("invite", state.invite.openings)).auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = space::S;
        wrong(ui, invite);
        number(ui, invite, state);
        invitation(ui, invite, state);
        ui.hint(if room.admission.is_invite_only { t!("ui.invite.who") } else { t!("ui.invite.who_open") });
        code(ui, invite, state);
        link(ui, invite, state);
        more(ui, invite, state);
    });
}

/// CopiedPart most hosts need not know.
fn more(ui: &mut Ui, invite: &Invite, state: &mut UiState) {
    let word = if state.invite.is_long { t!("ui.invite.less") } else { t!("ui.invite.more") };
    let icon = if state.invite.is_long { icons::UP } else { icons::DOWN };
    if Button::new(word).icon(icon).small().quiet().show(ui) {
        state.invite.is_long = !state.invite.is_long;
    }
    if state.invite.is_long {
        addresses(ui, invite, state);
        words(ui, invite);
        if invite.is_hosted {
            guest(ui);
        }
    }
}

fn wrong(ui: &mut Ui, invite: &Invite) {
    if invite.wrong_invites > 0 {
        let text = t!("ui.invite.wrong", count = invite.wrong_invites);
        Banner::new(Tone::Warning, text).show(ui, |_| {});
    }
    if invite.wrong_passwords > 0 {
        let text = t!("ui.invite.wrong_password", count = invite.wrong_passwords);
        Banner::new(Tone::Warning, text).show(ui, |_| {});
    }
}

fn number(ui: &mut Ui, invite: &Invite, state: &mut UiState) {
    let number = when::number(invite.number.as_str());
    ui.hint(t!("ui.invite.number"));
    ui.horizontal(|ui| {
        ui.marked(&number, letters::TITLE);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            copy_icon(ui, CopiedPart::Number, &t!("ui.invite.copy_number"), number, state);
        });
    });
}

fn invitation(ui: &mut Ui, invite: &Invite, state: &mut UiState) {
    let is_done = is_said(ui, CopiedPart::Invitation, state);
    let word = if is_done { t!("ui.invite.copied") } else { t!("ui.invite.copy") };
    let icon = if is_done { icons::CHECK } else { icons::COPY };
    let button = Button::new(word).icon(icon).primary().min_width(ui.available_width());
    if button.tip(t!("ui.invite.copy_tip")).show(ui) {
        ui.ctx().copy_text(text(invite));
        say(ui, CopiedPart::Invitation, state);
    }
}

fn code(ui: &mut Ui, invite: &Invite, state: &mut UiState) {
    state.invite.code = Code::of(ui.ctx(), &invite.link, state.invite.code.take());
    let Some(code) = &state.invite.code else { return };
    ui.vertical_centered(|ui| code.show(ui, ui.available_width().min(220.0), &t!("ui.invite.code")));
}

fn link(ui: &mut Ui, invite: &Invite, state: &mut UiState) {
    let t = ui.tokens();
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            copy_icon(ui, CopiedPart::Link, &t!("ui.invite.copy_link"), invite.link.clone(), state);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let text = RichText::new(&invite.link).size(letters::SMALL).color(t.text);
                ui.add(Label::new(text).truncate().selectable(true));
            });
        });
    });
}

fn addresses(ui: &mut Ui, invite: &Invite, state: &mut UiState) {
    let Some(chosen) = invite.addresses.iter().find(|entry| entry.is_chosen) else { return };
    ui.hint(t!("ui.invite.address"));
    let picks: Vec<_> =
        invite.addresses.iter().map(|entry| Pick { value: entry.address, text: named(entry) }).collect();
    let width = ui.available_width();
    let label = t!("ui.invite.address");
    if let Some(address) = picker(ui, icons::NETWORK, &label, &chosen.address, &picks, width) {
        state.action(Action::ChooseAddress(address));
    }
    if chosen.kind == AddressKind::Vpn {
        ui.hint(t!("ui.invite.vpn_hint"));
    }
}

fn named(entry: &InviteAddress) -> String {
    let (address, interface) = (entry.address, &entry.interface);
    match entry.kind {
        AddressKind::Lan => t!("ui.invite.lan", address = address, interface = interface),
        AddressKind::Vpn => t!("ui.invite.vpn", address = address, interface = interface),
        AddressKind::Loopback => t!("ui.invite.loopback", address = address),
    }
    .into_owned()
}

fn words(ui: &mut Ui, invite: &Invite) {
    let t = ui.tokens();
    ui.add_space(space::XS);
    if !invite.words.is_empty() {
        ui.hint(t!("ui.invite.words"));
        let text = RichText::new(&invite.words).font(fonts::strong(letters::HEADING)).color(t.accent_text);
        ui.add(Label::new(text).wrap().selectable(true));
    }
    if let Some(certificate) = &invite.certificate {
        ui.hint(t!("ui.invite.certificate"));
        let text = RichText::new(certificate).monospace().size(letters::CAPTION).color(t.text);
        ui.add(Label::new(text).wrap().selectable(true));
    }
}

/// CopiedPart a guest will see, so that the host can tell them on the telephone.
fn guest(ui: &mut Ui) {
    ui.add_space(space::XS);
    ui.hint(t!("ui.invite.guest"));
    ui.words(t!("ui.invite.warning"));
    for way in ways() {
        ui.words(way);
    }
}

/// Which buttons to press, by browser.
fn ways() -> [String; 3] {
    [t!("ui.invite.chromium"), t!("ui.invite.firefox"), t!("ui.invite.safari")].map(|way| way.into_owned())
}

/// The invitation as a text that says everything.
fn text(invite: &Invite) -> String {
    let number = when::number(invite.number.as_str());
    let mut text = t!("ui.invite.text", link = invite.link, number = number).into_owned();
    if invite.is_hosted {
        text += &format!("\n\n{}\n{}", t!("ui.invite.warning"), ways().join("\n"));
    }
    if !invite.words.is_empty() {
        text += &format!("\n\n{}", t!("ui.invite.text_words", words = invite.words));
    }
    // The longest last: few look at it, and a messenger cuts what is long.
    if let Some(certificate) = &invite.certificate {
        text += &format!("\n\n{}", t!("ui.invite.text_certificate", certificate = certificate));
    }
    text + "\n"
}

fn copy_icon(ui: &mut Ui, what: CopiedPart, label: &str, text: String, state: &mut UiState) {
    let is_done = is_said(ui, what, state);
    let icon = if is_done { icons::CHECK } else { icons::COPY };
    if IconButton::new(icon, label).size(32.0, 32.0).filled().show(ui) {
        ui.ctx().copy_text(text);
        say(ui, what, state);
    }
}

fn say(ui: &Ui, what: CopiedPart, state: &mut UiState) {
    let until = ui.input(|input| input.time) + SAID;
    state.invite.copied = Some(Copied { what, until });
    ui.ctx().request_repaint_after_secs(SAID as f32);
}

fn is_said(ui: &Ui, what: CopiedPart, state: &UiState) -> bool {
    let now = ui.input(|input| input.time);
    state.invite.copied.is_some_and(|copied| copied.what == what && copied.until > now)
}
