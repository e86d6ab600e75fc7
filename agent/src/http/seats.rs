//! Connections become seats, of which there are only so many.
//!
//! In: connections, what each of them does. Out: a seat for a new one. Invariant:
//! where all are taken, who has asked nothing gives way first, then who does not
//! read its answer, then who has been answered for long; nobody gives way before
//! it could have done better, and until somebody does, the new one waits. Lacks
//! on purpose: reading and writing.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

/// How long a connection may be without a whole request, where seats are scarce.
const ASKING: Duration = Duration::from_secs(1);
/// How long it may leave its answer unread.
const UNREAD: Duration = Duration::from_secs(1);
/// How long it may be answered in all.
const ANSWERED: Duration = Duration::from_secs(10);
/// Least time between two lines of log.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// The seats of one listener.
pub(super) struct Seats {
    most: usize,
    taken: Mutex<Taken>,
    /// Somebody has left.
    freed: Notify,
}

#[derive(Default)]
struct Taken {
    seats: Vec<Arc<Seat>>,
    told: Option<Instant>,
}

/// What one connection does. Times are milliseconds since it began, plus one; 0 is never.
pub(super) struct Seat {
    begun: Instant,
    /// Since when something of its next request is waited for. Bytes that come one
    /// at a time do not change that; a daemon that is too busy to look does not
    /// begin it.
    idle_ms: AtomicU64,
    /// Since when it is being answered.
    answered_ms: AtomicU64,
    /// Since when it takes nothing of what is written to it.
    unread_ms: AtomicU64,
    task: OnceLock<AbortHandle>,
}

/// A seat that is given back when this is dropped.
pub(super) struct Occupied {
    pub(super) seats: Arc<Seats>,
    pub(super) seat: Arc<Seat>,
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        taken.seats.retain(|seat| !Arc::ptr_eq(seat, &self.seat));
        drop(taken);
        self.seats.freed.notify_one();
    }
}

impl Seats {
    pub(super) fn new(most: usize) -> Arc<Seats> {
        Arc::new(Seats {
            most,
            taken: Mutex::default(),
            freed: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat, as soon as there is one.
    pub(super) async fn take(self: &Arc<Self>) -> Occupied {
        loop {
            let wait = {
                let mut taken = self.lock();
                let full = taken.seats.len() >= self.most;
                if !full || taken.displace(|seat| seat.rank().is_some()) {
                    let seat = Arc::new(Seat::new());
                    taken.seats.push(Arc::clone(&seat));
                    return Occupied {
                        seats: Arc::clone(self),
                        seat,
                    };
                }
                let waits = taken.seats.iter().map(|seat| seat.patience());
                waits.min().unwrap_or(ASKING)
            };
            // Whoever is too slow by then gives way.
            let _ = timeout(wait, self.freed.notified()).await;
        }
    }

    /// Ends the connection that has left its answer unread for the longest time, if
    /// any has for too long.
    pub(super) fn displace_unread(&self) -> bool {
        self.lock()
            .displace(|seat| matches!(seat.rank(), Some((1, _))))
    }

    /// Is half of them taken? Then one answer is what each connection gets.
    pub(super) fn are_scarce(&self) -> bool {
        2 * self.taken() >= self.most
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.lock().seats.len()
    }

    /// Ends everybody.
    pub(super) fn clear(&self) {
        self.lock().seats.drain(..).for_each(|seat| seat.end());
    }
}

impl Taken {
    /// Ends the first in rank of those that may be; false where there is none.
    fn displace(&mut self, may: impl Fn(&Seat) -> bool) -> bool {
        let ranked = self.seats.iter().enumerate();
        let ranked = ranked.filter(|(_, seat)| may(seat));
        let first = ranked
            .filter_map(|(at, seat)| Some((seat.rank()?, at)))
            .min();
        let Some((_, at)) = first else {
            return false;
        };
        self.seats.swap_remove(at).end();
        let now = Instant::now();
        if self.told.is_none_or(|told| now - told >= TOLD_EVERY) {
            self.told = Some(now);
            let connections = self.seats.len() + 1;
            tracing::warn!(
                connections,
                "too many HTTP connections at once: idle and slow ones are closed for new ones"
            );
        }
        true
    }
}

impl Seat {
    fn new() -> Seat {
        Seat {
            begun: Instant::now(),
            idle_ms: AtomicU64::new(0),
            answered_ms: AtomicU64::new(0),
            unread_ms: AtomicU64::new(0),
            task: OnceLock::new(),
        }
    }

    /// Whose end frees the seat.
    pub(super) fn is_of(&self, task: AbortHandle) {
        // There is one task, which says so once.
        let _ = self.task.set(task);
    }

    fn end(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    fn now_ms(&self) -> u64 {
        let passed = self.begun.elapsed().as_millis();
        1 + u64::try_from(passed).unwrap_or(u64::MAX - 1)
    }

    /// For how long something has been so, if it is.
    fn since(&self, mark: &AtomicU64) -> Option<Duration> {
        let since = mark.load(Ordering::Relaxed);
        let passed = self.now_ms().saturating_sub(since);
        (since != 0).then(|| Duration::from_millis(passed))
    }

    /// In which ways it may be too slow, the worst first: what it has spent, and what
    /// it may spend.
    fn spent(&self) -> [(Option<Duration>, Duration); 3] {
        let idle = self.since(&self.idle_ms);
        let unread = self.since(&self.unread_ms);
        let answered = self.since(&self.answered_ms);
        [(idle, ASKING), (unread, UNREAD), (answered, ANSWERED)]
    }

    /// Who gives way first; none where it is not too slow.
    fn rank(&self) -> Option<(usize, std::cmp::Reverse<Duration>)> {
        let spent = self.spent().into_iter().enumerate();
        let mut slow = spent.filter_map(|(rank, (spent, limit))| {
            let spent = spent.filter(|spent| *spent >= limit)?;
            Some((rank, std::cmp::Reverse(spent)))
        });
        slow.next()
    }

    /// When it may be too slow at the earliest.
    fn patience(&self) -> Duration {
        let left = self.spent().into_iter().filter_map(|(spent, limit)| {
            let left = limit.saturating_sub(spent?);
            Some(left.max(Duration::from_millis(1)))
        });
        left.min().unwrap_or(ASKING)
    }

    /// It has asked; its answer ends when what is returned is dropped.
    pub(super) fn asked(self: &Arc<Self>) -> Answering {
        self.idle_ms.store(0, Ordering::Relaxed);
        self.answered_ms.store(self.now_ms(), Ordering::Relaxed);
        Answering(Arc::clone(self))
    }

    fn read<T>(&self, result: Poll<T>) -> Poll<T> {
        let marks = [&self.idle_ms, &self.answered_ms];
        let begins = marks.iter().all(|mark| mark.load(Ordering::Relaxed) == 0);
        if result.is_pending() && begins {
            self.idle_ms.store(self.now_ms(), Ordering::Relaxed);
        }
        result
    }

    fn wrote<T>(&self, result: Poll<T>) -> Poll<T> {
        let waits = result.is_pending();
        match self.unread_ms.load(Ordering::Relaxed) {
            0 if waits => self.unread_ms.store(self.now_ms(), Ordering::Relaxed),
            0 => {}
            _ if waits => {}
            _ => self.unread_ms.store(0, Ordering::Relaxed),
        }
        result
    }
}

/// An answer under way.
pub(super) struct Answering(Arc<Seat>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answered_ms.store(0, Ordering::Relaxed);
    }
}

/// A stream whose seat knows whether it is read.
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) seat: Arc<Seat>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.seat.read(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.seat.wrote(wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.seat.wrote(wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
