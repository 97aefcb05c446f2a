//! Licences and sources of every dependency. The list of licences is deny.toml's, so that cargo-deny says the same.

use serde_json::Value;

use crate::finding::Finding;
use crate::manifests::{is_ours, packages, text};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Licences that would bind all of Hearth: no list may hold them.
const BINDING: [&str; 4] = ["GPL", "AGPL", "LGPL", "SSPL"];

/// Checks all packages against the list in `deny`.
pub(crate) fn check(metadata: &Value, deny: &str) -> Vec<Finding> {
    let allowed = allowed(deny);
    let mut findings = Vec::new();
    if allowed.is_empty() {
        findings.push(Finding::of("deny.toml", "no list of licences", "write [licenses] allow = [...]"));
    }
    for id in allowed.iter().filter(|id| BINDING.iter().any(|start| id.starts_with(start))) {
        findings.push(Finding::of("deny.toml", format!("{id} is allowed"), "it would bind all of Hearth: take it out"));
    }
    for package in packages(metadata) {
        let name = format!("{} {}", text(package, "name"), text(package, "version"));
        let licence = text(package, "license");
        if !holds(licence, &|id| allowed.iter().any(|allowed| allowed == id)) {
            let rule = format!("licence `{licence}`");
            findings.push(Finding::of(&name, rule, "use another crate, or allow it in deny.toml with a reason"));
        }
        if !is_ours(package) && package["source"] != REGISTRY {
            let rule = format!("comes from {}", package["source"]);
            findings.push(Finding::of(&name, rule, "take it from crates.io, so that everybody can build"));
        }
    }
    findings
}

/// The strings in `allow = [...]` of the section `[licenses]`.
fn allowed(deny: &str) -> Vec<String> {
    let lines = deny.lines().map(|line| line.split('#').next().unwrap_or_default());
    let section =
        lines.skip_while(|line| line.trim() != "[licenses]").skip(1).take_while(|line| !line.starts_with('['));
    let section: String = section.collect::<Vec<_>>().join("\n");
    let list = section.split_once("allow = [").and_then(|(_, rest)| rest.split_once(']')).map(|(list, _)| list);
    list.into_iter().flat_map(|list| list.split('"').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// Whether an SPDX expression is met when `allowed` says which licences are. `/` is how it was written before SPDX.
fn holds(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced =
        expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ").replace(" WITH ", "\u{1}WITH\u{1}");
    let tokens: Vec<String> = spaced.split(' ').filter(|t| !t.is_empty()).map(|t| t.replace('\u{1}', " ")).collect();
    let mut tokens = tokens.iter().map(String::as_str).peekable();
    let value = either(&mut tokens, allowed);
    value == Some(true) && tokens.next().is_none()
}

fn either<'b>(
    tokens: &mut std::iter::Peekable<impl Iterator<Item = &'b str>>,
    allowed: &dyn Fn(&str) -> bool,
) -> Option<bool> {
    let mut value = both(tokens, allowed)?;
    while tokens.next_if_eq(&"OR").is_some() {
        value |= both(tokens, allowed)?;
    }
    Some(value)
}

fn both<'b>(
    tokens: &mut std::iter::Peekable<impl Iterator<Item = &'b str>>,
    allowed: &dyn Fn(&str) -> bool,
) -> Option<bool> {
    let mut value = one(tokens, allowed)?;
    while tokens.next_if_eq(&"AND").is_some() {
        value &= one(tokens, allowed)?;
    }
    Some(value)
}

fn one<'b>(
    tokens: &mut std::iter::Peekable<impl Iterator<Item = &'b str>>,
    allowed: &dyn Fn(&str) -> bool,
) -> Option<bool> {
    match tokens.next()? {
        "(" => {
            let value = either(tokens, allowed)?;
            tokens.next_if_eq(&")").map(|_| value)
        }
        ")" | "AND" | "OR" => None,
        id => Some(allowed(id)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DENY: &str =
        "[other]\nallow = [\"GPL-3.0\"]\n[licenses]\nallow = [\n  \"MIT\", # \"GPL-2.0\"\n  \"ISC\",\n]\n[bans]\n";

    #[test]
    fn the_list_is_that_of_its_section() {
        assert_eq!(allowed(DENY), ["MIT", "ISC"]);
        assert_eq!(allowed("[licenses]\n"), [""; 0]);
    }

    #[test]
    fn expressions_are_met_or_not() {
        let allowed = |id: &str| matches!(id, "MIT" | "ISC" | "Apache-2.0 WITH LLVM-exception");
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0/MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("MIT AND ISC", true),
            ("GPL-3.0 OR MIT AND X", false),
            ("(GPL-3.0 OR MIT) AND ISC", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0 WITH Other-exception", false),
            ("", false),
            ("(MIT", false),
            ("MIT)", false),
            ("MIT MIT", false),
            ("MIT OR", false),
        ] {
            assert_eq!(holds(expression, &allowed), expected, "{expression}");
        }
    }

    #[test]
    fn a_wrong_licence_or_source_is_found() {
        let of = |licence: &str, source: Value| {
            let package = json!({"name": "a", "version": "1", "license": licence, "source": source});
            check(&json!({"packages": [package]}), DENY).len()
        };
        assert_eq!(of("MIT", json!(REGISTRY)), 0);
        assert_eq!(of("MIT", Value::Null), 0);
        assert_eq!(of("GPL-3.0", json!(REGISTRY)), 1);
        assert_eq!(of("MIT", json!("git+https://example.com/a")), 1);
        assert_eq!(check(&json!({"packages": []}), "").len(), 1);
        assert_eq!(check(&json!({"packages": []}), &DENY.replace("ISC", "LGPL-2.1")).len(), 1);
    }
}
