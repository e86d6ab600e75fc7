//! The text of /proc/PID/mountinfo becomes rows.
//!
//! In: bytes, of a container's choice in part; [`process`] reads them. Out:
//! [`MountRow`]s, in their order. Invariant: no bytes panic; a line that is no
//! mount is left out, and a path is the very bytes that the kernel knows, for it
//! to be looked up. Lacks on purpose: what a mount is, and how it is shown.

pub mod process;

/// Number of a file system instance, as `major:minor` in a mount table. Two
/// mounts with the same one share their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Device {
    /// 0 for file systems without a block device.
    pub major: u32,
    /// Unique among the file systems that are mounted.
    pub minor: u32,
}

impl Device {
    /// As the kernel keeps it in `dev_t`; none where it cannot be one.
    pub fn encoded(self) -> Option<u32> {
        const MINOR_BITS: u32 = 20;
        let is_minor = self.minor < 1 << MINOR_BITS;
        let major = self.major.checked_mul(1 << MINOR_BITS)?;
        is_minor.then_some(major | self.minor)
    }
}

/// One line of /proc/PID/mountinfo, its octal escapes resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountRow {
    /// Of the mount; used again once it is unmounted.
    pub id: u64,
    /// The mount that it lies on.
    pub parent: u64,
    /// The file system.
    pub device: Device,
    /// The directory of the file system that is mounted; `/` for all of it.
    pub root: Vec<u8>,
    /// Where, from the process's root.
    pub target: Vec<u8>,
    /// Of the mount, with commas.
    pub options: String,
    /// Such as `tmpfs`.
    pub fs_type: String,
    /// Of the file system, with commas.
    pub super_options: String,
}

impl MountRow {
    /// Can neither mount nor file system refuse a write as read-only?
    pub fn is_writable(&self) -> bool {
        let read_only = |options: &str| options.split(',').any(|option| option == "ro");
        !read_only(&self.options) && !read_only(&self.super_options)
    }
}

/// What lies at the host's `/`. A container that is being started has it as well, until
/// its runtime has changed its root: till then its table is the host's, and more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostRoot(Option<(Device, Vec<u8>)>);

impl HostRoot {
    /// From the rows of the host's table.
    pub fn of(rows: &[MountRow]) -> HostRoot {
        let root = rows.iter().rfind(|row| row.target == b"/");
        HostRoot(root.map(|row| (row.device, row.root.clone())))
    }

    /// Has a table it at its root?
    pub fn is_in(&self, rows: &[MountRow]) -> bool {
        let Some((device, root)) = &self.0 else {
            return false;
        };
        rows.iter()
            .any(|row| row.target == b"/" && row.device == *device && row.root == *root)
    }
}

/// The rows of a text in whole lines.
pub fn parse(text: &[u8]) -> Vec<MountRow> {
    text.split(|byte| *byte == b'\n').filter_map(row).collect()
}

/// `36 35 98:0 /root /target rw,noatime master:1 - ext4 /dev/sda1 rw,errors=continue`.
fn row(line: &[u8]) -> Option<MountRow> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = number(fields.next()?)?;
    let parent = number(fields.next()?)?;
    let mut device = fields.next()?.splitn(2, |byte| *byte == b':');
    let device = Device {
        major: number(device.next()?)?,
        minor: number(device.next()?)?,
    };
    let root = unescape(fields.next()?);
    let target = unescape(fields.next()?);
    let options = text(fields.next()?);
    // Any number of optional fields ends with a dash.
    fields.find(|field| *field == b"-")?;
    let fs_type = text(fields.next()?);
    let _source = fields.next()?;
    Some(MountRow {
        id,
        parent,
        device,
        root,
        target,
        options,
        fs_type,
        super_options: text(fields.next().unwrap_or_default()),
    })
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&unescape(bytes)).into_owned()
}

/// The kernel writes blanks, newlines and backslashes as `\040`.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((byte, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *byte == b'\\').and_then(octal);
        plain.push(octal.unwrap_or(*byte));
        rest = match octal {
            Some(_) => &after[3..],
            None => after,
        };
    }
    plain
}

fn octal(digits: &[u8]) -> Option<u8> {
    let value = digits.iter().try_fold(0_u32, |value, digit| {
        Some(value * 8 + char::from(*digit).to_digit(8)?)
    });
    u8::try_from(value?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_row_is_read_whatever_its_optional_fields() {
        let text = b"36 35 98:7 /a\\040b /t\\134\\012 rw,noatime - tmpfs tmpfs rw,size=4k\n\
            37 36 0:8 / /x ro shared:1 master:2 - fuse.a\\040b s\n\
            odd\n38 37 0 / /y rw - tmpfs t rw\n39 38 0:9 / /z rw tmpfs t rw\n";
        let rows = parse(text);
        assert_eq!(rows.len(), 2, "{rows:?}");
        let device = Device {
            major: 98,
            minor: 7,
        };
        assert_eq!(
            (rows[0].id, rows[0].parent, rows[0].device),
            (36, 35, device)
        );
        assert_eq!(device.encoded(), Some(98 << 20 | 7));
        let none = Device {
            major: 4096,
            minor: 0,
        };
        assert_eq!(none.encoded(), None);
        assert_eq!(rows[0].root, b"/a b");
        assert_eq!(rows[0].target, b"/t\\\n");
        assert_eq!(rows[0].super_options, "rw,size=4k");
        assert!(rows[0].is_writable() && !rows[1].is_writable());
        assert_eq!(
            (rows[1].fs_type.as_str(), rows[1].super_options.as_str()),
            ("fuse.a b", "")
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(text: Vec<u8>) {
            parse(&text);
        }

        #[test]
        fn nothing_of_the_kernels_alphabet_panics(text in "[0-9:/\\\\ \n,=a-k-]{0,200}") {
            parse(text.as_bytes());
        }
    }
}
