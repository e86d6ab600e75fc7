//! Sealwatch.
fn main() {}
