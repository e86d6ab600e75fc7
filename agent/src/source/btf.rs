//! The running kernel's BTF -> offsets, argument counts, controller numbers.
//!
//! In: /sys/kernel/btf/vmlinux. Out: [`Btf`]'s answers. Invariant: an answer is
//! the running kernel's own word or absent; a function that BTF has twice is
//! absent, since an attachment to it would be ambiguous. Lacks on purpose:
//! module BTF.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use btf_rs::{Backend, Btf as Raw, BtfType, Type};
use sealwatch_ebpf::layout::Offsets;

/// Where the kernel shows its BTF.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Deepest nesting of anonymous structures that is searched for a member.
const MAX_DEPTH: u32 = 8;

/// Structures of parts that a kernel may be built without; then nothing is missing.
const OPTIONAL: [&str; 4] = ["aa_label", "aa_profile", "aa_policy", "selinux_audit_data"];

/// Members of which a kernel has one or the other.
const EITHER: [(&str, &str); 2] = [("mount", "mnt_instance"), ("mount", "mnt_next_for_sb")];

/// Why the kernel's BTF could not be used.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The file is missing, unreadable or malformed.
    #[error("{path}: {reason}; Sealwatch needs a kernel built with CONFIG_DEBUG_INFO_BTF=y")]
    Unusable {
        /// The file.
        path: String,
        /// The operating system's or the parser's own words.
        reason: String,
    },
}

/// The kernel's own description of its types.
pub struct Btf(Raw);

impl Btf {
    /// Opens a BTF file, [`VMLINUX`] as a rule.
    pub fn open(path: &Path) -> Result<Btf, BtfError> {
        // Mapped where the kernel can (6.16 and later), otherwise read.
        Raw::from_file_with_backend(path, Backend::Mmap)
            .or_else(|_| Raw::from_file_with_backend(path, Backend::Cache))
            .map(Btf)
            .map_err(|error| BtfError::Unusable {
                path: path.display().to_string(),
                reason: error.to_string(),
            })
    }

    /// All offsets the kernel half reads by, and those that this kernel lacks.
    pub fn offsets(&self) -> (Offsets, Vec<String>) {
        let mut missing = Vec::new();
        let offsets = Offsets::fill(
            |structure, member| self.offset(structure, member),
            |structure, member| {
                let other = EITHER.contains(&(structure, member))
                    && EITHER
                        .iter()
                        .any(|(of, other)| self.offset(of, other).is_some());
                if !other && (!OPTIONAL.contains(&structure) || self.has_structure(structure)) {
                    missing.push(format!("{structure}.{member}"));
                }
            },
        );
        (offsets, missing)
    }

    /// Is the structure there, with its members?
    fn has_structure(&self, name: &str) -> bool {
        let types = self.0.resolve_types_by_name(name).unwrap_or_default();
        types.iter().any(|found| matches!(found, Type::Struct(_)))
    }

    /// Byte offset of a member, looking into anonymous structures and unions.
    fn offset(&self, structure: &str, member: &str) -> Option<u32> {
        let types = self.0.resolve_types_by_name(structure).ok()?;
        types.iter().find_map(|found| self.member(found, member, 0))
    }

    fn member(&self, within: &Type, wanted: &str, depth: u32) -> Option<u32> {
        if let Type::Const(qualified) = within
            && depth < MAX_DEPTH
        {
            let inner = self.0.resolve_chained_type(qualified).ok()?;
            return self.member(&inner, wanted, depth + 1);
        }
        let (Type::Struct(composite) | Type::Union(composite)) = within else {
            return None;
        };
        composite.members.iter().find_map(|member| {
            let offset = member.bit_offset() / 8;
            match self.0.resolve_name(member) {
                Ok(name) if name == wanted => Some(offset),
                Ok(name) if !name.is_empty() => None,
                _ if depth < MAX_DEPTH => {
                    let inner = self.0.resolve_chained_type(member).ok()?;
                    self.member(&inner, wanted, depth + 1)
                        .map(|within| offset + within)
                }
                _ => None,
            }
        })
    }

