//! Where the tiles stand: as large as the window lets them be.

use eframe::egui::{Rect, Ui, Vec2, pos2, vec2};

use super::right_of;
use super::tile::{self, Nameplate};
use crate::ui::tokens::space;
use crate::ui::video::TilePainter;
use crate::view::{Person, Room, View};

/// Between tiles.
const GAP: f32 = space::S;
/// Of the faces beside what is shared: a share of the stage, within these widths.
const COLUMN: f32 = 0.22;
const NARROWEST: f32 = 140.0;
const WIDEST: f32 = 280.0;
/// No tile is narrower or wider than this, by its height: beyond it faces are cut off.
const SHAPES: [f32; 2] = [1.2, 16.0 / 9.0];

/// Draws all of them; where the names of the others stand.
pub(super) fn tiles(ui: &mut Ui, view: &View, room: &Room, stage: Rect, tiles: &mut dyn TilePainter) -> Vec<Nameplate> {
    if room.me.shared.is_some() || room.people.iter().any(|person| person.screen.is_some()) {
        return screens(ui, view, room, stage, tiles);
    }
    match room.people.as_slice() {
        [] => {
            tile::mine(ui, view, room, alone(stage), tiles);
            Vec::new()
        }
        [other] => pair(ui, view, room, other, stage, tiles),
        people => {
            let places = places(stage, people.len() + 1);
            let theirs = people.iter().zip(&places).map(|(person, rect)| tile::theirs(ui, person, *rect, tiles));
            let names = theirs.collect();
            if let Some(rect) = places.last() {
                tile::mine(ui, view, room, *rect, tiles);
            }
            names
        }
    }
}

/// What is shared as large as can be, and everybody in a column beside it.
fn screens(ui: &mut Ui, view: &View, room: &Room, stage: Rect, tiles: &mut dyn TilePainter) -> Vec<Nameplate> {
    let column = (stage.width() * COLUMN).clamp(NARROWEST, WIDEST);
    let (left, right) = stage.split_left_right_at_x(stage.right() - column);
    let shared: Vec<&Person> = room.people.iter().filter(|person| person.screen.is_some()).collect();
    let count = shared.len() + usize::from(room.me.shared.is_some());
    let screens = places(left.with_max_x(left.right() - GAP), count);
    for (person, rect) in shared.iter().zip(&screens) {
        tile::screen(ui, person, *rect, tiles);
    }
    if let (Some(screen), Some(rect)) = (&room.me.shared, screens.last()) {
        tile::my_screen(ui, screen, *rect, tiles);
    }
    let places = places(right, room.people.len() + 1);
    let theirs = room.people.iter().zip(&places).map(|(person, rect)| tile::theirs(ui, person, *rect, tiles));
    let names = theirs.collect();
    if let Some(rect) = places.last() {
        tile::mine(ui, view, room, *rect, tiles);
    }
    names
}

/// The other one as large as can be, and ourselves in a corner.
fn pair(
    ui: &mut Ui,
    view: &View,
    room: &Room,
    other: &Person,
    stage: Rect,
    tiles: &mut dyn TilePainter,
) -> Vec<Nameplate> {
    let large = places(stage, 1).first().copied().unwrap_or(stage);
    let name = tile::theirs(ui, other, large, tiles);
    let width = (large.width() * 0.24).clamp(150.0, 300.0);
    tile::mine(ui, view, room, right_of(large, width, width / SHAPES[1], space::M), tiles);
    vec![name]
}

fn alone(stage: Rect) -> Rect {
    places(stage, 1).first().copied().unwrap_or(stage)
}

/// Places for `count` tiles in `stage`: rows of equal tiles, the last row in the middle.
fn places(stage: Rect, count: usize) -> Vec<Rect> {
    let (columns, size) = arrange(stage.size(), count);
    let rows = count.div_ceil(columns);
    let height = size.y * rows as f32 + GAP * (rows.saturating_sub(1)) as f32;
    let top = stage.center().y - height / 2.0;
    (0..count)
        .map(|at| {
            let (row, column) = (at / columns, at % columns);
            let in_row = (count - row * columns).min(columns);
            let width = size.x * in_row as f32 + GAP * (in_row - 1) as f32;
            let left = stage.center().x - width / 2.0;
            let corner = pos2(left + (size.x + GAP) * column as f32, top + (size.y + GAP) * row as f32);
            Rect::from_min_size(corner, size)
        })
        .collect()
}

/// The number of columns that makes tiles largest, and their size.
fn arrange(stage: Vec2, count: usize) -> (usize, Vec2) {
    let sizes = (1..=count.max(1)).map(|columns| (columns, size(stage, count, columns)));
    let best = sizes.max_by(|(_, a), (_, b)| (a.x * a.y).total_cmp(&(b.x * b.y)));
    best.unwrap_or((1, stage))
}

fn size(stage: Vec2, count: usize, columns: usize) -> Vec2 {
    let rows = count.div_ceil(columns);
    let width = (stage.x - GAP * (columns - 1) as f32) / columns as f32;
    let height = (stage.y - GAP * rows.saturating_sub(1) as f32) / rows.max(1) as f32;
    let [narrow, wide] = SHAPES;
    let width = width.min(height * wide).max(1.0);
    vec2(width, height.min(width / narrow).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(width: f32, height: f32) -> Rect {
        Rect::from_min_size(pos2(10.0, 20.0), vec2(width, height))
    }

    #[test]
    fn tiles_stay_in_the_stage_and_apart() {
        for (width, height) in [(1076.0, 588.0), (696.0, 348.0), (320.0, 900.0), (2536.0, 1300.0)] {
            for count in 1..=16 {
                let stage = stage(width, height);
                let places = places(stage, count);
                assert_eq!(places.len(), count);
                for (at, place) in places.iter().enumerate() {
                    assert!(stage.expand(0.01).contains_rect(*place), "{width}x{height}, {count}: {place}");
                    let shape = place.width() / place.height();
                    assert!((1.19..1.79).contains(&shape), "{width}x{height}, {count}: {shape}");
                    assert!(places.iter().skip(at + 1).all(|other| !place.shrink(0.01).intersects(*other)));
                }
            }
        }
    }

    #[test]
    fn a_wide_window_has_columns_and_a_high_one_rows() {
        let columns = |width, height, count| arrange(vec2(width, height), count).0;
        assert_eq!(columns(1076.0, 588.0, 2), 2);
        assert_eq!(columns(320.0, 900.0, 3), 1);
        assert_eq!(columns(1076.0, 588.0, 4), 2);
        assert_eq!(columns(1076.0, 588.0, 12), 4);
    }
}
