//! The fuzzer's bytes become calls of the target `contract`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealwatch_fuzz::run("contract", bytes));
