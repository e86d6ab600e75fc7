//! What is active and undelivered, as it outlives the daemon.
//!
//! In: a [`Board`]; the text of a file. Out: the text; a board again. Invariant:
//! no text makes it panic, and none makes it hold more than it would by itself;
//! what is not delivered is kept for the receiver it was meant for, as long as
//! the settings name that. Lacks on purpose: the file.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ALERTS_MAX;
use super::board::Board;
use super::outbox::{Outbox, QUEUE_MAX};
use super::receiver::Receiver;
use super::track::{Episode, Tracker};
use crate::degrade::Moment;

/// The form of the text. Another one is not read.
const VERSION: u32 = 1;
/// Longest text that is read.
pub(super) const BYTES_MAX: usize = 32 << 20;

/// Why a text is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SavedError {
    #[error(transparent)]
    Read(#[from] std::io::Error),
    #[error("it has more than {BYTES_MAX} bytes")]
    TooLong,
    #[error("it cannot be read: {0}")]
    Form(#[from] serde_json::Error),
    #[error("it has version {0}, not {VERSION}")]
    Version(u32),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved<E> {
    version: u32,
    active: Vec<E>,
    receivers: Vec<Queue<E>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Queue<E> {
    key: String,
    undelivered: Vec<E>,
}

/// The text of a board whose receivers these are.
pub(super) fn text(board: &Board, receivers: &[Receiver]) -> Result<String, serde_json::Error> {
    let queues = receivers.iter().enumerate().map(|(at, receiver)| Queue {
        key: receiver.key(),
        undelivered: board.outbox(at).waiting().map(|one| &**one).collect(),
    });
    serde_json::to_string(&Saved::<&Episode> {
        version: VERSION,
        active: board.active().map(|one| &**one).collect(),
        receivers: queues.collect(),
    })
}

/// The board of that text, for these receivers.
pub(super) fn board(text: &[u8], receivers: &[Receiver], now: Moment) -> Result<Board, SavedError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    if text.len() > BYTES_MAX {
        return Err(SavedError::TooLong);
    }
    let Versioned { version } = serde_json::from_slice(text)?;
    if version != VERSION {
        return Err(SavedError::Version(version));
    }
    let mut saved: Saved<Episode> = serde_json::from_slice(text)?;
    saved.active.truncate(ALERTS_MAX + 1);
    let outboxes = receivers.iter().map(|receiver| {
        let key = receiver.key();
        let queue = saved.receivers.iter_mut().find(|queue| queue.key == key);
        let mut left = queue.map_or_else(Vec::new, |queue| std::mem::take(&mut queue.undelivered));
        left.truncate(QUEUE_MAX);
        Outbox::new(receiver.kind, left.into_iter().map(Arc::new).collect())
    });
    let outboxes = outboxes.collect();
    Ok(Board::new(Tracker::restored(saved.active, now), outboxes))
}

/// A board with nothing on it.
pub(super) fn empty(receivers: &[Receiver]) -> Board {
    let outboxes = receivers
        .iter()
        .map(|receiver| Outbox::new(receiver.kind, Vec::new()));
    Board::new(Tracker::default(), outboxes.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::track::tests::{at, so};
    use super::*;
    use crate::config::{Alerting, ReceiverUrl};

    fn receivers(webhooks: &[&str]) -> Vec<Receiver> {
        let urls = webhooks.iter().map(|url| ReceiverUrl::parse(url).unwrap());
        Receiver::all(&Alerting {
            webhooks: urls.collect(),
            ..Alerting::default()
        })
    }

    #[test]
    fn what_was_undelivered_and_what_is_over_by_now_is_told_after_a_restart() {
        let (a, b) = ("http://a/secret", "http://b/");
        let both = receivers(&[a, b]);
        let mut before = empty(&both);
        before.observe(vec![so("A", "")], at(0));
        let to_b = before.batch(1, at(0)).unwrap();
        before.delivered(1, &to_b, at(0));
        let text = text(&before, &both).unwrap();
        assert!(!text.contains("secret"), "{text}");

        let swapped = receivers(&[b, a]);
        let mut after = board(text.as_bytes(), &swapped, at(10)).unwrap();
        assert!(after.batch(0, at(10)).is_none(), "b was told");
        let to_a = after.batch(1, at(10)).unwrap();
        assert_eq!(to_a.told[0].episode.alert.name(), "A");
        assert_eq!(to_a.told[0].ends_at, None);
        after.delivered(1, &to_a, at(10));
        after.observe(vec![], at(200));
        for receiver in [0, 1] {
            let batch = after.batch(receiver, at(200)).unwrap();
            assert_eq!(batch.told[0].ends_at, Some(at(200).wall));
        }
    }

    #[test]
    fn another_version_is_not_read() {
        let wrong = board(b"{\"version\":2,\"new\":0}", &[], at(0));
        assert!(matches!(wrong, Err(SavedError::Version(2))));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = board(&text, &receivers(&["http://a"]), at(0));
        }
    }
}
