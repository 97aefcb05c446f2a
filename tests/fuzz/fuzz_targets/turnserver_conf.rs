//! Fuzzes `hearth_fuzz::targets::turnserver_conf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hearth_fuzz::targets::turnserver_conf(data));
