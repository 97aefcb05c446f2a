//! What each crate of ours says of itself, and that it takes lints and versions from the workspace.

use std::process::Command;

use serde_json::Value;

use crate::finding::Finding;
use crate::tree::{Tree, top};

/// What cargo knows of every crate, ours and others', for every platform.
pub(crate) fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--locked"]).current_dir(top());
    let output = command.output().expect("cargo runs this test, so it is there");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// The packages.
pub(crate) fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

/// Whether a package is ours.
pub(crate) fn is_ours(package: &Value) -> bool {
    package["source"].is_null()
}

/// A text field.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// Checks our crates.
pub(crate) fn check(metadata: &Value, tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = packages(metadata).filter(|package| is_ours(package)).flat_map(fields).collect();
    let root = tree.text("Cargo.toml");
    let ours = tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    for manifest in ours.filter(|file| !file.path.starts_with("tests/fuzz/")) {
        findings.extend(inherits(&manifest.path, &manifest.text, &root));
    }
    findings
}

fn fields(package: &Value) -> Vec<Finding> {
    let wanted = [
        ("license", package["license"] == "MIT OR Apache-2.0"),
        ("edition", package["edition"] == "2024"),
        ("rust-version", !package["rust_version"].is_null()),
        ("publish", package["publish"].as_array().is_some_and(Vec::is_empty)),
        ("description", !text(package, "description").is_empty()),
    ];
    let wrong = wanted.into_iter().filter(|(_, right)| !right);
    wrong
        .map(|(field, _)| {
            Finding::of(text(package, "name"), format!("`{field}`"), "write FIELD.workspace = true, and a description")
        })
        .collect()
}

fn inherits(path: &str, manifest: &str, root: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !manifest.contains("[lints]\nworkspace = true") {
        findings.push(Finding::of(path, "lints of its own", "write [lints] workspace = true"));
    }
    let shared = |name: &str| root.lines().any(|line| line.strip_prefix(name).is_some_and(|l| l.starts_with(" = ")));
    let mut section = "";
    for (line, number) in manifest.lines().zip(1..) {
        let name = line.split([' ', '.', '=']).next().unwrap_or_default();
        if line.starts_with('[') {
            section = line;
        } else if section.contains("dependencies") && !line.contains("workspace = true") && shared(name) {
            let rule = format!("a version of {name} of its own");
            findings.push(Finding::at(
                path,
                number,
                rule,
                "it stands in the workspace's Cargo.toml: write workspace = true",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_with_fields_of_its_own_is_found() {
        let good = serde_json::json!({
            "name": "a", "license": "MIT OR Apache-2.0", "edition": "2024", "rust_version": "1.95", "publish": [],
            "description": "x",
        });
        assert_eq!(fields(&good), []);
        for field in ["license", "edition", "rust_version", "publish", "description"] {
            let mut bad = good.clone();
            bad[field] = Value::Null;
            assert_eq!(fields(&bad).len(), 1, "{field}");
        }
    }

    #[test]
    fn a_manifest_that_inherits_nothing_is_found() {
        let root = "[workspace.dependencies]\nbytes = \"1\"\n";
        let good = "[lints]\nworkspace = true\n\n[dependencies]\nbytes.workspace = true\nown = \"2\"\n";
        assert_eq!(inherits("a", good, root), []);
        assert_eq!(inherits("a", &good.replace("[lints]\nworkspace = true", ""), root).len(), 1);
        assert_eq!(inherits("a", &good.replace("bytes.workspace = true", "bytes = \"1\""), root).len(), 1);
        assert_eq!(inherits("a", &format!("{good}[dev-dependencies]\nbytes = {{ version = \"1\" }}"), root).len(), 1);
    }
}
