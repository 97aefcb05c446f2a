//! The signalling server of Hearth: rooms, the native gateway, the guest page.
//!
//! [`rooms`] decides everything and does no input or output; the rest of the crate is the shell round it.

pub mod rooms;
