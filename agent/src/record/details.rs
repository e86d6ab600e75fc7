//! The evidence of a denial as fields: the file, the mount, the task, what the
//! security module told.
//!
//! In: [`Explained`]. Out: [`Details`], for `serde`. Invariant: what was not seen
//! is left out, never shown as a zero; ids are those of the initial user
//! namespace, and beside them the container's where its map is known; all text
//! is escaped. Lacks on purpose: words, which the verdict has.

use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::aggregate::Explained;
use crate::classify::requested;
use crate::denial::{Credentials, Denial, Lsm, capability_name, escape};
use crate::mounts::{Mount, kind_label};

/// `vfsmount.mnt_flags` as mountinfo has them.
const MOUNT_FLAGS: [(u32, &str); 7] = [
    (0x40, "ro"),
    (0x1, "nosuid"),
    (0x2, "nodev"),
    (0x4, "noexec"),
    (0x8, "noatime"),
    (0x10, "nodiratime"),
    (0x20, "relatime"),
];
/// `inode.i_flags` as `lsattr` calls them.
const INODE_FLAGS: [(u32, &str); 4] = [
    (0x1, "sync"),
    (0x2, "noatime"),
    (0x4, "append"),
    (0x8, "immutable"),
];
/// `super_block.s_magic` of the file systems that containers meet.
const FILE_SYSTEMS: [(u64, &str); 14] = [
    (0x0102_1994, "tmpfs"),
    (0x794c_7630, "overlay"),
    (0xef53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0xf2f5_2010, "f2fs"),
    (0x6573_5546, "fuse"),
    (0x6969, "nfs"),
    (0x9fa0, "proc"),
    (0x6265_6572, "sysfs"),
    (0x6367_7270, "cgroup2"),
    (0x1cd1, "devpts"),
    (0x7371_7368, "squashfs"),
    (0xe0f5_e1e2, "erofs"),
];
/// Minor bits of the kernel's `dev_t`.
const MINOR_BITS: u32 = 20;

/// The parts that were seen.
#[derive(Debug, Serialize, ToSchema)]
pub struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<FileDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mount: Option<MountDetails>,
    task: TaskDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    lsm: Option<LsmDetails>,
    /// The capability that was asked for and refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    capability: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FileDetails {
    #[serde(flatten)]
    #[schema(schema_with = all_or_none::<InodeDetails>)]
    inode: Option<InodeDetails>,
    /// Name of the file system, or its magic number in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_system: Option<String>,
    /// As `major:minor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct InodeDetails {
    uid: u32,
    gid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid_in_container: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gid_in_container: Option<u32>,
    /// Octal, without the type.
    mode: String,
    r#type: &'static str,
    inode: u64,
    flags: Vec<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
struct MountDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    flags: Vec<&'static str>,
    #[serde(flatten)]
    #[schema(schema_with = all_or_none::<MountLine>)]
    line: Option<MountLine>,
}

