//! What the binary can be told to do.
//!
//! In: parsed arguments. Out: exit codes. Invariant: the only layer that knows
//! all others. Lacks on purpose: parsing, which `main` does.

pub mod check;
pub mod client;
pub mod contract;
pub mod daemon;
pub mod doctor;
pub mod events;
pub mod health;
pub mod manual;
pub mod memory;
mod own;
pub mod record;
pub mod report;
mod rights;
pub mod run;
mod sole;
mod state;
mod stdout;
pub mod stream;
pub mod top;
pub mod uninstall;
