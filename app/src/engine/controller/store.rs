//! What is found again at the next start: settings, and the rooms that we were in.
//!
//! Owner of: the two files. They are written whole and put in place of the old ones at once, so that a crash leaves one
//! or the other. What cannot be read is begun again, and the old file kept beside it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use hearth_protocol::RoomLink;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::view::{RecentRoom, Settings};

/// Rooms that are remembered. Full: the one that we were in longest ago goes.
const RECENT: usize = 12;
/// Longest name that is proposed, characters: what fits into the field of the window.
const NICK: usize = 20;
/// Longest file that is looked at, bytes.
const MAX: u64 = 256 * 1024;

/// Where things are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// Settings.
    pub config: PathBuf,
    /// Keys, rooms, logs: of this machine.
    pub state: PathBuf,
}

impl Folders {
    /// The system's folders for this program; `None` where it has none for this user.
    pub fn of_system() -> Option<Self> {
        let dirs = ProjectDirs::from("", "", "hearth")?;
        let state = dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir());
        Some(Self { config: dirs.config_dir().to_owned(), state: state.to_owned() })
    }

    fn settings(&self) -> PathBuf {
        self.config.join("settings.toml")
    }

    fn rooms(&self) -> PathBuf {
        self.state.join("rooms.toml")
    }

    /// Where key and certificate of rooms that this machine hosts are kept.
    pub(super) fn keys(&self) -> PathBuf {
        self.state.join("host")
    }

    /// What was kept; `name` is proposed where nothing was.
    pub(super) fn load_settings(&self, name: Option<&str>) -> Settings {
        let kept = self.settings();
        let is_first = !kept.exists();
        let mut settings: Settings = load(&kept);
        if is_first {
            settings.nick = name.map(|name| name.trim().chars().take(NICK).collect()).unwrap_or_default();
        }
        settings
    }

    pub(super) fn save_settings(&self, settings: &Settings) {
        save(&self.settings(), settings);
    }

    pub(super) fn load_rooms(&self) -> Rooms {
        load(&self.rooms())
    }

    pub(super) fn save_rooms(&self, rooms: &Rooms) {
        save(&self.rooms(), rooms);
    }
}

/// Rooms that we were in, the newest first.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Rooms {
    rooms: Vec<Room>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Room {
    /// The whole link: with its secret we need not knock again.
    link: String,
    seen_unix_s: u64,
}

impl Rooms {
    /// We are in a room.
    pub(super) fn add(&mut self, link: &RoomLink, unix_s: u64) {
        let is_same = |room: &Room| {
            RoomLink::parse(&room.link).is_ok_and(|known| known.room == link.room && known.server() == link.server())
        };
        self.rooms.retain(|room| !is_same(room));
        self.rooms.insert(0, Room { link: link.reveal(), seen_unix_s: unix_s });
        self.rooms.truncate(RECENT);
    }

    pub(super) fn forget(&mut self) {
        self.rooms.clear();
    }

    pub(super) fn link(&self, place: usize) -> Option<RoomLink> {
        self.links().nth(place).map(|(link, _)| link)
    }

    pub(super) fn shown(&self) -> Vec<RecentRoom> {
        let shown = |(link, seen_unix_s): (RoomLink, u64)| RecentRoom {
            server: host_and_port(&link),
            room: link.room,
            seen_unix_s,
        };
        self.links().map(shown).collect()
    }

    fn links(&self) -> impl Iterator<Item = (RoomLink, u64)> {
        self.rooms.iter().filter_map(|room| Some((RoomLink::parse(&room.link).ok()?, room.seen_unix_s)))
    }
}

