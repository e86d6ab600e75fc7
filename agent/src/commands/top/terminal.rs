//! The live view on a real terminal.
//!
//! In: keys, the daemon's answers, signals, time. Out: frames. Invariant: however
//! it ends (a key, SIGTERM, a panic), the terminal is as it was before; the view
//! never waits for the daemon. Lacks on purpose: deciding what is shown.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::answers::Answers;
use super::draw::draw;
use super::look::Look;
use super::view::{Next, Size, View};
use crate::commands::client::{Client, ClientError};

/// How long the thread of keys waits until it looks whether it shall end.
const KEY_WAIT: Duration = Duration::from_millis(100);
/// Keys and answers that wait to be taken in.
const QUEUE: usize = 64;
/// How often the screen is drawn where nothing happens, so that ages are right.
const REDRAW: Duration = Duration::from_secs(1);

type Answer = Result<Answers, ClientError>;

/// Gives the terminal back.
struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        // Where it cannot be restored, nothing can be told on it either.
        let _ = ratatui::try_restore();
    }
}

/// Shows the view until somebody ends it.
pub(super) async fn show(
    client: Client,
    first: Answers,
    interval: Duration,
    look: Look,
) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    // Takes care of panics as well.
    let mut terminal = ratatui::try_init()?;
    let _restore = Restore;
    let begun = Instant::now();
    let mut view = View::default();
    view.answered(Duration::ZERO, first);
    let mut keys = Keys::start()?;
    let mut answers = ask(client, interval);
    let mut redraw = tokio::time::interval(REDRAW);
    loop {
        let size = frame(&mut terminal, &view, begun.elapsed(), look)?;
        tokio::select! {
            answer = answers.recv() => match answer {
                Some(Ok(answer)) => view.answered(begun.elapsed(), answer),
                Some(Err(error)) => view.unanswered(begun.elapsed(), &error.to_string()),
                None => return Err(io::Error::other("the daemon is not asked any more")),
            },
            event = keys.events.recv() => match event {
                Some(Ok(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                    if view.key(key, size) == Next::Quit {
                        return Ok(());
                    }
                }
                // A new size is read with the next frame; nothing else is asked for.
                Some(Ok(
                    Event::Key(_) | Event::Resize(..) | Event::FocusGained | Event::FocusLost
                    | Event::Mouse(_) | Event::Paste(_),
                )) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
            _ = redraw.tick() => {}
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => return Ok(()),
        }
    }
}

fn frame(
    terminal: &mut DefaultTerminal,
    view: &View,
    now: Duration,
    look: Look,
) -> io::Result<Size> {
    let drawn = terminal.draw(|frame| draw(frame, view, now, look))?;
    Ok(Size {
        columns: drawn.area.width,
        rows: drawn.area.height,
    })
}

/// Asks the daemon again and again.
fn ask(client: Client, interval: Duration) -> mpsc::Receiver<Answer> {
    let (answers, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(interval).await;
            if answers.send(Answers::of(&client).await).await.is_err() {
                return;
            }
        }
    });
    receiver
}

/// Keys come from a thread, since reading a terminal blocks.
struct Keys {
    events: mpsc::Receiver<io::Result<Event>>,
    stop: Arc<AtomicBool>,
}

impl Keys {
    fn start() -> io::Result<Keys> {
        let (sender, events) = mpsc::channel(QUEUE);
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&stop);
        std::thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || {
                while !theirs.load(Ordering::Relaxed) {
                    let event = match event::poll(KEY_WAIT) {
                        Ok(false) => continue,
                        Ok(true) => event::read(),
                        Err(error) => Err(error),
                    };
                    let last = event.is_err();
                    if sender.blocking_send(event).is_err() || last {
                        return;
                    }
                }
            })?;
        Ok(Keys { events, stop })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
