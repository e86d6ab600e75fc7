//! A mount to add becomes a flag of Docker, an item of Compose, a volume of a pod.
//!
//! In: a [`Mounting`] of plain words, and a name for what needs one. Out: text
//! to copy. Invariant: a tmpfs is nosuid and nodev, and noexec unless programs
//! must run there; text is parsed by its reader. Lacks on purpose: where in a
//! document it is written.

const MEBIBYTE: u64 = 1 << 20;
const KIBIBYTE: u64 = 1 << 10;

/// A mount to add.
#[derive(Clone, Copy, Debug)]
pub enum Mounting<'a> {
    /// A tmpfs.
    Tmpfs(Tmpfs<'a>),
    /// A volume that outlives the container.
    Volume {
        /// Target, a plain path.
        at: &'a str,
    },
}

/// A tmpfs to add.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tmpfs<'a> {
    /// Target, a plain path.
    pub at: &'a str,
    /// Size; as it was where there is none.
    pub bytes: Option<u64>,
    /// Most inodes.
    pub inodes: Option<u64>,
    /// Owner of its root directory; root's where there is none.
    pub owner: Option<(u32, u32)>,
    /// Mode of its root directory; that of the image's where there is none.
    pub mode: Option<u16>,
    /// Must programs run there?
    pub exec: bool,
    /// Must it begin with what the image has there? Docker copies that into a
    /// volume alone, so it becomes one that goes with the container; a pod needs
    /// an init container for it.
    pub image_content: bool,
}

impl<'a> Mounting<'a> {
    /// The target.
    pub const fn at(&self) -> &'a str {
        match self {
            Mounting::Tmpfs(Tmpfs { at, .. }) | Mounting::Volume { at } => at,
        }
    }

    /// A flag of `docker run`.
    pub fn flag(&self, name: &str) -> String {
        match self.compose(name) {
            ("tmpfs", item) => format!("--tmpfs {item}"),
            (_, item) => format!("--volume {item}"),
        }
    }

    /// The key of a Compose service that has a list of such, and the item.
    pub fn compose(&self, name: &str) -> (&'static str, String) {
        match self {
            Mounting::Tmpfs(tmpfs) if tmpfs.image_content => ("volumes", tmpfs.at.to_owned()),
            Mounting::Tmpfs(tmpfs) => ("tmpfs", format!("{}:{}", tmpfs.at, tmpfs.options())),
            Mounting::Volume { at } => ("volumes", format!("{name}:{at}")),
        }
    }

    /// An item of a container's `volumeMounts`.
    pub fn volume_mount(&self, name: &str) -> [String; 2] {
        [
            format!("- name: {name}"),
            format!("  mountPath: \"{}\"", self.at()),
        ]
    }

    /// An item of a pod's `volumes`.
    pub fn volume(&self, name: &str) -> Vec<String> {
        let mut lines = vec![format!("- name: {name}")];
        match self {
            Mounting::Tmpfs(tmpfs) => {
                lines.push("  emptyDir:".to_owned());
                lines.push("    medium: Memory".to_owned());
                let size = tmpfs.bytes.map(|bytes| sized(bytes, ["Mi", "Ki"]));
                lines.extend(size.map(|size| format!("    sizeLimit: {size}")));
            }
            Mounting::Volume { .. } => {
                lines.push("  persistentVolumeClaim:".to_owned());
                lines.push(format!("    claimName: {name}"));
            }
        }
        lines
    }
}

impl Tmpfs<'_> {
    /// Mount options. Docker makes it root's, with the mode of the image's
    /// directory, so that a process of another user needs it as its own; and
    /// noexec unless exec is said.
    fn options(&self) -> String {
        let exec = if self.exec { "exec" } else { "noexec" };
        let mut text = format!("rw,nosuid,nodev,{exec}");
        let mut add = |key: &str, value: String| {
            text.push(',');
            text.push_str(key);
            text.push('=');
            text.push_str(&value);
        };
        if let Some(bytes) = self.bytes {
            add("size", sized(bytes, ["m", "k"]));
        }
        if let Some(count) = self.inodes {
            add("nr_inodes", count.to_string());
        }
        if let Some(mode) = self.mode {
            add("mode", format!("{mode:o}"));
        }
        if let Some((uid, gid)) = self.owner {
            add("uid", uid.to_string());
            add("gid", gid.to_string());
        }
        text
    }
}

/// Whole mebibytes or kibibytes where it is such, in the units given.
fn sized(bytes: u64, [mebibytes, kibibytes]: [&str; 2]) -> String {
    if bytes.is_multiple_of(MEBIBYTE) {
        format!("{}{mebibytes}", bytes / MEBIBYTE)
    } else if bytes.is_multiple_of(KIBIBYTE) {
        format!("{}{kibibytes}", bytes / KIBIBYTE)
    } else {
        bytes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tmpfs_needs_is_said() {
        let plain = Tmpfs {
            at: "/x",
            bytes: Some(3 << 10),
            ..Tmpfs::default()
        };
        let flag = |tmpfs| Mounting::Tmpfs(tmpfs).flag("x");
        assert_eq!(flag(plain), "--tmpfs /x:rw,nosuid,nodev,noexec,size=3k");
        let own = Tmpfs {
            owner: Some((7, 8)),
            mode: Some(0o1777),
            exec: true,
            bytes: Some(1000),
            ..plain
        };
        assert_eq!(
            flag(own),
            "--tmpfs /x:rw,nosuid,nodev,exec,size=1000,mode=1777,uid=7,gid=8"
        );
        let content = Tmpfs {
            image_content: true,
            ..plain
        };
        assert_eq!(flag(content), "--volume /x");
        assert_eq!(Mounting::Volume { at: "/x" }.flag("y"), "--volume y:/x");
    }
}
