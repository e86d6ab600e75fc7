//! Each runtime's socket is asked once who answers there.
//!
//! In: which sockets. Out: an [`Introduction`] for each. Invariant: asked by the
//! same clients that listen later, so what is told is what the daemon would get;
//! no socket keeps the others waiting, or anybody for ever. Lacks on purpose:
//! containers.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::timeout;

use super::cri::{self, CriError};
use super::docker;
use super::runtimes::{Api, all_places, by_name, reached};
use crate::config::Sockets;
use crate::denial::Runtime;

/// Longest wait for one socket. The clients give up sooner on each question; an
/// engine that is slow to tell of its storage has still told who it is.
const WITHIN: Duration = Duration::from_secs(40);

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// Who is expected there by the socket's name, or who answered.
    pub runtime: Runtime,
    /// The socket.
    pub socket: PathBuf,
    /// The user named it; otherwise it is one of the usual places.
    pub asked_for: bool,
    /// Who answered, or why nobody did.
    pub outcome: Outcome,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered.
    Met(Met),
    /// There is no such socket.
    Absent,
    /// This process may not speak to it.
    NotPermitted,
    /// Something answers that does not speak this API, as Docker's own
    /// containerd does not.
    NotServed,
    /// It does not answer as it should; the error in its own words.
    Failed(String),
}

/// Who answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// Who it says it is.
    pub runtime: Runtime,
    /// The runtime's version.
    pub version: String,
    /// The version of the API that is spoken.
    pub api: String,
    /// Where images and layers are kept; CRI does not tell.
    pub storage: Option<Storage>,
}

/// Where a runtime keeps its layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// Such as `overlay2`.
    pub driver: String,
    /// On the host.
    pub directory: String,
}

/// Asks all sockets at once, those of the usual places included. To be called
/// inside tokio.
pub async fn introductions(docker: &Sockets, cri: &Sockets) -> Vec<Introduction> {
    let places = all_places(docker, cri).into_iter();
    let asked = places.map(|(socket, api, asked_for)| async move {
        let outcome = timeout(WITHIN, ask(&reached(&socket), api)).await;
        let outcome = outcome.unwrap_or_else(|_| {
            Outcome::Failed(format!("no answer within {} s", WITHIN.as_secs()))
        });
        Introduction {
            runtime: match &outcome {
                Outcome::Met(met) => met.runtime,
                _ => by_name(&socket, api),
            },
            socket,
            asked_for,
            outcome,
        }
    });
    futures_util::future::join_all(asked).await
}

async fn ask(socket: &std::path::Path, api: Api) -> Outcome {
    // The clients tell these apart in words alone.
    if let Err(error) = UnixStream::connect(socket).await {
        return match error.kind() {
            ErrorKind::NotFound => Outcome::Absent,
            ErrorKind::PermissionDenied => Outcome::NotPermitted,
            _ => Outcome::Failed(error.to_string()),
        };
    }
    match api {
        Api::Docker => match docker::introduce(socket).await {
            Ok(met) => Outcome::Met(met),
            Err(error) => Outcome::Failed(error.to_string()),
        },
        Api::Cri => match cri::introduce(socket).await {
            Ok(met) => Outcome::Met(met),
            Err(CriError::NotServed) => Outcome::NotServed,
            Err(error) => Outcome::Failed(error.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn outcome(socket: &std::path::Path, docker: bool) -> Introduction {
        let only = Sockets::Only(vec![socket.to_path_buf()]);
        let none = Sockets::Only(Vec::new());
        let asked = match docker {
            true => introductions(&only, &none).await,
            false => introductions(&none, &only).await,
        };
        assert_eq!(asked.len(), 1);
        asked.into_iter().next().unwrap()
    }

    #[tokio::test]
    async fn sockets_without_a_runtime_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let absent = outcome(&dir.path().join("podman.sock"), true).await;
        assert_eq!(absent.outcome, Outcome::Absent);
        assert_eq!(absent.runtime, Runtime::Podman);
        assert!(absent.asked_for);

        // Its listener is gone, its file is left.
        let stale = dir.path().join("stale.sock");
        drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
        let told = outcome(&stale, false).await;
        assert!(matches!(told.outcome, Outcome::Failed(ref why) if why.contains("refused")));

        // Somebody listens, and hangs up.
        let rude = dir.path().join("rude.sock");
        let listener = tokio::net::UnixListener::bind(&rude).unwrap();
        let hanging_up = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        let told = outcome(&rude, true).await;
        assert!(matches!(told.outcome, Outcome::Failed(_)), "{told:?}");
        hanging_up.abort();
    }
}
