//! One word, one meaning: a public type has a name that no other of its crate has, coinages that were given up do not
//! come back, and comments are lines that a narrow screen holds.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::tree::{Source, Tree};

/// Longest line of a comment, columns.
const COLUMNS: usize = 120;

/// Files of which one is compiled, depending on the system: they define the same types.
const ALTERNATIVES: &[[&str; 2]] = &[
    ["turn-server/src/shell/udp/linux.rs", "turn-server/src/shell/udp/plain.rs"],
    ["app/media/src/devices/camera/system/v4l2.rs", "app/media/src/devices/camera/system/library.rs"],
];

/// Names that had other meanings in the field, or none, and what is said instead.
const RETIRED: &[(&str, &str)] = &[
    ("AudioTurn", "AudioTick"),
    ("Commons", "SharedState"),
    ("Demand", "PortRequest"),
    ("Desk", "AppController"),
    ("DeskLoop", "AppLoop"),
    ("Ears", "EngineIoEvents, DeviceLister"),
    ("Entrance", "JoinRequest"),
    ("Farewell", "CloseReason"),
    ("Film", "VideoFeed"),
    ("Heard", "what it is of: SessionEvent, ChannelEvent"),
    ("Intent", "Command"),
    ("Keeper", "DeviceSupervisor"),
    ("Manners", "NegotiationRole"),
    ("MediaWish", "MediaAction"),
    ("PageNews", "LegacyEvents"),
    ("Parcel", "OutboundFrame, BatchedDatagram"),
    ("Passage", "Forward"),
    ("Plug", "PortChange"),
    ("Postbox", "Mailbox"),
    ("Standing", "Membership"),
    ("Strangers", "UnauthenticatedLimits"),
    ("Surroundings", "IceConfig"),
    ("Tally", "what it counts: ConnectionStats, StreamStats"),
    ("Treatment", "VoiceProcessing"),
    ("Tries", "AttemptLimiter"),
    ("Visit", "CallSession"),
    ("Whereabouts", "PeerLocation"),
    ("Wish", "Action"),
];

/// English that a busy person reads twice, and what is plain.
const PLAIN: &[(&str, &str)] = &[
    ("anew", "again"),
    ("is another one", "has changed, or is a different one"),
    ("are to be", "should be"),
    ("is to be", "should be"),
    ("whoever", "anyone who"),
];

/// Checks sources and documents.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let sources: Vec<Source> = tree.sources().filter(|source| !source.path.starts_with("tests/tests/tidy/")).collect();
    let mut findings: Vec<Finding> = sources.iter().flat_map(comments).collect();
    findings.extend(sources.iter().flat_map(retired));
    findings.extend(twice(&sources));
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md") && file.path != "CHANGELOG.md") {
        findings.extend(file.text.lines().zip(1..).filter_map(|(line, number)| unclear(&file.path, number, line)));
    }
    findings
}

/// Words of a text, or several in a row, as they are looked for: whole.
fn holds(text: &str, words: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(words).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + words.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    })
}

fn unclear(path: &str, number: usize, text: &str) -> Option<Finding> {
    let text = text.to_lowercase();
    let (word, _) = PLAIN.iter().find(|(word, _)| holds(&text, word))?;
    Some(Finding::at(path, number, format!("\"{word}\""), "say it plainly: the list in vocabulary.rs says how"))
}

fn comments(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().zip(1..).filter(|(line, _)| line.trim_start().starts_with("//"));
    let mut findings = Vec::new();
    for (line, number) in lines {
        if line.chars().count() > COLUMNS {
            let rule = format!("a comment of {} columns, {COLUMNS} at most", line.chars().count());
            findings.push(Finding::at(&source.path, number, rule, "wrap it"));
        }
        findings.extend(unclear(&source.path, number, line));
    }
    findings
}

fn retired(source: &Source) -> Vec<Finding> {
    let lines = source.shipped().filter_map(|line| {
        let (name, instead) = RETIRED.iter().find(|(name, _)| holds(&line.code, name))?;
        let rule = format!("`{name}`, which is now {instead}");
        Some(Finding::at(&source.path, line.number, rule, "use the word of the glossary in ARCHITECTURE.md"))
    });
    lines.collect()
}

/// The public type that begins on a line of the file's own level.
fn public_type(code: &str) -> Option<&str> {
    let rest = code.strip_prefix("pub")?;
    let rest = if rest.starts_with('(') { rest.split_once(')')?.1 } else { rest };
    let rest = rest.trim_start().trim_start_matches("unsafe ");
    let name = ["struct ", "enum ", "trait ", "type ", "union "].iter().find_map(|kind| rest.strip_prefix(kind))?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

fn twice(sources: &[Source]) -> Vec<Finding> {
    let mut known: BTreeMap<(&str, String), Vec<(&str, usize)>> = BTreeMap::new();
    for source in sources {
        let Some((package, _)) = source.path.split_once("/src/") else { continue };
        for line in source.shipped() {
            if let Some(name) = public_type(&line.code) {
                known.entry((package, name.to_owned())).or_default().push((&source.path, line.number));
            }
        }
    }
    let are_alternatives =
        |one: &str, other: &str| ALTERNATIVES.iter().any(|pair| pair.contains(&one) && pair.contains(&other));
    let mut findings = Vec::new();
    for ((_, name), places) in known {
        for pair in places.windows(2) {
            if let [(first, _), (second, line)] = pair
                && !are_alternatives(first, second)
            {
                let rule = format!("`{name}` is a type of {first} as well");
                findings.push(Finding::at(second, *line, rule, "qualify it by what it is of"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::File;

    fn rules(files: &[(&str, &str)]) -> Vec<String> {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        check(&Tree::of(files.iter().map(file).collect())).into_iter().map(|found| found.rule).collect()
    }

    #[test]
    fn a_public_type_is_defined_once_in_a_crate() {
        let (one, other) = ("pub(super) struct Phase;\n", "pub enum Phase {\n    A,\n}\n");
        assert_eq!(rules(&[("a/src/x.rs", one), ("a/src/y.rs", other)]), ["`Phase` is a type of a/src/x.rs as well"]);
        assert!(rules(&[("a/src/x.rs", one), ("b/src/y.rs", other)]).is_empty(), "crates are apart");
        assert!(rules(&[("a/src/x.rs", one), ("a/src/y.rs", "struct Phase;\n")]).is_empty(), "what is private may");
        let [linux, plain] = ALTERNATIVES[0];
        assert!(rules(&[(linux, one), (plain, other)]).is_empty(), "one of the two is compiled");
    }

    #[test]
    fn words_that_were_given_up_stay_away() {
        for (path, text, expected) in [
            ("a/src/x.rs", "fn x(wish: Wish) {}\n", 1),
            ("a/src/x.rs", "fn x(wish: Wishes) {}\n", 0),
            ("a/src/x.rs", "// Who comes back begins anew.\n", 1),
            ("a/src/x.rs", "// The address is another one.\n", 1),
            ("a/src/x.rs", "// They renew a thing.\n", 0),
            ("A.md", "Whoever comes.\n", 1),
            ("CHANGELOG.md", "Whoever came.\n", 0),
        ] {
            assert_eq!(rules(&[(path, text)]).len(), expected, "{text}");
        }
    }

    #[test]
    fn a_comment_that_is_too_wide_is_found() {
        let line = |columns: usize| format!("// {}\n", "x".repeat(columns - 3));
        assert!(rules(&[("a/src/x.rs", &line(COLUMNS))]).is_empty());
        assert_eq!(rules(&[("a/src/x.rs", &line(COLUMNS + 1))]), ["a comment of 121 columns, 120 at most"]);
    }
}
