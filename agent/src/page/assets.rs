//! The page's style and script, and the names under which they may be kept for ever.
//!
//! In: two files. Out: their texts and the hash of each. Invariant: another text
//! has another hash, so whoever asks with the hash may keep the answer. Lacks on
//! purpose: fonts, images and frameworks.

/// The style.
pub const STYLE: Asset = Asset::new("style.css", include_str!("style.css"));
/// The script that swaps in what has changed.
pub const SCRIPT: Asset = Asset::new("page.js", include_str!("page.js"));

/// One file.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its name below `assets/`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
    hash: u64,
}

impl Asset {
    const fn new(name: &'static str, text: &'static str) -> Asset {
        Asset {
            name,
            text,
            hash: fnv(text.as_bytes()),
        }
    }

    /// The hash of its text, in hexadecimal.
    pub fn version(&self) -> String {
        format!("{:016x}", self.hash)
    }

    /// Where it is found from a page `base` away from the root.
    pub(super) fn href(&self, base: &str) -> String {
        format!("{base}assets/{}?v={}", self.name, self.version())
    }
}

/// FNV-1a. Nobody but the build chooses the text, so it need not withstand anybody.
const fn fnv(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash ^= bytes[at] as u64;
        hash = hash.wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_follows_the_text() {
        assert_eq!(fnv(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(STYLE.version(), SCRIPT.version());
        assert!(STYLE.href("../").starts_with("../assets/style.css?v="));
    }
}
