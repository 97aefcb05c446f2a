//! What peers say to each other over the data channel: JSON texts, a type each. The guest page speaks the same.

use serde::{Deserialize, Serialize};

use crate::send::stills::PictureFlow;

/// Longest text that is looked at, bytes: the longest chat message in the widest letters, and what JSON adds.
const MAX: usize = 32 * 1024;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ChannelMessage {
    /// "I leave": the connection is done with now, not when its checks time out.
    Bye,
    /// What is sent at the moment.
    Media {
        audio: bool,
        video: bool,
        /// A screen comes in the place of the camera's picture.
        #[serde(default)]
        screen: bool,
    },
    /// Something said to all; `n` counts the sender's own messages.
    Chat { n: u64, text: String },
    /// The highest `n` that the sender of this has heard of us: the rest should be said again.
    ChatSeen { n: u64 },
    /// What the sender looks at of the receiver's pictures ([`crate::Watching`]).
    Watching {
        /// So many lines of a camera; 0 for none.
        camera: u16,
        screen: bool,
    },
    /// How the sender's pictures go to the receiver: what the link bears.
    Pictures { flow: SaidFlow },
    /// The sender's hand is raised, or is no longer.
    Hand { up: bool },
    /// A type of a newer version.
    #[serde(other)]
    Unknown,
}

/// How pictures go, as it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SaidFlow {
    Silence,
    Nothing,
    Stills,
    /// Whatever else a newer version says, too.
    #[serde(other)]
    Moving,
}

impl From<PictureFlow> for SaidFlow {
    fn from(flow: PictureFlow) -> Self {
        match flow {
            PictureFlow::Silence => Self::Silence,
            PictureFlow::Nothing => Self::Nothing,
            PictureFlow::Stills => Self::Stills,
            PictureFlow::Moving => Self::Moving,
        }
    }
}

impl From<SaidFlow> for PictureFlow {
    fn from(flow: SaidFlow) -> Self {
        match flow {
            SaidFlow::Silence => Self::Silence,
            SaidFlow::Nothing => Self::Nothing,
            SaidFlow::Stills => Self::Stills,
            SaidFlow::Moving => Self::Moving,
        }
    }
}

impl ChannelMessage {
    /// Reads a text; `None` when it is no message.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX { None } else { serde_json::from_str(text).ok() }
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_and_nonsense_does_not() {
        for message in [
            ChannelMessage::Bye,
            ChannelMessage::Media { audio: true, video: false, screen: true },
            ChannelMessage::Hand { up: true },
            ChannelMessage::Chat { n: 1, text: "围\"炉".into() },
            ChannelMessage::ChatSeen { n: 0 },
            ChannelMessage::Watching { camera: 360, screen: false },
            ChannelMessage::Pictures { flow: SaidFlow::Stills },
        ] {
            assert_eq!(ChannelMessage::parse(&message.to_text()), Some(message));
        }
        assert_eq!(ChannelMessage::parse(r#"{"type":"confetti","n":3}"#), Some(ChannelMessage::Unknown));
        let older = ChannelMessage::Media { audio: true, video: true, screen: false };
        assert_eq!(ChannelMessage::parse(r#"{"type":"media","audio":true,"video":true}"#), Some(older));
        let long = format!(r#"{{"type":"bye","x":"{}"}}"#, "y".repeat(MAX));
        for nonsense in [
            "",
            "bye",
            "[]",
            "{}",
            r#"{"type":"media"}"#,
            r#"{"type":"hand","up":1}"#,
            r#"{"type":"watching","camera":-1,"screen":true}"#,
            r#"{"type":"watching","camera":65536,"screen":true}"#,
            r#"{"type":"chat","n":-1,"text":""}"#,
            r#"{"type":"chat_seen","n":1.5}"#,
            r#"{"type":"media","audio":1,"video":2}"#,
            &long,
        ] {
            assert_eq!(ChannelMessage::parse(nonsense), None);
        }
    }
}
