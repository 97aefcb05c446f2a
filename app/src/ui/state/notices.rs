//! Which notices a person has read and put away.
//!
//! Owned by [`UiState`](super::UiState).

use hearth_base::DeviceKind;

/// What a person has taken note of.
#[derive(Debug, Default)]
pub(in crate::ui) struct Acknowledged {
    /// Devices of which the person has read that they do not run; until they do.
    pub(in crate::ui) devices: Vec<DeviceKind>,
    /// Words of a server's key that the person has compared.
    pub(in crate::ui) same_key: Option<String>,
    /// Words of a server's key that the person compares later, or never.
    pub(in crate::ui) later_key: Option<String>,
}

impl Acknowledged {
    /// Whether the person wants to hear no more of a key with these words.
    pub(in crate::ui) fn has_key(&self, words: &str) -> bool {
        [&self.same_key, &self.later_key].into_iter().any(|known| known.as_deref() == Some(words))
    }

    /// Another room may have another server.
    pub(super) fn forget_keys(&mut self) {
        (self.same_key, self.later_key) = (None, None);
    }
}
