//! Sizes, and the words that each file opens with.

use crate::finding::Finding;
use crate::tree::{Line, Source};

/// A file that is longer holds more than one idea.
const FILE_LINES: usize = 450;
/// A function that is longer cannot be seen at once.
const FUNCTION_LINES: usize = 60;

/// Checks one file.
pub(crate) fn check(source: Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !source.text.starts_with("//!") {
        findings.push(Finding::at(
            &source.path,
            1,
            "no opening words",
            "say purpose, owner, and what it does not do, in //!",
        ));
    }
    let lines = source.text.lines().count();
    if lines > FILE_LINES {
        let rule = format!("{lines} lines, {FILE_LINES} at most");
        findings.push(Finding::at(&source.path, FILE_LINES, rule, "split it where it changes for two reasons"));
    }
    for (line, name, length) in functions(&source.lines).into_iter().filter(|(.., length)| *length > FUNCTION_LINES) {
        let rule = format!("fn {name} has {length} lines, {FUNCTION_LINES} at most");
        findings.push(Finding::at(&source.path, line, rule, "name its parts and call them"));
    }
    findings
}

/// Line, name and length of each function, as rustfmt lays them out: the closing brace is under the `fn`.
fn functions(lines: &[Line]) -> Vec<(usize, String, usize)> {
    let found = lines.iter().enumerate().filter_map(|(at, line)| {
        let name = function_name(&line.code)?;
        Some((line.number, name, length(lines.get(at..)?)?))
    });
    found.collect()
}

/// The length of the function that begins with the first of `lines`.
fn length(lines: &[Line]) -> Option<usize> {
    let first = lines.first()?.code.as_str();
    let indent = first.len() - first.trim_start().len();
    let mut open = false;
    let end = lines.iter().position(|line| {
        let code = line.code.as_str();
        let (before, rest) = code.split_at(indent.min(code.len()));
        if rest.is_empty() || rest.starts_with(' ') || !before.trim().is_empty() {
            return false;
        }
        // A body on the line of its function, a trait's declaration, or the brace that closes a body of many lines.
        let whole = !open && (rest.ends_with('}') || rest.ends_with(';'));
        let closed = open && rest == "}";
        open |= rest.ends_with('{');
        whole || closed
    });
    end.map(|end| end + 1)
}

fn function_name(code: &str) -> Option<String> {
    let words: Vec<&str> = code.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "fn")?;
    let before = words.iter().take(at).all(|word| {
        word.starts_with("pub")
            || matches!(*word, "const" | "async" | "unsafe" | "extern" | "\"\"" | "default" | "crate)" | "super)")
    });
    let name = words.get(at + 1)?.split(['(', '<']).next()?;
    before.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<Finding> {
        check(Source::new("a.rs", text, false))
    }

    #[test]
    fn a_file_that_does_not_open_with_words_is_found() {
        assert_eq!(findings("//! Good.\n"), []);
        assert_eq!(findings("use x;\n").len(), 1);
        assert_eq!(findings("").len(), 1);
    }

    #[test]
    fn a_long_file_is_found() {
        let text = |lines: usize| "//! x\n".repeat(lines);
        assert_eq!(findings(&text(FILE_LINES)), []);
        assert!(findings(&text(FILE_LINES + 1))[0].rule.starts_with("451 lines"));
    }

    #[test]
    fn a_long_function_is_found_and_a_short_one_beside_it_not() {
        let body = |lines: usize| "        x();\n".repeat(lines);
        let text = |lines| {
            format!(
                "//! x\nimpl A {{\n    fn short() {{}}\n    pub(crate) async fn long(\n        a: B,\n    ) {{\n{}    }}\n    fn declared(\n        a: B,\n    ) -> C;\n}}",
                body(lines)
            )
        };
        assert_eq!(findings(&text(FUNCTION_LINES - 4)), []);
        let found = findings(&text(FUNCTION_LINES - 3));
        assert_eq!((found.len(), found[0].line), (1, 4));
        assert!(found[0].rule.starts_with("fn long has 61 lines"));
    }

    #[test]
    fn braces_in_strings_end_no_function() {
        let text = format!("//! x\nfn a() {{\n    let s = r#\"\n}}\n\"#;\n{}}}\n", "    x();\n".repeat(60));
        assert!(findings(&text)[0].rule.starts_with("fn a has 65 lines"));
    }
}
