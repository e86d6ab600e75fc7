//! The fuzzer's bytes become calls of the target `state_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealwatch_fuzz::run("state_file", bytes));
