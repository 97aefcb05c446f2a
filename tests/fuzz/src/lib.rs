//! Fuzz targets. The functions are shared with an ordinary test, which replays the corpus with every build.

pub mod targets;
