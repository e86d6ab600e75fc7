//! The unix socket: a path becomes a listener that root alone may talk to.
//!
//! In: a path. Out: a listener, and the file's end with it. Invariant: the file
//! has mode 0600 before it has its name; a socket that nobody listens on any
//! more is replaced, one of another daemon is left alone. Lacks on purpose:
//! connections.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::HttpError;

/// A listener and its file.
pub(super) struct Bound {
    listener: UnixListener,
    file: SocketFile,
}

impl Bound {
    /// The listener, and what removes the file when it is dropped.
    pub(super) fn split(self) -> (UnixListener, SocketFile) {
        (self.listener, self.file)
    }
}

/// Removes the socket's file, unless another daemon has put its own there.
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode);
        if ours {
            // What cannot be removed is replaced by the next daemon.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens there.
pub(super) async fn bind(path: &Path) -> Result<Bound, HttpError> {
    let other = fs::symlink_metadata(path).is_ok_and(|file| !file.file_type().is_socket());
    if other {
        return Err(HttpError::Socket {
            path: path.into(),
            reason: io::Error::new(
                ErrorKind::AlreadyExists,
                "there is a file that is no socket",
            ),
        });
    }
    let bad = |reason| HttpError::Socket {
        path: path.into(),
        reason,
    };
    if let Some(pid) = neighbour(path).await.map_err(bad)? {
        return Err(HttpError::Taken {
            path: path.into(),
            pid,
        });
    }
    listen(path).map_err(bad)
}

/// The process that listens there, if one does; `Some(None)` where it cannot be
/// seen from this process's pid namespace.
///
/// # Errors
/// Whether one listens cannot be found out.
pub async fn neighbour(path: &Path) -> io::Result<Option<Option<i32>>> {
    match UnixStream::connect(path).await {
        Ok(stream) => {
            let credentials = stream.peer_cred().ok();
            let pid = credentials.and_then(|credentials| credentials.pid());
            Ok(Some(pid.filter(|pid| *pid > 0)))
        }
        // Refused: the daemon that listened there is gone.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn listen(path: &Path) -> io::Result<Bound> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let unnamed = PathBuf::from(name);
    let listener = UnixListener::bind(&unnamed)?;
    let named = fs::set_permissions(&unnamed, fs::Permissions::from_mode(0o600))
        .and_then(|()| fs::symlink_metadata(&unnamed))
        .and_then(|file| fs::rename(&unnamed, path).map(|()| file.ino()));
    match named {
        Ok(inode) => Ok(Bound {
            listener,
            file: SocketFile {
                path: path.into(),
                inode,
            },
        }),
        Err(error) => {
            let _ = fs::remove_file(&unnamed);
            Err(error)
        }
    }
}