fn host_and_port(link: &RoomLink) -> String {
    let server = link.server();
    let host = server.host_str().unwrap_or_default();
    server.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn load<T: Default + Serialize + DeserializeOwned>(path: &Path) -> T {
    let Ok(file) = std::fs::metadata(path) else { return T::default() };
    let text = if file.len() > MAX { None } else { std::fs::read_to_string(path).ok() };
    if let Some(Ok(value)) = text.as_deref().map(toml::from_str) {
        return value;
    }
    // What it says may hold a secret: not into the log.
    tracing::warn!(?path, "not all of it was understood; the old file is kept");
    if let Err(error) = std::fs::rename(path, path.with_extension("toml.bad")) {
        tracing::warn!(%error, "the old file is not kept");
    }
    text.as_deref().and_then(understood).unwrap_or_default()
}

/// What is understood of a text, value by value: one that a newer version wrote, or a hand, costs no other.
fn understood<T: Default + Serialize + DeserializeOwned>(text: &str) -> Option<T> {
    let said: toml::Table = text.parse().ok()?;
    let mut known = toml::Table::try_from(T::default()).ok()?;
    let is_good = |table: &toml::Table| table.clone().try_into::<T>().is_ok();
    for (key, value) in said {
        let before = known.insert(key.clone(), value.clone());
        if is_good(&known) {
            continue;
        }
        match (before, value) {
            // A group, of which each value is looked at by itself.
            (Some(toml::Value::Table(mut group)), toml::Value::Table(said)) => {
                for (inner, value) in said {
                    let old = group.insert(inner.clone(), value);
                    known.insert(key.clone(), toml::Value::Table(group.clone()));
                    if !is_good(&known) {
                        restore(&mut group, inner, old);
                    }
                }
                known.insert(key, toml::Value::Table(group));
            }
            (before, _) => restore(&mut known, key, before),
        }
    }
    known.try_into().ok()
}

fn restore(table: &mut toml::Table, key: String, before: Option<toml::Value>) {
    match before {
        Some(before) => drop(table.insert(key, before)),
        None => drop(table.remove(&key)),
    }
}

fn save<T: Serialize>(path: &Path, value: &T) {
    let written = toml::to_string_pretty(value)
        .map_err(std::io::Error::other)
        .and_then(|text| write_in_place(path, text.as_bytes()));
    if let Err(error) = written {
        tracing::warn!(%error, ?path, "not remembered");
    }
}

/// Writes beside, then renames: a reader sees the old file or the new one, and nobody else sees either.
fn write_in_place(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".hearth").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::ThemeChoice;

    fn folders() -> (tempfile::TempDir, Folders) {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders { config: folder.path().join("config"), state: folder.path().join("state") };
        (folder, folders)
    }

    #[test]
    fn settings_are_found_again_and_damaged_ones_begun_anew() {
        let (_folder, folders) = folders();
        assert_eq!(folders.load_settings(None), Settings::default());
        let changed =
            Settings { nick: "安".into(), theme: ThemeChoice::Dark, port: Some(9000), ..Settings::default() };
        folders.save_settings(&changed);
        assert_eq!(folders.load_settings(None), changed);
        std::fs::write(folders.settings(), "nick = 7\n[[").unwrap();
        assert_eq!(folders.load_settings(None), Settings::default());
        assert!(folders.settings().with_extension("toml.bad").exists());
    }

    #[test]
    fn one_value_that_is_not_understood_costs_no_other() {
        let (_folder, folders) = folders();
        let mut changed = Settings { nick: "安".into(), port: Some(9000), mirror: false, ..Settings::default() };
        changed.processing.gain = !changed.processing.gain;
        folders.save_settings(&changed);
        let text = std::fs::read_to_string(folders.settings()).unwrap();
        for (from, to) in [
            ("theme = \"system\"", "theme = \"sepia\""),
            ("theme = \"system\"", "theme = 7"),
            ("echo = true", "echo = \"sometimes\""),
            ("picture = \"standard\"", "picture = { a = [1] }"),
            ("people = 12", "people = -1\nfuture = { a = [1] }"),
        ] {
            let other = text.replace(from, to);
            assert_ne!(other, text, "{from} stands in it");
            std::fs::write(folders.settings(), other).unwrap();
            assert_eq!(folders.load_settings(None), changed, "{to}");
            assert!(folders.settings().with_extension("toml.bad").exists(), "what was written is kept");
            std::fs::remove_file(folders.settings().with_extension("toml.bad")).unwrap();
        }
    }

    #[test]
    fn a_name_is_proposed_at_the_first_start_alone() {
        let (_folder, folders) = folders();
        for (name, expected) in [
            (None, ""),
            (Some(" Ada Lovelace "), "Ada Lovelace"),
            (Some("一二三四五六七八九十一二三四五六七八九十一"), "一二三四五六七八九十一二三四五六七八九十"),
        ] {
            assert_eq!(folders.load_settings(name).nick, expected);
        }
        folders.save_settings(&Settings::default());
        assert_eq!(folders.load_settings(Some("Ada")).nick, "", "who has emptied it is not asked again");
    }

    #[test]
    fn a_setting_that_is_missing_is_as_at_first_and_one_too_many_is_left_alone() {
        let (_folder, folders) = folders();
        std::fs::create_dir_all(&folders.config).unwrap();
        std::fs::write(folders.settings(), "nick = \"Ann\"\ncamera = \"id:/dev/video7\"\nfuture = 1\n").unwrap();
        let settings = folders.load_settings(None);
        assert_eq!(settings.nick, "Ann");
        assert_eq!(settings.camera, hearth_base::DeviceChoice::Named(hearth_base::DeviceId("/dev/video7".into())));
        assert!(settings.mirror);
    }

    #[test]
    fn a_file_in_a_device_s_place_is_found_again_and_is_no_other_device() {
        let (_folder, folders) = folders();
        let file = hearth_base::DeviceChoice::File("/media/a: b.y4m".into());
        folders.save_settings(&Settings { camera: file.clone(), ..Settings::default() });
        let settings = folders.load_settings(None);
        assert_eq!((settings.camera, settings.microphone), (file, hearth_base::DeviceChoice::Default));
    }

    #[test]
    fn rooms_are_remembered_once_each_and_only_by_their_owner() {
        let (_folder, folders) = folders();
        let mut rooms = Rooms::default();
        let link = |n: u32| RoomLink::parse(&format!("https://10.0.0.1:8443/r/{n}#s=AAAAAAAAAAAAAAAAAAAAAA")).unwrap();
        (0..20).for_each(|n| rooms.add(&link(n), u64::from(n)));
        rooms.add(&link(15), 99);
        folders.save_rooms(&rooms);
        let shown = folders.load_rooms().shown();
        assert_eq!(shown.len(), RECENT);
        assert_eq!(
            (shown[0].room.as_str(), shown[0].seen_unix_s, shown[0].server.as_str()),
            ("15", 99, "10.0.0.1:8443")
        );
        assert_eq!(shown.iter().filter(|room| room.room.as_str() == "15").count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(folders.rooms()).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
