//! What is nowhere, or not in tests, or not in programs: each with what to do instead.

use crate::finding::Finding;
use crate::tree::{Line, Source};

/// Where a ban holds.
#[derive(Clone, Copy)]
enum Scope {
    Everywhere,
    Tests,
}

struct Ban {
    scope: Scope,
    /// Any of these in a line's code. One that begins or ends with a letter is met as a word of its own there.
    any_of: &'static [&'static str],
    advice: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        scope: Scope::Everywhere,
        any_of: &["#[ignore"],
        advice: "a test runs or goes; what takes long goes under HEARTH_SOAK",
    },
    Ban { scope: Scope::Everywhere, any_of: &["todo!", "unimplemented!"], advice: "build it, or leave its caller out" },
    Ban {
        scope: Scope::Everywhere,
        any_of: &["[allow(", ", allow("],
        advice: "use #[expect(lint, reason = \"...\")], which goes when its cause does",
    },
    Ban {
        scope: Scope::Everywhere,
        any_of: &["unbounded_channel", "unbounded(", "unbounded::<", "mpsc::channel()", "= channel()"],
        advice: "bound the queue, and say what happens when it is full",
    },
    Ban {
        scope: Scope::Everywhere,
        any_of: &["Arc<Mutex<", "Arc<RwLock<", "Arc::new(Mutex::new(", "Arc::new(RwLock::new("],
        advice: "give the state one owner, and the others messages",
    },
    Ban {
        scope: Scope::Everywhere,
        any_of: &["tokio::spawn(", "thread::spawn("],
        advice: "tasks live in a JoinSet; threads are named and joined (thread::Builder)",
    },
    Ban { scope: Scope::Tests, any_of: &["sleep(", "park_timeout("], advice: "wait on an event with a deadline" },
];

/// Words that promise work, in comments too. In parts, because this file is read as well.
const PROMISES: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Checks one file.
pub(crate) fn check(source: Source) -> Vec<Finding> {
    let banned = BANS.iter().flat_map(|ban| {
        let lines = source.lines.iter().filter(|line| in_scope(ban.scope, line));
        lines.filter_map(|line| {
            let met = ban.any_of.iter().find(|words| has(&line.code, words))?;
            Some(Finding::at(&source.path, line.number, format!("`{met}`"), ban.advice))
        })
    });
    let promised = source.text.lines().zip(1..).filter_map(|(line, number)| {
        let met = PROMISES.iter().find(|word| has(line, word))?;
        Some(Finding::at(&source.path, number, format!("`{met}`"), "do it, or say plainly what is not there"))
    });
    banned.chain(promised).collect()
}

fn in_scope(scope: Scope, line: &Line) -> bool {
    match scope {
        Scope::Everywhere => true,
        Scope::Tests => line.in_test,
    }
}

/// Whether `text` holds `words`, not as part of longer words.
pub(crate) fn has(text: &str, words: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(words).any(|(at, _)| {
        let before = text[..at].chars().next_back().filter(|_| words.starts_with(part_of_word));
        let after = text[at + words.len()..].chars().next().filter(|_| words.ends_with(part_of_word));
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ban_is_met_where_it_holds() {
        for (line, in_test, expected) in [
            ("#[ignore = \"slow\"]", true, 1),
            ("    todo!()", false, 1),
            ("#![allow(dead_code)]", false, 1),
            ("#[cfg_attr(test, allow(dead_code))]", false, 1),
            ("#[expect(dead_code, reason = \"x\")]", false, 0),
            ("let (a, b) = mpsc::unbounded_channel();", false, 1),
            ("let (a, b) = std::sync::mpsc::channel();", false, 1),
            ("let (a, b) = mpsc::channel(8);", false, 0),
            ("state: Arc<Mutex<State>>,", false, 1),
            ("state: Mutex<State>,", false, 0),
            ("std::thread::sleep(MS);", true, 1),
            ("tokio::time::sleep(MS).await;", true, 1),
            ("tokio::time::sleep(MS).await;", false, 0),
            ("sleep_until(deadline).await;", true, 0),
            ("std::thread::spawn(f);", false, 1),
            ("tasks.spawn(f);", false, 0),
            ("// todo!() in a comment, or \"todo!\" in a string", false, 0),
        ] {
            let found = check(Source::new("a.rs", line, in_test));
            assert_eq!(found.len(), expected, "{line}: {found:?}");
        }
    }

    #[test]
    fn promises_are_met_in_comments() {
        let line = format!("// {}: later", PROMISES[0]);
        assert_eq!(check(Source::new("a.rs", &line, false)).len(), 1);
        assert_eq!(check(Source::new("a.rs", "const MASTODON: u8 = 1; // fixed me", false)), []);
    }
}
