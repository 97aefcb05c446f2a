//! Refuses to build H.264 without nasm, which openh264's own build leaves out silently: two to three times slower.
//!
//! Owns nothing. Does not look for nasm's version: every one of the last ten years assembles openh264.

use std::env;
use std::process::{Command, Stdio};

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PATH");
    let h264 = env::var_os("CARGO_FEATURE_H264").is_some();
    let x86 = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64" || arch == "x86");
    if !(h264 && x86) || runs("nasm") {
        return Ok(());
    }
    Err("H.264 is several times slower without nasm: install it (apt install nasm) and build again, \
         or build without the feature h264"
        .into())
}

fn runs(program: &str) -> bool {
    let quiet = Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}
