//! The program's own life: where it writes what it does, and what is left of it when it dies.

mod crash;
mod log;

pub use crash::{look_for_report, write_reports};
pub use log::{Log, to_file, to_stderr};
