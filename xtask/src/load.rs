//! A load that many processes make together and count exactly: a file in shared
//! memory with one conductor's orders and each worker's counts.
//!
//! In: orders. Out: what each worker has had refused. Invariant: a worker's
//! `begun` moves before an operation and `refused` after it, so that what was
//! refused lies between the two even where the worker was killed; one order is
//! over before the next is given. Lacks on purpose: the operations, which the
//! workers have.

pub mod pace;

use std::{
    fs::{File, OpenOptions},
    io,
    mem::size_of,
    os::fd::AsRawFd as _,
    path::Path,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

/// Most workers of one board.
pub const SLOTS_MAX: usize = 4096;
const POLL: Duration = Duration::from_millis(5);

/// What the workers do until the round is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Each has this many thousandths of an operation refused per second.
    Pace {
        /// Thousandths of an operation per second, of each worker.
        millirate: u64,
    },
    /// Each has operations refused at full speed, by so many threads.
    Flood {
        /// Threads of each worker.
        threads: u32,
    },
    /// Each has one operation refused, on a path that was not refused before.
    Once,
}

const PACE: u32 = 1;
const FLOOD: u32 = 2;
const ONCE: u32 = 3;

/// The conductor's part. The order's words are written before the round is.
#[repr(C, align(64))]
struct Head {
    round: AtomicU32,
    kind: AtomicU32,
    begins_ns: AtomicU64,
    ends_ns: AtomicU64,
    amount: AtomicU64,
}

/// One worker's part.
#[repr(C, align(64))]
pub struct Slot {
    /// Operations that were begun.
    pub begun: AtomicU64,
    /// Operations that were refused as meant.
    pub refused: AtomicU64,
    /// CLOCK_MONOTONIC nanoseconds just before the last [`Order::Once`].
    pub stamp_ns: AtomicU64,
    /// One more than the errno that was not the one that was meant (than 0 where
    /// the operation succeeded); 0 where all were as meant.
    pub strange: AtomicU32,
    /// 1 once the worker is there.
    pub present: AtomicU32,
    /// The last round that the worker has finished.
    pub finished: AtomicU32,
}

/// A round as a worker takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Its number, above zero.
    pub number: u32,
    /// What to do.
    pub order: Order,
    /// CLOCK_MONOTONIC nanoseconds.
    pub begins_ns: u64,
    /// CLOCK_MONOTONIC nanoseconds.
    pub ends_ns: u64,
}

/// The shared file, mapped.
pub struct Board {
    memory: NonNull<u8>,
    bytes: usize,
    slots: usize,
}

// SAFETY: the memory is only ever reached through atomics, and is unmapped once,
// by the owner's drop.
unsafe impl Send for Board {}
// SAFETY: as above.
unsafe impl Sync for Board {}

impl Board {
    /// Makes the file with room for so many workers.
    ///
    /// # Errors
    /// The file system's, or more than [`SLOTS_MAX`] workers.
    pub fn create(path: &Path, slots: usize) -> Result<Board> {
        ensure!(
            (1..=SLOTS_MAX).contains(&slots),
            "{slots} workers: use 1 to {SLOTS_MAX}"
        );
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .with_context(|| path.display().to_string())?;
        file.set_len((size_of::<Head>() + slots * size_of::<Slot>()) as u64)?;
        Board::map(&file).with_context(|| path.display().to_string())
    }

