//! One connection becomes requests and answers, until it has had its time.
//!
//! In: a stream, a seat, the routes. Out: answers. Invariant: what a connection
//! keeps in memory of requests is bounded, and its seat knows what it is at. Lacks
//! on purpose: accepting connections, and who gives way to whom.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, Request, header};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::CLOSE_WAIT;
use super::seats::{Answering, Occupied, Watched};

/// Longest head of a request, and most that is read ahead.
const HEAD_MAX_BYTES: usize = 16 << 10;
/// Longest wait for a request's head, the first or the next.
const HEAD_WAIT: Duration = Duration::from_secs(30);
/// Age at which a connection is asked to end after its request.
const CONNECTION_AGE: Duration = Duration::from_secs(120);

/// Bytes in both directions.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

/// Serves it until it ends, or `stop` changes and its answer is over.
pub(super) async fn serve(
    stream: Pin<Box<dyn Stream>>,
    occupied: Occupied,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let seat = &occupied.seat;
    let watched = Watched {
        stream,
        seat: seat.clone(),
    };
    let answer = |request: Request<Incoming>| {
        let answering = seat.asked();
        // Who asks much on one connection must not keep out who waits for one.
        let scarce = occupied.seats.are_scarce();
        let answer = router.clone().oneshot(request);
        async move {
            let mut answer = answer.await?;
            if scarce {
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(header::CONNECTION, close);
            }
            Ok::<_, Infallible>(answer.map(|body| UntilRead {
                body,
                _answering: answering,
            }))
        }
    };
    let served = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_MAX_BYTES)
        .serve_connection(TokioIo::new(watched), service_fn(answer));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => Some(ended),
        () = tokio::time::sleep(CONNECTION_AGE) => None,
        _ = stop.changed() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            served.as_mut().graceful_shutdown();
            match tokio::time::timeout(CLOSE_WAIT, served).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// A body with the mark that it is under way.
struct UntilRead {
    body: Body,
    _answering: Answering,
}

impl HttpBody for UntilRead {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
