//! The kernel's lists of itself -> active security modules, addresses.
//!
//! In: securityfs, /proc/kallsyms. Out: [`active`], `address`. Invariant: what
//! the kernel does not show is `None`, never a guess. Lacks on purpose: mounting
//! securityfs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};

use crate::denial::Lsm;

/// The active modules, in the order in which they are asked.
pub const LIST: &str = "/sys/kernel/security/lsm";
/// The addresses of the kernel's symbols.
const KALLSYMS: &str = "/proc/kallsyms";

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

/// Address of a symbol; `None` where the kernel does not have it or hides it.
pub(super) fn address(symbol: &str) -> Option<u64> {
    // Read line by line: the whole has some megabytes.
    let lines = BufReader::new(File::open(KALLSYMS).ok()?).lines();
    lines
        .map_while(Result::ok)
        .find_map(|line| address_of(&line, symbol))
        .filter(|address| *address != 0)
}

fn address_of(line: &str, symbol: &str) -> Option<u64> {
    let mut columns = line.split_ascii_whitespace();
    let (address, _kind, name) = (columns.next()?, columns.next()?, columns.next()?);
    (name == symbol).then(|| u64::from_str_radix(address, 16).ok())?
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

    #[test]
    fn a_symbol_is_found_by_its_whole_name() {
        let line = "ffffffffb79b2070 D apparmor_blob_sizes";
        assert_eq!(
            address_of(line, "apparmor_blob_sizes"),
            Some(0xffff_ffff_b79b_2070)
        );
        assert_eq!(address_of(line, "apparmor_blob"), None);
        assert_eq!(
            address_of("ffffffffc0000000 t name\t[module]", "name"),
            Some(0xffff_ffff_c000_0000)
        );
        assert_eq!(address_of("nonsense", "name"), None);
    }
}
