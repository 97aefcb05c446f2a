//! A view on a stage: drawn in a language and a theme, pressed, asked what was wished.

use eframe::egui::{self, Color32, Event, Key, Modifiers, OutputCommand, Role, Shape, Vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, HarnessBuilder, Node};
use hearth::ui::{self, RgbaPainter, UiState};
use hearth::view::{Action, LanguageChoice, ThemeChoice, View};

pub(crate) const LANGUAGES: [LanguageChoice; 2] = [LanguageChoice::English, LanguageChoice::Chinese];

/// What is drawn, and what was wished.
pub(crate) struct Act {
    pub(crate) view: View,
    pub(crate) actions: Vec<Action>,
    state: UiState,
    tiles: RgbaPainter,
    is_installed: bool,
    /// Whether actions are refused.
    pub(crate) is_busy: bool,
}

/// A window with a view in it.
pub(crate) struct Stage {
    pub(crate) harness: Harness<'static, Act>,
}

impl Stage {
    /// A view, in a language.
    pub(crate) fn new(view: View, language: LanguageChoice) -> Self {
        Self::sized(view, language, ThemeChoice::Light, egui::vec2(900.0, 600.0))
    }

    pub(crate) fn sized(mut view: View, language: LanguageChoice, theme: ThemeChoice, size: Vec2) -> Self {
        view.settings.language = language;
        view.settings.theme = theme;
        let state = UiState::in_zone(jiff::tz::TimeZone::UTC);
        let act = Act {
            view,
            actions: Vec::new(),
            state,
            tiles: RgbaPainter::default(),
            is_installed: false,
            is_busy: false,
        };
        let builder: HarnessBuilder<Act> = Harness::builder().with_size(size);
        let harness = builder.with_os(egui::os::OperatingSystem::Nix).build_ui_state(draw, act);
        let mut stage = Self { harness };
        stage.settle();
        stage
    }

    /// Asks the window to close; whether it stays.
    pub(crate) fn close(&mut self) -> bool {
        let act = self.harness.state_mut();
        let stays = act.state.stays_open(&act.view);
        self.settle();
        stays
    }

    /// Draws until what was pressed is on the screen.
    pub(crate) fn settle(&mut self) {
        self.harness.run_steps(4);
    }

    /// Lets seconds pass, and draws what there is then.
    pub(crate) fn pass(&mut self, seconds: f64) {
        let now = self.harness.ctx.input(|input| input.time);
        self.harness.input_mut().time = Some(now + seconds);
        self.harness.step();
        self.harness.input_mut().time = None;
        self.settle();
    }

    /// Presses what has these words; what only names it is passed over.
    pub(crate) fn press(&mut self, label: &str) {
        let named = self.harness.get_all_by_label(label);
        let pressed: Vec<_> = named.filter(|node| node.accesskit_node().role() != Role::Label).collect();
        assert_eq!(pressed.len(), 1, "{label}");
        pressed.iter().for_each(Node::click);
        self.settle();
    }

    /// Presses what lies on top of all that has these words: a question's button is called like the one that asked it.
    pub(crate) fn press_top(&mut self, label: &str) {
        self.press_nth_back(label, 0);
    }

    /// The same, for the one with so many over it.
    pub(crate) fn press_nth_back(&mut self, label: &str, over: usize) {
        let named: Vec<_> = self.harness.get_all_by_label(label).collect();
        let mut pressed = named.iter().rev().filter(|node| node.accesskit_node().role() != Role::Label).skip(over);
        assert!(pressed.next().map(Node::click).is_some(), "{label}");
        self.harness.step();
    }

    /// Presses, and hands back what the desktop is asked to do.
    pub(crate) fn press_for_desktop(&mut self, label: &str) -> Vec<OutputCommand> {
        self.press_nth_back(label, 0);
        self.harness.output().platform_output.commands.clone()
    }

