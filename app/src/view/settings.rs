//! What a person chose, and finds again at the next start.

use std::ops::RangeInclusive;

use hearth_base::{DeviceChoice, DeviceId, FrameRate, Resolution};
use hearth_call::Switch;
use serde::{Deserialize, Serialize};

/// What a person chose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What the others call us; empty until somebody typed it.
    pub nick: String,
    /// The language of every word.
    pub language: LanguageChoice,
    /// Light or dark.
    pub theme: ThemeChoice,
    /// The camera.
    #[serde(with = "choice")]
    pub camera: DeviceChoice,
    /// The microphone.
    #[serde(with = "choice")]
    pub microphone: DeviceChoice,
    /// The speaker.
    #[serde(with = "choice")]
    pub speaker: DeviceChoice,
    /// Whether we come into a room with the microphone on.
    #[serde(with = "switch")]
    pub join_microphone: Switch,
    /// Whether we come into a room with the camera on.
    #[serde(with = "switch")]
    pub join_camera: Switch,
    /// How large our picture is sent.
    pub picture: PictureSize,
    /// Whether our own picture is shown as in a mirror.
    pub mirror: bool,
    /// Whether a call is sound alone: pictures of nobody are fetched, and the camera goes off with it.
    pub audio_only: bool,
    /// What is done to our sound.
    pub processing: Processing,
    /// The address of a server of our own, `https://HOST:PORT`; empty: rooms are hosted by this machine.
    pub server: String,
    /// The port for rooms that this machine hosts; none: the first that is free, from 8443 on.
    pub port: Option<u16>,
    /// Whether people on this network read who hosts a room of this machine.
    pub show_name: bool,
    /// How many people a room that we start holds: of [`PEOPLE`].
    pub people: u32,
}

impl Settings {
    /// Whether we come into a room with the camera on: not into a call that is sound alone.
    pub fn joins_with_camera(&self) -> Switch {
        if self.audio_only { Switch::Off } else { self.join_camera }
    }
}

/// How many people a room may hold: a mesh of more melts the access link of a home.
pub const PEOPLE: RangeInclusive<u32> = 2..=12;

/// What is done to our sound before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Processing {
    /// What the speaker plays is taken out.
    pub echo: bool,
    /// What is not speech is made softer.
    pub noise: bool,
    /// Speech is brought to one loudness.
    pub gain: bool,
}

/// The language of every word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LanguageChoice {
    /// The system's.
    #[default]
    System,
    /// English.
    English,
    /// 中文.
    Chinese,
}

/// How large our picture is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureSize {
    /// 1280x720, 30 a second.
    #[default]
    Standard,
    /// 640x360, 15 a second: for an old computer, or a narrow line.
    Small,
}

impl PictureSize {
    /// Width, height and pictures a second.
    pub fn format(self) -> (Resolution, FrameRate) {
        match self {
            Self::Standard => (Resolution::HD, FrameRate::new(30)),
            Self::Small => (Resolution::SMALL, FrameRate::new(15)),
        }
    }
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThemeChoice {
    /// As the system.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            nick: String::new(),
            language: LanguageChoice::default(),
            theme: ThemeChoice::default(),
            camera: DeviceChoice::Default,
            microphone: DeviceChoice::Default,
            speaker: DeviceChoice::Default,
            join_microphone: Switch::On,
            join_camera: Switch::On,
            picture: PictureSize::default(),
            mirror: true,
            audio_only: false,
            processing: Processing::default(),
            server: String::new(),
            port: None,
            show_name: false,
            people: *PEOPLE.end(),
        }
    }
}

impl Default for Processing {
    fn default() -> Self {
        Self { echo: true, noise: true, gain: true }
    }
}

/// A device's choice as one text: `off`, `default`, `test`, `id:` and the device, or `file:` and its path.
mod choice {
    use serde::{Deserializer, Serializer};

    use super::{Deserialize as _, DeviceChoice, DeviceId};

    pub(super) fn serialize<S: Serializer>(choice: &DeviceChoice, serializer: S) -> Result<S::Ok, S::Error> {
        match choice {
            DeviceChoice::Off => serializer.serialize_str("off"),
            DeviceChoice::Default => serializer.serialize_str("default"),
            DeviceChoice::Test => serializer.serialize_str("test"),
            DeviceChoice::Named(DeviceId(id)) => serializer.serialize_str(&format!("id:{id}")),
            DeviceChoice::File(path) => serializer.serialize_str(&format!("file:{}", path.display())),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DeviceChoice, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.as_str() {
            "off" => DeviceChoice::Off,
            "test" => DeviceChoice::Test,
            // A choice that an older version made and this one does not know is no reason to lose all others.
            other => match other.split_once(':') {
                Some(("id", id)) => DeviceChoice::Named(DeviceId(id.into())),
                Some(("file", path)) => DeviceChoice::File(path.into()),
                Some(_) | None => DeviceChoice::Default,
            },
        })
    }
}

/// On or off as a truth value.
mod switch {
    use serde::{Deserializer, Serializer};

    use super::{Deserialize as _, Switch};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    pub(super) fn serialize<S: Serializer>(switch: &Switch, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*switch == Switch::On)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Switch, D::Error> {
        Ok(if bool::deserialize(deserializer)? { Switch::On } else { Switch::Off })
    }
}
