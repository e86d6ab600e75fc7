//! `sealwatch contract` as a child, while somebody exercises what it watches.
//!
//! In: its arguments. Out: what it printed to apply. Invariant: the container is
//! started after the watch has begun, as its help says.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::agent::eventually;

/// A command that watches.
pub struct Learning {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Learning {
    /// Starts it beside the daemon that serves on `socket`, and waits until it watches.
    pub fn begin(socket: &Path, args: &[&str]) -> Learning {
        let agent = format!("unix:{}", socket.display());
        let mut child = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
            .arg("contract")
            .args(args)
            .args(["--for", "5m", "--agent", &agent])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let sink = said.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                *sink.lock().unwrap() += &(line + "\n");
            }
        });
        eventually("it watches", Duration::from_secs(20), || {
            said.lock().unwrap().contains("exercise all it does")
        });
        Learning { child, said }
    }

    /// Ctrl-C, once all was exercised; what is to be applied.
    pub fn end(self) -> String {
        let pid = i32::try_from(self.child.id()).unwrap();
        // SAFETY: takes integers; the child was not waited for, so the id is its own.
        unsafe { libc::kill(pid, libc::SIGINT) };
        let output = self.child.wait_with_output().unwrap();
        let said = self.said.lock().unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        let printed = String::from_utf8(output.stdout).unwrap();
        eprintln!("{said}{printed}");
        printed
    }
}
