//! What a user would take instead: tools of the distribution.
//!
//! In: the tools, as Debian packages them. Out: the costs beside each. Invariant: a tool
//! that does not see the opens of the measuring process is not measured. bpftrace and
//! opensnoop are stopped meanwhile, so that their reading is not counted, to their
//! advantage; auditd and strace cannot be, as those whom they watch would wait for them.
//! Lacks on purpose: settings that nobody uses.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::batch::Length;
use crate::container::{Belongs, Container, Costs};

const STARTS_WITHIN: Duration = Duration::from_secs(900);
const POLL: Duration = Duration::from_millis(500);
/// A file whose name a tool must tell before it is measured.
const WITNESS: &str = "/run/witness-of-cost";
const TOLD: &str = "/run/cost-peer.log";

/// A process that ends with the handle.
struct Tool(Child);

impl Tool {
    fn signal(&self, signal: i32) -> Result<(), String> {
        let id = libc::pid_t::try_from(self.0.id()).map_err(|error| error.to_string())?;
        // SAFETY: the child has not been waited for, so the number is still its own.
        match unsafe { libc::kill(id, signal) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error().to_string()),
        }
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(words: &[&str]) -> Result<Tool, String> {
    let log = fs::File::create(TOLD).map_err(|error| format!("{TOLD}: {error}"))?;
    let second = log.try_clone().map_err(|error| error.to_string())?;
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(second);
    command
        .spawn()
        .map(Tool)
        .map_err(|error| format!("{}: {error}", words[0]))
}

/// The last lines of what the tool said.
fn told() -> String {
    let text = fs::read(TOLD).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" / ")
}

/// Opens a file of its own until the tool tells of it.
fn await_sight(tool: &mut Tool) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let _ = fs::File::open(WITNESS);
        std::thread::sleep(POLL);
        let text = fs::read(TOLD).unwrap_or_default();
        if String::from_utf8_lossy(&text).contains(WITNESS) {
            return Ok(());
        }
        let ended = tool.0.try_wait().map_err(|error| error.to_string())?;
        if ended.is_some() || begun.elapsed() > STARTS_WITHIN {
            return Err(format!("it tells of no open ({ended:?}): {}", told()));
        }
    }
}

/// Measures beside a tool that prints opens, while it is stopped.
fn beside(container: &Container, length: Length, words: &[&str]) -> Result<Costs, String> {
    let mut tool = start(words)?;
    await_sight(&mut tool)?;
    tool.signal(libc::SIGSTOP)?;
    container.measure(Belongs::Container, length)
}

/// bpftrace with opensnoop.bt, as its package has it.
pub fn bpftrace(container: &Container, length: Length) -> Result<Costs, String> {
    beside(
        container,
        length,
        &["bpftrace", "-B", "none", "/usr/sbin/opensnoop.bt"],
    )
}

/// bcc's opensnoop of libbpf-tools, which needs no compiler and no headers.
pub fn bcc(container: &Container, length: Length) -> Result<Costs, String> {
    beside(container, length, &["/usr/sbin/opensnoop"])
}

/// auditd with the rule that tells of opens that a read-only file system refuses.
pub fn auditd(container: &Container, length: Length) -> Result<Costs, String> {
    const LOGS: &str = "/var/log/audit";
    fs::create_dir_all(LOGS).map_err(|error| format!("{LOGS}: {error}"))?;
    let mut tool = start(&["auditd", "-n"])?;
    let begun = Instant::now();
    let rule = [
        "-a",
        "always,exit",
        "-F",
        "arch=b64",
        "-S",
        "openat",
        "-F",
        "exit=-EROFS",
    ];
    loop {
        std::thread::sleep(POLL);
        if let Some(ended) = tool.0.try_wait().map_err(|error| error.to_string())? {
            return Err(format!("auditd ended with {ended}: {}", told()));
        }
        let status = Command::new("auditctl").arg("-s").output();
        let status = status.map_err(|error| format!("auditctl: {error}"))?;
        let status = String::from_utf8_lossy(&status.stdout).into_owned();
        // The kernel has the daemon's number once it delivers to it.
        if status.contains(&format!("pid {}", tool.0.id())) {
            break;
        }
        if begun.elapsed() > STARTS_WITHIN {
            return Err(format!("auditd does not answer: {status}"));
        }
    }
    let added = Command::new("auditctl").args(rule).output();
    let added = added.map_err(|error| format!("auditctl: {error}"))?;
    if !added.status.success() {
        return Err(format!(
            "auditctl: {}",
            String::from_utf8_lossy(&added.stderr)
        ));
    }
    let costs = container.measure(Belongs::Container, length);
    for arguments in [["-D"].as_slice(), ["-e", "0"].as_slice()] {
        let undone = Command::new("auditctl").args(arguments).status();
        undone.map_err(|error| format!("auditctl {arguments:?}: {error}"))?;
    }
    let log = Path::new(LOGS).join("audit.log");
    let text = fs::read_to_string(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    match text.contains("exit=-30") {
        true => costs,
        false => Err("audit.log has none of the refusals".into()),
    }
}

/// strace -f, whose every call is told into a file.
pub fn strace(container: &Container, length: Length) -> Result<Costs, String> {
    // Some hundred times slower: fewer rounds say as much.
    let length = Length {
        batches: length.batches.min(12),
        rounds: length.rounds.min(10),
    };
    let costs =
        container.measure_under(Belongs::Container, length, &["strace", "-f", "-o", TOLD])?;
    let text = fs::read_to_string(TOLD).map_err(|error| format!("{TOLD}: {error}"))?;
    match text.contains("EROFS") {
        true => Ok(costs),
        false => Err("it told of no refusal".into()),
    }
}
