//! Whether something works.

/// On or off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// It works.
    #[default]
    On,
    /// It does nothing.
    Off,
}
