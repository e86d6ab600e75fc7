//! The fuzzer's bytes become calls of the target `cgroup_path`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealwatch_fuzz::run("cgroup_path", bytes));
