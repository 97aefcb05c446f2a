//! A line over the last two minutes, with its name and its value.

use eframe::egui::{
    Align2, Color32, Mesh, Painter, Pos2, Rect, Response, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2,
};

use super::{Parts as _, elided};
use crate::ui::fonts;
use crate::ui::style::corner;
use crate::ui::tokens::{control, letters, radius, space};

/// Of the words above the line, and of the line.
const WORDS: f32 = 20.0;
const STRIP: f32 = 38.0;
/// Of the line.
const WIDTH: f32 = 1.5;

/// What is drawn.
pub(in crate::ui) struct Graph<'a> {
    /// What it is called.
    pub(in crate::ui) name: &'a str,
    /// What it is now, with its unit.
    pub(in crate::ui) value: &'a str,
    /// The line, the oldest first; what is not known leaves a gap.
    pub(in crate::ui) line: &'a [Option<f64>],
    /// A second line, behind the first.
    pub(in crate::ui) behind: &'a [Option<f64>],
    /// How many values there is room for.
    pub(in crate::ui) room: usize,
    /// The top is no lower than this, however small the values are.
    pub(in crate::ui) top: f64,
    /// How a value at the top reads.
    pub(in crate::ui) scale: &'a dyn Fn(f64) -> String,
}

/// Draws it. Where a pointer rests on it: how many values before the newest.
pub(in crate::ui) fn graph(ui: &mut Ui, graph: &Graph<'_>) -> (Response, Option<usize>) {
    let t = ui.tokens();
    let size = vec2(ui.available_width(), WORDS + STRIP);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("{}: {}", graph.name, graph.value)));
    let (words, strip) = rect.split_top_bottom_at_y(rect.top() + WORDS);
    if !ui.is_rect_visible(rect) {
        return (response, None);
    }
    let painter = ui.painter();
    let value = elided(painter, graph.value, fonts::strong(letters::SMALL), t.text, rect.width());
    let left = (rect.width() - value.size().x - space::S).max(0.0);
    let name = elided(painter, graph.name, fonts::plain(letters::SMALL), t.weak, left);
    painter.galley(Align2::LEFT_TOP.anchor_size(words.left_top(), name.size()).min, name, t.weak);
    painter.galley(Align2::RIGHT_TOP.anchor_size(words.right_top(), value.size()).min, value, t.text);
    painter.rect_filled(strip, corner(radius::S), t.raised);
    let place = Place { strip: strip.shrink2(vec2(0.0, 3.0)), room: graph.room, top: highest(graph) };
    place.draw(painter, graph.behind, t.outline, None);
    place.draw(painter, graph.line, t.accent, Some(t.accent.gamma_multiply(0.16)));
    let at = response.hover_pos().and_then(|pointer| place.before_newest(pointer.x));
    if let Some(before) = at {
        let x = place.x(before);
        painter.vline(x, strip.y_range(), Stroke::new(control::LINE, t.outline));
    } else if graph.line.iter().any(Option::is_some) {
        let scale = (graph.scale)(place.top);
        painter.text(strip.left_top() + vec2(space::XS, 2.0), Align2::LEFT_TOP, scale, fonts::plain(10.5), t.weak);
    }
    (response, at)
}

/// A little more than the highest value.
fn highest(graph: &Graph<'_>) -> f64 {
    let values = graph.line.iter().chain(graph.behind).flatten();
    values.copied().filter(|value| value.is_finite()).fold(graph.top, f64::max)
}

/// Where values stand.
struct Place {
    strip: Rect,
    room: usize,
    top: f64,
}

impl Place {
    fn x(&self, before_newest: usize) -> f32 {
        let step = self.strip.width() / self.room.saturating_sub(1).max(1) as f32;
        self.strip.right() - before_newest as f32 * step
    }

    fn before_newest(&self, x: f32) -> Option<usize> {
        let step = self.strip.width() / self.room.saturating_sub(1).max(1) as f32;
        let before = ((self.strip.right() - x) / step).round();
        (before >= 0.0 && step > 0.0).then_some(before as usize)
    }

    fn point(&self, before_newest: usize, value: f64) -> Pos2 {
        let share = (value / self.top).clamp(0.0, 1.0) as f32;
        pos2(self.x(before_newest), self.strip.bottom() - share * self.strip.height())
    }

    /// Each run of values that are known is a line of its own.
    fn draw(&self, painter: &Painter, values: &[Option<f64>], color: Color32, area: Option<Color32>) {
        let count = values.len();
        let point = |(at, value): (usize, &Option<f64>)| {
            value.filter(|value| value.is_finite()).map(|value| self.point(count - 1 - at, value))
        };
        let points: Vec<Option<Pos2>> = values.iter().enumerate().map(point).collect();
        for run in points.split(Option::is_none) {
            let run: Vec<Pos2> = run.iter().flatten().copied().collect();
            match run.as_slice() {
                [] => {}
                [alone] => {
                    painter.circle_filled(*alone, WIDTH, color);
                }
                _ => {
                    if let Some(area) = area {
                        painter.add(Shape::mesh(self.area(&run, area)));
                    }
                    painter.add(Shape::line(run, Stroke::new(WIDTH, color)));
                }
            }
        }
    }

    /// What is under a line.
    fn area(&self, line: &[Pos2], color: Color32) -> Mesh {
        let mut mesh = Mesh::default();
        for (at, point) in (0_u32..).zip(line) {
            mesh.colored_vertex(*point, color);
            mesh.colored_vertex(pos2(point.x, self.strip.bottom()), color);
            if at > 0 {
                let first = 2 * (at - 1);
                mesh.add_triangle(first, first + 1, first + 2);
                mesh.add_triangle(first + 1, first + 2, first + 3);
            }
        }
        mesh
    }
}
