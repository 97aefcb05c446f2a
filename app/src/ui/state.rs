//! What one person is looking at and typing. It dies with the window, and nothing of the call is in it.

mod dialogs;
mod keyboard;
mod locale;
mod notices;
mod panels;

use std::mem;

use eframe::egui::Context;
use hearth_call::Switch;
use hearth_protocol::{PeerId, Role};
use jiff::tz::TimeZone;

pub(super) use self::dialogs::{Dialog, Dialogs, Page, SettingsDialog};
pub(super) use self::keyboard::Keyboard;
pub(super) use self::locale::Locale;
pub(super) use self::notices::Acknowledged;
pub(super) use self::panels::{ChatPanel, Copied, CopiedPart, InvitePanel, Panel};
use super::facts::{broken, concerns_others, in_room};
use super::news::{Chat, NoticeFeed};
use super::parts::Hidden;
use crate::view::{Action, Settings, Stage, View};

/// What one person is looking at and typing.
#[derive(Debug)]
pub struct UiState {
    pub(super) dialogs: Dialogs,
    /// What is beside the tiles.
    pub(super) panel: Option<Panel>,
    pub(super) chat: ChatPanel,
    pub(super) invite: InvitePanel,
    pub(super) settings: SettingsDialog,
    pub(super) keyboard: Keyboard,
    pub(super) acknowledged: Acknowledged,
    /// What is being typed.
    pub(super) drafts: Drafts,
    /// Wishes of this frame; empty between frames.
    pub(super) actions: Vec<Action>,
    /// What others did, as it is said for a moment.
    pub(super) news: NoticeFeed,
    /// How loud somebody is just being made.
    pub(super) volume: Option<(PeerId, f32)>,
    /// Until when it is said that the connection was copied (the toolkit's seconds).
    pub(super) connection_copied_until: Option<f64>,
    pub(super) locale: Locale,
}

/// What is being typed.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    /// A link or a number.
    pub(super) join: String,
    /// Our name; none until it was touched.
    pub(super) nick: Option<Draft>,
    /// A message.
    pub(super) chat: String,
    /// A server's address; none until it was touched.
    pub(super) server: Option<Draft>,
    /// The password of a room: to come in, or to be asked for.
    pub(super) password: Hidden,
    /// How many of them the person knows not to open the door.
    pub(super) refusals: u32,
    /// A port; none until it was touched.
    pub(super) port: Option<Draft>,
}

/// One line that is kept elsewhere, and being typed again here.
#[derive(Debug)]
pub(super) struct Draft {
    /// As it is in the field.
    pub(super) text: String,
    /// Whether somebody typed since it was kept last.
    pub(super) is_touched: bool,
}

impl Draft {
    /// What is kept, before anybody touched it.
    pub(super) fn of(text: String) -> Self {
        Self { text, is_touched: false }
    }

    /// What was typed since it was kept last; from here on it counts as kept.
    pub(super) fn finish(&mut self) -> Option<String> {
        std::mem::take(&mut self.is_touched).then(|| self.text.trim().to_owned())
    }
}

impl Default for UiState {
    fn default() -> Self {
        Self::in_zone(TimeZone::system())
    }
}

impl UiState {
    /// For a machine at a place with these clocks.
    pub fn in_zone(zone: TimeZone) -> Self {
        Self {
            dialogs: Dialogs::default(),
            panel: None,
            chat: ChatPanel::default(),
            invite: InvitePanel::default(),
            settings: SettingsDialog::default(),
            keyboard: Keyboard::default(),
            acknowledged: Acknowledged::default(),
            drafts: Drafts::default(),
            actions: Vec::new(),
            news: NoticeFeed::default(),
            volume: None,
            connection_copied_until: None,
            locale: Locale { zone, spoken: None },
        }
    }

