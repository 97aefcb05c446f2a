//! What can be done by key and by button: each has its words, its picture, its keys, and one place where it happens.

use eframe::egui::{Context, Key, KeyboardShortcut, Modifiers, ViewportCommand};
use hearth_call::{Hand, Switch};
use hearth_protocol::Role;
use rust_i18n::t;

use super::facts::{concerns_others, in_room, switches};
use super::icons::{self, Icon};
use super::state::{Dialog, Panel, UiState};
use crate::view::{Action, Stage, View};

/// Something that can be done by key and by button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UiCommand {
    /// Microphone on or off.
    Microphone,
    /// Camera on or off.
    Camera,
    /// Our hand up or down.
    Hand,
    /// A screen shared, or none.
    Share,
    /// What is written.
    Chat,
    /// Who is here.
    People,
    /// How others come in.
    Invite,
    /// How the connection has been.
    Connection,
    /// The whole screen.
    FullScreen,
    /// The settings.
    Settings,
    /// Which keys there are.
    Help,
    /// Out. Stays the last: the length of [`UiCommand::ALL`] is counted by it.
    Leave,
}

impl UiCommand {
    /// All, as the help lists them. A command that is left out does not compile: keys and help go by this list.
    pub(super) const ALL: [Self; Self::Leave as usize + 1] = [
        Self::Microphone,
        Self::Camera,
        Self::Hand,
        Self::Share,
        Self::Chat,
        Self::People,
        Self::Invite,
        Self::Connection,
        Self::FullScreen,
        Self::Settings,
        Self::Help,
        Self::Leave,
    ];

    /// The keys, the first being the one that is shown.
    pub(super) const fn keys(self) -> &'static [KeyboardShortcut] {
        const CTRL_SHIFT: Modifiers = Modifiers::CTRL.plus(Modifiers::SHIFT);
        const fn key(key: Key) -> KeyboardShortcut {
            KeyboardShortcut::new(Modifiers::NONE, key)
        }
        const fn with(modifiers: Modifiers, key: Key) -> KeyboardShortcut {
            KeyboardShortcut::new(modifiers, key)
        }
        match self {
            Self::Microphone => const { &[key(Key::M), with(Modifiers::CTRL, Key::D), with(Modifiers::ALT, Key::A)] },
            Self::Camera => const { &[key(Key::V), with(Modifiers::CTRL, Key::E), with(Modifiers::ALT, Key::V)] },
            Self::People => const { &[key(Key::P)] },
            Self::Chat => const { &[key(Key::C)] },
            Self::Hand => const { &[key(Key::R)] },
            Self::Share => const { &[key(Key::S)] },
            Self::Invite => const { &[key(Key::I)] },
            Self::Connection => const { &[key(Key::N)] },
            Self::Settings => const { &[with(Modifiers::CTRL, Key::Comma)] },
            Self::FullScreen => const { &[key(Key::F11)] },
            Self::Help => const { &[key(Key::Questionmark)] },
            Self::Leave => const { &[with(CTRL_SHIFT, Key::H)] },
        }
    }

    /// Whether it can be done while a question or the settings are in the way: who is heard and seen is never behind
    /// them.
    pub(super) const fn is_above_dialogs(self) -> bool {
        match self {
            Self::Microphone | Self::Camera | Self::FullScreen => true,
            Self::People
            | Self::Chat
            | Self::Hand
            | Self::Share
            | Self::Invite
            | Self::Connection
            | Self::Settings
            | Self::Help
            | Self::Leave => false,
        }
    }

    /// The picture.
    pub(super) const fn icon(self) -> Icon {
        match self {
            Self::Microphone => icons::MICROPHONE,
            Self::Camera => icons::CAMERA,
            Self::People => icons::PEOPLE,
            Self::Chat => icons::CHAT,
            Self::Hand => icons::HAND,
            Self::Share => icons::SCREEN,
            Self::Invite => icons::INVITE,
            Self::Connection => icons::NETWORK,
            Self::Settings => icons::SETTINGS,
            Self::FullScreen => icons::FULL_SCREEN,
            Self::Help => icons::HELP,
            Self::Leave => icons::LEAVE,
        }
    }

    /// What it is about, in a word.
    pub(super) fn name(self) -> String {
        match self {
            Self::Microphone => t!("ui.command.microphone"),
            Self::Camera => t!("ui.command.camera"),
            Self::People => t!("ui.command.people"),
            Self::Chat => t!("ui.command.chat"),
            Self::Hand => t!("ui.command.hand"),
            Self::Share => t!("ui.command.share"),
            Self::Invite => t!("ui.command.invite"),
            Self::Connection => t!("ui.command.connection"),
            Self::Settings => t!("ui.command.settings"),
            Self::FullScreen => t!("ui.command.full_screen"),
            Self::Help => t!("ui.command.help"),
            Self::Leave => t!("ui.command.leave"),
        }
        .into_owned()
    }

    /// What is said to a pointer that rests: `label`, and the key.
    pub(super) fn tip(self, ctx: &Context, label: &str) -> String {
        self.tip_with(ctx, label, self.keys().first())
    }

    /// The same where letters are written: a bare key does nothing there.
    pub(super) fn tip_where_typed(self, ctx: &Context, label: &str) -> String {
        self.tip_with(ctx, label, self.keys().iter().find(|key| !key.modifiers.is_none()))
    }

    fn tip_with(self, ctx: &Context, label: &str, key: Option<&KeyboardShortcut>) -> String {
        match key {
            Some(key) => t!("ui.command.tip", label = label, key = shown(ctx, key)).into_owned(),
            None => label.to_owned(),
        }
    }

    /// Does it, where it makes sense.
    pub(super) fn act(self, ctx: &Context, view: &View, state: &mut UiState) {
        match self {
            Self::Microphone => {
                if let Some(switch) = switches(view).map(|(microphone, _)| microphone) {
                    state.action(Action::SetMicrophone(turned(switch)));
                }
            }
            Self::Camera => {
                if let Some(switch) = switches(view).map(|(_, camera)| camera) {
                    state.action(Action::SetCamera(turned(switch)));
                }
            }
            Self::People => toggle(view, state, Panel::People),
            Self::Chat => toggle(view, state, Panel::Chat),
            Self::Hand => {
                if let Some(room) = in_room(view) {
                    state.action(Action::SetHand(raised(room.me.hand)));
                }
            }
            Self::Share => share(view, state),
            Self::Invite => toggle(view, state, Panel::Invite),
            Self::Connection => connection(view, state),
            Self::Settings => state.open(Dialog::Settings),
            Self::Help => state.open(Dialog::Help),
            Self::FullScreen => {
                let is_full = ctx.input(|input| input.viewport().fullscreen.unwrap_or(false));
                ctx.send_viewport_cmd(ViewportCommand::Fullscreen(!is_full));
            }
            Self::Leave => leave(view, state),
        }
    }
}

