//! Sealwatch's daemon: from the kernel's refusals to named, explained, exported denials.
//!
//! Stages, each importing only from those above it; ARCHITECTURE.md has the map.

pub mod aggregate;
pub mod alert;
pub mod amount;
pub mod breach;
pub mod catalog;
pub mod classify;
pub mod clock;
pub mod commands;
pub mod config;
pub mod contract;
pub mod decode;
pub mod degrade;
pub mod denial;
pub mod events;
pub mod host;
pub mod http;
pub mod identity;
pub mod inventory;
pub mod layer;
pub mod logging;
pub mod metrics;
pub mod mountinfo;
pub mod mounts;
pub mod output;
pub mod overview;
pub mod page;
pub mod pipeline;
pub mod posture;
pub mod process;
pub mod record;
pub mod remedy;
pub mod report;
pub mod source;
pub mod state_file;
pub mod tmpfs;
pub mod write_root;
