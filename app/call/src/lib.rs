//! One call as a sans-IO state machine.
mod link;
mod media;
mod path;
mod stats;
