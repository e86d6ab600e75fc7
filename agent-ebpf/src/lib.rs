//! What the kernel half and the daemon agree on: [`wire`] is the contract of
//! bytes and map names, [`gate`] holds the kernel half's decisions as pure
//! functions so that they are tested on any machine, [`syscalls`] says where a
//! system call keeps its path and [`layout`] where the kernel keeps its fields.
//!
//! In: nothing. Out: types and functions for both halves. Invariant: no
//! allocation, no floating point, no panicking path, `no_std`. Lacks on
//! purpose: the eBPF programs themselves, which only `main.rs` and its modules
//! contain.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod gate;
pub mod layout;
pub mod repeats;
pub mod syscalls;
pub mod wire;
