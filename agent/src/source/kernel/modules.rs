//! The kernel's lists of itself -> the active security modules.
//!
//! In: securityfs. Out: [`active`]. Invariant: what
//! the kernel does not show is `None`, never a guess. Lacks on purpose: mounting
//! securityfs.

use std::collections::BTreeSet;

use crate::denial::Lsm;

/// The active modules, in the order in which they are asked.
pub const LIST: &str = "/sys/kernel/security/lsm";

/// The active security modules that can refuse; `None` where securityfs is not mounted.
pub fn active() -> Option<BTreeSet<Lsm>> {
    std::fs::read_to_string(LIST).ok().map(|list| parse(&list))
}

fn parse(list: &str) -> BTreeSet<Lsm> {
    let names: BTreeSet<&str> = list.trim().split(',').collect();
    let known = Lsm::ALL.iter().copied();
    known
        .filter(|module| names.contains(module.label()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_that_refuse_nothing_are_left_out() {
        let list = "lockdown,capability,landlock,yama,apparmor,bpf,ima\n";
        let expected = [
            Lsm::Lockdown,
            Lsm::Landlock,
            Lsm::Yama,
            Lsm::Apparmor,
            Lsm::Bpf,
        ];
        assert_eq!(parse(list), BTreeSet::from(expected));
        assert_eq!(parse(""), BTreeSet::new());
    }
}
