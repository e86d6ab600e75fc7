//! Streams of events become one that goes on, over a daemon's restarts.
//!
//! In: a daemon, the place to begin after. Out: events, each once; on standard
//! error, that some were missed or nobody answers. Invariant: the place moves
//! with what was written, so that nothing is written twice or left out while the
//! daemon keeps it. Lacks on purpose: an end of its own; whoever reads no more
//! ends it.

use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use super::output::Output;
use crate::commands::client::Client;
use crate::commands::stdout::reader_is_gone;
use crate::http::MISSED;

/// Pause before a daemon that does not answer is asked again.
const AWAY_WAIT: Duration = Duration::from_secs(1);
/// Pause after a stream that ended in order, as each does after a while.
const NEXT_WAIT: Duration = Duration::from_millis(100);
/// How often the reader is looked for while there is nothing to write.
const READER_WAIT: Duration = Duration::from_millis(500);

/// Writes what happens after `place`, until nobody reads.
pub(super) async fn follow<W: Write>(
    client: &Client,
    path: impl Fn(&str) -> String,
    output: &mut Output<W>,
    place: String,
) -> io::Result<()> {
    let mut follower = Follower {
        client,
        place,
        away: false,
    };
    let mut closed = pin!(async {
        while !reader_is_gone() {
            tokio::time::sleep(READER_WAIT).await;
        }
    });
    loop {
        let asked = path(&follower.place);
        let pause = tokio::select! {
            ended = follower.stream(&asked, output) => ended?,
            () = &mut closed => return Ok(()),
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = &mut closed => return Ok(()),
        }
    }
}

struct Follower<'a> {
    client: &'a Client,
    /// After the last event that was written.
    place: String,
    /// Has it been told that nobody answers?
    away: bool,
}

impl Follower<'_> {
    /// One stream to its end; gives the pause before the next.
    async fn stream<W: Write>(
        &mut self,
        path: &str,
        output: &mut Output<W>,
    ) -> io::Result<Duration> {
        let mut stream = match self.client.stream(path).await {
            Ok(stream) => stream,
            Err(error) => return Ok(self.gone(&error)),
        };
        if std::mem::take(&mut self.away) {
            eprintln!("sealwatch: {} answers again", self.client.agent());
        }
        loop {
            let next = stream.next().await;
            if let Some(place) = stream.place() {
                self.moved(place);
            }
            match next {
                Ok(Some(event)) if event.name.as_deref() == Some(MISSED) => {
                    let count = crate::report::printable(&event.data);
                    eprintln!(
                        "sealwatch: {count} events were missed: the daemon does not keep them any more"
                    );
                }
                Ok(Some(event)) => output.event(&event.data)?,
                Ok(None) => return Ok(NEXT_WAIT),
                Err(error) => return Ok(self.gone(&error)),
            }
        }
    }

    fn moved(&mut self, place: &str) {
        let run = |place: &str| place.split('-').next().map(str::to_owned);
        if run(place) != run(&self.place) {
            eprintln!(
                "sealwatch: {} was started anew: its events follow from the first",
                self.client.agent()
            );
        }
        place.clone_into(&mut self.place);
    }

    fn gone(&mut self, error: &dyn std::fmt::Display) -> Duration {
        if !std::mem::replace(&mut self.away, true) {
            eprintln!("sealwatch: {error}; waiting for it");
        }
        AWAY_WAIT
    }
}
