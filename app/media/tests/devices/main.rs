//! The real ways to sound cards and cameras, against a sound server and a camera made for the test.
//!
//! Each test runs its script in a child of its own, whose environment names the server or loads the camera; this
//! process stays as it is. Owner of: the children.
#![expect(unsafe_code, reason = "an allocator that watches the callbacks")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that panics has failed, as it should, and what it measured is printed"
)]

mod allocator;
mod camera;
mod child;
mod server;
mod sound;
mod talk;
