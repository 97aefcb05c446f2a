//! How large the window opens: never larger than the screen leaves room for.
//!
//! The toolkit holds the window within the screen, but not what the desktop draws around it: on a screen as low as the
//! window its foot would lie below the edge. Owns nothing.

use eframe::egui::{Context, Vec2, ViewportCommand, vec2};

/// What a desktop keeps for itself: a title and a panel in height, borders in width. No desktop says through the
/// toolkit how much that is; those of GNOME, KDE and Windows are 60 to 90 points together.
const KEPT: Vec2 = vec2(16.0, 96.0);

/// The size that a window of `wanted` is given on a screen of this size, and at least `smallest`.
fn fitting(wanted: Vec2, screen: Vec2, smallest: Vec2) -> Vec2 {
    wanted.min((screen - KEPT).max(smallest))
}

/// Makes the window smaller where it would not fit. Once: from then on its size is the person's.
pub(super) fn fit(ctx: &Context, smallest: Vec2) {
    let size = ctx.input(|input| {
        let viewport = input.viewport();
        viewport.inner_rect.map(|inner| inner.size()).zip(viewport.monitor_size)
    });
    let Some((wanted, screen)) = size else { return };
    let fitting = fitting(wanted, screen, smallest);
    if fitting != wanted {
        ctx.send_viewport_cmd(ViewportCommand::InnerSize(fitting));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_fits_with_what_the_desktop_draws_around_it() {
        let smallest = vec2(560.0, 380.0);
        for (screen, expected) in [
            (vec2(1100.0, 720.0), vec2(1084.0, 624.0)),
            (vec2(1024.0, 640.0), vec2(1008.0, 544.0)),
            (vec2(1920.0, 1200.0), vec2(1100.0, 720.0)),
            (vec2(320.0, 200.0), smallest),
        ] {
            assert_eq!(fitting(vec2(1100.0, 720.0), screen, smallest), expected, "{screen}");
        }
    }
}
