//! Fuzzes `hearth_fuzz::targets::y4m`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hearth_fuzz::targets::y4m(data));
