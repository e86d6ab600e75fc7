//! Sealwatch.
fn main(){}
