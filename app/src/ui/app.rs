//! The window's life: views come from the controller and are drawn, actions go back.

use std::sync::Arc;
use std::time::Duration;

use eframe::egui::{Context, Ui, UserAttentionType, ViewportCommand, Visuals};
use eframe::{App, CreationContext, Frame};

use super::draw::{draw, ground};
use super::gaze::{DrawnLines, DrawnSizes, Gaze};
use super::pace::RepaintPace;
use super::state::UiState;
use super::video::{self, TilePainter};
use super::{keys, opening, style};
use crate::engine::controller::AppController;
use crate::engine::{EngineError, Repaint, clock};
use crate::view::Action;

/// When a frame is drawn for what was refused, if nothing else asks for one.
const AGAIN: Duration = Duration::from_millis(100);

/// What the toolkit runs.
struct Window {
    controller: AppController,
    state: UiState,
    tiles: Box<dyn TilePainter>,
    gaze: Gaze,
    pace: RepaintPace,
    /// Told once, when the first frame is on the screen.
    drawn: Option<Drawn>,
    is_first: bool,
    /// How often a later start has brought it to the front.
    summoned: u64,
}

/// Who is told that the window is there.
pub(super) type Drawn = Box<dyn FnOnce()>;

/// Makes it. The controller begins its work here, beside the first frame.
pub(super) fn open(
    creation: &CreationContext<'_>,
    start: impl FnOnce(Repaint) -> Result<AppController, EngineError>,
    drawn: Drawn,
) -> Result<Box<dyn App>, EngineError> {
    let ctx = creation.egui_ctx.clone();
    style::install(&ctx);
    let pace = RepaintPace::new();
    let paced = pace.clone();
    let controller = start(Repaint::new(move |news| ctx.request_repaint_after(paced.delay(news))))?;
    let tiles = video::tile_painter(creation.gl.as_ref());
    Ok(Box::new(Window {
        controller,
        state: UiState::default(),
        tiles,
        gaze: Gaze::default(),
        pace,
        drawn: Some(drawn),
        is_first: true,
        summoned: 0,
    }))
}

impl Window {
    /// Hands over what the person wants; whether the controller took it.
    fn hand_over(&mut self, action: Action) -> bool {
        self.pace.wished();
        let is_taken = self.controller.action(action.clone());
        if is_taken {
            self.state.taken(&action);
        } else {
            tracing::warn!("an action was dropped: too many wait");
        }
        is_taken
    }
}

impl App for Window {
    /// Runs while the window is hidden, too: that is when a person closes it from the task bar, or lets go of a key
    /// that no frame reads.
    fn logic(&mut self, ctx: &Context, _frame: &mut Frame) {
        if let Some(action) = keys::let_go(self.state.keyboard.is_talking, is_attended(ctx))
            && !self.hand_over(action)
        {
            ctx.request_repaint_after(AGAIN);
        }
        let view = self.controller.view();
        self.state.look(ctx, &view);
        if std::mem::replace(&mut self.summoned, view.summoned) != view.summoned {
            to_front(ctx);
        }
        if ctx.input(|input| input.viewport().visible()) == Some(false) {
            for action in self.gaze.look(&view, &DrawnLines::new(), clock::now()) {
                self.hand_over(action);
            }
        }
        let is_asked = ctx.input(|input| input.viewport().close_requested());
        if is_asked && self.state.stays_open(&view) {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            to_front(ctx);
        }
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut Frame) {
        if std::mem::take(&mut self.is_first) {
            opening::fit(ui.ctx(), super::SMALLEST);
            // The second frame begins when the first has been shown.
            ui.ctx().request_repaint();
        } else if let Some(drawn) = self.drawn.take() {
            drawn();
        }
        self.pace.drawn();
        let view: Arc<_> = self.controller.view();
        let mut tiles = DrawnSizes::new(self.tiles.as_mut());
        let mut actions = draw(ui, &view, &mut self.state, &mut tiles);
        actions.extend(self.gaze.look(&view, &tiles.drawn, clock::now()));
        for action in actions {
            if !self.hand_over(action) {
                ui.ctx().request_repaint_after(AGAIN);
            }
        }
    }

    fn on_exit(&mut self, gl: Option<&eframe::glow::Context>) {
        if let Some(gl) = gl {
            self.tiles.free(gl);
        }
    }

    fn clear_color(&self, visuals: &Visuals) -> [f32; 4] {
        ground(&self.controller.view(), visuals).to_normalized_gamma_f32()
    }
}

/// Shows the window where it can be seen. A desktop that lets no program do that by itself marks it instead.
fn to_front(ctx: &Context) {
    ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
    ctx.send_viewport_cmd(ViewportCommand::Focus);
    ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(UserAttentionType::Informational));
    ctx.request_repaint();
}

/// Whether keys go to this window, and it is there to read them. While it is hidden the toolkit keeps only the raw
/// input up to date.
fn is_attended(ctx: &Context) -> bool {
    ctx.input(|input| input.raw.focused && input.viewport().visible() != Some(false))
}