#[derive(Debug, Serialize, ToSchema)]
struct MountLine {
    kind: &'static str,
    target: String,
    root: String,
    options: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct TaskDetails {
    uid: u32,
    gid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid_in_container: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gid_in_container: Option<u32>,
    #[serde(flatten)]
    #[schema(schema_with = all_or_none::<CredentialDetails>)]
    credentials: Option<CredentialDetails>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CredentialDetails {
    groups: Vec<u32>,
    /// More than `groups` holds where not all were carried.
    groups_len: u32,
    /// The effective ones.
    capabilities: Vec<String>,
    user_namespace: u32,
}

#[derive(Debug, Serialize, ToSchema)]
struct LsmDetails {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested: Option<String>,
}

/// The schema of members that are all there or not at all.
fn all_or_none<T: PartialSchema>() -> RefOr<Schema> {
    let mut schema = T::schema();
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        object.required.clear();
    }
    schema
}

impl Details {
    /// Of one sample.
    pub fn of(sample: &Explained) -> Self {
        let denial = &sample.denial;
        Details {
            file: file(denial),
            mount: mount(denial, sample.mount.as_deref()),
            task: TaskDetails {
                uid: denial.uid,
                gid: denial.gid,
                uid_in_container: denial.uid_inside(denial.uid).id(),
                gid_in_container: denial.gid_inside(denial.gid).id(),
                credentials: denial.credentials.as_ref().map(credentials),
            },
            lsm: denial.lsm.map(|lsm| of_module(denial, lsm)),
            capability: denial.refused_capability().map(capability),
        }
    }
}

fn file(denial: &Denial) -> Option<FileDetails> {
    let evidence = &denial.evidence;
    let inode = (evidence.inode_mode != 0).then(|| InodeDetails {
        uid: evidence.inode_uid,
        gid: evidence.inode_gid,
        uid_in_container: denial.uid_inside(evidence.inode_uid).id(),
        gid_in_container: denial.gid_inside(evidence.inode_gid).id(),
        mode: format!("{:04o}", evidence.inode_mode & 0o7777),
        r#type: file_type(evidence.inode_mode),
        inode: evidence.inode,
        flags: words(evidence.inode_flags, &INODE_FLAGS),
    });
    let file_system = (evidence.fs_magic != 0).then(|| file_system(evidence.fs_magic));
    if inode.is_none() && file_system.is_none() {
        return None;
    }
    let (major, minor) = (
        evidence.device >> MINOR_BITS,
        evidence.device & ((1 << MINOR_BITS) - 1),
    );
    Some(FileDetails {
        inode,
        file_system,
        device: (evidence.device != 0).then(|| format!("{major}:{minor}")),
    })
}

fn file_system(magic: u64) -> String {
    let known = FILE_SYSTEMS.iter().find(|(number, _)| *number == magic);
    known.map_or_else(|| format!("{magic:#x}"), |(_, name)| (*name).to_owned())
}

/// `S_IFMT` of a mode in words.
const fn file_type(mode: u32) -> &'static str {
    match mode & 0o170_000 {
        0o040_000 => "directory",
        0o100_000 => "file",
        0o120_000 => "symlink",
        0o140_000 => "socket",
        0o010_000 => "fifo",
        0o020_000 => "character_device",
        0o060_000 => "block_device",
        _ => "unknown",
    }
}

fn mount(denial: &Denial, line: Option<&Mount>) -> Option<MountDetails> {
    let evidence = &denial.evidence;
    // One that the path's name told serves the advice alone.
    let line = line.filter(|_| evidence.mount_id != 0);
    if evidence.mount_id == 0 && evidence.mount_flags == 0 && line.is_none() {
        return None;
    }
    Some(MountDetails {
        id: (evidence.mount_id != 0).then_some(evidence.mount_id),
        flags: words(evidence.mount_flags, &MOUNT_FLAGS),
        line: line.map(|line| MountLine {
            kind: kind_label(line.kind),
            target: line.target.clone(),
            root: line.root.clone(),
            options: line.options.clone(),
        }),
    })
}

fn credentials(task: &Credentials) -> CredentialDetails {
    CredentialDetails {
        groups: task.groups.clone(),
        groups_len: task.groups_len,
        capabilities: (0..u64::BITS)
            .filter(|number| task.has_capability(*number))
            .map(capability)
            .collect(),
        user_namespace: task.user_namespace,
    }
}

fn capability(number: u32) -> String {
    capability_name(number).map_or_else(|| number.to_string(), str::to_owned)
}

fn of_module(denial: &Denial, lsm: Lsm) -> LsmDetails {
    let detail = &denial.lsm_detail;
    let subject = text(&detail.subject);
    let (profile, subject) = match lsm {
        Lsm::Apparmor => (subject, None),
        Lsm::Selinux
        | Lsm::Landlock
        | Lsm::Bpf
        | Lsm::Smack
        | Lsm::Tomoyo
        | Lsm::Lockdown
        | Lsm::Yama => (None, subject),
    };
    LsmDetails {
        name: lsm.label(),
        profile,
        subject,
        object: text(&detail.object),
        class: text(&detail.class),
        requested: requested(denial),
    }
}

/// Bytes of anybody's choice, where there are any.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| escape(bytes))
}

fn words(bits: u32, names: &[(u32, &'static str)]) -> Vec<&'static str> {
    names
        .iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, name)| *name)
        .collect()
}

#[cfg(test)]
mod tests;
