//! Ctrl-C and SIGTERM as a flag, for commands that must leave nothing behind.
//!
//! In: signals. Out: a flag. Invariant: who has started an engine gets to stop it.
//! Lacks on purpose: ending anything by itself.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Result, ensure};

/// Set once a signal has come.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Signals set the flag from now on, and end nothing.
    pub(crate) fn watch() -> Result<Interrupt> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Interrupt(flag))
    }

    /// Has one come?
    pub(crate) fn has_come(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error once one has come.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(!self.has_come(), "interrupted");
        Ok(())
    }
}
