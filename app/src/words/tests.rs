//! Every sentence is there in every language, is said somewhere, and none is said past the files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Language;

/// What is filled in, by key.
type Sentences = BTreeMap<String, BTreeSet<String>>;

#[test]
fn a_wish_is_heard_before_the_system_and_english_is_for_the_rest() {
    use Language::{Chinese, English};
    for (wished, system, expected) in [
        (None, None, English),
        (None, Some("en-US"), English),
        (None, Some("zh-CN"), Chinese),
        (None, Some("zh-Hans-CN"), Chinese),
        (None, Some("zh-TW"), Chinese),
        (None, Some("zh"), Chinese),
        (None, Some("C"), English),
        (None, Some("de-DE"), English),
        // Zhuang.
        (None, Some("zha"), English),
        (Some("zh-CN"), Some("en-US"), Chinese),
        (Some("zh_CN.UTF-8"), None, Chinese),
        (Some("ZH"), None, Chinese),
        (Some("en"), Some("zh-CN"), English),
        (Some("fr"), Some("zh-CN"), English),
        (Some(""), Some("zh-CN"), Chinese),
        (Some("\u{fffd}"), None, English),
    ] {
        assert_eq!(Language::choose(wished, system), expected, "{wished:?} {system:?}");
    }
}

#[test]
fn every_sentence_is_in_both_languages_and_is_said() {
    let said = said();
    for language in [Language::English, Language::Chinese] {
        let there = of(language);
        let lacking: Vec<_> = said.keys().filter(|key| !there.contains_key(*key)).collect();
        assert!(lacking.is_empty(), "assets/locales/{}.yml lacks {lacking:?}", language.tag());
        let unsaid: Vec<_> = there.keys().filter(|key| !said.contains_key(*key)).collect();
        assert!(unsaid.is_empty(), "assets/locales/{}.yml has what is said nowhere: {unsaid:?}", language.tag());
        for (key, names) in &said {
            assert_eq!(there[key], *names, "{}: {key}: what the sentence takes, and what is given", language.tag());
        }
    }
    assert_eq!(rust_i18n::available_locales!(), ["en", "zh-CN"], "a file for each language, and no more");
}

#[test]
fn a_sentence_is_written_in_its_own_language() {
    let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    for language in [Language::English, Language::Chinese] {
        for (key, text) in messages(language) {
            assert_eq!(is_chinese(&text), language == Language::Chinese, "{key}: {text}");
        }
    }
}

#[test]
fn no_error_holds_a_sentence_of_its_own() {
    for (path, text) in sources() {
        for rest in text.split(concat!("#[", "error(")).skip(1) {
            let translated = rest.starts_with("transparent)") || rest.starts_with(concat!("\"{}\", t", "!("));
            assert!(translated, "{path}: {}", rest.lines().next().unwrap_or_default());
        }
    }
}

#[test]
fn uses_are_found_in_sources() {
    let text = concat!("t", "!(\"a.b\") format!(\"x\") t", "!(\n  \"c\", why = f(1, 2), code = .0\n)");
    let expected = [("a.b", vec![]), ("c", vec!["why", "code"])];
    let expected = expected.map(|(key, names)| (key.to_owned(), names.into_iter().map(str::to_owned).collect()));
    assert_eq!(uses(text), expected);
}

fn messages(language: Language) -> BTreeMap<String, String> {
    let found = crate::_rust_i18n_backend().messages_for_locale(language.tag()).expect("the language has a file");
    found.into_iter().map(|(key, text)| (key.into_owned(), text.into_owned())).collect()
}

fn of(language: Language) -> Sentences {
    messages(language).into_iter().map(|(key, text)| (key, placeholders(&text))).collect()
}

/// The names in `%{name}`.
fn placeholders(text: &str) -> BTreeSet<String> {
    text.split("%{").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.to_owned()).collect()
}

fn said() -> Sentences {
    let mut all = Sentences::new();
    for (path, text) in sources() {
        for (key, names) in uses(&text) {
            let before = all.entry(key.clone()).or_insert_with(|| names.clone());
            assert_eq!(*before, names, "{path}: {key} is filled in with other names than elsewhere");
        }
    }
    all
}

/// Each use of the macro: its key, and the names of what it fills in.
fn uses(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let starts = text.match_indices(concat!("t", "!("));
    let whole = starts.filter(|(at, _)| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
    let arguments = whole.map(|(at, start)| arguments(&text[at + start.len()..]));
    arguments
        .map(|arguments| {
            let mut parts = arguments.iter().map(|part| part.trim());
            let key = parts.next().and_then(|key| key.strip_prefix('"')?.strip_suffix('"'));
            let key = key.unwrap_or_else(|| panic!("a key is written out: {arguments:?}")).to_owned();
            let names = parts.filter_map(|part| part.split_once(" = ")).map(|(name, _)| name.to_owned());
            (key, names.collect())
        })
        .collect()
}

/// What is between commas, up to the bracket that closes.
fn arguments(text: &str) -> Vec<String> {
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for c in text.chars() {
        match c {
            ')' if depth == 0 => break,
            ',' if depth == 0 => parts.push(String::new()),
            _ => {
                depth += i32::from(c == '(') - i32::from(c == ')');
                parts.last_mut().expect("there is one from the start").push(c);
            }
        }
    }
    parts
}

/// The crate's own sources, by path.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the sources are beside the test") {
            let path = entry.expect("a folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source is text");
                found.push((path.display().to_string(), text));
            }
        }
    }
    found
}
