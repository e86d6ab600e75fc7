//! Cases of security modules that the machine has set up: AppArmor, a BPF program.
//!
//! In: a prepared directory that a profile names, in which root may do everything.
//! Out: reports. Invariant: mode bits refuse root nothing, so that what is refused is
//! refused by the module. Lacks on purpose: loading profiles and programs.

use std::path::Path;

use super::call;
use super::case::{Case, Target, prepare_cases, repeat, run_cases, table};
use super::task;

/// The command name that the BPF program refuses.
const BPF_COMMAND: &std::ffi::CStr = c"provoke-bpf";

/// What the profile refuses below the directory.
fn by_profile() -> Vec<Case> {
    let mut cases = table! { "apparmor", EACCES;
        "apparmor-open" "open" File call::open_write;
        "apparmor-create" "create" Nothing call::create;
        "apparmor-mkdir" "mkdir" Nothing call::mkdir;
        "apparmor-mknod" "mknod" Nothing call::mknod_fifo;
        "apparmor-symlink" "symlink" Nothing call::symlink;
        "apparmor-link" "link" Source call::link;
        "apparmor-unlink" "unlink" File call::unlink;
        "apparmor-rmdir" "rmdir" Directory call::rmdir;
        "apparmor-rename" "rename" Source call::rename;
        "apparmor-chmod" "chmod" File call::chmod;
        "apparmor-chown" "chown" File call::chown;
        "apparmor-truncate" "truncate" File call::truncate;
        "apparmor-bind" "bind" Nothing call::bind_absolute;
        "apparmor-exec" "exec" File call::execve;
    };
    cases.extend(table! { "apparmor_task", EACCES;
        "apparmor-ptrace" "ptrace" Nothing task::ptrace_child;
        "apparmor-signal" "signal" Nothing task::signal_parent;
        "apparmor-mount" "mount" Directory task::mount;
    });
    cases.extend(table! { "apparmor_capability", EPERM;
        "apparmor-capability" "capability" Directory task::chroot;
    });
    cases
}

/// What Docker's own profile refuses even where the capability is there.
fn docker_mount() -> Vec<Case> {
    table! { "apparmor_docker_mount", EACCES;
        "docker-mount" "mount" Directory task::mount;
    }
}

/// What the BPF program refuses.
fn by_bpf() -> Vec<Case> {
    table! { "bpf_lsm", EPERM;
        "bpf-open" "open" File call::open_write;
        "bpf-mkdir" "mkdir" Nothing call::mkdir;
        "bpf-unlink" "unlink" File call::unlink;
    }
}

/// What Yama refuses: a look into a task that is no child.
fn by_yama() -> Vec<Case> {
    table! { "yama", EPERM;
        "yama-ptrace" "ptrace" Nothing task::ptrace_parent;
    }
}

/// A file of the kernel's that Docker's own profile refuses to write.
const KALLSYMS: &str = "/proc/kallsyms";

/// The same file: by the profile, or by its mode bits.
fn kallsyms(situation: &'static str) -> Vec<Case> {
    table! { situation, EACCES;
        "kallsyms" "open" Nothing call::open_write;
    }
}

/// Makes what the cases need, what is executed included.
pub fn prepare(directory: &Path) -> std::io::Result<()> {
    prepare_cases(directory, &by_profile())?;
    prepare_cases(directory, &by_bpf())?;
    prepare_cases(directory, &docker_mount())?;
    use std::os::unix::fs::PermissionsExt;
    let bits = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory.join("apparmor-exec"), bits)
}

/// Under a profile that refuses everything here.
pub fn run_profile(directory: &Path) -> Result<bool, String> {
    run_cases(directory, &by_profile())
}

/// Under Docker's own profile, as root.
pub fn run_docker_default(directory: &Path) -> Result<bool, String> {
    Ok(on_kallsyms("apparmor_docker")? & run_cases(directory, &docker_mount())?)
}

/// Under Yama's first setting.
pub fn run_yama(directory: &Path) -> Result<bool, String> {
    run_cases(directory, &by_yama())
}

/// Under no profile, as a user.
pub fn run_unconfined(_: &Path) -> Result<bool, String> {
    on_kallsyms("apparmor_absent")
}

fn on_kallsyms(situation: &'static str) -> Result<bool, String> {
    let target = Target::new(Path::new("/proc"), "kallsyms")?;
    let mut as_meant = true;
    for case in kallsyms(situation) {
        as_meant &= repeat(&case, KALLSYMS, || (case.act)(&target));
    }
    Ok(as_meant)
}

/// Under the name that the BPF program refuses, for no longer than a case takes.
pub fn run_bpf(directory: &Path) -> Result<bool, String> {
    let mut as_meant = true;
    for case in by_bpf() {
        let target = Target::new(directory, case.name)?;
        let path = target.absolute.to_string_lossy().into_owned();
        as_meant &= repeat(&case, &path, || {
            rename_self(BPF_COMMAND);
            let got = (case.act)(&target);
            rename_self(c"provoke");
            got
        });
    }
    Ok(as_meant)
}

fn rename_self(name: &std::ffi::CStr) {
    // SAFETY: the kernel reads up to 16 bytes of a text that ends with a NUL.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}
