//! Findings have the form that `findings/README.md` describes. They are not run: that installs packages, and takes
//! minutes.

use std::os::unix::fs::PermissionsExt as _;

use crate::finding::Finding;
use crate::tree::{File, Tree, top};

/// Checks all findings.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.under("findings/").iter().filter(|file| file.path != "findings/README.md") {
        findings.extend(form(file));
        let mode =
            std::fs::metadata(top().join(&file.path)).map(|about| about.permissions().mode()).unwrap_or_default();
        if mode & 0o111 == 0 {
            findings.push(Finding::of(&file.path, "cannot be executed", "chmod +x"));
        }
    }
    findings
}

fn form(file: &File) -> Vec<Finding> {
    let head: Vec<&str> = file.text.lines().take_while(|line| line.starts_with('#')).collect();
    let comment = head.get(1..).unwrap_or_default();
    let has = |word: &str| comment.iter().any(|line| line.contains(word));
    let code = || file.text.lines().filter(|line| !line.starts_with('#'));
    let rules = [
        (file.path.ends_with(".sh") && file.path.matches('/').count() == 1, "not one file, findings/NAME.sh"),
        (head.first() == Some(&"#!/usr/bin/env bash"), "does not begin with #!/usr/bin/env bash"),
        (has("guess"), "does not say what a good engineer would guess"),
        (comment.iter().any(|line| line.starts_with("# Seen")), "does not say what was seen"),
        (comment.iter().any(|line| has_version(line)), "names no version"),
        (code().next() == Some("set -euo pipefail"), "goes on after a failure"),
        (file.text.contains("mktemp -d") && file.text.contains("trap "), "has no temporary folder that is removed"),
        (!code().any(|line| line.to_lowercase().contains("hearth")), "runs Hearth"),
    ];
    let broken = rules.into_iter().filter(|(holds, _)| !holds);
    broken.map(|(_, rule)| Finding::of(&file.path, rule, "findings/README.md describes the form")).collect()
}

/// Whether a word of the line is a version: digits, a point, digits.
fn has_version(line: &str) -> bool {
    line.split_whitespace().any(|word| {
        let mut parts = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).split('.');
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        parts.next().is_some_and(is_number)
            && parts.next().is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "#!/usr/bin/env bash\n# A good guess: it works.\n# Seen: it does not.\n# Thing 1.2.3.\nset -euo pipefail\n\
                        folder=$(mktemp -d)\ntrap 'rm -rf \"$folder\"' EXIT\n";

    fn broken(path: &str, text: &str) -> usize {
        form(&File { path: path.to_owned(), text: text.to_owned() }).len()
    }

    #[test]
    fn each_part_of_the_form_is_missed() {
        assert_eq!(broken("findings/a.sh", GOOD), 0);
        assert_eq!((broken("findings/a.py", GOOD), broken("findings/b/a.sh", GOOD)), (1, 1));
        for part in ["#!/usr/bin/env bash", "guess", "# Seen", "1.2.3", "set -euo pipefail", "mktemp -d", "trap "] {
            assert_ne!(broken("findings/a.sh", &GOOD.replace(part, "# ")), 0, "{part}");
        }
        assert_eq!(broken("findings/a.sh", &format!("{GOOD}hearth --version\n")), 1);
    }
}