    /// Opens one that was made.
    ///
    /// # Errors
    /// The file system's, or a file that is no board.
    pub fn open(path: &Path) -> Result<Board> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .with_context(|| path.display().to_string())?;
        Board::map(&file).with_context(|| path.display().to_string())
    }

    fn map(file: &File) -> Result<Board> {
        let bytes = usize::try_from(file.metadata()?.len())?;
        let room = bytes.saturating_sub(size_of::<Head>());
        let slots = room / size_of::<Slot>();
        ensure!(slots > 0, "{bytes} bytes are no board");
        // SAFETY: a new mapping of an open file, at a place the kernel chooses.
        let memory = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error()).context("mmap");
        }
        Ok(Board {
            memory: NonNull::new(memory.cast()).context("mmap")?,
            bytes,
            slots,
        })
    }

    fn head(&self) -> &Head {
        // SAFETY: the mapping begins with a page's alignment and holds a head of
        // atomics, for which any bytes are a value.
        unsafe { self.memory.cast().as_ref() }
    }

    /// Workers there is room for.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// A worker's part; `None` past the last.
    pub fn slot(&self, number: usize) -> Option<&Slot> {
        if number >= self.slots {
            return None;
        }
        let at = size_of::<Head>() + number * size_of::<Slot>();
        // SAFETY: `map` made sure that the mapping holds so many slots, at
        // multiples of their alignment; they are atomics as well.
        Some(unsafe { self.memory.add(at).cast().as_ref() })
    }

    /// Gives an order to all, for a time, and returns the round's number.
    pub fn give(&self, order: Order, time: Duration) -> u32 {
        let head = self.head();
        let (kind, amount) = match order {
            Order::Pace { millirate } => (PACE, millirate),
            Order::Flood { threads } => (FLOOD, u64::from(threads)),
            Order::Once => (ONCE, 0),
        };
        let now = monotonic_ns();
        let time_ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        head.kind.store(kind, Ordering::Relaxed);
        head.amount.store(amount, Ordering::Relaxed);
        head.begins_ns.store(now, Ordering::Relaxed);
        head.ends_ns
            .store(now.saturating_add(time_ns), Ordering::Relaxed);
        let number = head.round.fetch_add(1, Ordering::Release) + 1;
        futex(&head.round, libc::FUTEX_WAKE, i32::MAX.unsigned_abs());
        number
    }

    /// Waits until there is another round than `seen`.
    pub fn take(&self, seen: u32) -> Round {
        let head = self.head();
        loop {
            let number = head.round.load(Ordering::Acquire);
            if number == seen {
                futex(&head.round, libc::FUTEX_WAIT, seen);
                continue;
            }
            let amount = head.amount.load(Ordering::Relaxed);
            return Round {
                number,
                order: match head.kind.load(Ordering::Relaxed) {
                    PACE => Order::Pace { millirate: amount },
                    FLOOD => Order::Flood {
                        threads: u32::try_from(amount).unwrap_or(1),
                    },
                    _ => Order::Once,
                },
                begins_ns: head.begins_ns.load(Ordering::Relaxed),
                ends_ns: head.ends_ns.load(Ordering::Relaxed),
            };
        }
    }

    /// Waits until these workers are there.
    ///
    /// # Errors
    /// One that does not come in time.
    pub fn wait_present(&self, workers: usize, within: Duration) -> Result<()> {
        self.wait_for(workers, within, "has not come", |slot| {
            slot.present.load(Ordering::Acquire) != 0
        })
    }

    /// Waits until these workers have finished a round.
    ///
    /// # Errors
    /// One that does not in time, or that met an errno that was not meant.
    pub fn wait_finished(&self, workers: usize, round: u32, within: Duration) -> Result<()> {
        self.wait_for(workers, within, "has not finished its round", |slot| {
            slot.finished.load(Ordering::Acquire) == round
        })?;
        for (number, slot) in self.each(workers) {
            if let Some(errno) = slot.strange.load(Ordering::Relaxed).checked_sub(1) {
                let met = io::Error::from_raw_os_error(errno.cast_signed());
                bail!("worker {number} met what was not meant: {met}");
            }
        }
        Ok(())
    }

    fn wait_for(
        &self,
        workers: usize,
        within: Duration,
        what: &str,
        is_so: impl Fn(&Slot) -> bool,
    ) -> Result<()> {
        let begun = Instant::now();
        for (number, slot) in self.each(workers) {
            while !is_so(slot) {
                if begun.elapsed() > within {
                    bail!("worker {number} {what} within {} s", within.as_secs());
                }
                thread::sleep(POLL);
            }
        }
        Ok(())
    }

    fn each(&self, workers: usize) -> impl Iterator<Item = (usize, &Slot)> {
        (0..workers).filter_map(|number| Some((number, self.slot(number)?)))
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // SAFETY: the mapping is this board's own, and nothing borrows from it any more.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.bytes) };
    }
}

/// Waits on or wakes a word that other processes share.
fn futex(word: &AtomicU32, operation: i32, value: u32) {
    // SAFETY: the word outlives the call; no time limit is passed. An error means
    // that the word has changed or a signal came: the caller looks again.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            operation,
            value,
            ptr::null::<libc::timespec>(),
        );
    }
}

/// CLOCK_MONOTONIC nanoseconds: the same in every container.
pub fn monotonic_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_reaches_a_worker_that_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("board");
        let board = Board::create(&path, 2).unwrap();
        let theirs = Board::open(&path).unwrap();
        assert_eq!(theirs.slots(), 2);
        assert!(theirs.slot(2).is_none());
        let worker = thread::spawn(move || {
            let mut seen = 0;
            loop {
                let round = theirs.take(seen);
                seen = round.number;
                let slot = theirs.slot(1).unwrap();
                match round.order {
                    Order::Pace { millirate } => {
                        slot.refused.fetch_add(millirate, Ordering::Relaxed)
                    }
                    _ => return,
                };
                slot.finished.store(seen, Ordering::Release);
            }
        });
        assert!(board.wait_present(1, Duration::ZERO).is_err());
        let round = board.give(Order::Pace { millirate: 7 }, Duration::from_secs(1));
        let slot = board.slot(1).unwrap();
        while slot.finished.load(Ordering::Acquire) != round {
            thread::sleep(POLL);
        }
        assert_eq!(slot.refused.load(Ordering::Relaxed), 7);
        let none = board.wait_finished(2, round, Duration::from_millis(20));
        assert!(none.is_err_and(|error| error.to_string().contains("worker 0 has not finished")));
        board.give(Order::Once, Duration::ZERO);
        worker.join().unwrap();
    }

    #[test]
    fn a_file_that_is_no_board_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Board::open(file.path()).is_err());
        assert!(Board::create(&file.path().join("x"), 0).is_err());
    }
}
