//! Which way leads to this system's cameras: each names them, and opens one.

#[cfg(any(not(target_os = "linux"), test))]
mod library;
#[cfg(target_os = "linux")]
mod v4l2;

#[cfg(not(target_os = "linux"))]
pub(super) use library::{Index, cameras, open};
#[cfg(target_os = "linux")]
pub(super) use v4l2::{Index, cameras, open};
