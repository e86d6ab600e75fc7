//! One daemon at a place: the second waits for the first's end, or says who is there.
//!
//! In: where the daemon would listen. Out: nothing once the place is free.
//! Invariant: two daemons that would count the same for the same users are never
//! both there; one that is just ending is waited for, since an update may start
//! the new one before the old one is gone. Lacks on purpose: daemons at places of
//! their own, such as those of `check`: they count for their own command alone.

use std::path::Path;
use std::time::{Duration, Instant};

use super::daemon::SOCKET;
use crate::config::Place;
use crate::http::{HttpError, neighbour};
use crate::source::kernel::pins::{Pins, PinsError};

/// How long the end of another daemon is waited for.
const WAIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// Waits until nobody listens on the socket.
///
/// # Errors
/// [`HttpError::Taken`] where somebody still does after [`WAIT`].
pub(super) async fn wait(place: &Place) -> Result<(), HttpError> {
    let path = match place {
        Place::Off => return Ok(()),
        Place::Auto => Path::new(SOCKET),
        Place::At(path) => path,
    };
    let begun = Instant::now();
    let mut told = false;
    // What cannot be found out is an error where the socket is taken.
    while let Ok(Some(pid)) = neighbour(path).await {
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(
                process = pid,
                socket = %path.display(),
                seconds = WAIT.as_secs(),
                "another Sealwatch runs here: waiting for its end"
            );
        }
        if begun.elapsed() >= WAIT {
            return Err(HttpError::Taken {
                path: path.into(),
                pid,
            });
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Takes the directory of pins once nobody has it.
///
/// # Errors
/// [`PinsError::Taken`] where somebody still has it after [`WAIT`]; it cannot be used.
pub(super) async fn pins(path: &Path) -> Result<Pins, PinsError> {
    let begun = Instant::now();
    loop {
        match Pins::take(path) {
            Err(PinsError::Taken { .. }) if begun.elapsed() < WAIT => {
                tokio::time::sleep(POLL).await;
            }
            taken => return taken,
        }
    }
}
