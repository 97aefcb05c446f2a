//! Our own file: what is shipped is sound, and mistakes are named.

use super::*;

#[test]
fn the_file_that_is_shipped_is_sound_and_says_what_stands_for_nothing_said() {
    let shipped = include_str!("../../../../assets/hearth-turn.toml");
    let draft = parse(shipped).unwrap();
    assert_eq!(draft.users.len() + draft.secrets.len(), 0, "no password that everybody knows");
    // Each key is in it behind a `#`: without those it is a file with everything said.
    let whole: Vec<&str> =
        shipped.lines().map(|line| line.strip_prefix('#').filter(|l| !l.starts_with(' ')).unwrap_or(line)).collect();
    let draft = parse(&whole.join("\n")).unwrap();
    assert_eq!(draft.listen.len(), 2);
    assert!(
        draft.cert.is_some() && draft.max_bps.is_some() && draft.alternate_port.is_some() && draft.family.is_some()
    );
}

#[test]
fn a_mistake_is_named_without_what_it_says() {
    for (text, expected) in [
        ("realm = 5", "line 1"),
        ("\nlisten = [\"here\"]", "line 2"),
        ("relam = \"x\"", "unknown field"),
        ("[auth]\nusers = [\"secretword\"]", "NAME:PASSWORD"),
        ("[auth]\nsecrets = [\"secretword\", 5]", "line 2"),
        ("[relay]\nallow_peers = [\"10.0.0.0/33\"]", "line 2"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
        assert!(!error.contains("secretword"), "{error}");
    }
}
