//! Sealwatch as a design: the real daemon, in its defaults but for what is asked.
//!
//! In: more arguments. Out: the costs beside it. Invariant: it is measured once it is
//! ready, and counts nothing as measured that it has not counted itself: each refusal of
//! the measuring process, no fewer. Lacks on purpose: stopping it meanwhile; what it does
//! four times a second falls into few batches, and the median is none of these.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::batch::Length;
use crate::container::{Belongs, Container, Costs};

const PROGRAM: &str = "/usr/local/bin/sealwatch";
const ADDRESS: &str = "127.0.0.1:9402";
const LOG: &str = "/run/sealwatch-cost.log";
/// By the guest's clock, which counts instructions: waiting for the disk takes none.
const READY_WITHIN: Duration = Duration::from_secs(600);
const COUNTED_WITHIN: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(200);

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // Programs leave with the process that holds them.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures beside a daemon.
pub fn measure(
    container: &Container,
    length: Length,
    belongs: Belongs,
    arguments: &[&str],
) -> Result<Costs, String> {
    let log = fs::File::create(LOG).map_err(|error| format!("{LOG}: {error}"))?;
    let child = Command::new(PROGRAM)
        .args(["run", "--web.listen-address", ADDRESS])
        .args(["--docker-socket", "none", "--cri-endpoint", "none"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| format!("{PROGRAM}: {error}"))?;
    let mut daemon = Daemon(child);
    await_that(&mut daemon, READY_WITHIN, "ready", || {
        get("/readyz").is_some_and(|(status, _)| status == 200)
    })?;
    if arguments.contains(&"--inventory") {
        await_that(
            &mut daemon,
            COUNTED_WITHIN,
            "watching the container's writes",
            || sum("sealwatch_inventory_containers") >= 1.0,
        )?;
    }
    let before = sum("sealwatch_denials_total");
    let costs = container.measure(belongs, length)?;
    // The first quarter of the batches, which warm up, is refused as well.
    let batches = length.batches + length.batches.div_ceil(4);
    let refused = match belongs {
        Belongs::Container => batches as f64 * length.rounds as f64,
        Belongs::Host => 0.0,
    };
    let mut counted = 0.0;
    await_that(
        &mut daemon,
        COUNTED_WITHIN,
        "counting every refusal",
        || {
            counted = sum("sealwatch_denials_total") - before;
            counted >= refused
        },
    )
    .map_err(|why| format!("{why}; {counted} of {refused}"))?;
    if counted > refused {
        return Err(format!(
            "{counted} refusals were counted, and {refused} made"
        ));
    }
    Ok(costs)
}

fn await_that(
    daemon: &mut Daemon,
    within: Duration,
    what: &str,
    mut holds: impl FnMut() -> bool,
) -> Result<(), String> {
    let begun = Instant::now();
    while !holds() {
        let ended = daemon.0.try_wait().map_err(|error| error.to_string())?;
        if ended.is_some() || begun.elapsed() > within {
            let log = fs::read_to_string(LOG).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(10).collect();
            return Err(format!("the daemon is not {what} ({ended:?}): {lines:?}"));
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// The sum of a metric's series.
fn sum(name: &str) -> f64 {
    let text = get("/metrics").map(|(_, body)| body).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter(|rest| rest.starts_with(['{', ' ']))
        .filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// A GET to the daemon: status and body; none while it does not answer.
fn get(path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(ADDRESS).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
