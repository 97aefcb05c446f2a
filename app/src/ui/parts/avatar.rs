//! What stands for somebody whom we do not see: the first letter of their name, on a colour that is theirs.

use eframe::egui::{Align2, Color32, Painter, Pos2};

use crate::ui::fonts;
use crate::ui::icons;
use crate::ui::tokens;

/// The colour of anyone who has this id: always the same.
fn color_of(id: &str) -> Color32 {
    // FNV-1a (Fowler, Noll, Vo), 32 bits.
    let hash = id.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let places = tokens::PEOPLE.len();
    tokens::PEOPLE.get(hash as usize % places).copied().unwrap_or(tokens::CLEAR)
}

/// The letter that stands for a name.
fn initial(nick: &str) -> Option<String> {
    let letter = nick.trim().chars().find(|c| c.is_alphanumeric())?;
    Some(letter.to_uppercase().collect())
}

/// Draws it as a disc.
pub(in crate::ui) fn paint_avatar(painter: &Painter, center: Pos2, radius: f32, id: &str, nick: &str) {
    painter.circle_filled(center, radius, color_of(id));
    match initial(nick) {
        Some(letter) => {
            let font = fonts::names(radius * 0.9);
            painter.text(center, Align2::CENTER_CENTER, letter, font, tokens::ON_PEOPLE);
        }
        None => icons::PERSON.paint(painter, center, radius, tokens::ON_PEOPLE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_letter() {
        for (nick, expected) in
            [("ada", Some("A")), ("  (小明)", Some("小")), ("", None), ("🔥", None), ("9 lives", Some("9"))]
        {
            assert_eq!(initial(nick).as_deref(), expected, "{nick}");
        }
    }

    #[test]
    fn a_colour_is_kept() {
        // The guest page's tests have the same.
        assert_eq!(color_of("aaaaaaaaaaaaaaaa"), tokens::PEOPLE[5]);
        assert_eq!(color_of("baaaaaaaaaaaaaaa"), tokens::PEOPLE[6]);
    }

    #[test]
    fn the_guest_page_has_the_same_colours_in_the_same_order() {
        let hex = |color: &Color32| format!("{:02x}{:02x}{:02x}", color.r(), color.g(), color.b());
        let ours = tokens::PEOPLE.iter().map(hex).collect::<Vec<_>>().join(" ");
        let page = include_str!("../../../../signal-server/web/dom.js");
        assert!(page.contains(&format!("const PEOPLE = \"{ours}\"")), "{ours}");
    }
}
