//! The fuzzer's bytes become calls of the target `cri_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealwatch_fuzz::run("cri_answer", bytes));
