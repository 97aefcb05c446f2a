//! Hearth's developer commands.
fn main() {}
