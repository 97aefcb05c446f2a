//! The guest page: everything from its own origin, nothing inline (its policy would refuse it), and small.

use crate::finding::Finding;
use crate::tree::File;

/// All of the page, bytes, uncompressed: six tenths of a second on a slow phone line.
const BYTES: usize = 83_000;

/// What no page of ours says, in which files, and why.
const BANS: &[(&str, &str, &str)] = &[
    (".html", "<style", "styles stand in style.css"),
    (".html", " style=", "styles stand in style.css"),
    (".html", "javascript:", "scripts stand in files"),
    (".js", "eval(", "data is no program"),
    (".js", "new Function(", "data is no program"),
    (".js", "innerHTML", "what others say is text: textContent"),
    (".js", "outerHTML", "what others say is text: textContent"),
    (".js", "insertAdjacentHTML", "what others say is text: textContent"),
    (".js", "document.write", "what others say is text: textContent"),
    (".css", "@import", "one style sheet, one request"),
];

/// Names of vocabularies look like addresses and are fetched by nobody.
const NAMES: [&str; 2] = ["http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"];

/// Checks the page's files.
pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = files.iter().flat_map(file).collect();
    let bytes: usize = files.iter().map(|file| file.text.len()).sum();
    if bytes > BYTES || files.is_empty() {
        findings.push(Finding::of(
            "signal-server/web",
            format!("{bytes} bytes, {BYTES} at most"),
            "a guest waits for it: leave out",
        ));
    }
    findings
}

fn file(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_html = file.path.ends_with(".html");
    for (line, number) in file.text.lines().zip(1..) {
        let mut found = |rule: &str, advice: &'static str| findings.push(Finding::at(&file.path, number, rule, advice));
        for (_, words, advice) in
            BANS.iter().filter(|(ending, words, _)| file.path.ends_with(ending) && line.contains(words))
        {
            found(words, advice);
        }
        if is_html && line.contains("<script") && !line.contains(" src=\"/") {
            found("inline script", "scripts stand in files of our own");
        }
        if is_html && has_handler(line) {
            found("event handler in an attribute", "add it in a script, by addEventListener");
        }
        if names_elsewhere(line) {
            found("address of somebody else", "everything comes from the page's own origin");
        }
    }
    findings
}

/// Whether a tag of the line has an attribute like `onclick=`.
fn has_handler(line: &str) -> bool {
    line.split_whitespace().any(|word| {
        let name = word.split('=').next().unwrap_or_default();
        word.contains('=') && name.len() > 3 && name.starts_with("on") && name.chars().all(|c| c.is_ascii_lowercase())
    })
}

/// Whether the line holds an absolute address with a host in it. One that a script puts together has none.
fn names_elsewhere(line: &str) -> bool {
    let line = NAMES.iter().fold(line.to_owned(), |line, name| line.replace(name, ""));
    let hosted = |start: &str| {
        line.match_indices(start)
            .any(|(at, _)| line[at + start.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()))
    };
    ["http://", "https://", "ws://", "wss://", "=\"//", "url(//"].iter().any(|start| hosted(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_policy_would_refuse_is_found() {
        for (path, text, expected) in [
            ("a.html", "<script type=\"module\" src=\"/assets/app.js\"></script>", 0),
            ("a.html", "<script>go()</script>", 1),
            ("a.html", "<script src=\"https://cdn.example/x.js\"></script>", 2),
            ("a.html", "<script src=\"//cdn.example/x.js\"></script>", 1),
            ("a.html", "<p style=\"color: red\">", 1),
            ("a.html", "<style>p {}</style>", 1),
            ("a.html", "<button onclick=\"go()\">", 1),
            ("a.html", "<input name=\"on\" autocomplete=\"on\">", 0),
            ("a.html", "<a href=\"javascript:go()\">", 1),
            ("a.js", "element.innerHTML = nick;", 1),
            ("a.js", "fetch('https://example.com')", 1),
            ("a.js", "const url = `wss://${location.host}/ws`;", 0),
            ("a.css", "background: url(https://example.com/x.png)", 1),
            ("a.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\">", 0),
        ] {
            let found = check(&[File { path: path.to_owned(), text: text.to_owned() }]);
            assert_eq!(found.len(), expected, "{text}: {found:?}");
        }
    }

    #[test]
    fn a_heavy_or_missing_page_is_found() {
        assert_eq!(check(&[File { path: "a.css".to_owned(), text: "a".repeat(BYTES + 1) }]).len(), 1);
        assert_eq!(check(&[]).len(), 1);
    }
}
