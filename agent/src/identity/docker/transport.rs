//! Connections to an engine whose answers have an end.
//!
//! In: a socket's path. Out: how the client library sends its requests. Invariant:
//! an answer takes no more memory than [`ANSWER_MAX`], whatever listens there; a
//! stream of events that goes on for ever is let through as long as it is no flood.
//! Lacks on purpose: time limits, which each request has of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bollard::errors::Error as ClientError;
use bollard::{BollardRequest, ClientVersion, Docker};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

/// Most bytes at once: a list of ten thousand containers is shorter.
const ANSWER_MAX: u64 = 64 << 20;
/// What a connection may go on with.
const BYTES_PER_SECOND: u64 = 1 << 20;
/// The host in requests; nobody looks it up.
const HOST: &str = "http://localhost";

/// A client of that socket; nothing is asked yet.
pub(super) fn connect(
    socket: &Path,
    within_seconds: u64,
    version: &ClientVersion,
) -> Result<Docker, ClientError> {
    let socket: PathBuf = socket.to_owned();
    let connector = tower::service_fn(move |_: hyper::Uri| {
        let socket = socket.clone();
        Box::pin(async move {
            let stream = UnixStream::connect(socket).await?;
            Ok::<_, io::Error>(TokioIo::new(Bounded::new(stream)))
        })
    });
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let send = move |request: BollardRequest| {
        let answer = client.request(request);
        async move { answer.await.map_err(ClientError::from) }
    };
    Docker::connect_with_custom_transport(send, Some(HOST), within_seconds, version)
}

/// A stream that gives so many bytes and then, after a while, as many again.
struct Bounded<S> {
    stream: S,
    left: u64,
    counted: Instant,
}

impl<S> Bounded<S> {
    fn new(stream: S) -> Self {
        Bounded {
            stream,
            left: ANSWER_MAX,
            counted: Instant::now(),
        }
    }

    /// Takes in what was read; an error where it was too much.
    fn take(&mut self, read: u64, now: Instant) -> io::Result<()> {
        let waited = now.saturating_duration_since(self.counted).as_millis();
        let more = u64::try_from(waited).unwrap_or(u64::MAX);
        let more = more.saturating_mul(BYTES_PER_SECOND) / 1000;
        self.counted = now;
        self.left = self.left.saturating_add(more).min(ANSWER_MAX);
        match self.left.checked_sub(read) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                let limit = ANSWER_MAX >> 20;
                Err(io::Error::other(format!(
                    "an answer of more than {limit} MiB"
                )))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                let read = buffer.filled().len() - before;
                Poll::Ready(self.take(read as u64, Instant::now()))
            }
            other => other,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S> Connection for Bounded<S> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_flood_ends_and_a_stream_goes_on() {
        let mut bounded = Bounded::new(());
        let begun = bounded.counted;
        assert!(bounded.take(ANSWER_MAX, begun).is_ok());
        assert!(bounded.take(1, begun).is_err());
        for second in 1..200 {
            let now = begun + Duration::from_secs(second);
            assert!(bounded.take(BYTES_PER_SECOND, now).is_ok(), "{second}");
        }
        let later = begun + Duration::from_secs(10_000);
        assert!(bounded.take(ANSWER_MAX, later).is_ok());
        assert!(bounded.take(1, later).is_err());
    }
}
