//! The fuzzer's bytes become calls of the target `ring_record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealwatch_fuzz::run("ring_record", bytes));
