//! A client's bytes on a connection.
//!
//! In: a byte that chooses port or socket, what the client sends. Out: nothing; a
//! broken promise panics: what is answered is HTTP, and of the type that it says.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use axum::Router;
use sealwatch::http::{Answers, Published, Settings, converse};
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

use super::pipeline::lived;
use super::show::{are_lines, is_json};

/// A daemon with a container that was refused something.
const LIFE: &[u8] = include_bytes!("../corpus/pipeline/life");
/// How often the other side is let run without a word of it.
const PATIENCE: usize = 64;
/// Room between the two.
const PIPE_BYTES: usize = 64 << 10;

struct Server {
    by_tcp: Router,
    by_socket: Router,
    _stop: watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
    commands: mpsc::Receiver<sealwatch::inventory::Watch>,
}

thread_local! {
    static SERVER: RefCell<Option<(Runtime, Server)>> = const { RefCell::new(None) };
}

fn published() -> Arc<Published> {
    static PUBLISHED: OnceLock<Arc<Published>> = OnceLock::new();
    Arc::clone(PUBLISHED.get_or_init(|| lived(LIFE).0))
}

fn server() -> Server {
    let (stop, stopped) = watch::channel(false);
    let (sender, commands) = mpsc::channel(4);
    let settings = Settings {
        telemetry_path: "/metrics".to_owned(),
    };
    let answers = Answers::new(published(), &settings, stopped.clone());
    Server {
        by_tcp: answers.by_tcp(),
        by_socket: answers.by_socket(sender),
        _stop: stop,
        stopped,
        commands,
    }
}

/// All that one client sends, after which it waits for answers.
pub fn http(bytes: &[u8]) {
    let Some((choice, sent)) = bytes.split_first() else {
        return;
    };
    SERVER.with_borrow_mut(|kept| {
        let (runtime, server) = kept.get_or_insert_with(|| {
            let runtime = Builder::new_current_thread().enable_time().build();
            (runtime.unwrap_or_else(|error| panic!("{error}")), server())
        });
        let router = match choice % 2 {
            0 => server.by_tcp.clone(),
            _ => server.by_socket.clone(),
        };
        let stopped = server.stopped.clone();
        let answer = runtime.block_on(asked(router, stopped, sent));
        judge(&answer, sent.starts_with(b"HEAD "));
        while server.commands.try_recv().is_ok() {}
    });
}

async fn asked(router: Router, stopped: watch::Receiver<bool>, sent: &[u8]) -> Vec<u8> {
    let (mut client, served) = tokio::io::duplex(PIPE_BYTES);
    let served = tokio::spawn(converse(served, router, stopped));
    // A request longer than the pipe is longer than any that is answered.
    let sent = &sent[..sent.len().min(PIPE_BYTES)];
    let mut answer = Vec::new();
    if client.write_all(sent).await.is_ok() {
        let mut silent = 0;
        let mut room = vec![0; 16 << 10];
        while silent < PATIENCE {
            let read = std::future::poll_fn(|context| {
                let mut buffer = ReadBuf::new(&mut room);
                let read = std::pin::Pin::new(&mut client);
                match read.poll_read(context, &mut buffer) {
                    Poll::Ready(Ok(())) => Poll::Ready(Some(buffer.filled().len())),
                    Poll::Ready(Err(_)) => Poll::Ready(Some(0)),
                    Poll::Pending => Poll::Ready(None),
                }
            });
            match read.await {
                Some(0) => break,
                Some(length) => {
                    answer.extend_from_slice(&room[..length]);
                    silent = 0;
                }
                None => silent += 1,
            }
            tokio::task::yield_now().await;
        }
    }
    served.abort();
    assert!(
        served
            .await
            .map_or_else(|end| end.is_cancelled(), |()| true)
    );
    answer
}

/// The first answer; further ones begin where nobody knows.
fn judge(answer: &[u8], head_alone: bool) {
    if answer.is_empty() {
        return;
    }
    let answer = String::from_utf8_lossy(answer);
    let (head, rest) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    assert!(head.starts_with("HTTP/1."), "{head}");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse::<u16>().ok());
    let status = status.unwrap_or_else(|| panic!("no status: {head}"));
    assert!(
        (200..500).contains(&status) || status == 503,
        "{head}\n{rest}"
    );
    let header = |name: &str| {
        let mut lines = head.lines();
        let found = lines.find_map(|line| line.split_once(": ").filter(|(at, _)| *at == name));
        found.map(|(_, value)| value)
    };
    let length = header("content-length").and_then(|length| length.parse().ok());
    let Some(body) = length.and_then(|length: usize| rest.get(..length)) else {
        return;
    };
    if head_alone {
        return;
    }
    are_lines("a body", body);
    if header("content-type") == Some("application/json") {
        is_json("a body", body);
    }
}
