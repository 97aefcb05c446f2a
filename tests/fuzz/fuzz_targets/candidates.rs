//! Fuzzes `hearth_fuzz::targets::candidates`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hearth_fuzz::targets::candidates(data));