    /// Whether the window was asked to close in the last frame.
    pub(crate) fn is_closing(&self) -> bool {
        let mut viewports = self.harness.output().viewport_output.values();
        viewports.any(|viewport| viewport.commands.contains(&egui::ViewportCommand::Close))
    }

    /// Brings what has these words before the eyes.
    pub(crate) fn scroll_to(&mut self, label: &str) {
        self.harness.get_by_label(label).scroll_to_me();
        self.harness.run_steps(20);
    }

    /// Sets a slider, as an assistive program does.
    pub(crate) fn slide(&mut self, label: &str, value: f64) {
        self.harness.get_by_label(label).set_value_accesskit(value);
        self.settle();
    }

    /// Gives the keyboard to the field with these words.
    pub(crate) fn focus(&mut self, label: &str) {
        let named = self.harness.get_all_by_label(label);
        let fields: Vec<_> = named.filter(|node| node.accesskit_node().role() != Role::Label).collect();
        assert_eq!(fields.len(), 1, "{label}");
        fields.iter().for_each(Node::focus);
        self.settle();
        self.actions();
    }

    /// Whether something has these words.
    pub(crate) fn has(&self, label: &str) -> bool {
        self.harness.query_all_by_label(label).next().is_some()
    }

    /// Whether these words are drawn, all of them, whatever assistive programs are told.
    pub(crate) fn shows(&self, words: &str) -> bool {
        fn shows(shape: &Shape, words: &str) -> bool {
            if let Shape::Text(text) = shape {
                return text.galley.text() == words && !text.galley.elided;
            }
            matches!(shape, Shape::Vec(shapes) if shapes.iter().any(|shape| shows(shape, words)))
        }
        self.harness.output().shapes.iter().any(|clipped| shows(&clipped.shape, words))
    }

    /// The colours of the discs that stand for people, or are anything else that is round, in the order of drawing.
    pub(crate) fn discs(&self) -> Vec<Color32> {
        let shapes = self.harness.output().shapes.iter();
        let fill = |shape: &Shape| if let Shape::Circle(circle) = shape { Some(circle.fill) } else { None };
        shapes.filter_map(|clipped| fill(&clipped.shape)).collect()
    }

    /// How often something has these words.
    pub(crate) fn count(&self, label: &str) -> usize {
        self.harness.query_all_by_label(label).count()
    }

    /// Whether something has a label in which these words are.
    pub(crate) fn has_part(&self, label: &str) -> bool {
        self.harness.query_all_by_label_contains(label).next().is_some()
    }

    pub(crate) fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.settle();
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.harness.event(Event::Text(text.to_owned()));
        self.settle();
    }

    /// What a log would read of what the person looks at and types.
    pub(crate) fn state_text(&self) -> String {
        format!("{:?}", self.harness.state().state)
    }

    /// What was wished since the last time.
    pub(crate) fn actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.harness.state_mut().actions)
    }

    /// Presses, and expects one action.
    pub(crate) fn expect(&mut self, label: &str, action: Action) {
        self.actions();
        self.press(label);
        let found = self.actions();
        assert!(found == [action.clone()], "{label}: {found:?} instead of {action:?}");
    }
}

fn draw(ui: &mut egui::Ui, act: &mut Act) {
    if !act.is_installed {
        ui::install(ui.ctx());
        act.is_installed = true;
        ui.ctx().request_discard("the letters are there from the next pass on");
        return;
    }
    // The window is cleared behind what was drawn, in the looks of its end.
    let ground = ui.painter().add(egui::Shape::Noop);
    let actions = ui::draw(ui, &act.view, &mut act.state, &mut act.tiles);
    let colour = ui::ground(&act.view, ui.visuals());
    ui.painter().set(ground, egui::Shape::rect_filled(ui.max_rect(), 0.0, colour));
    if !act.is_busy {
        actions.iter().for_each(|action| act.state.taken(action));
        act.actions.extend(actions);
    }
}
