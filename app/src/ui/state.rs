//! What one person is looking at and typing. It dies with the window, and nothing of the call is in it.

use std::mem;

use eframe::egui::{Context, Event, Ui, ViewportCommand};
use hearth_base::DeviceKind;
use hearth_call::Switch;
use hearth_protocol::{PeerId, Role};
use jiff::tz::TimeZone;
use rust_i18n::t;

use super::facts::{broken, concerns_others, in_room};
use super::news::{Chat, NoticeFeed};
use super::panels::Code;
use super::parts::Hidden;
use super::style;
use crate::view::{Action, LanguageChoice, Settings, Stage, ThemeChoice, View};
use crate::words::Language;

/// What one person is looking at and typing.
#[derive(Debug)]
pub struct UiState {
    /// What is in the way of everything else.
    pub(super) dialog: Option<Dialog>,
    /// Whether its first answer is still to be given the keyboard.
    pub(super) is_asking: bool,
    /// What is beside the tiles.
    pub(super) panel: Option<Panel>,
    /// Whether the person has decided that the window may close.
    pub(super) may_close: bool,
    /// What is being typed.
    pub(super) drafts: Drafts,
    /// Wishes of this frame; empty between frames.
    pub(super) actions: Vec<Action>,
    /// The number by which the person was last asked to go elsewhere.
    elsewhere: Option<u64>,
    /// What was last said to the toolkit about language and looks.
    spoken: Option<(LanguageChoice, ThemeChoice)>,
    /// What others did, as it is said for a moment.
    pub(super) news: NoticeFeed,
    /// Whether the chat was opened and its field is to have the keyboard.
    pub(super) wants_chat: bool,
    /// What was written behind a press, for the next frame.
    pub(super) held: Vec<Event>,
    /// Where this machine is.
    pub(super) zone: TimeZone,
    /// Whether Space is held to talk; true until the microphone is known to go off again.
    pub(super) is_talking: bool,
    /// Lines of the chat that were seen.
    pub(super) read: usize,
    /// Words of a server's key that the person has compared.
    pub(super) compared: Option<String>,
    /// Words of a server's key that the person compares later, or never.
    pub(super) put_off: Option<String>,
    /// Devices of which the person has read that they do not run; until they do.
    pub(super) known: Vec<DeviceKind>,
    /// Whether the invitation has been shown without being asked for, or there was no need.
    is_invited: bool,
    /// Whether we asked which devices there are.
    is_looking: bool,
    /// Whether the name had the keyboard once, where there is none.
    pub(super) is_name_asked: bool,
    /// How loud somebody is just being made.
    pub(super) volume: Option<(PeerId, f32)>,
    /// How often the invitation was opened.
    pub(super) invited: u64,
    /// Whether all of it is shown.
    pub(super) is_invite_long: bool,
    /// The code of the invitation.
    pub(super) code: Option<Code>,
    /// What was copied last.
    pub(super) copied: Option<Copied>,
    /// The page of the settings.
    pub(super) page: Page,
    /// Whether the licences are shown.
    pub(super) are_licences_shown: bool,
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

/// What is in the way of everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialog {
    /// The settings.
    Settings,
    /// Which keys there are.
    Help,
    /// Leave, or end for all?
    Leave,
    /// The window was asked to close.
    Close,
    /// Really take them out?
    Remove(PeerId),
    /// What does the door ask for?
    Unlock,
    /// What should be asked for at the door?
    Password,
    /// Really make them the host?
    HandOver(PeerId),
    /// Out of this room, and into the one of a link that was opened?
    Elsewhere,
}

/// What is beside the tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Panel {
    /// Who is here.
    People,
    /// What is written.
    Chat,
    /// How others come in.
    Invite,
}

/// A page of the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Page {
    /// Camera, microphone, speaker.
    #[default]
    Devices,
    /// Language and looks.
    Looks,
    /// Server and port.
    Network,
    /// What this is.
    About,
}

/// What was copied last, and until when that is said (the toolkit's seconds).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Copied {
    pub(super) what: CopiedPart,
    pub(super) until: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
