//! Builds, checks, tests and demonstrates Sealwatch.
//!
//! The binary is the developer's `cargo xtask`; the library is for the
//! integration tests, which need the same private engine and the same guests.

pub mod bench;
pub mod browser;
pub mod build;
pub mod check;
pub mod dashboards;
pub mod demo;
pub mod engine;
pub mod fleet;
pub mod follow;
pub mod fuzz;
pub mod grafana;
pub mod image;
mod interrupt;
pub mod layout;
pub mod load;
pub mod lock;
pub mod manifests;
mod node;
pub mod process;
pub mod prometheus;
pub mod promql;
pub mod scrape;
pub mod soak;
pub mod step;
pub mod test;
pub mod tidy;
pub mod toolchain;
pub mod validators;
pub mod vm;
