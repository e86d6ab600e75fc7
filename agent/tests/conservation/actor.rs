//! The process in a container that is refused: told what to do, line by line.
//!
//! In: lines on standard input. Out: one line for each, and on the board how often
//! each row of [`REFUSALS`] was refused so far, which the outside reads at any time.
//! Invariant: what is on the board was refused; at most one refusal is not yet on it.
//! Lacks on purpose: threads; one container is one thread of refusals.
//!
//! ```text
//! do ROW TIMES PATHS     so many refusals on so many paths, in turn
//! flood ROW MILLISECONDS one path, as often as it goes
//! ```

use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::refusals::{Place, Prepared, REFUSALS, ROWS, Refusal};

/// The test that is this process, and the variables that it reads.
pub const TEST: &str = "actor_in_a_container";
/// Where the ground is.
pub const GROUND: &str = "SEALWATCH_ACTOR_GROUND";
/// Which part of it is this container's.
pub const PART: &str = "SEALWATCH_ACTOR_PART";
/// The file of the board.
pub const BOARD: &str = "SEALWATCH_ACTOR_BOARD";
/// What an answer begins with; the test runner writes lines of its own.
pub const MARK: &str = "@ ";
/// Who is refused on [`Place::Locked`].
const USER: u32 = 10_001;

/// A file that two processes have in memory: a count for each row.
pub struct Board {
    counts: *const AtomicU64,
}

// SAFETY: nothing but atomic numbers in shared memory is reached through it.
unsafe impl Send for Board {}
// SAFETY: as above.
unsafe impl Sync for Board {}

const BYTES: usize = ROWS * size_of::<u64>();

impl Board {
    /// Opens the file, and makes it if it is not there.
    pub fn open(path: &Path) -> io::Result<Board> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false);
        let file = file.open(path)?;
        file.set_len(BYTES as u64)?;
        // SAFETY: a mapping of a file that is as long; it outlives the descriptor.
        let counts = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if counts == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Board {
            counts: counts.cast(),
        })
    }

    fn row(&self, row: usize) -> &AtomicU64 {
        assert!(row < ROWS);
        // SAFETY: within the mapping, which is aligned to a page and lives as long as `self`.
        unsafe { &*self.counts.add(row) }
    }

    /// How often each row was refused so far.
    pub fn read(&self) -> [u64; ROWS] {
        std::array::from_fn(|row| self.row(row).load(Ordering::SeqCst))
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // SAFETY: the mapping of `open`, which nothing refers to any more.
        unsafe { libc::munmap(self.counts.cast_mut().cast(), BYTES) };
    }
}

/// Does as it is told until the input ends.
pub fn act() {
    let variable = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let ground = PathBuf::from(variable(GROUND));
    let part = variable(PART);
    let board = Board::open(Path::new(&variable(BOARD))).unwrap();
    println!("{MARK}ready");
    for line in io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u32>().unwrap();
        let row = number(1) as usize;
        let refusal = &REFUSALS[row];
        let place = ground.join(refusal.place.directory()).join(&part);
        let done = in_person(refusal, || match words[0] {
            "do" => {
                let paths: Vec<Prepared> = (0..number(3))
                    .map(|path| refusal.prepared(&place, path))
                    .collect();
                let mut paths = paths.iter().cycle();
                (0..number(2)).try_for_each(|_| refused(paths.next().unwrap(), &board, row))
            }
            "flood" => {
                let end = Instant::now() + Duration::from_millis(number(2).into());
                let path = refusal.prepared(&place, 0);
                while Instant::now() < end {
                    refused(&path, &board, row)?;
                }
                Ok(())
            }
            other => panic!("{other:?} is no command"),
        });
        match done {
            Ok(()) => println!("{MARK}done"),
            Err(why) => println!("{MARK}{why}"),
        }
    }
}

fn refused(path: &Prepared, board: &Board, row: usize) -> Result<(), String> {
    path.make()?;
    board.row(row).fetch_add(1, Ordering::SeqCst);
    Ok(())
}

/// As the user whom the place refuses.
fn in_person<T>(refusal: &Refusal, act: impl FnOnce() -> T) -> T {
    let as_user = |id: u32| {
        // SAFETY: both take numbers, and change this thread alone.
        unsafe {
            libc::setfsgid(id);
            libc::setfsuid(id);
        }
    };
    if refusal.place != Place::Locked {
        return act();
    }
    as_user(USER);
    let done = act();
    as_user(0);
    done
}