/// Which part of the invitation.
pub(super) enum CopiedPart {
    Number,
    Link,
    Invitation,
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
            dialog: None,
            is_asking: false,
            panel: None,
            may_close: false,
            drafts: Drafts::default(),
            actions: Vec::new(),
            elsewhere: None,
            spoken: None,
            news: NoticeFeed::default(),
            wants_chat: false,
            held: Vec::new(),
            zone,
            is_talking: false,
            read: 0,
            compared: None,
            put_off: None,
            known: Vec::new(),
            is_invited: false,
            is_looking: false,
            is_name_asked: false,
            volume: None,
            invited: 0,
            is_invite_long: false,
            code: None,
            copied: None,
            page: Page::default(),
            are_licences_shown: false,
        }
    }

    /// Asks for something at the end of the frame.
    pub(super) fn action(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Puts a question in the way; what was typed in the settings begins again.
    pub(super) fn open(&mut self, dialog: Dialog) {
        self.dialog = Some(dialog);
        self.is_asking = true;
        self.drafts.server = None;
        self.drafts.port = None;
    }

    /// Shows a panel beside the tiles; one with a field is written into at once.
    pub(super) fn show(&mut self, panel: Panel) {
        self.panel = Some(panel);
        self.wants_chat = panel == Panel::Chat;
        self.invited += u64::from(panel == Panel::Invite);
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
        self.known.retain(|kind| broken(view).any(|(other, _)| other == *kind));
        self.invite(view);
        let asked = view.elsewhere.as_ref().map(|(number, _)| *number);
        if asked.is_some() && self.elsewhere != asked {
            self.open(Dialog::Elsewhere);
        }
        self.elsewhere = asked;
        // In a room they are known anyway.
        let looks = self.dialog == Some(Dialog::Settings) && matches!(view.stage, Stage::Home);
        if looks != self.is_looking {
            self.is_looking = looks;
            self.action(Action::LookAtDevices(looks));
        }
        if let Stage::Home = view.stage {
            self.panel = None;
            self.is_name_asked = false;
            self.wants_chat = false;
            self.read = 0;
            self.compared = None;
            self.put_off = None;
            self.is_invited = false;
            self.volume = None;
            self.is_invite_long = false;
            self.code = None;
            self.copied = None;
            self.is_talking = false;
            self.drafts.nick = None;
            self.drafts.chat.clear();
        }
    }

    /// Who has just started a room wants others in it.
    fn invite(&mut self, view: &View) {
        let Some(room) = in_room(view) else { return };
        let is_mine = room.role == Role::Host && room.people.is_empty() && room.lobby.is_empty();
        if self.is_invited || (is_mine && room.invite.is_none()) {
            return; // there is none yet
        }
        self.is_invited = true;
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
        self.is_talking &= *action != Action::SetMicrophone(Switch::Off);
    }

    /// Speaks and looks as chosen.
    pub(super) fn follow(&mut self, ui: &mut Ui, settings: &Settings) {
        let chosen = (settings.language, settings.theme);
        if self.spoken.replace(chosen) != Some(chosen) {
            speak(ui.ctx(), settings);
            ui.reset_style(); // all of this frame is of one theme
            ui.ctx().send_viewport_cmd(ViewportCommand::Title(t!("ui.name").into_owned()));
            ui.ctx().request_repaint(); // on the ground of the new theme
        }
    }

    /// The window was asked to close: whether it stays, because there is a question to answer first.
    pub fn stays_open(&mut self, view: &View) -> bool {
        let is_grave = in_room(view).is_some_and(concerns_others);
        let stays = is_grave && !self.may_close;
        if stays {
            self.open(Dialog::Close);
        }
        stays
    }
}

fn speak(ctx: &Context, settings: &Settings) {
    let language = match settings.language {
        LanguageChoice::System => Language::of_system(),
        LanguageChoice::English => Language::English,
        LanguageChoice::Chinese => Language::Chinese,
    };
    language.speak();
    style::choose(ctx, settings.theme);
}

/// Opens a file or a folder with the program that the desktop has for it.
pub(super) fn open_file(ctx: &Context, path: &std::path::Path) {
    if let Ok(url) = url::Url::from_file_path(path) {
        ctx.open_url(eframe::egui::OpenUrl::new_tab(url));
    }
}
