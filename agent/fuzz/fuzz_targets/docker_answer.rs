//! The fuzzer's bytes become calls of the target `docker_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealwatch_fuzz::run("docker_answer", bytes));
