//! The engine's socket, as the daemon is shown it: there, silent, or gone.
//!
//! In: the real socket. Out: a socket that hands everything on to it, while that is
//! wanted. Invariant: nothing of the engine's answers is changed. Lacks on purpose:
//! answers of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// It answers.
    None,
    /// It takes questions and answers none.
    Silent,
    /// There is no socket.
    Gone,
}

#[derive(Default)]
struct Shared {
    silent: bool,
    open: Vec<UnixStream>,
}

/// The socket.
pub struct Relay {
    path: PathBuf,
    engine: PathBuf,
    shared: Arc<Mutex<Shared>>,
}

impl Relay {
    /// Listens at `path` for those who want the engine.
    pub fn start(path: PathBuf, engine: &Path) -> Result<Relay, String> {
        let relay = Relay {
            path,
            engine: engine.into(),
            shared: Arc::default(),
        };
        relay.listen()?;
        Ok(relay)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn listen(&self) -> Result<(), String> {
        let listener = UnixListener::bind(&self.path);
        let listener = listener.map_err(|error| format!("{}: {error}", self.path.display()))?;
        let (engine, shared) = (self.engine.clone(), Arc::clone(&self.shared));
        std::thread::spawn(move || {
            // A listener whose socket is gone from the file system hears nobody any more.
            for stream in listener.incoming().map_while(Result::ok) {
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let Ok(kept) = stream.try_clone() else {
                    continue;
                };
                shared.open.push(kept);
                if shared.silent {
                    continue;
                }
                let Ok(to) = UnixStream::connect(&engine) else {
                    continue;
                };
                if let (Ok(kept), Ok(back), Ok(from)) =
                    (to.try_clone(), to.try_clone(), stream.try_clone())
                {
                    shared.open.push(kept);
                    std::thread::spawn(move || copy(from, to));
                    std::thread::spawn(move || copy(back, stream));
                }
            }
        });
        Ok(())
    }

    /// From now on it is so; what is open is cut off.
    pub fn set(&self, outage: Outage) -> Result<(), String> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.silent = outage == Outage::Silent;
        for stream in shared.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(shared);
        let there = self.path.exists();
        match outage {
            Outage::Gone if there => fs::remove_file(&self.path).map_err(|error| error.to_string()),
            Outage::None | Outage::Silent if !there => self.listen(),
            _ => Ok(()),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.set(Outage::Gone);
    }
}

fn copy(mut from: UnixStream, mut to: UnixStream) {
    let mut buffer = [0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
