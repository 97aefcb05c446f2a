//! Names of people, as others may be shown them: nothing invisible, no towers of marks, and none that passes for another's.
//!
//! Values only. What a name looks like is judged by UTS 39 (confusables).

use hearth_protocol::{PeerId, RoomName};
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::confusable_detection::skeleton;

use super::Rooms;

/// Marks on one letter: Vietnamese has two, Hebrew with vowels and accents three.
const MARKS: usize = 3;
/// Looks blank, and is a letter to Unicode.
const BLANK_BRAILLE: char = '\u{2800}';

impl Rooms {
    /// `nick` as others may be shown it.
    pub(super) fn clean_nick(&self, nick: &str) -> String {
        clean(nick, self.config.limits.nick_bytes as usize)
    }

    /// `nick`, numbered where it would pass for the name of somebody else in `room`.
    pub(super) fn distinct_nick(&self, room: &RoomName, peer: PeerId, nick: &str) -> String {
        let members = self.rooms.get(room).into_iter().flat_map(|room| &room.members);
        let others = members.filter(|other| **other != peer).filter_map(|other| self.sessions.get(other)?.member());
        let taken: Vec<Looks> = others.map(|member| Looks::of(&member.nick)).collect();
        distinct(nick, &taken, self.config.limits.nick_bytes as usize)
    }
}

/// What a name is mistaken for.
#[derive(Debug)]
struct Looks {
    /// As it is written.
    written: String,
    /// In small letters: `BEA` is Bea as well, though its letters look like others than those of `bea` do.
    small: String,
}

impl Looks {
    fn of(name: &str) -> Self {
        let of = |text: &str| -> String {
            let letters = skeleton(text).collect::<String>().to_lowercase();
            letters.chars().filter(|c| !c.is_whitespace()).collect()
        };
        Self { written: of(name), small: of(&name.to_lowercase()) }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.written == other.written || self.small == other.small
    }
}

/// `name`, or with the first number from 2 on that makes it another one than all of `taken`. Nobody is nobody's double.
fn distinct(name: &str, taken: &[Looks], max: usize) -> String {
    let is_free = |name: &str| {
        let looks = Looks::of(name);
        !taken.iter().any(|other| other.is_like(&looks))
    };
    if name.is_empty() || is_free(name) {
        return name.to_owned();
    }
    let numbered = |number: usize| {
        let number = format!(" {number}");
        let kept = name.floor_char_boundary(max.saturating_sub(number.len()));
        name.get(..kept).unwrap_or_default().trim_end().to_owned() + &number
    };
    // One more than there are others is free.
    (2..taken.len() + 3).map(numbered).find(|name| is_free(name)).unwrap_or_default()
}

/// `name` without what is not seen or deceives: format and control characters, separators that are no spaces, more marks than a
/// letter carries; and not longer than `max` bytes.
fn clean(name: &str, max: usize) -> String {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let categories = CodePointMapData::<GeneralCategory>::new();
    let mut clean = String::new();
    let (mut marks, mut has_letter) = (0, false);
    for c in name.nfc() {
        let c = if c.is_whitespace() && !is_dropped(categories.get(c)) || c == BLANK_BRAILLE { ' ' } else { c };
        let category = categories.get(c);
        if ignorable.contains(c) || is_dropped(category) || (c == ' ' && (clean.is_empty() || clean.ends_with(' '))) {
            continue;
        }
        if is_mark(category) {
            marks += 1;
            if marks > MARKS || !has_letter {
                continue;
            }
        } else {
            (marks, has_letter) = (0, c != ' ');
        }
        if clean.len() + c.len_utf8() > max {
            break;
        }
        clean.push(c);
    }
    clean.truncate(clean.trim_end().len());
    clean
}

fn is_dropped(category: GeneralCategory) -> bool {
    [
        GeneralCategory::Control,
        GeneralCategory::Format,
        GeneralCategory::LineSeparator,
        GeneralCategory::ParagraphSeparator,
        GeneralCategory::PrivateUse,
        GeneralCategory::Surrogate,
    ]
    .contains(&category)
}

fn is_mark(category: GeneralCategory) -> bool {
    [GeneralCategory::NonspacingMark, GeneralCategory::EnclosingMark, GeneralCategory::SpacingMark].contains(&category)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_between_letters_and_loses_what_would_deceive() {
        for (name, max, expected) in [
            ("  Ann ", 64, "Ann"),
            ("围炉围炉", 7, "围炉"),
            ("a\u{202e}b\nc\0", 64, "abc"),
            ("Ann   Lee", 4, "Ann"),
            ("Ann \u{a0}\u{3000} Lee", 64, "Ann Lee"),
            ("", 64, ""),
            // Zero width, soft hyphen, bidi, tags, variation selectors, a filler, separators.
            ("A\u{200b}n\u{200d}n\u{feff}\u{ad}", 64, "Ann"),
            ("\u{2066}Ann\u{2069}\u{61c}", 64, "Ann"),
            ("Ann\u{e0041}\u{e007f}\u{fe0f}", 64, "Ann"),
            ("\u{3164}\u{115f}\u{2800}", 64, ""),
            ("A\u{2028}nn\u{2029}", 64, "Ann"),
            ("\u{e000}Ann", 64, "Ann"),
            // Marks: what languages have stays, towers do not, and none stands alone.
            ("Việt", 64, "Việt"),
            ("Z\u{336}\u{337}\u{338}\u{33a}\u{33b}o\u{301}", 64, "Z\u{336}\u{337}\u{338}ó"),
            ("\u{301}\u{302}Ann", 64, "Ann"),
            ("नमस्ते", 64, "नमस्ते"),
        ] {
            assert_eq!(clean(name, max), expected, "{name:?}");
        }
    }

    #[test]
    fn a_name_that_passes_for_another_is_numbered() {
        for (name, others, expected) in [
            ("Bea", &["Ann"][..], "Bea"),
            ("Bea", &["Bea"], "Bea 2"),
            ("bEA", &["Bea"], "bEA 2"),
            ("Be a", &["Bea"], "Be a 2"),
            ("Bea", &["Bea", "Bea 2"], "Bea 3"),
            // Cyrillic letters, digits for letters, two letters for one.
            ("\u{412}\u{435}\u{430}", &["Bea"], "\u{412}\u{435}\u{430} 2"),
            ("Pau1", &["Paul"], "Pau1 2"),
            ("Tirn", &["Tim"], "Tirn 2"),
            ("Ian", &["lan"], "Ian 2"),
            ("", &[""], ""),
            ("围炉", &["围炉"], "围炉 2"),
        ] {
            let taken: Vec<Looks> = others.iter().map(|other| Looks::of(other)).collect();
            assert_eq!(distinct(name, &taken, 64), expected, "{name} beside {others:?}");
        }
        let long = "x".repeat(64);
        assert_eq!(distinct(&long, &[Looks::of(&long)], 64), "x".repeat(62) + " 2");
    }
}
