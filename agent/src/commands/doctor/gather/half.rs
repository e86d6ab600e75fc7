//! The kernel half is attached for a moment.
//!
//! In: a valid [`Config`], the control groups. Out: [`Attached`], or the step that
//! failed. Invariant: the daemon's own way of loading; what it does not need is tried
//! beside it. Lacks on purpose: keeping anything attached.

use super::super::facts::{Attached, Failure, Step};
use crate::aggregate::HookState;
use crate::commands::daemon::options;
use crate::config::Config;
use crate::denial::Backend;
use crate::identity::hierarchy::{Layout, LayoutError};
use crate::source::kernel::{self, Kernel, LoadError};

pub(super) fn attach(
    config: &Config,
    layout: &Result<Layout, LayoutError>,
) -> Result<Attached, Failure> {
    let layout = layout.as_ref().map_err(|error| Failure {
        step: Step::Groups,
        reason: error.to_string(),
        errno: None,
    })?;
    let mut kernel = kernel::load(&options(config, layout), None).map_err(failure)?;
    let fexit = tried(&mut kernel, Backend::Fexit);
    let kprobe = tried(&mut kernel, Backend::Kprobe);
    Ok(Attached {
        plan: kernel.plan().clone(),
        hooks: HookState::of(kernel.plan()),
        facts: kernel.facts().clone(),
        missing_fields: kernel.missing_fields().to_vec(),
        knows_profiles: kernel.knows_profiles(),
        fexit,
        kprobe,
    })
}

/// What the plan has is as good as tried.
fn tried(kernel: &mut Kernel, backend: Backend) -> Result<(), String> {
    let mut placed = kernel.plan().attachments.iter();
    if placed.any(|placed| placed.backend == backend) {
        return Ok(());
    }
    kernel.attempt(backend)
}

fn failure(error: LoadError) -> Failure {
    let errno = error.errno();
    let (step, reason) = match error {
        LoadError::NoObject => (Step::Build, error.to_string()),
        LoadError::Btf(error) => (Step::Types, error.to_string()),
        LoadError::Object(refusal) => (Step::Load, refusal.reason),
        LoadError::Absent(what) => (Step::Build, format!("the kernel half lacks {what}")),
        LoadError::Cgroups(refusal) => (Step::Follow, refusal.reason),
        LoadError::NothingAttached(reason) => (Step::Attach, reason),
        LoadError::Pins { refusal, .. } => (Step::Load, refusal.reason),
        LoadError::Source(error) => (Step::Load, error.to_string()),
    };
    Failure {
        step,
        reason,
        errno,
    }
}
