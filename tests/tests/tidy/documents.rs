//! Documents: links inside the tree lead somewhere, files that are spoken of exist, and the two commands stand.

use crate::finding::Finding;
use crate::tree::Tree;

/// The commands that do everything.
const COMMANDS: [&str; 2] = ["cargo xtask run", "cargo xtask test"];
/// Endings by which a word in backticks is taken for a file.
const FILES: [&str; 6] = [".rs", ".toml", ".md", ".js", ".html", ".css"];

/// Checks all documents.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, number) in file.text.lines().zip(1..) {
            let broken = links(line).filter(|link| !leads_somewhere(tree, &file.path, link));
            findings.extend(broken.map(|link| {
                Finding::at(&file.path, number, format!("link to {link}"), "nothing is there: correct or remove it")
            }));
            let gone = spans(line).filter(|span| is_file_name(span) && !exists(tree, span));
            findings.extend(gone.map(|span| {
                Finding::at(&file.path, number, format!("`{span}`"), "no such file in the tree: correct or remove it")
            }));
        }
    }
    let readme = tree.text("README.md");
    for command in COMMANDS.iter().filter(|command| !readme.contains(*command)) {
        findings.push(Finding::of(
            "README.md",
            format!("no `{command}`"),
            "it shows the two commands that do everything",
        ));
    }
    findings.extend(ci(&tree.text(".ci/run")));
    findings
}

/// CI runs the README's test command and nothing else.
fn ci(script: &str) -> Option<Finding> {
    let set_up =
        |line: &str| line.is_empty() || line.starts_with('#') || line.starts_with("set ") || line.starts_with("cd ");
    let commands: Vec<&str> = script.lines().map(str::trim).filter(|line| !set_up(line)).collect();
    let advice = "it runs `exec cargo xtask test` alone, so that whoever reads the README runs what CI runs";
    (commands != ["exec cargo xtask test"]).then(|| Finding::of(".ci/run", format!("{commands:?}"), advice))
}

/// Targets of a line's links.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// What is between backticks.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_file_name(span: &str) -> bool {
    let plain = span.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    plain && !span.starts_with('.') && FILES.iter().any(|ending| span.ends_with(ending))
}

fn exists(tree: &Tree, name: &str) -> bool {
    let suffix = format!("/{name}");
    tree.files.iter().any(|file| file.path == name || file.path.ends_with(&suffix))
}

fn leads_somewhere(tree: &Tree, from: &str, link: &str) -> bool {
    let elsewhere = ["https://", "http://", "mailto:"].iter().any(|start| link.starts_with(start));
    let target = link.split('#').next().unwrap_or_default();
    if elsewhere || target.is_empty() {
        return true;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    let folder = format!("{path}/");
    let mut paths = tree.files.iter().map(|file| &file.path).chain(&tree.others);
    paths.any(|known| *known == path || known.starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::File;

    fn findings(readme: &str, ci: &str) -> usize {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let tree = Tree::of(vec![file("README.md", readme), file(".ci/run", ci), file("app/src/x.rs", "")]);
        check(&tree).len()
    }

    #[test]
    fn broken_links_missing_files_and_other_commands_are_found() {
        let readme =
            "`cargo xtask run`, `cargo xtask test`, [x](app/src/x.rs), [a](#a), [web](https://a.b), `src/x.rs`";
        let ci = "#!/bin/sh\nset -e\ncd x\nexec cargo xtask test\n";
        assert_eq!(findings(readme, ci), 0);
        assert_eq!(findings(&readme.replace("(app/src", "(app/./src/../src"), ci), 0);
        assert_eq!(findings(&readme.replace("(app/src/x.rs", "(app/src/y.rs"), ci), 1);
        assert_eq!(findings(&readme.replace("`src/x.rs", "`src/y.rs"), ci), 1);
        assert_eq!(findings(&readme.replace("xtask run", "run"), ci), 1);
        assert_eq!(findings(readme, &format!("{ci}cargo test\n")), 1);
        assert_eq!(findings(readme, "cargo test\n"), 1);
    }
}
