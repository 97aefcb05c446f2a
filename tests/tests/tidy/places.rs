//! The tree speaks of the project alone: no folder of a machine on which it was made, no registry but the public one.

use crate::finding::Finding;
use crate::tree::{File, Tree};

/// Beginnings of paths and words that belong to a workplace. In parts, because this file is read as well.
const WORKPLACES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/fa", "rm/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("C:\\Us", "ers\\"),
    concat!("sub", "agent"),
];

/// Checks every file.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files.iter().flat_map(file).collect()
}

fn file(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, number) in file.text.lines().zip(1..) {
        if let Some(met) = WORKPLACES.iter().find(|words| names(line, words)) {
            findings.push(Finding::at(
                &file.path,
                number,
                format!("`{met}`"),
                "say it without the place where it was made",
            ));
        }
        if names_registry(&file.path, line) {
            findings.push(Finding::at(&file.path, number, "a registry", "crates come from crates.io for everybody"));
        }
    }
    findings
}

/// Whether a path begins so, rather than goes on so: a folder of ours may have such a name.
fn names(line: &str, words: &str) -> bool {
    line.match_indices(words).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || "_-.~}".contains(c))
    })
}

fn names_registry(path: &str, line: &str) -> bool {
    let line = line.trim();
    match path {
        "Cargo.lock" => line.starts_with("source = ") && !line.contains("https://github.com/rust-lang/crates.io-index"),
        ".cargo/config.toml" => ["[source", "[registr", "replace-with"].iter().any(|start| line.starts_with(start)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workplace_is_found_and_a_folder_of_ours_is_not() {
        for (path, line, expected) in [
            ("a.md", concat!("see /wo", "rk/main"), 1),
            ("a.md", concat!("(/ho", "me/somebody/x)"), 1),
            ("a.md", concat!("a sub", "agent did it"), 1),
            ("a.md", concat!("app/wo", "rk/x.rs"), 0),
            ("a.md", concat!("~/ho", "me/x"), 0),
            ("Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\"", 0),
            ("Cargo.lock", "source = \"sparse+https://mirror.example/index/\"", 1),
            (".cargo/config.toml", "[source.crates-io]", 1),
        ] {
            let found = file(&File { path: path.to_owned(), text: line.to_owned() });
            assert_eq!(found.len(), expected, "{line}: {found:?}");
        }
    }
}
