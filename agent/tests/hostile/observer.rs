//! What hostility costs the daemon: memory, descriptors, series, and how long an
//! honest scraper waits.
//!
//! In: a daemon, a time. Out: the most of each. Invariant: it asks as Prometheus
//! does, on a connection of its own each time.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use xtask::process::{MIB, descriptors, memory};

use super::agent::Agent;
use super::http::get;

/// Memory of its own; 30 are the aim where nobody is hostile.
const OWN_MIB_MAX: f64 = 96.0;
const DESCRIPTORS_MAX: usize = 512;
/// `--limits.series` of denials, of tmpfs and of the rest, each.
const SERIES_MAX: usize = 60_000;
/// Prometheus gives up after 10.
const SCRAPE_MAX: Duration = Duration::from_secs(8);
const SCRAPE_EVERY: Duration = Duration::from_millis(200);

/// The most that was seen.
#[derive(Default)]
pub struct Seen {
    own_mib: f64,
    descriptors: usize,
    series: usize,
    scrape: Duration,
    scrapes: usize,
    failed: Vec<String>,
}

/// Looks until it is told to end.
pub struct Observer {
    over: Arc<AtomicBool>,
    looking: JoinHandle<Seen>,
}

impl Observer {
    /// Begins to look.
    pub fn begin(agent: &Agent) -> Observer {
        let over = Arc::new(AtomicBool::new(false));
        let (pid, address, theirs) = (agent.pid(), agent.address(), Arc::clone(&over));
        let looking = thread::spawn(move || {
            let mut seen = Seen::default();
            while !theirs.load(Ordering::Relaxed) {
                seen.look(pid, address);
                thread::sleep(SCRAPE_EVERY);
            }
            seen.look(pid, address);
            seen
        });
        Observer { over, looking }
    }

    /// What was seen.
    pub fn end(self) -> Seen {
        self.over.store(true, Ordering::Relaxed);
        self.looking.join().unwrap()
    }
}

impl Seen {
    fn look(&mut self, pid: u32, address: SocketAddr) {
        let begun = Instant::now();
        let answer = get(address, "/metrics", "", 2 * SCRAPE_MAX);
        self.scrape = self.scrape.max(begun.elapsed());
        self.scrapes += 1;
        match answer {
            Ok(answer) if answer.starts_with("HTTP/1.1 200") => {
                let series = answer.lines().filter(|line| line.starts_with("sealwatch_"));
                self.series = self.series.max(series.count());
            }
            Ok(answer) => self
                .failed
                .push(answer.lines().next().unwrap_or_default().to_owned()),
            Err(error) => self.failed.push(error.to_string()),
        }
        let own_mib = memory(pid).unwrap().anonymous as f64 / MIB;
        self.own_mib = self.own_mib.max(own_mib);
        self.descriptors = self.descriptors.max(descriptors(pid).unwrap());
    }

    /// All of it is within its bounds.
    pub fn assert_bounds(&self) {
        assert!(self.failed.is_empty(), "scrapes failed: {:?}", self.failed);
        assert!(self.scrape < SCRAPE_MAX, "a scrape took {:?}", self.scrape);
        assert!(self.own_mib < OWN_MIB_MAX, "{} MiB", self.own_mib);
        assert!(
            self.descriptors < DESCRIPTORS_MAX,
            "{} descriptors",
            self.descriptors
        );
        assert!(self.series < SERIES_MAX, "{} series", self.series);
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} scrapes, the slowest {:.0} ms; at most {:.1} MiB, {} descriptors, {} series",
            self.scrapes,
            self.scrape.as_secs_f64() * 1e3,
            self.own_mib,
            self.descriptors,
            self.series
        )
    }
}
