//! Where the running kernel's structures keep the fields the kernel half reads.
//!
//! In: nothing. Out: [`Offsets`], filled by the daemon from the kernel's BTF and
//! handed over as a read-only global, with the table of names it is filled by;
//! and [`Settings`], the daemon's choices. Invariant: every offset has exactly
//! one (structure, member) row, so a field cannot be read without being looked
//! up. Lacks on purpose: any default; a field that BTF does not know stays
//! [`ABSENT`], and the program that needs it does not attach.

/// The value of an offset that the running kernel does not have.
pub const ABSENT: u32 = u32::MAX;

macro_rules! offsets {
    ($($field:ident = $structure:literal $member:literal,)+) => {
        /// Byte offsets of members in the running kernel's structures.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Offsets {
            $(#[doc = concat!("`", $structure, ".", $member, "`")] pub $field: u32,)+
        }

        impl Offsets {
            /// No offset known.
            pub const UNKNOWN: Offsets = Offsets { $($field: ABSENT,)+ };

            /// Fills every offset by asking `find` for (structure, member), and hands
            /// the ones that it does not know to `missing`.
            pub fn fill(
                mut find: impl FnMut(&str, &str) -> Option<u32>,
                mut missing: impl FnMut(&'static str, &'static str),
            ) -> Offsets {
                Offsets {
                    $($field: find($structure, $member).unwrap_or_else(|| {
                        missing($structure, $member);
                        ABSENT
                    }),)+
                }
            }
        }
    };
}

offsets! {
    task_flags = "task_struct" "flags",
    task_stack = "task_struct" "stack",
    task_thread_info = "task_struct" "thread_info",
    task_cgroups = "task_struct" "cgroups",
    task_files = "task_struct" "files",
    task_fs = "task_struct" "fs",
    task_nsproxy = "task_struct" "nsproxy",
    task_cred = "task_struct" "cred",
    task_tgid = "task_struct" "tgid",
    task_group_leader = "task_struct" "group_leader",
    task_start_time = "task_struct" "start_time",
    task_signal = "task_struct" "signal",
    task_real_parent = "task_struct" "real_parent",
    task_mm = "task_struct" "mm",
    mm_exe_file = "mm_struct" "exe_file",
    signal_group_exit_code = "signal_struct" "group_exit_code",
    thread_info_status = "thread_info" "status",
    cred_fsuid = "cred" "fsuid",
    cred_fsgid = "cred" "fsgid",
    css_set_subsys = "css_set" "subsys",
    css_set_dfl_cgrp = "css_set" "dfl_cgrp",
    css_cgroup = "cgroup_subsys_state" "cgroup",
    cgroup_kn = "cgroup" "kn",
    cgroup_root = "cgroup" "root",
    cgroup_root_hierarchy_id = "cgroup_root" "hierarchy_id",
    kernfs_node_id = "kernfs_node" "id",
    cred_cap_effective = "cred" "cap_effective",
    cred_group_info = "cred" "group_info",
    cred_user_ns = "cred" "user_ns",
    group_info_ngroups = "group_info" "ngroups",
    group_info_gid = "group_info" "gid",
    user_namespace_uid_map = "user_namespace" "uid_map",
    user_namespace_gid_map = "user_namespace" "gid_map",
    user_namespace_ns = "user_namespace" "ns",
    uid_gid_map_nr_extents = "uid_gid_map" "nr_extents",
    uid_gid_map_extent = "uid_gid_map" "extent",
    cred_security = "cred" "security",
    lsm_blob_sizes_cred = "lsm_blob_sizes" "lbs_cred",
    aa_label_vec = "aa_label" "vec",
    aa_profile_base = "aa_profile" "base",
    aa_policy_hname = "aa_policy" "hname",
    selinux_audit_requested = "selinux_audit_data" "requested",
    selinux_audit_denied = "selinux_audit_data" "denied",
    selinux_audit_result = "selinux_audit_data" "result",
    nsproxy_mnt_ns = "nsproxy" "mnt_ns",
    mnt_namespace_ns = "mnt_namespace" "ns",
    ns_common_inum = "ns_common" "inum",
    files_fdt = "files_struct" "fdt",
    fdtable_max_fds = "fdtable" "max_fds",
    fdtable_fd = "fdtable" "fd",
    fs_root = "fs_struct" "root",
    fs_pwd = "fs_struct" "pwd",
    path_mnt = "path" "mnt",
    path_dentry = "path" "dentry",
    file_path = "file" "f_path",
    file_inode = "file" "f_inode",
    file_mode = "file" "f_mode",
    dentry_name = "dentry" "d_name",
    dentry_parent = "dentry" "d_parent",
    dentry_inode = "dentry" "d_inode",
    dentry_hash = "dentry" "d_hash",
    qstr_name = "qstr" "name",
    vfsmount_root = "vfsmount" "mnt_root",
    vfsmount_sb = "vfsmount" "mnt_sb",
    vfsmount_flags = "vfsmount" "mnt_flags",
    mount_vfsmount = "mount" "mnt",
    mount_parent = "mount" "mnt_parent",
    mount_id = "mount" "mnt_id",
    mount_mountpoint = "mount" "mnt_mountpoint",
    mount_namespace = "mount" "mnt_ns",
    mount_instance = "mount" "mnt_instance",
    mount_next = "mount" "mnt_next_for_sb",
    super_block_mounts = "super_block" "s_mounts",
    inode_mode = "inode" "i_mode",
    inode_uid = "inode" "i_uid",
    inode_gid = "inode" "i_gid",
    inode_flags = "inode" "i_flags",
    inode_ino = "inode" "i_ino",
    inode_sb = "inode" "i_sb",
    super_block_flags = "super_block" "s_flags",
    super_block_iflags = "super_block" "s_iflags",
    super_block_magic = "super_block" "s_magic",
    super_block_dev = "super_block" "s_dev",
    nameidata_name = "nameidata" "name",
    nameidata_dfd = "nameidata" "dfd",
    nameidata_inode = "nameidata" "inode",
    renamedata_new_dentry = "renamedata" "new_dentry",
    kiocb_filp = "kiocb" "ki_filp",
    vm_fault_vma = "vm_fault" "vma",
    vm_area_file = "vm_area_struct" "vm_file",
    filename_name = "filename" "name",
    open_flags_flag = "open_flags" "open_flag",
}

