//! Source text without what is written in comments, strings and characters, line by line, so that rules meet code only.
//!
//! A scanner for the few token kinds that matter, not a parser: it knows nested comments, escapes, raw strings, and a
//! lifetime from a character.

/// The code of `source`: as many lines, each with its strings emptied and its comments gone.
pub(crate) fn code_lines(source: &str) -> Vec<String> {
    let mut scanner = Scanner { rest: source, out: String::with_capacity(source.len()) };
    while scanner.step() {}
    scanner.out.lines().map(|line| line.trim_end().to_owned()).collect()
}

struct Scanner<'a> {
    rest: &'a str,
    out: String,
}

impl Scanner<'_> {
    /// Takes one token; false at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        if self.rest.starts_with("//") {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.drop(end);
        } else if self.rest.starts_with("/*") {
            self.drop(comment_length(self.rest));
        } else if let Some((prefix, length)) = raw_string(self.rest) {
            self.keep(prefix);
            self.out.push_str("\"\"");
            self.drop(length - prefix);
        } else if first == '"' {
            self.out.push_str("\"\"");
            self.drop(quoted_length(self.rest, '"'));
        } else if first == '\'' && is_character(self.rest) {
            self.out.push_str("' '");
            self.drop(quoted_length(self.rest, '\''));
        } else if first.is_alphanumeric() || first == '_' {
            // Whole words, so that the r of `for` begins no raw string.
            self.keep(self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len()));
        } else {
            self.keep(first.len_utf8());
        }
        true
    }

    fn keep(&mut self, length: usize) {
        let (kept, rest) = self.rest.split_at(length);
        self.out.push_str(kept);
        self.rest = rest;
    }

    /// Leaves text out, but not its line ends: lines keep their numbers.
    fn drop(&mut self, length: usize) {
        let (gone, rest) = self.rest.split_at(length);
        self.out.extend(gone.chars().filter(|c| *c == '\n'));
        self.rest = rest;
    }
}

fn comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            match rest.chars().next() {
                Some(c) => at += c.len_utf8(),
                None => return at,
            }
        }
    }
}

/// The length of a string or character with its quotes.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The lengths of a raw string's prefix (`r`, `br`, `cr`) and of all of it.
fn raw_string(text: &str) -> Option<(usize, usize)> {
    let prefix = ["r", "br", "cr"]
        .into_iter()
        .find(|prefix| text.strip_prefix(prefix).is_some_and(|rest| rest.trim_start_matches('#').starts_with('"')))?;
    let hashes = text[prefix.len()..].chars().take_while(|c| *c == '#').count();
    let open = prefix.len() + hashes + 1;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = text[open..].find(&close).map_or(text.len(), |at| open + at + close.len());
    Some((prefix.len(), end))
}

/// Whether a quote begins a character: a lifetime has no closing one.
fn is_character(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

#[test]
fn only_code_is_left_and_lines_keep_their_numbers() {
    let long = "let a = r#\"unsafe \" {\n}\"#; // unsafe\n/* unsafe /* } */ unsafe\n*/ let b = '\"'; let c: &'static str = \"\\\"unsafe\"; for_r\"x\"";
    let expected = ["let a = r\"\"", ";", "", " let b = ' '; let c: &'static str = \"\"; for_r\"\""];
    assert_eq!(code_lines(long), expected);
    assert_eq!(code_lines("br\"unsafe\" b'\\'' '\\u{7f}' 'é'"), ["br\"\" b' ' ' ' ' '"]);
    assert_eq!(code_lines("\"never closed"), ["\"\""]);
    assert_eq!(code_lines("/* never closed"), [""; 0]);
}
