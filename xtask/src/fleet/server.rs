//! The simulated nodes, as Prometheus scrapes them: one port, a path for each.
//!
//! In: a [`Shape`], how many nodes and containers. Out: text at `/node/N`.
//! Invariant: a node's containers keep their names; counters of a request are
//! those of its time, so that rates are real. Lacks on purpose: churn of
//! containers, and anything of HTTP but GET.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::shape::{Shape, Who};

/// Requests that are answered at a time.
const WORKERS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(10);
/// Containers of a workload.
const REPLICAS: usize = 50;
/// Namespaces of the fleet.
const NAMESPACES: usize = 100;
/// One container in so many is of the first kind, the one with refusals.
const REFUSED_EVERY: usize = 20;

/// The fleet.
pub(super) struct Fleet {
    pub(super) shape: Shape,
    pub(super) nodes: usize,
    pub(super) containers: usize,
    pub(super) begun: Instant,
}

impl Fleet {
    /// Series of the whole fleet.
    pub(super) fn series(&self) -> usize {
        let of = self.shape.container_series();
        let all = self.nodes * self.containers;
        let refused = all.div_ceil(REFUSED_EVERY);
        self.nodes * self.shape.node_series() + refused * of[0] + (all - refused) * of[1]
    }

    /// A node's text.
    fn text(&self, node: usize) -> String {
        let seconds = self.begun.elapsed().as_secs();
        let mut text = String::with_capacity(self.containers * 4096);
        text.push_str(self.shape.node());
        for container in 0..self.containers {
            let number = node * self.containers + container;
            let workload = number / REPLICAS;
            let who = Who {
                namespace: &format!("team-{:02}", workload % NAMESPACES),
                pod: &format!("app-{workload}-7d9f8b6c5-{number:06x}"),
                workload: &format!("app-{workload}"),
                id: &format!("{number:064x}"),
            };
            let kind = usize::from(!number.is_multiple_of(REFUSED_EVERY));
            self.shape.write(kind, &who, seconds, &mut text);
        }
        text
    }

    /// Serves until the process ends; returns the address.
    pub(super) fn serve(self: Arc<Self>) -> Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        for _ in 0..WORKERS {
            let listener = listener.try_clone().context("sharing the port")?;
            let fleet = Arc::clone(&self);
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    // A scraper that went away is asked for nothing more.
                    let _ = fleet.answer(stream);
                }
            });
        }
        Ok(address)
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let mut header = String::new();
        while reader.read_line(&mut header)? > 2 {
            header.clear();
        }
        let node = first
            .strip_prefix("GET /node/")
            .and_then(|rest| rest.split(' ').next())
            .and_then(|number| number.parse().ok())
            .filter(|node| *node < self.nodes);
        let (status, body) = match node {
            Some(node) => ("200 OK", self.text(node)),
            None => ("404 Not Found", String::new()),
        };
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        )?;
        stream.write_all(body.as_bytes())
    }
}
