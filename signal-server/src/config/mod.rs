//! What a server is told from outside: files, as values, and what follows from them.
//!
//! [`read`] reads a file of ours (TOML) or of signalmaster's (JSON) into [`Settings`]; several of them, such as flags
//! over a file, become one by [`Settings::over`]; [`Plan`] is what that means. No port is opened and nothing is served
//! here.

mod plan;
mod settings;
mod signalmaster;

pub use plan::{ONE_SOURCE, Plan, RelayPlan};
pub use settings::{
    AcmeSettings, IceSettings, LimitSettings, Password, RelayFamily, RelaySettings, RoomSettings, Settings,
    TlsSettings, TurnSettings,
};

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Longest file that is read, bytes. The longest that anybody needs is 4 kB.
const FILE_BYTES: u64 = 256 * 1024;

/// Why a configuration cannot be used: one sentence for anyone who wrote it. No value that may be a secret is in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be opened or read.
    #[error("{path} cannot be read ({why}). Check the path and its rights.")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The file is not in the form that its name promises.
    #[error("{path}, line {line}: {why}. Correct it, or see assets/hearth-signal.toml for every key there is.")]
    Form {
        /// Which.
        path: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// What is the matter.
        why: String,
    },
    /// A value means nothing.
    #[error("`{key}` {why}.")]
    Value {
        /// Its key in a file, or its flag.
        key: String,
        /// What is the matter and what to do, to be read after the key.
        why: String,
    },
}

/// Whose keys a person reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Ours.
    #[default]
    Ours,
    /// Those of signalmaster's `config/*.json`.
    Signalmaster,
}

/// Our keys, and what signalmaster calls the same.
const SIGNALMASTERS: [(&str, &str); 9] = [
    ("listen", "server.port"),
    ("tls.cert", "server.cert"),
    ("tls.key", "server.key"),
    ("plain_http", "server.secure"),
    ("rooms.max_clients", "rooms.maxClients"),
    ("origins", "turnorigins"),
    ("ice.stun", "stunservers"),
    ("ice.turn.lifetime_s", "turnservers.expiry"),
    ("ice.turn", "turnservers"),
];

impl ConfigError {
    /// The same for anyone who wrote a file with other keys.
    #[must_use]
    pub fn in_words_of(self, dialect: Dialect) -> Self {
        match (self, dialect) {
            (Self::Value { key, why }, Dialect::Signalmaster) => {
                let theirs = SIGNALMASTERS.iter().find_map(|(ours, theirs)| {
                    let rest = key.strip_prefix(ours).filter(|rest| rest.is_empty() || rest.starts_with('.'))?;
                    Some(format!("{theirs}{rest}"))
                });
                let quoted = |word: &str| format!("`{word}`");
                let replace = |why: String, (ours, theirs): &(&str, &str)| why.replace(&quoted(ours), &quoted(theirs));
                Self::Value { key: theirs.unwrap_or(key), why: SIGNALMASTERS.iter().fold(why, replace) }
            }
            (error, Dialect::Ours | Dialect::Signalmaster) => error,
        }
    }

    fn value(key: &str, why: impl Into<String>) -> Self {
        Self::Value { key: key.to_owned(), why: why.into() }
    }
}

/// What a file says, and what it says in vain.
#[derive(Debug)]
pub struct Read {
    /// What it says.
    pub settings: Settings,
    /// Keys that mean nothing here, and what is done otherwise than the file may hope: a sentence each.
    pub warnings: Vec<String>,
    /// Whose keys it has.
    pub dialect: Dialect,
}

/// Reads a file: one whose name ends with `.json` as signalmaster's, which may name variables of this process's
/// environment, any other as ours.
///
/// # Errors
/// [`ConfigError`].
pub fn read(path: &Path) -> Result<Read, ConfigError> {
    let text = text_of(path)?;
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        return read_signalmaster(&text, path, &|name| std::env::var(name).ok());
    }
    let settings: Settings = toml::from_str(&text).map_err(|e| {
        let before = e.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let why = e.message().lines().next().unwrap_or_default().to_owned();
        ConfigError::Form { path: path.to_owned(), line: before.matches('\n').count() + 1, why }
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok(Read { settings: settings.relative_to(folder), warnings: Vec::new(), dialect: Dialect::Ours })
}

/// Reads the text of a file of signalmaster's, with these variables of an environment.
pub(crate) fn read_signalmaster(
    text: &str,
    path: &Path,
    variables: &dyn Fn(&str) -> Option<String>,
) -> Result<Read, ConfigError> {
    signalmaster::parse(text, path, variables)
}

/// A whole file, if it is short and text.
pub(crate) fn text_of(path: &Path) -> Result<String, ConfigError> {
    let refuse = |why: String| ConfigError::File { path: path.to_owned(), why };
    let mut text = String::new();
    let file = File::open(path).map_err(|e| refuse(e.to_string()))?;
    file.take(FILE_BYTES + 1).read_to_string(&mut text).map_err(|e| refuse(e.to_string()))?;
    if text.len() as u64 > FILE_BYTES {
        return Err(refuse("it is far too long".to_owned()));
    }
    // Editors of Windows begin a text with a byte order mark.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests;
