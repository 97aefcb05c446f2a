//! What of a desktop can be shared.

use std::fmt;

use crate::Resolution;

/// Something that can be shared, as long as the display lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScreenId {
    /// All monitors together.
    Desktop,
    /// A monitor, by the number that the display gave its name.
    Monitor(u32),
    /// A window, whole even while others cover it.
    Window(u32),
}

/// Something that can be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenEntry {
    /// Which.
    pub id: ScreenId,
    /// What a person calls it: a monitor's output, a window's title.
    pub name: String,
    /// Its size now.
    pub resolution: Resolution,
}

/// Why nothing can be shared, or that not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScreenFault {
    /// There is no display that lets itself be looked at.
    NoDisplay(String),
    /// What was shared is no longer there: a window was closed, a monitor taken away.
    Gone,
    /// The display refused something, or cannot do it.
    Refused(String),
}

impl fmt::Display for ScreenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDisplay(why) => write!(f, "no display that can be shared was found ({why})"),
            Self::Gone => write!(f, "what was shared is no longer there"),
            Self::Refused(why) => write!(f, "the display cannot be shared ({why})"),
        }
    }
}

impl std::error::Error for ScreenFault {}
