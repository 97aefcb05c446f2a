//! Names of people in a room, as others may be shown them: clean, and none that passes for another's.
//!
//! Values only. What a name looks like is judged by UTS 39 (confusables).

use hearth_protocol::{PeerId, RoomName, clean_name};
use unicode_security::confusable_detection::skeleton;

use super::Rooms;

impl Rooms {
    /// `nick` as others may be shown it.
    pub(super) fn clean_nick(&self, nick: &str) -> String {
        clean_name(nick, self.config.limits.nick_bytes as usize)
    }

    /// `nick`, numbered where it would pass for the name of somebody else in `room`.
    pub(super) fn distinct_nick(&self, room: &RoomName, peer: PeerId, nick: &str) -> String {
        let members = self.rooms.get(room).into_iter().flat_map(|room| &room.members);
        let others = members.filter(|other| **other != peer).filter_map(|other| self.sessions.get(other)?.member());
        let taken: Vec<Looks> = others.map(|member| Looks::of(&member.nick)).collect();
        distinct(nick, &taken, self.config.limits.nick_bytes as usize)
    }
}

/// What a name is mistaken for.
#[derive(Debug)]
struct Looks {
    /// As it is written.
    written: String,
    /// In small letters: `BEA` is Bea as well, though its letters look like others than those of `bea` do.
    small: String,
}

impl Looks {
    fn of(name: &str) -> Self {
        let of = |text: &str| -> String {
            let letters = skeleton(text).collect::<String>().to_lowercase();
            letters.chars().filter(|c| !c.is_whitespace()).collect()
        };
        Self { written: of(name), small: of(&name.to_lowercase()) }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.written == other.written || self.small == other.small
    }
}

/// `name`, or with the first number from 2 on that makes it another one than all of `taken`. Nobody is nobody's double.
fn distinct(name: &str, taken: &[Looks], max: usize) -> String {
    let is_free = |name: &str| {
        let looks = Looks::of(name);
        !taken.iter().any(|other| other.is_like(&looks))
    };
    if name.is_empty() || is_free(name) {
        return name.to_owned();
    }
    let numbered = |number: usize| {
        let number = format!(" {number}");
        let kept = name.floor_char_boundary(max.saturating_sub(number.len()));
        name.get(..kept).unwrap_or_default().trim_end().to_owned() + &number
    };
    // One more than there are others is free.
    (2..taken.len() + 3).map(numbered).find(|name| is_free(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_passes_for_another_is_numbered() {
        for (name, others, expected) in [
            ("Bea", &["Ann"][..], "Bea"),
            ("Bea", &["Bea"], "Bea 2"),
            ("bEA", &["Bea"], "bEA 2"),
            ("Be a", &["Bea"], "Be a 2"),
            ("Bea", &["Bea", "Bea 2"], "Bea 3"),
            // Cyrillic letters, digits for letters, two letters for one.
            ("\u{412}\u{435}\u{430}", &["Bea"], "\u{412}\u{435}\u{430} 2"),
            ("Pau1", &["Paul"], "Pau1 2"),
            ("Tirn", &["Tim"], "Tirn 2"),
            ("Ian", &["lan"], "Ian 2"),
            ("", &[""], ""),
            ("围炉", &["围炉"], "围炉 2"),
        ] {
            let taken: Vec<Looks> = others.iter().map(|other| Looks::of(other)).collect();
            assert_eq!(distinct(name, &taken, 64), expected, "{name} beside {others:?}");
        }
        let long = "x".repeat(64);
        assert_eq!(distinct(&long, &[Looks::of(&long)], 64), "x".repeat(62) + " 2");
    }
}