/// A key as it is on a keyboard.
pub(super) fn shown(ctx: &Context, shortcut: &KeyboardShortcut) -> String {
    let key = shortcut.logical_key;
    let is_sign = matches!(key, Key::Comma | Key::Questionmark);
    let key = if is_sign { key.symbol_or_name() } else { key.name() };
    let modifiers = ctx.format_modifiers(shortcut.modifiers);
    if modifiers.is_empty() { key.to_owned() } else { format!("{modifiers}+{key}") }
}

/// Off from on, and on from off.
pub(super) fn turned(switch: Switch) -> Switch {
    match switch {
        Switch::On => Switch::Off,
        Switch::Off => Switch::On,
    }
}

/// Up from down, and down from up.
fn raised(hand: Hand) -> Hand {
    match hand {
        Hand::Up => Hand::Down,
        Hand::Down => Hand::Up,
    }
}

fn toggle(view: &View, state: &mut UiState, panel: Panel) {
    if in_room(view).is_some() {
        if state.panel == Some(panel) { state.panel = None } else { state.show(panel) }
    }
}

/// Who shares stops; who does not is asked what.
fn share(view: &View, state: &mut UiState) {
    let Some(room) = in_room(view) else { return };
    if room.me.shared.is_some() {
        state.action(Action::Share(None));
    } else {
        state.action(Action::LookAtScreens);
        state.open(Dialog::Share);
    }
}

/// The connection to the first of the others: in the panel, another can be chosen.
fn connection(view: &View, state: &mut UiState) {
    if let Some(Panel::Connection(_)) = state.panel {
        state.panel = None;
    } else if let Some(first) = in_room(view).and_then(|room| room.people.first()) {
        state.show(Panel::Connection(first.id));
    }
}

/// Who can end the room for others is asked first.
fn leave(view: &View, state: &mut UiState) {
    match &view.stage {
        Stage::Home => {}
        Stage::PreJoin(_) => state.action(Action::Leave),
        Stage::Room(room) => {
            let is_asked = in_room(view).is_some() && room.role == Role::Host && concerns_others(room);
            if is_asked { state.open(Dialog::Leave) } else { state.action(Action::Leave) }
        }
    }
}
