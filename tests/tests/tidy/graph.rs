//! Who depends on whom, by normal edges (tests may reach further), as ARCHITECTURE.md draws it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::finding::Finding;
use crate::manifests::{is_ours, packages, text};

/// Our crates, and ours that each may depend on.
const OURS: &[(&str, &[&str])] = &[
    ("hearth-base", &[]),
    ("hearth-protocol", &[]),
    ("hearth-netem", &["hearth-netsim"]),
    ("hearth-netsim", &[]),
    ("hearth-turn", &[]),
    ("hearth-v4l2-shim", &[]),
    ("hearth-call", &["hearth-base", "hearth-protocol"]),
    ("hearth-media", &["hearth-base"]),
    ("hearth-signal", &["hearth-protocol", "hearth-turn"]),
    ("hearth", &["hearth-base", "hearth-call", "hearth-media", "hearth-protocol", "hearth-signal", "hearth-turn"]),
    (
        "hearth-tests",
        &[
            "hearth",
            "hearth-base",
            "hearth-call",
            "hearth-media",
            "hearth-netsim",
            "hearth-protocol",
            "hearth-signal",
            "hearth-turn",
        ],
    ),
    ("xtask", &[]),
];

/// Others' crates, and ours that alone may depend on them. A name that ends with `*` is the beginning of many.
const OTHERS: &[(&[&str], &[&str])] = &[
    (&["rtc", "rtc-*"], &["hearth-call"]),
    (&["openh264", "openh264-sys2", "env-libvpx-sys", "opus", "opusic-sys", "cpal", "nokhwa"], &["hearth-media"]),
    (&["egui", "egui_*", "egui-*", "eframe"], &["hearth"]),
    (&["tokio", "tokio-*"], &["hearth", "hearth-signal", "hearth-turn", "hearth-tests"]),
];

/// Crates that must not even be reached through others.
const UNREACHABLE: &[(&str, &[&str])] = &[
    ("hearth-call", &["tokio", "egui", "cpal", "hearth-media", "openh264", "opus"]),
    ("hearth-media", &["tokio", "egui", "rtc", "hearth-call", "hearth-protocol"]),
    ("hearth-protocol", &["tokio", "rtc"]),
    ("hearth-signal", &["rtc", "hearth-call", "hearth-media", "hearth"]),
    ("hearth-turn", &["rtc", "hearth-call", "hearth-media", "hearth"]),
];

/// From each crate's name to those of its normal dependencies.
type Edges = BTreeMap<String, BTreeSet<String>>;

/// Checks the graph.
pub(crate) fn check(metadata: &Value) -> Vec<Finding> {
    let ours: BTreeSet<&str> = packages(metadata).filter(|package| is_ours(package)).map(|p| text(p, "name")).collect();
    let edges = edges(metadata);
    let mut findings = Vec::new();
    for name in &ours {
        let Some((_, allowed)) = OURS.iter().find(|(known, _)| known == name) else {
            findings.push(Finding::of(
                name,
                "not on the map",
                "give it its place in this table and in ARCHITECTURE.md",
            ));
            continue;
        };
        for dependency in edges.get(*name).into_iter().flatten() {
            findings.extend(direct(name, allowed, dependency, ours.contains(dependency.as_str())));
        }
    }
    findings.extend(reached(&edges));
    findings
}

fn direct(name: &str, allowed: &[&str], dependency: &str, is_ours: bool) -> Option<Finding> {
    let rule = format!("depends on {dependency}");
    if name == "xtask" {
        return Some(Finding::of(name, rule, "it has no dependencies: it must build before all else"));
    }
    if is_ours {
        let advice = "dependencies point one way: move what both need below both";
        return (!allowed.contains(&dependency)).then(|| Finding::of(name, rule, advice));
    }
    let (_, owners) = OTHERS.iter().find(|(names, _)| names.iter().any(|pattern| matches(pattern, dependency)))?;
    (!owners.contains(&name)).then(|| Finding::of(name, rule, "another crate of ours wraps it: use that"))
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

fn reached(edges: &Edges) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, forbidden) in UNREACHABLE {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&str> = vec![name];
        while let Some(name) = next.pop() {
            next.extend(edges.get(name).into_iter().flatten().map(String::as_str).filter(|dep| seen.insert(*dep)));
        }
        let met = forbidden.iter().filter(|name| seen.contains(*name));
        findings.extend(
            met.map(|met| Finding::of(name, format!("reaches {met}"), "`cargo tree -i` shows the way: cut it")),
        );
    }
    findings
}

fn edges(metadata: &Value) -> Edges {
    let names: BTreeMap<&str, &str> = packages(metadata).map(|p| (text(p, "id"), text(p, "name"))).collect();
    let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
    nodes
        .filter_map(|node| {
            let normal = node["deps"].as_array()?.iter().filter(|dep| is_normal(dep));
            let to = normal.filter_map(|dep| names.get(text(dep, "pkg")).map(|name| (*name).to_owned()));
            Some(((*names.get(text(node, "id"))?).to_owned(), to.collect()))
        })
        .collect()
}

fn is_normal(dep: &Value) -> bool {
    dep["dep_kinds"].as_array().into_iter().flatten().any(|kind| kind["kind"].is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A graph of `from -> to` by an edge of `kind`; crates whose names begin with `hearth`, and xtask, are ours.
    fn graph(edges: &[(&str, &str, Value)]) -> Value {
        let names: BTreeSet<&str> = edges.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
        let source = |name: &str| if name.starts_with("hearth") || name == "xtask" { Value::Null } else { json!("r") };
        let packages: Vec<_> = names.iter().map(|n| json!({"id": n, "name": n, "source": source(n)})).collect();
        let nodes: Vec<_> = names
            .iter()
            .map(|name| {
                let deps = edges.iter().filter(|(from, ..)| from == name);
                let deps: Vec<_> =
                    deps.map(|(_, to, kind)| json!({"pkg": to, "dep_kinds": [{"kind": kind}]})).collect();
                json!({"id": name, "deps": deps})
            })
            .collect();
        json!({"packages": packages, "resolve": {"nodes": nodes}})
    }

    #[test]
    fn an_edge_against_the_direction_is_found() {
        for (from, to, expected) in [
            ("hearth-call", "hearth-base", 0),
            ("hearth-base", "hearth-call", 1),
            ("hearth-turn", "hearth-protocol", 1),
            ("hearth-call", "hearth-media", 2),
            ("hearth-signal", "hearth", 2),
            ("hearth", "rtc", 1),
            ("hearth", "rtc-sdp", 1),
            ("hearth-call", "rtc", 0),
            ("hearth-base", "tokio", 1),
            ("hearth-call", "tokio-util", 1),
            ("hearth", "opus", 1),
            ("hearth-turn", "egui", 1),
            ("xtask", "bytes", 1),
            ("hearth-new", "bytes", 1),
        ] {
            let found = check(&graph(&[(from, to, Value::Null)]));
            assert_eq!(found.len(), expected, "{from} -> {to}: {found:?}");
            assert_eq!(check(&graph(&[(from, to, json!("dev"))])).len(), usize::from(from == "hearth-new"));
        }
    }

    #[test]
    fn what_is_reached_through_others_is_found() {
        let found = check(&graph(&[("hearth-call", "helper", Value::Null), ("helper", "tokio", Value::Null)]));
        assert_eq!(found.iter().map(|f| f.rule.as_str()).collect::<Vec<_>>(), ["reaches tokio"]);
    }
}
