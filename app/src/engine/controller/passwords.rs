//! Passwords of rooms that we were in, so that coming again asks for nothing twice.
//!
//! Owner of: the passwords, in memory and for as long as the program runs. They are written nowhere.

use std::collections::VecDeque;

use hearth_protocol::{RoomName, RoomPassword};
use url::Url;

/// Rooms whose password is known. Full: the one that was learnt longest ago goes.
const KEPT: usize = 12;

/// A room, as it is found again: the server's address, and its name there.
pub(super) type RoomAddress = (Url, RoomName);

/// What opened which room.
#[derive(Debug, Default)]
pub(super) struct Passwords {
    kept: VecDeque<(RoomAddress, RoomPassword)>,
}

impl Passwords {
    /// What opened this room last.
    pub(super) fn of(&self, place: &RoomAddress) -> Option<RoomPassword> {
        self.kept.iter().find(|(kept, _)| kept == place).map(|(_, password)| password.clone())
    }

    /// This opens the room, or nothing that we know does.
    pub(super) fn keep(&mut self, place: RoomAddress, password: Option<RoomPassword>) {
        if self.of(&place) == password {
            return;
        }
        self.kept.retain(|(kept, _)| *kept != place);
        if let Some(password) = password {
            self.kept.push_front((place, password));
            self.kept.truncate(KEPT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_password_of_each_room_is_kept_and_of_a_dozen_at_most() {
        let place = |server: &str, room: u32| {
            (Url::parse(&format!("wss://{server}/ws")).unwrap(), RoomName::parse(&room.to_string()).unwrap())
        };
        let password = |text: &str| Some(RoomPassword::parse(text).unwrap());
        let mut passwords = Passwords::default();
        (0..20).for_each(|room| passwords.keep(place("10.0.0.1", room), password("tea")));
        passwords.keep(place("10.0.0.1", 19), password("coffee"));
        passwords.keep(place("10.0.0.1", 18), None);
        for (server, room, expected) in [
            ("10.0.0.1", 19, password("coffee")),
            ("10.0.0.1", 18, None),
            ("10.0.0.1", 17, password("tea")),
            ("10.0.0.1", 7, None),
            ("10.0.0.2", 19, None),
        ] {
            assert_eq!(passwords.of(&place(server, room)), expected, "{server} {room}");
        }
        assert!(!format!("{passwords:?}").contains("coffee"), "no log reads them");
    }
}