/// The daemon's choices, handed over as a read-only global.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Nanoseconds between two samples of one key.
    pub sample_interval_ns: u64,
    /// Address of AppArmor's `struct lsm_blob_sizes`, by which its label is found
    /// in a task's credentials; 0 where it is not known.
    pub apparmor_blob_sizes: u64,
    /// The generation of these programs, which count while it is their turn
    /// ([`crate::wire::MAP_TURN`]).
    pub generation: u64,
    /// Index of the version 1 controller whose control group identifies a task;
    /// [`ABSENT`] for the unified hierarchy.
    pub cgroup_subsystem: u32,
    /// `cgroup_root.hierarchy_id` of that hierarchy.
    pub hierarchy_id: u32,
    /// 1 where bpf_task_pt_regs exists (5.15), otherwise the registers are found from the stack.
    pub has_task_pt_regs: u32,
    /// Always zero.
    pub reserved: u32,
}

impl Settings {
    /// Values of an object that nobody configured.
    pub const UNSET: Settings = Settings {
        sample_interval_ns: 1_000_000_000,
        apparmor_blob_sizes: 0,
        generation: 0,
        cgroup_subsystem: ABSENT,
        hierarchy_id: 0,
        has_task_pt_regs: 0,
        reserved: 0,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_missing_member_is_reported_and_absent() {
        let mut missing = Vec::new();
        let offsets = Offsets::fill(
            |structure, member| (structure != "filename").then_some(member.len() as u32),
            |structure, member| missing.push((structure, member)),
        );
        assert_eq!(missing, [("filename", "name")]);
        assert_eq!(offsets.filename_name, ABSENT);
        assert_eq!(offsets.task_flags, 5);
    }
}