    /// Argument counts of the functions that exist exactly once.
    pub fn functions(&self, names: &BTreeSet<&str>) -> BTreeMap<String, u8> {
        names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), self.arguments(name)?)))
            .collect()
    }

    fn arguments(&self, name: &str) -> Option<u8> {
        let types = self.0.resolve_types_by_name(name).ok()?;
        let mut functions = types.iter().filter_map(|found| match found {
            Type::Func(function) => Some(function),
            _ => None,
        });
        let function = functions.next()?;
        if functions.next().is_some() {
            return None;
        }
        match self.0.resolve_chained_type(function).ok()? {
            Type::FuncProto(prototype) => u8::try_from(prototype.parameters.len()).ok(),
            _ => None,
        }
    }

    /// Name and number of arguments of the function with this id, where it returns a value.
    pub fn function(&self, id: u32) -> Option<(String, u8)> {
        let Ok(Type::Func(function)) = self.0.resolve_type_by_id(id) else {
            return None;
        };
        let Ok(Type::FuncProto(prototype)) = self.0.resolve_chained_type(&function) else {
            return None;
        };
        let returns = prototype.return_type_id() != 0;
        let name = self.0.resolve_name(&function).ok()?;
        let arguments = u8::try_from(prototype.parameters.len()).ok()?;
        returns.then_some((name, arguments))
    }

    /// How many arguments a tracepoint hands over; none where the kernel lacks it.
    pub fn tracepoint_arguments(&self, name: &str) -> Option<usize> {
        let types = self
            .0
            .resolve_types_by_name(&format!("btf_trace_{name}"))
            .ok()?;
        types.iter().find_map(|found| {
            let Type::Typedef(alias) = found else {
                return None;
            };
            let Ok(Type::Ptr(pointer)) = self.0.resolve_chained_type(alias) else {
                return None;
            };
            match self.0.resolve_chained_type(&pointer).ok()? {
                // The first is the tracepoint's own.
                Type::FuncProto(prototype) => prototype.parameters.len().checked_sub(1),
                _ => None,
            }
        })
    }

    /// Does the kernel have this function at all?
    pub fn has_function(&self, name: &str) -> bool {
        let types = self.0.resolve_types_by_name(name).unwrap_or_default();
        types.iter().any(|found| matches!(found, Type::Func(_)))
    }

    /// Index of a version 1 controller in `css_set.subsys`, from the kernel's
    /// `enum cgroup_subsys_id`.
    pub fn controller_index(&self, controller: &str) -> Option<u32> {
        let wanted = format!("{controller}_cgrp_id");
        let types = self.0.resolve_types_by_name("cgroup_subsys_id").ok()?;
        types.iter().find_map(|found| match found {
            Type::Enum(set) => set
                .members
                .iter()
                .find(|member| {
                    self.0
                        .resolve_name(*member as &dyn BtfType)
                        .is_ok_and(|n| n == wanted)
                })
                .map(|member| member.val()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_says_what_is_needed() {
        let error = Btf::open(Path::new("/nonexistent/btf"))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("/nonexistent/btf") && error.contains("CONFIG_DEBUG_INFO_BTF"));
    }

    #[test]
    fn this_kernels_btf_knows_every_offset() {
        let path = Path::new(VMLINUX);
        if !path.exists() {
            eprintln!("SKIPPED: {VMLINUX} does not exist on this machine");
            assert!(std::env::var_os("CI").is_none(), "CI has a kernel with BTF");
            return;
        }
        let btf = Btf::open(path).unwrap();
        let (offsets, missing) = btf.offsets();
        assert_eq!(missing, Vec::<String>::new());
        assert_eq!(offsets.path_dentry, 8);
        assert!(btf.functions(&BTreeSet::from(["vfs_write"]))["vfs_write"] == 4);
        assert_eq!(btf.tracepoint_arguments("sys_exit"), Some(2));
        assert_eq!(btf.tracepoint_arguments("nonsense"), None);
        assert!(btf.controller_index("pids").is_some());
        assert!(btf.controller_index("nonsense").is_none());
    }
}
