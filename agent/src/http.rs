//! The HTTP endpoint: connections by TCP and by a unix socket.
//!
//! In: connections. Out: answers (`site`). Invariant: a request never waits for
//! the hot path; connections are bounded in number and time (`seats`), answers in
//! memory (`room`), so that slow clients cannot keep others out; what changes state is
//! taken from the unix socket alone, which is root's. Lacks on purpose: TLS and authentication, which a proxy in front adds.

mod answer;
mod api;
mod changes;
mod connection;
mod events;
mod hosts;
mod openapi;
mod pages;
mod published;
mod room;
mod seats;
mod site;
mod socket;
mod watches;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};

use crate::inventory::Watch;
use connection::Stream;
use hosts::Hosts;
use room::Room;
use seats::Seats;
use site::Site;

pub use events::MISSED;
pub use published::Published;
pub use socket::neighbour;
pub use watches::{LEASE_MAX, WatchRequest};

/// Most connections at once by TCP, and by the socket, which is root's.
const CONNECTIONS_MAX: usize = 256;
const ROOTS_CONNECTIONS_MAX: usize = 64;
/// What a connection's last answer gets at its end; also what the daemon's end leaves for answers.
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
        let answers = Answers::new(published, &settings, stop.clone());
        let tcp = async {
            if let Some(listener) = self.tcp {
                let (router, seats) = (answers.by_tcp(), Arc::clone(&answers.seats));
                listen(Listener::Tcp(listener), seats, router, stop.clone()).await;
            }
        };
        let unix = async {
            if let Some(bound) = self.unix {
                let (listener, _file) = bound.split();
                let router = answers.by_socket(commands);
                let seats = Seats::new(ROOTS_CONNECTIONS_MAX);
                listen(Listener::Unix(listener), seats, router, stop.clone()).await;
            }
        };
        tokio::join!(tcp, unix);
    }
}

/// What is answered, without the addresses.
pub struct Answers {
    site: Site,
    hosts: Hosts,
    /// Of those who come by TCP.
    seats: Arc<Seats>,
}

impl Answers {
    /// Of what is published, until `stop` changes.
    pub fn new(
        published: Arc<Published>,
        settings: &Settings,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let node = hostname();
        let hosts = Hosts::new(&node, Arc::clone(&published.allowed_hosts));
        let seats = Seats::new(CONNECTIONS_MAX);
        let room = Room::new(Arc::clone(&seats));
        let site = Site::new(published, &settings.telemetry_path, &node, room, stop);
        Answers { site, hosts, seats }
    }

    /// To whoever can reach the port.
    pub fn by_tcp(&self) -> Router {
        self.site.clone().readable(Some(self.hosts.clone()))
    }

    /// To whoever may open the socket, who is root, under whatever name.
    pub fn by_socket(&self, commands: mpsc::Sender<Watch>) -> Router {
        let router = self.site.clone().readable(None);
        router.merge(site::commanded(commands))
    }
}

/// Serves one connection as the endpoint serves its own, until it ends.
pub async fn converse(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    let seat = Seats::new(1).take().await;
    connection::serve(Box::pin(stream), seat, router, stop).await;
}

async fn listen(
    listener: Listener,
    seats: Arc<Seats>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
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
        // Further ones wait in the kernel's queue meanwhile.
        let occupied = tokio::select! {
            occupied = seats.take() => occupied,
            _ = stop.changed() => break,
        };
        let seat = Arc::clone(&occupied.seat);
        let connection = connection::serve(stream, occupied, router.clone(), stop.clone());
        seat.is_of(tokio::spawn(connection).abort_handle());
    }
    let deadline = Instant::now() + CLOSE_WAIT;
    while seats.taken() > 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    seats.clear();
}

#[cfg(test)]
mod tests;
