//! What the program remembers of the person: settings, rooms, passwords.
//!
//! Owner of: all three, and of the folder that holds the first two. Passwords are in memory alone.

use hearth_base::DeviceChoice;
use hearth_protocol::RoomLink;

use super::passwords::Passwords;
use super::store::{Folders, Rooms};
use crate::view::{DeviceFiles, Settings};

/// What is remembered of the person.
pub(super) struct Profile {
    pub(super) folders: Folders,
    pub(super) settings: Settings,
    pub(super) rooms: Rooms,
    pub(super) passwords: Passwords,
}

impl Profile {
    /// What was saved; who starts this for the first time may be called `name`.
    pub(super) fn load(folders: Folders, name: Option<&str>) -> Self {
        let (settings, rooms) = (folders.load_settings(name), folders.load_rooms());
        Self { folders, settings, rooms, passwords: Passwords::default() }
    }

    /// The files are chosen, as if a person had picked them. Saved with the next change of the settings.
    pub(super) fn choose(&mut self, files: &DeviceFiles) {
        let settings = &mut self.settings;
        for (file, device) in [(&files.camera, &mut settings.camera), (&files.microphone, &mut settings.microphone)] {
            if let Some(path) = file {
                *device = DeviceChoice::File(path.clone());
            }
        }
    }

    /// Saves the settings.
    pub(super) fn save_settings(&self) {
        self.folders.save_settings(&self.settings);
    }

    /// We are in this room, or its link is a different one by now.
    pub(super) fn remember_room(&mut self, link: &RoomLink, unix_s: u64) {
        self.rooms.add(link, unix_s);
        self.folders.save_rooms(&self.rooms);
    }

    /// Forgets every room.
    pub(super) fn forget_rooms(&mut self) {
        self.rooms.forget();
        self.folders.save_rooms(&self.rooms);
    }
}