    /// Asks for something at the end of the frame.
    pub(super) fn action(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Puts a question in the way; what was typed in the settings begins again.
    pub(super) fn open(&mut self, dialog: Dialog) {
        self.dialogs.open = Some(dialog);
        self.dialogs.is_asking = true;
        self.drafts.server = None;
        self.drafts.port = None;
    }

    /// Shows a panel beside the tiles; one with a field is written into at once.
    pub(super) fn show(&mut self, panel: Panel) {
        self.panel = Some(panel);
        self.chat.wants_keyboard = panel == Panel::Chat;
        self.invite.openings += u64::from(panel == Panel::Invite);
    }

    /// Looks at what others did. Also while no frame is drawn: who has the window behind others may want to know.
    pub fn look(&mut self, ctx: &Context, view: &View) {
        let chat = if self.panel == Some(Panel::Chat) { Chat::Open } else { Chat::Closed };
        if chat == Chat::Open {
            self.news.forget_chat();
        }
        self.news.look(ctx, in_room(view), chat);
    }

    /// Forgets what belongs to a room, once we are in none; and shows the invitation once where nobody else is there.
    pub(super) fn settle(&mut self, view: &View) {
        self.acknowledged.devices.retain(|kind| broken(view).any(|(other, _)| other == *kind));
        self.invite(view);
        self.follow_connection(view);
        let asked = view.elsewhere.as_ref().map(|(number, _)| *number);
        if self.dialogs.is_elsewhere_new(asked) {
            self.open(Dialog::Elsewhere);
        }
        // In a room they are known anyway.
        let looks = self.dialogs.open == Some(Dialog::Settings) && matches!(view.stage, Stage::Home);
        if std::mem::replace(&mut self.settings.is_looking, looks) != looks {
            self.action(Action::LookAtDevices(looks));
        }
        if let Stage::Home = view.stage {
            self.panel = None;
            self.volume = None;
            self.chat = ChatPanel::default();
            self.invite = InvitePanel { openings: self.invite.openings, ..InvitePanel::default() };
            self.keyboard.leave_room();
            self.acknowledged.forget_keys();
            self.drafts.nick = None;
            self.drafts.chat.clear();
        }
    }

    /// The connection to somebody who is gone is no longer shown.
    fn follow_connection(&mut self, view: &View) {
        if let Some(Panel::Connection(id)) = self.panel
            && !in_room(view).is_some_and(|room| room.people.iter().any(|person| person.id == id))
        {
            self.panel = None;
        }
    }

    /// Who has just started a room wants others in it.
    fn invite(&mut self, view: &View) {
        let Some(room) = in_room(view) else { return };
        let is_mine = room.role == Role::Host && room.people.is_empty() && room.lobby.is_empty();
        if self.invite.is_offered || (is_mine && room.invite.is_none()) {
            return; // there is none yet
        }
        self.invite.is_offered = true;
        if is_mine && room.chat.is_empty() && self.panel.is_none() {
            self.show(Panel::Invite);
        }
    }

    /// Asks for other settings.
    pub(super) fn change(&mut self, view: &View, change: impl FnOnce(&mut Settings)) {
        let mut settings = view.settings.clone();
        change(&mut settings);
        self.action(Action::Change(Box::new(settings)));
    }

    /// The actions of this frame.
    pub(super) fn take_actions(&mut self) -> Vec<Action> {
        mem::take(&mut self.actions)
    }

    /// An action was taken: what must not be forgotten before that may be forgotten now.
    pub fn taken(&mut self, action: &Action) {
        self.keyboard.is_talking &= *action != Action::SetMicrophone(Switch::Off);
    }

    /// The window was asked to close: whether it stays, because there is a question to answer first.
    pub fn stays_open(&mut self, view: &View) -> bool {
        let is_grave = in_room(view).is_some_and(concerns_others);
        let stays = is_grave && !self.dialogs.may_close;
        if stays {
            self.open(Dialog::Close);
        }
        stays
    }
}

/// Opens a file or a folder with the program that the desktop has for it.
pub(super) fn open_file(ctx: &Context, path: &std::path::Path) {
    if let Ok(url) = url::Url::from_file_path(path) {
        ctx.open_url(eframe::egui::OpenUrl::new_tab(url));
    }
}
