//! From tokens to the toolkit's own style: what fields, menus, sliders and scroll bars look like.

use std::collections::BTreeMap;

use eframe::egui::style::{HandleShape, ScrollStyle, Selection, WidgetVisuals, Widgets};
use eframe::egui::{
    Color32, Context, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle, Theme,
    ThemePreference, Vec2, Visuals, vec2,
};

use super::fonts;
use super::tokens::{self, Tokens, control, letters, radius, space};
use crate::view::ThemeChoice;

/// Seconds from press to release that still are a click; nothing here means anything else by a long one.
const LONGEST_CLICK: f64 = 10.0;

/// Gives a context Hearth's letters and both its themes.
pub fn install(ctx: &Context) {
    // A frame may take a second where there is no graphics card and much to do: a click is a click all the same.
    ctx.options_mut(|options| options.input_options.max_click_duration = LONGEST_CLICK);
    ctx.set_fonts(fonts::definitions());
    ctx.options_mut(|options| options.fallback_theme = Theme::Light);
    for theme in [Theme::Light, Theme::Dark] {
        ctx.set_style_of(theme, style(theme));
    }
}

/// Light or dark, as chosen.
pub(super) fn choose(ctx: &Context, choice: ThemeChoice) {
    let preference = match choice {
        ThemeChoice::System => ThemePreference::System,
        ThemeChoice::Light => ThemePreference::Light,
        ThemeChoice::Dark => ThemePreference::Dark,
    };
    if ctx.options(|options| options.theme_preference) != preference {
        ctx.set_theme(preference);
    }
}

/// A corner as the toolkit counts it.
pub(super) fn corner(points: f32) -> CornerRadius {
    CornerRadius::from(points)
}

fn style(theme: Theme) -> Style {
    let t = Tokens::of(theme);
    let mut style = Style { visuals: visuals(theme, t), text_styles: text_styles(), ..Style::default() };
    style.spacing.item_spacing = vec2(space::S, space::S);
    style.spacing.button_padding = vec2(space::M, space::S);
    style.spacing.interact_size = vec2(control::SMALL, control::SMALL);
    style.spacing.menu_margin = Margin::same(6);
    style.spacing.window_margin = Margin::same(space::XL as i8);
    style.spacing.slider_rail_height = 6.0;
    style.spacing.icon_width = 18.0;
    style.spacing.scroll = ScrollStyle {
        bar_width: 8.0,
        floating_allocated_width: 12.0, // beside what scrolls, not over it
        dormant_handle_opacity: 0.35,   // that there is more is seen without a pointer
        ..ScrollStyle::floating()
    };
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    style.animation_time = 0.08;
    style
}

fn text_styles() -> BTreeMap<TextStyle, FontId> {
    [
        (TextStyle::Small, fonts::plain(letters::SMALL)),
        (TextStyle::Body, fonts::plain(letters::BODY)),
        (TextStyle::Button, fonts::plain(letters::BODY)),
        (TextStyle::Heading, fonts::strong(letters::HEADING)),
        (TextStyle::Monospace, FontId::new(letters::SMALL, FontFamily::Monospace)),
    ]
    .into()
}

fn visuals(theme: Theme, t: &Tokens) -> Visuals {
    let mut visuals = theme.default_visuals();
    visuals.widgets = widgets(t);
    visuals.selection = Selection { bg_fill: t.selection, stroke: Stroke::new(control::RING, t.focus) };
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(t.weak);
    visuals.hyperlink_color = t.accent_text;
    visuals.faint_bg_color = t.raised;
    visuals.extreme_bg_color = t.sunken;
    visuals.text_edit_bg_color = Some(t.sunken);
    visuals.code_bg_color = t.raised;
    visuals.warn_fg_color = t.warn;
    visuals.error_fg_color = t.danger_text;
    visuals.window_fill = t.surface;
    visuals.panel_fill = t.canvas;
    visuals.window_stroke = Stroke::new(control::LINE, t.line);
    visuals.window_corner_radius = corner(radius::XL);
    visuals.menu_corner_radius = corner(radius::L);
    visuals.window_shadow = shadow(t, 32);
    visuals.popup_shadow = shadow(t, 20);
    visuals.text_cursor.stroke = Stroke::new(2.0, t.accent);
    visuals.handle_shape = HandleShape::Circle;
    visuals.slider_trailing_fill = true;
    visuals.disabled_alpha = 0.45;
    visuals
}

/// What lies under a card that floats.
pub(super) fn shadow(t: &Tokens, blur: u8) -> Shadow {
    Shadow { offset: [0, (blur / 4) as i8], blur, spread: 0, color: t.shadow }
}

fn widgets(t: &Tokens) -> Widgets {
    let visuals = |fill: Color32, line: Stroke, ink: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: line,
        corner_radius: corner(radius::M),
        fg_stroke: Stroke::new(1.5, ink),
        expansion: 0.0,
    };
    let line = |color| Stroke::new(control::LINE, color);
    Widgets {
        noninteractive: visuals(t.surface, line(t.line), t.text),
        inactive: visuals(t.raised, line(t.outline), t.text),
        hovered: visuals(t.raised_hover, line(t.text), t.text),
        active: visuals(t.raised_hover, Stroke::new(control::RING, t.focus), t.text),
        open: visuals(t.raised_hover, line(t.outline), t.text),
    }
}

/// The space inside a card.
pub(super) const CARD: Vec2 = Vec2::splat(space::XL);

/// No colour, where the toolkit asks for one.
pub(super) const NONE: Color32 = tokens::CLEAR;
