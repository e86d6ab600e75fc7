//! A kernel series becomes a kernel image and its modules, on disk.
//!
//! In: a [`Kernel`] and its suite on the Debian mirror. Out: a [`KernelFiles`] in the
//! cache. Invariant: what lies in the cache is whole. Lacks on purpose: pinned
//! versions, which leave the mirror within weeks.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValue;

use crate::step;
use crate::toolchain::mirror::Suite;

/// The kernel series that Sealwatch is tested on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kernel {
    /// Debian 11.
    V5_10,
    /// Debian 12.
    V6_1,
    /// Debian 13.
    V6_12,
    /// Debian unstable.
    V7_2,
}

impl Kernel {
    /// Every series, oldest first.
    pub const ALL: [Kernel; 4] = [Kernel::V5_10, Kernel::V6_1, Kernel::V6_12, Kernel::V7_2];

    /// The series as people write it.
    pub const fn label(self) -> &'static str {
        match self {
            Kernel::V5_10 => "5.10",
            Kernel::V6_1 => "6.1",
            Kernel::V6_12 => "6.12",
            Kernel::V7_2 => "7.2",
        }
    }

    /// The Debian suite that carries it. Unstable moves on: its kernel is whatever
    /// is current there, `7.2` or later.
    pub const fn suite(self) -> &'static str {
        match self {
            Kernel::V5_10 => "bullseye",
            Kernel::V6_1 => "bookworm",
            Kernel::V6_12 => "trixie",
            Kernel::V7_2 => "sid",
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for Kernel {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        match Kernel::ALL
            .into_iter()
            .find(|kernel| kernel.label() == text)
        {
            Some(kernel) => Ok(kernel),
            None => bail!("no kernel {text:?}: choose one of 5.10, 6.1, 6.12, 7.2"),
        }
    }
}

impl clap::ValueEnum for Kernel {
    fn value_variants<'a>() -> &'a [Self] {
        &Kernel::ALL
    }
    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.label()))
    }
}

/// One kernel, unpacked.
#[derive(Clone, Debug)]
pub struct KernelFiles {
    /// The full release, as `uname -r` tells it.
    pub release: String,
    /// The compressed image.
    pub image: PathBuf,
    /// `lib/modules/RELEASE`.
    pub modules: PathBuf,
}

/// The kernel's files, downloaded and unpacked under `cache` unless they are there already.
pub fn fetch(kernel: Kernel, cache: &Path) -> Result<KernelFiles> {
    let home = cache.join(kernel.label());
    if let Some(files) = cached(&home)? {
        return Ok(files);
    }
    step::timed(
        &format!("fetching kernel {kernel} from Debian {}", kernel.suite()),
        || {
            let suite = Suite::open(&home.join("apt"), kernel.suite())?;
            suite.unpack(&packages(&suite)?, &home.join("root"))
        },
    )?;
    fs::remove_dir_all(home.join("apt"))?;
    cached(&home)?.with_context(|| format!("the packages of kernel {kernel} hold no image"))
}

/// The packages that make up the suite's current cloud kernel.
fn packages(suite: &Suite) -> Result<Vec<String>> {
    let image = suite
        .depends("linux-image-cloud-amd64")?
        .into_iter()
        .find(|name| name.starts_with("linux-image-"))
        .context("linux-image-cloud-amd64 depends on no image")?;
    // Unstable's image is empty and depends on where its parts went.
    let mut packages: Vec<String> = suite
        .depends(&image)?
        .into_iter()
        .filter(|name| name.starts_with("linux-binary-") || name.starts_with("linux-modules-"))
        .collect();
    packages.push(image);
    Ok(packages)
}

/// What an earlier [`fetch`] left in `home`.
pub fn cached(home: &Path) -> Result<Option<KernelFiles>> {
    let root = home.join("root");
    // Packages of Debian 12 and older ship /lib, later ones /usr/lib.
    for lib in ["lib/modules", "usr/lib/modules"] {
        let Ok(mut entries) = fs::read_dir(root.join(lib)) else {
            continue;
        };
        let Some(entry) = entries.next().transpose()? else {
            continue;
        };
        let release = entry.file_name().to_string_lossy().into_owned();
        let modules = entry.path();
        let boot = root.join("boot").join(format!("vmlinuz-{release}"));
        let image = if boot.exists() {
            boot
        } else {
            modules.join("vmlinuz")
        };
        if image.exists() {
            return Ok(Some(KernelFiles {
                release,
                image,
                modules,
            }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_parse_back() {
        for kernel in Kernel::ALL {
            assert_eq!(kernel.label().parse::<Kernel>().unwrap(), kernel);
        }
        assert!("6.2".parse::<Kernel>().is_err());
    }
}
