//! A text in the kernel's memory that outlives the daemon, beside what is pinned.
//!
//! In: a text. Out: the last text that was written whole. Invariant: whenever the
//! daemon dies, one text or the other is there and never half of one: the parts go
//! into the half that is not in use, and one last write makes it the one in use.
//! Lacks on purpose: a disk, which would be written four times a second, and
//! knowing what the text says.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use super::system::{self, Sizes};

/// Bytes of one part: what older kernels allocate in one piece with ease.
const PART_BYTES: usize = 16 << 10;
/// Parts of each half at the beginning.
const PARTS: u32 = 4;
/// Longest text: counters and series as many as the tables hold.
const BYTES_MAX: usize = 64 << 20;

/// The map, with a head and two halves.
#[derive(Debug)]
pub(super) struct Checkpoint {
    path: PathBuf,
    map: OwnedFd,
    /// Of each half.
    parts: u32,
    /// Which half is in use.
    half: u32,
}

impl Checkpoint {
    /// Opens the one that is pinned there, or makes one.
    pub(super) fn open(path: &Path) -> io::Result<Checkpoint> {
        match Self::find(path)? {
            Some(found) => Ok(found),
            None => {
                let map = system::make_array(PART_BYTES as u32, 1 + 2 * PARTS)?;
                system::pin(map.as_fd(), path)?;
                Ok(Checkpoint {
                    path: path.into(),
                    map,
                    parts: PARTS,
                    half: 0,
                })
            }
        }
    }

    /// The one that is pinned there, if there is one.
    pub(super) fn find(path: &Path) -> io::Result<Option<Checkpoint>> {
        let map = match system::get(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            map => map?,
        };
        let Sizes {
            key,
            value,
            entries,
        } = system::sizes(map.as_fd())?;
        if key != 4 || value as usize != PART_BYTES || entries < 3 || entries.is_multiple_of(2) {
            return Err(io::Error::other("a map of another form"));
        }
        let mut found = Checkpoint {
            path: path.into(),
            map,
            parts: entries / 2,
            half: 0,
        };
        found.half = found.head()?.0 & 1;
        Ok(Some(found))
    }

    /// The half in use, and the bytes in it.
    fn head(&self) -> io::Result<(u32, usize)> {
        let mut head = vec![0; PART_BYTES];
        system::read(self.map.as_fd(), 0, &mut head)?;
        let word = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&head[at..at + 8]);
            u64::from_ne_bytes(bytes)
        };
        let len = usize::try_from(word(8)).unwrap_or(usize::MAX);
        Ok((word(0) as u32, len))
    }

    /// The last text; none where none was written yet.
    pub(super) fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let (_, len) = self.head()?;
        if len == 0 {
            return Ok(None);
        }
        if len > self.parts as usize * PART_BYTES {
            return Err(io::Error::other("a length that does not fit"));
        }
        let parts = len.div_ceil(PART_BYTES);
        let mut text = vec![0; parts * PART_BYTES];
        for (part, bytes) in text.chunks_exact_mut(PART_BYTES).enumerate() {
            system::read(self.map.as_fd(), self.index(self.half, part), bytes)?;
        }
        text.truncate(len);
        Ok(Some(text))
    }

    fn index(&self, half: u32, part: usize) -> u32 {
        1 + half * self.parts + part as u32
    }

    /// Replaces the text. Where it needs more room, the map is replaced as well.
    pub(super) fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if text.len() > BYTES_MAX {
            let what = format!("{} bytes, more than {BYTES_MAX}", text.len());
            return Err(io::Error::other(what));
        }
        let needed = text.len().div_ceil(PART_BYTES).max(1) as u32;
        if needed > self.parts {
            return self.grow(needed.next_power_of_two(), text);
        }
        self.fill(text)
    }

    fn fill(&mut self, text: &[u8]) -> io::Result<()> {
        let half = 1 - self.half;
        let mut last = vec![0; PART_BYTES];
        for (part, bytes) in text.chunks(PART_BYTES).enumerate() {
            let whole = if bytes.len() == PART_BYTES {
                bytes
            } else {
                last[..bytes.len()].copy_from_slice(bytes);
                &last
            };
            system::write(self.map.as_fd(), self.index(half, part), whole)?;
        }
        let mut head = vec![0; PART_BYTES];
        head[..8].copy_from_slice(&u64::from(half).to_ne_bytes());
        head[8..16].copy_from_slice(&(text.len() as u64).to_ne_bytes());
        system::write(self.map.as_fd(), 0, &head)?;
        self.half = half;
        Ok(())
    }

    fn grow(&mut self, parts: u32, text: &[u8]) -> io::Result<()> {
        let mut larger = Checkpoint {
            path: self.path.clone(),
            map: system::make_array(PART_BYTES as u32, 1 + 2 * parts)?,
            parts,
            half: 0,
        };
        larger.fill(text)?;
        let next = self.path.with_file_name("checkpoint-next");
        match fs::remove_file(&next) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        system::pin(larger.map.as_fd(), &next)?;
        fs::rename(&next, &self.path)?;
        *self = larger;
        Ok(())
    }
}
