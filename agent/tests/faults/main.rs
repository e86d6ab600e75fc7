//! Something fails: what the daemon then does is what `catalog::faults` says.
//!
//! The real daemon, a real engine that all tests share, real file systems that are
//! full or read-only, real limits. Tests run beside each other, each with a daemon of
//! its own. A test that cannot run says so loudly; with `CI=true` that is a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

#[path = "../docker/agent.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod agent;
mod descriptors;
mod disk;
mod dockerd;
#[path = "../engines/mod.rs"]
mod engines;
#[path = "../exposition/mod.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod exposition;
mod lab;
mod memory;
mod outputs;
mod paused;
mod pins;
mod sockets;
mod start;
mod table;
mod tables;
