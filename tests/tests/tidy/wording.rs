//! What the window says is in `assets/locales`: no word is written where it is drawn.
//!
//! A literal with a letter in it, as the first argument of what draws words, is met; also one behind `format!`. What is
//! a key of `t!`, a name of a widget's state, or a path is no word.

use crate::finding::Finding;
use crate::tree::Source;

/// Where words are drawn.
const WINDOW: &str = "app/src/ui/";

/// What draws words, each up to the first letter of its argument.
const DRAWING: &[&str] = &[
    ".label(",
    ".heading(",
    ".button(",
    ".link(",
    ".title(",
    ".subtitle(",
    ".words(",
    ".hint(",
    ".marked(",
    ".caption(",
    ".tip(",
    ".hint_text(",
    ".on_hover_text(",
    ".accessible_name(",
    "RichText::new(",
    "Label::new(",
    "Button::new(",
    "Banner::new(Tone::Note, ",
    "Banner::new(Tone::Warning, ",
    "Banner::new(Tone::Fault, ",
];

/// Checks one file.
pub(crate) fn check(source: Source) -> Vec<Finding> {
    if !source.path.starts_with(WINDOW) {
        return Vec::new();
    }
    let lines = source.text.lines().zip(&source.lines);
    let drawn = lines.filter(|(text, line)| !line.in_test && !text.trim_start().starts_with("//"));
    let met = drawn.filter_map(|(text, line)| {
        let word = DRAWING.iter().find_map(|drawing| literal(text, drawing))?;
        let advice = "give it a key in both files of assets/locales, and say it by t!";
        Some(Finding::at(&source.path, line.number, format!("\"{word}\" is drawn"), advice))
    });
    met.collect()
}

/// The literal that is drawn, if there is a letter in it besides what is filled in.
fn literal<'a>(text: &'a str, drawing: &str) -> Option<&'a str> {
    text.match_indices(drawing).find_map(|(at, _)| {
        let rest = text[at + drawing.len()..].trim_start_matches(['&', '(']);
        let rest = rest.strip_prefix("format!(").unwrap_or(rest);
        let (word, _) = rest.strip_prefix('"')?.split_once('"')?;
        spoken(word).then_some(word)
    })
}

/// Whether a letter is outside of braces.
fn spoken(word: &str) -> bool {
    let mut depth = 0_i32;
    word.chars().any(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0 && c.is_alphabetic()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_met_where_they_are_drawn() {
        for (path, text, expected) in [
            ("app/src/ui/home.rs", "ui.label(\"Join\");", 1),
            ("app/src/ui/home.rs", "ui.label(\"加入\");", 1),
            ("app/src/ui/home.rs", "ui.label(format!(\"{count} people\"));", 1),
            ("app/src/ui/home.rs", "ui.label(format!(\"{percent:.0} %\"));", 0),
            ("app/src/ui/home.rs", "ui.label(t!(\"ui.home.join\"));", 0),
            ("app/src/ui/home.rs", "Button::new(\"Join\").show(ui);", 1),
            ("app/src/ui/home.rs", "Banner::new(Tone::Fault, \"Oh\").show(ui, |_| {});", 1),
            ("app/src/ui/home.rs", "ui.push_id(\"theme\", |ui| {});", 0),
            ("app/src/ui/home.rs", "// ui.label(\"Join\")", 0),
            ("app/src/cli.rs", "ui.label(\"Join\");", 0),
        ] {
            let found = check(Source::new(path, text, false));
            assert_eq!(found.len(), expected, "{text}: {found:?}");
        }
    }
}
