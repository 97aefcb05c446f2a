//! Names and secrets on the wire, each a type that cannot hold a malformed value.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Why a text is not the identifier it was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadId {
    /// Too short or too long.
    #[error("wrong length")]
    Length,
    /// A character that may not be there.
    #[error("forbidden character")]
    Character,
    /// Not base64url of the right number of bytes.
    #[error("not base64url of the right length")]
    Encoding,
}

/// Who a participant is within a room: given by the server, random, `[A-Za-z0-9_-]{16,20}`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId {
    bytes: [u8; Self::MAX],
    len: u8,
}

impl PeerId {
    const MIN: usize = 16;
    const MAX: usize = 20;

    /// Reads an id.
    ///
    /// # Errors
    /// [`BadId`] unless the text is 16 to 20 characters of the base64url alphabet.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        if !(Self::MIN..=Self::MAX).contains(&text.len()) {
            return Err(BadId::Length);
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err(BadId::Character);
        }
        let mut bytes = [0; Self::MAX];
        bytes.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        Ok(Self { bytes, len: text.len() as u8 })
    }

    /// An id of 16 characters from 96 random bits.
    pub fn from_random(random: [u8; 12]) -> Self {
        Self::parse(&URL_SAFE_NO_PAD.encode(random)).unwrap_or(Self { bytes: [b'-'; Self::MAX], len: 16 })
    }

    /// The id as it is on the wire.
    pub fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.len)).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A room's name: 9 digits where Hearth made it, any text of 1 to 64 bytes without control characters elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(String);

impl RoomName {
    /// Longest name in bytes.
    pub const MAX: usize = 64;

    /// Reads a name.
    ///
    /// # Errors
    /// [`BadId`] when it is empty, too long or holds control characters.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        if text.is_empty() || text.len() > Self::MAX {
            return Err(BadId::Length);
        }
        if text.chars().any(char::is_control) {
            return Err(BadId::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// The number of a new room: nine digits, the first not a zero.
    pub fn from_random(random: u64) -> Self {
        Self((100_000_000 + random % 900_000_000).to_string())
    }

    /// The name as it is on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A number by which a client recognises the answer to its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequestId(pub u32);

/// The secret in an invitation's link: 128 random bits, base64url. It is printed nowhere.
#[derive(Clone, Copy)]
pub struct InviteSecret([u8; 16]);

impl InviteSecret {
    /// A secret made of random bits.
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// What the server keeps instead of the secret.
    pub fn hash(&self) -> InviteHash {
        InviteHash(Sha256::digest(self.0).into())
    }
}

/// SHA-256 of an invitation's secret.
#[derive(Clone, Copy, Debug)]
pub struct InviteHash([u8; 32]);

impl InviteHash {
    /// Whether `secret` is the one behind this hash, compared in constant time.
    pub fn admits(&self, secret: &InviteSecret) -> bool {
        self.0.ct_eq(&secret.hash().0).into()
    }
}

/// What a host asks of those who come without the invitation: 1 to 128 bytes. It is printed nowhere.
#[derive(Clone)]
pub struct RoomPassword(String);

impl RoomPassword {
    /// Longest password, bytes.
    pub const MAX: usize = 128;

    /// Reads one.
    ///
    /// # Errors
    /// [`BadId::Length`].
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let fits = (1..=Self::MAX).contains(&text.len());
        if fits { Ok(Self(text.to_owned())) } else { Err(BadId::Length) }
    }

    /// The password itself, for the wire only.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a server keeps instead of it, mixed with what only this room knows.
    pub fn digest(&self, salt: &[u8; 16]) -> [u8; 32] {
        Sha256::new().chain_update(salt).chain_update(&self.0).finalize().into()
    }
}

impl PartialEq for RoomPassword {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

/// What lets a client come back to its session: 256 random bits, base64url. It is printed nowhere.
#[derive(Clone, Copy)]
pub struct ResumeToken([u8; 32]);

impl ResumeToken {
    /// A token made of random bits.
    pub fn from_random(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// What a server may index sessions by without keeping the token.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

/// What brings a member back into its room after the server was restarted: the server's own words, sealed so that
/// nobody else can read or write them. It is printed nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket(String);

impl Ticket {
    /// Longest ticket, bytes: one of a room that has put out as many as it remembers.
    pub const MAX: usize = 16_384;

    /// Takes the text as it is.
    ///
    /// # Errors
    /// [`BadId::Length`].
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let fits = (1..=Self::MAX).contains(&text.len());
        if fits { Ok(Self(text.to_owned())) } else { Err(BadId::Length) }
    }

    /// Writes sealed bytes down.
    pub fn from_sealed(sealed: &[u8]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The sealed bytes; none when it is not a ticket at all.
    pub fn sealed(&self) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(&self.0).ok()
    }

    /// The text, for the wire only.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! secret_bytes {
    ($name:ident) => {
        impl $name {
            /// Reads the base64url form.
            ///
            /// # Errors
            /// [`BadId::Encoding`] when it is not the right number of bytes.
            pub fn parse(text: &str) -> Result<Self, BadId> {
                let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadId::Encoding)?;
                bytes.try_into().map(Self).map_err(|_| BadId::Encoding)
            }

            /// The base64url form, for the wire and the link only.
            pub fn reveal(&self) -> String {
                URL_SAFE_NO_PAD.encode(self.0)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.reveal())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }
    };
}

secret_bytes!(InviteSecret);
secret_bytes!(InviteHash);
secret_bytes!(ResumeToken);

macro_rules! redacted {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

redacted!(InviteSecret);
redacted!(ResumeToken);
redacted!(RoomPassword);
redacted!(Ticket);

macro_rules! text_serde {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }
    };
}

text_serde!(PeerId);
text_serde!(RoomName);
text_serde!(RoomPassword);
text_serde!(Ticket);
