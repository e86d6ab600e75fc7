//! Turns are taken by a thread that can be given up.
//!
//! In: turns to take. Out: what they found, and who did not come back in time.
//! Invariant: a turn that hangs costs the others its deadline, once; so many
//! threads hang at most ([`STUCK_MAX`]), and while they do, no turn is taken.
//! Lacks on purpose: ending a thread, which a system call that hangs does not
//! allow; one that comes back says so and ends.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::visit::{Known, Place, Seen, Surroundings};
use crate::clock;

/// Threads that may hang before all turns stop.
pub(super) const STUCK_MAX: usize = 4;

/// How a turn is taken: `visit::visit`, or in tests a slower one.
pub(super) type Turn = fn(&mut Known, &Place, &Surroundings, u64) -> Seen;

/// A turn to take.
pub(super) struct Job {
    pub(super) container: Arc<str>,
    pub(super) place: Arc<Place>,
    pub(super) known: Known,
    pub(super) now_ns: u64,
}

/// What came of many.
#[derive(Default)]
pub(super) struct Outcome {
    /// Those that were taken.
    pub(super) seen: Vec<(Job, Seen)>,
    /// Those that hang.
    pub(super) stuck: Vec<Arc<str>>,
    /// Those that nobody was left to take.
    pub(super) undone: Vec<Job>,
}

/// Turns that are taken together.
struct Batch {
    waiting: Mutex<VecDeque<Job>>,
    seen: Mutex<Vec<(Job, Seen)>>,
    around: Arc<Surroundings>,
}

/// What a thread is at; empty once it is given up.
type At = Arc<Mutex<Option<(Arc<str>, Instant)>>>;

enum Word {
    /// All turns of the batch are taken.
    Done,
    /// A thread that was given up came back from this container.
    Late(Arc<str>),
}

struct Hand {
    batches: Sender<Arc<Batch>>,
    at: At,
    /// Of the thread, where the kernel has one: see [`Crew::cpu_ns`].
    cpu_clock: Arc<Mutex<u64>>,
}

/// One thread that takes turns, and those that were given up.
pub(super) struct Crew {
    turn: Turn,
    deadline: Duration,
    hand: Option<Hand>,
    words: Receiver<Word>,
    say: Sender<Word>,
    stuck: usize,
    late: Vec<Arc<str>>,
    cpu_before_ns: u64,
}

impl Crew {
    pub(super) fn new(turn: Turn, deadline: Duration) -> Crew {
        let (say, words) = mpsc::channel();
        Crew {
            turn,
            deadline,
            hand: None,
            words,
            say,
            stuck: 0,
            late: Vec::new(),
            cpu_before_ns: 0,
        }
    }

    /// Threads that hang now.
    pub(super) fn stuck(&self) -> usize {
        self.stuck
    }

    /// Processor time of all turns so far.
    pub(super) fn cpu_ns(&self) -> u64 {
        let current = self.hand.as_ref().map_or(0, |hand| *lock(&hand.cpu_clock));
        self.cpu_before_ns + current
    }

    /// The containers whose threads have come back since the last call.
    pub(super) fn come_back(&mut self) -> Vec<Arc<str>> {
        while let Ok(word) = self.words.try_recv() {
            self.hear(word);
        }
        std::mem::take(&mut self.late)
    }

    /// Takes `jobs` in their order; returns when each is taken or given up.
    pub(super) fn run(&mut self, jobs: Vec<Job>, around: &Arc<Surroundings>) -> Outcome {
        let batch = Arc::new(Batch {
            waiting: Mutex::new(jobs.into()),
            seen: Mutex::default(),
            around: Arc::clone(around),
        });
        let mut outcome = Outcome::default();
        while !lock(&batch.waiting).is_empty() {
            if let Err(error) = self.give(&batch) {
                tracing::warn!(%error, "tmpfs mounts cannot be sampled now");
                break;
            }
            let stuck = self.wait();
            let all_taken = stuck.is_none();
            outcome.stuck.extend(stuck);
            if all_taken {
                break;
            }
        }
        outcome.seen = std::mem::take(&mut *lock(&batch.seen));
        outcome.undone = std::mem::take(&mut *lock(&batch.waiting)).into();
        outcome
    }

    fn give(&mut self, batch: &Arc<Batch>) -> io::Result<()> {
        if self.hand.is_none() {
            if self.stuck >= STUCK_MAX {
                return Err(io::Error::other("too many threads hang"));
            }
            self.hand = Some(self.hire()?);
        }
        let given = self
            .hand
            .as_ref()
            .map(|hand| hand.batches.send(Arc::clone(batch)));
        match given {
            Some(Ok(())) => Ok(()),
            // The thread has panicked; the next call has a new one.
            Some(Err(_)) | None => {
                self.hand = None;
                Err(io::Error::other("the thread has ended"))
            }
        }
    }

    /// Waits until the batch is done, or gives up the thread: then on whom.
    fn wait(&mut self) -> Option<Arc<str>> {
        loop {
            match self.words.recv_timeout(self.deadline) {
                Ok(Word::Done) => return None,
                Ok(word) => self.hear(word),
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(container) = self.give_up() {
                        return Some(container);
                    }
                }
                // Not while this holds a sender of its own.
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn give_up(&mut self) -> Option<Arc<str>> {
        let hand = self.hand.as_ref()?;
        let mut at = lock(&hand.at);
        let is_late = |(_, since): &mut (Arc<str>, Instant)| since.elapsed() >= self.deadline;
        let (container, _) = at.take_if(is_late)?;
        drop(at);
        self.cpu_before_ns = self.cpu_ns();
        self.stuck += 1;
        self.hand = None;
        Some(container)
    }

    fn hear(&mut self, word: Word) {
        match word {
            Word::Done => {}
            Word::Late(container) => {
                self.stuck = self.stuck.saturating_sub(1);
                self.late.push(container);
            }
        }
    }

    fn hire(&self) -> io::Result<Hand> {
        let (batches, given) = mpsc::channel::<Arc<Batch>>();
        let at = At::default();
        let cpu_clock = Arc::new(Mutex::new(0));
        let (turn, say) = (self.turn, self.say.clone());
        let (own_at, own_cpu) = (Arc::clone(&at), Arc::clone(&cpu_clock));
        thread::Builder::new()
            .name("tmpfs-turns".to_owned())
            .spawn(move || {
                while let Ok(batch) = given.recv() {
                    let late = work(&batch, turn, &own_at);
                    *lock(&own_cpu) = clock::thread_cpu_ns();
                    let word = late.clone().map_or(Word::Done, Word::Late);
                    if say.send(word).is_err() || late.is_some() {
                        return;
                    }
                }
            })?;
        Ok(Hand {
            batches,
            at,
            cpu_clock,
        })
    }
}

/// Takes turns until none is left, or until it was given up: then on whom.
fn work(batch: &Batch, turn: Turn, at: &At) -> Option<Arc<str>> {
    loop {
        let mut job = lock(&batch.waiting).pop_front()?;
        *lock(at) = Some((Arc::clone(&job.container), Instant::now()));
        let seen = turn(&mut job.known, &job.place, &batch.around, job.now_ns);
        if lock(at).take().is_none() {
            return Some(job.container);
        }
        lock(&batch.seen).push((job, seen));
    }
}

/// What a mutex holds is whole even where its holder panicked: each is held for
/// a single assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
