//! Names of people, without what is invisible or deceives.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization as _;

/// Marks on one letter: Vietnamese has two, Hebrew with vowels and accents three.
const MARKS: usize = 3;
/// Looks blank, and is a letter to Unicode.
const BLANK_BRAILLE: char = '\u{2800}';

/// `name` as others may be shown it, in NFC and not longer than `max` bytes, cut between letters.
///
/// What is not seen or deceives is left out: Default_Ignorable, format and control characters, separators that are no
/// spaces, more marks than a letter carries, marks without a letter, and spaces at the ends or after another. A server
/// does this to what members call themselves, and a client to what strangers on its network do.
pub fn clean_name(name: &str, max: usize) -> String {
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
            assert_eq!(clean_name(name, max), expected, "{name:?}");
        }
    }
}
