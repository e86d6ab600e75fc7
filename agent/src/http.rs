//! The HTTP endpoint: connections by TCP and by a unix socket.
//!
//! In: connections. Out: answers (`site`). Invariant: a request never waits for
//! the hot path; connections are bounded in number and time, and a new one
//! displaces the oldest, so that slow clients cannot keep others out; what
//! changes state is taken from the unix socket alone, which is root's. Lacks on
//! purpose: TLS and authentication, which a proxy in front adds.

mod answer;
mod api;
mod changes;
mod events;
mod hosts;
mod openapi;
mod pages;
mod published;
mod site;
mod socket;
mod watches;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use crate::inventory::Watch;
use hosts::Hosts;
use site::Site;

pub use events::MISSED;
pub use published::Published;
pub use socket::neighbour;
pub use watches::{LEASE_MAX, WatchRequest};

/// Most connections at once.
const CONNECTIONS_MAX: usize = 64;
/// Longest wait for a request's head, the first or the next.
const HEAD_WAIT: Duration = Duration::from_secs(30);
/// Age at which a connection is asked to end after its request.
const CONNECTION_AGE: Duration = Duration::from_secs(120);
/// What it gets to do so; also what the daemon's end leaves for answers.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// Pause after a failure to accept, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be had.
    #[error(
        "cannot listen on {address}: {reason}; free it or choose another with --web.listen-address"
    )]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's words.
        reason: std::io::Error,
    },
    /// The socket cannot be had.
    #[error("cannot listen on {}: {reason}; choose another with --web.socket, or none", path.display())]
    Socket {
        /// The path asked for.
        path: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
    /// Another daemon listens there.
    #[error(
        "another Sealwatch{} runs here and listens on {}; stop it, or give this one a place of its own with --web.socket, --web.listen-address and --pin",
        process(*pid),
        path.display()
    )]
    Taken {
        /// The path asked for.
        path: PathBuf,
        /// The other's process, where it can be seen from here.
        pid: Option<i32>,
    },
}

/// The other daemon, as far as it is known.
fn process(pid: Option<i32>) -> String {
    pid.map(|pid| format!(" (process {pid})"))
        .unwrap_or_default()
}

/// How it is served.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Path of the metrics.
    pub telemetry_path: String,
}

/// What the machine, or the container, is called; empty where that is not told.
pub fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

impl Listener {
    async fn accept(&self) -> std::io::Result<Pin<Box<dyn Stream>>> {
        Ok(match self {
            Listener::Tcp(listener) => Box::pin(listener.accept().await?.0),
            Listener::Unix(listener) => Box::pin(listener.accept().await?.0),
        })
    }
}

/// The addresses that are ours.
pub struct Endpoint {
    tcp: Option<TcpListener>,
    unix: Option<socket::Bound>,
    /// Where it is; the port is the real one where 0 was asked for.
    pub address: Option<SocketAddr>,
}

impl Endpoint {
    /// Takes an address.
    pub async fn bind(address: Option<SocketAddr>) -> Result<Self, HttpError> {
        let Some(address) = address else {
            return Ok(Endpoint {
                tcp: None,
                unix: None,
                address: None,
            });
        };
        let bad = |reason| HttpError::Listen { address, reason };
        let listener = TcpListener::bind(address).await.map_err(bad)?;
        let address = listener.local_addr().map_err(bad)?;
        Ok(Endpoint {
            tcp: Some(listener),
            unix: None,
            address: Some(address),
        })
    }

    /// Takes a unix socket as well.
    pub async fn bind_socket(&mut self, path: &Path) -> Result<(), HttpError> {
        self.unix = Some(socket::bind(path).await?);
        Ok(())
    }

    /// Serves until `stop` changes, then lets running answers end. Commands go
    /// where `commands` leads.
    pub async fn serve(
        self,
        published: Arc<Published>,
        settings: Settings,
        commands: mpsc::Sender<Watch>,
        stop: watch::Receiver<bool>,
    ) {
        let Settings { telemetry_path } = settings;
        let node = hostname();
        let hosts = Hosts::new(&node, Arc::clone(&published.allowed_hosts));
        let site = Site::new(published, &telemetry_path, &node, stop.clone());
        let tcp = async {
            if let Some(listener) = self.tcp {
                let router = site.clone().readable(Some(hosts));
                listen(Listener::Tcp(listener), router, stop.clone()).await;
            }
        };
        let unix = async {
            if let Some(bound) = self.unix {
                let (listener, _file) = bound.split();
                // Who may open the socket is root, under whatever name.
                let router = site.clone().readable(None);
                let router = router.merge(site::commanded(commands));
                listen(Listener::Unix(listener), router, stop.clone()).await;
            }
        };
        tokio::join!(tcp, unix);
    }
}

async fn listen(listener: Listener, router: Router, mut stop: watch::Receiver<bool>) {
    let mut connections: VecDeque<AbortHandle> = VecDeque::new();
    let mut refused = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) => {
                // Told once: it is tried ten times a second.
                if !std::mem::replace(&mut refused, true) {
                    tracing::warn!(%error, "cannot accept connections, trying again");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if std::mem::take(&mut refused) {
            tracing::info!("connections are accepted again");
        }
        connections.retain(|connection| !connection.is_finished());
        if connections.len() >= CONNECTIONS_MAX
            && let Some(oldest) = connections.pop_front()
        {
            oldest.abort();
        }
        let task = tokio::spawn(connection(stream, router.clone(), stop.clone()));
        connections.push_back(task.abort_handle());
    }
    let deadline = Instant::now() + CLOSE_WAIT;
    while connections
        .iter()
        .any(|connection| !connection.is_finished())
        && Instant::now() < deadline
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    connections.iter().for_each(AbortHandle::abort);
}

async fn connection(stream: Pin<Box<dyn Stream>>, router: Router, mut stop: watch::Receiver<bool>) {
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
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

#[cfg(test)]
mod tests;
