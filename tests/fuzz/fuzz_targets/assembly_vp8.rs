//! Fuzzes `hearth_fuzz::targets::assembly_vp8`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hearth_fuzz::targets::assembly_vp8(data));
