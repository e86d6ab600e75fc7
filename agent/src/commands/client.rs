//! A running daemon's API, as the commands use it.
//!
//! In: where the daemon listens. Out: its answers. Invariant: an answer is
//! bounded in size and time, and one that is none says whose and why; nothing of
//! it is shown unescaped by whoever asked. Lacks on purpose: what the answers
//! mean.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode, Uri, header};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::AbortHandle;

use super::daemon::SOCKET;
use super::stream::EventStream;

/// Where a daemon listens if nobody says otherwise.
pub const ADDRESS: &str = "http://127.0.0.1:9402";
/// Largest answer that is read: the lists are bounded, paths of 4 KiB included.
const ANSWER_MAX_BYTES: usize = 64 << 20;
/// Longest wait for a whole answer.
const WAIT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be understood.
    #[error("{0:?} is no address: use http://127.0.0.1:9402 or unix:{SOCKET}")]
    Address(String),
    /// Nobody answers there.
    #[error(
        "no sealwatch answers at {agent}: {reason}; start one with `sealwatch`, or say where it is with --agent"
    )]
    Connect {
        /// Where.
        agent: String,
        /// The system's words.
        reason: String,
    },
    /// The connection ended before the answer did.
    #[error("{agent} does not finish its answer to {path}: {reason}")]
    Broken {
        /// Where.
        agent: String,
        /// What was asked for.
        path: String,
        /// The library's words.
        reason: String,
    },
    /// It answers that it cannot.
    #[error("{agent} answers {status} to {path}: {body}")]
    Refused {
        /// Where.
        agent: String,
        /// What was asked for.
        path: String,
        /// The status.
        status: StatusCode,
        /// The first of its words, escaped.
        body: String,
    },
    /// The answer is not what it should be.
    #[error("the answer of {agent} to {path} cannot be read: {reason}; is it another version?")]
    Strange {
        /// Where.
        agent: String,
        /// What was asked for.
        path: String,
        /// The parser's words.
        reason: String,
    },
}

impl ClientError {
    /// The exit code of a command that ends by it: 2 badly told, 3 nothing could
    /// be learnt.
    pub fn exit_code(&self) -> u8 {
        match self {
            ClientError::Address(_) => 2,
            ClientError::Refused { status, .. } if *status == StatusCode::BAD_REQUEST => 2,
            ClientError::Connect { .. }
            | ClientError::Broken { .. }
            | ClientError::Refused { .. }
            | ClientError::Strange { .. } => 3,
        }
    }
}

/// The flag of all commands that ask a daemon.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct AgentFlags {
    /// Where the daemon listens: http://ADDRESS:PORT or unix:PATH [default: its
    /// socket, if it is there, else http://127.0.0.1:9402]
    #[arg(long, value_name = "URL", env = "SEALWATCH_AGENT")]
    pub agent: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

/// A daemon that can be asked.
#[derive(Clone, Debug)]
pub struct Client {
    agent: String,
    place: Place,
}

impl Client {
    /// The daemon that the flag names, or the usual one.
    ///
    /// # Errors
    /// The flag is no address.
    pub fn of(flags: &AgentFlags) -> Result<Client, ClientError> {
        match &flags.agent {
            Some(agent) => Client::at(agent),
            // Without the right to enter, the socket is not there for us.
            None if std::os::unix::net::UnixStream::connect(SOCKET).is_ok() => {
                Ok(Client::on(Path::new(SOCKET)))
            }
            None => Client::at(ADDRESS),
        }
    }

    /// The daemon at that address.
    ///
    /// # Errors
    /// It is no address.
    pub fn at(agent: &str) -> Result<Client, ClientError> {
        let bad = || ClientError::Address(agent.to_owned());
        let path = agent.strip_prefix("unix:");
        if let Some(path) = path {
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.starts_with('/') {
                return Err(bad());
            }
            return Ok(Client::on(Path::new(path)));
        }
        let text = match agent.contains("://") {
            true => agent.to_owned(),
            false => format!("http://{agent}"),
        };
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(bad());
        };
        // An IPv6 address stands in brackets in a URL, and without them in a look-up.
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = authority.port_u16().unwrap_or(80);
        Ok(Client {
            agent: text.trim_end_matches('/').to_owned(),
            place: Place::Tcp { host, port },
        })
    }

    /// The daemon on that unix socket.
    pub fn on(socket: &Path) -> Client {
        Client {
            agent: format!("unix:{}", socket.display()),
            place: Place::Unix(socket.to_path_buf()),
        }
    }

    /// How the daemon is named in messages.
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// Does it take commands? Only by its unix socket.
    pub fn commands(&self) -> bool {
        matches!(self.place, Place::Unix(_))
    }

    /// A list.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let body = self.answer(Method::GET, path, Body::empty()).await?;
        self.parsed(path, &body)
    }

    /// A text, such as the metrics.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn text(&self, path: &str) -> Result<String, ClientError> {
        let body = self.answer(Method::GET, path, Body::empty()).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// A command.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn post(&self, path: &str, command: &impl Serialize) -> Result<(), ClientError> {
        let body = serde_json::to_vec(command).map_err(|error| self.strange(path, &error))?;
        self.answer(Method::POST, path, Body::from(body)).await?;
        Ok(())
    }

    /// A stream of server-sent events.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn stream(&self, path: &str) -> Result<EventStream, ClientError> {
        let (body, connection) =
            tokio::time::timeout(WAIT, self.ask(Method::GET, path, Body::empty()))
                .await
                .map_err(|error| self.broken(path, &error))??;
        Ok(EventStream::new(body, connection, &self.agent, path))
    }

    async fn answer(&self, method: Method, path: &str, body: Body) -> Result<Bytes, ClientError> {
        let whole = async {
            let (body, _connection) = self.ask(method, path, body).await?;
            axum::body::to_bytes(body, ANSWER_MAX_BYTES)
                .await
                .map_err(|error| self.broken(path, &error))
        };
        tokio::time::timeout(WAIT, whole)
            .await
            .map_err(|error| self.broken(path, &error))?
    }

    /// The body of a good answer, and what keeps its connection going.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<(Body, Connection), ClientError> {
        let (mut sender, connection) = self.connect().await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "sealwatch")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| self.broken(path, &error))?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| self.broken(path, &error))?;
        let status = answer.status();
        let body = Body::new(answer.into_body());
        if status.is_success() {
            return Ok((body, connection));
        }
        let words = axum::body::to_bytes(body, 4_096).await.unwrap_or_default();
        Err(ClientError::Refused {
            agent: self.agent.clone(),
            path: path.to_owned(),
            status,
            body: crate::denial::escape(words.trim_ascii()),
        })
    }

    async fn connect(&self) -> Result<(SendRequest<Body>, Connection), ClientError> {
        let failed = |reason: String| ClientError::Connect {
            agent: self.agent.clone(),
            reason,
        };
        match &self.place {
            Place::Tcp { host, port } => {
                let connecting = TcpStream::connect((host.as_str(), *port));
                let stream = connecting
                    .await
                    .map_err(|error| failed(error.to_string()))?;
                shake(stream)
                    .await
                    .map_err(|error| failed(error.to_string()))
            }
            Place::Unix(path) => {
                let connecting = UnixStream::connect(path);
                let stream = connecting
                    .await
                    .map_err(|error| failed(error.to_string()))?;
                shake(stream)
                    .await
                    .map_err(|error| failed(error.to_string()))
            }
        }
    }

    fn parsed<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(body).map_err(|error| self.strange(path, &error))
    }

    fn strange(&self, path: &str, reason: &dyn std::fmt::Display) -> ClientError {
        ClientError::Strange {
            agent: self.agent.clone(),
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    fn broken(&self, path: &str, reason: &dyn std::fmt::Display) -> ClientError {
        ClientError::Broken {
            agent: self.agent.clone(),
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// Ends the connection when it is dropped.
#[derive(Debug)]
pub(super) struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn shake<S>(stream: S) -> hyper::Result<(SendRequest<Body>, Connection)>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    let task = tokio::spawn(async move {
        // Its end is told by the answer's.
        let _ = connection.await;
    });
    Ok((sender, Connection(task.abort_handle())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood_or_named() {
        let tcp = |host: &str, port| Place::Tcp {
            host: host.to_owned(),
            port,
        };
        for (text, place) in [
            ("http://127.0.0.1:9402", tcp("127.0.0.1", 9402)),
            ("node-1:80/", tcp("node-1", 80)),
            ("http://[::1]:7", tcp("::1", 7)),
            ("http://node", tcp("node", 80)),
            ("unix:/run/s.sock", Place::Unix("/run/s.sock".into())),
            ("unix:///run/s.sock", Place::Unix("/run/s.sock".into())),
        ] {
            assert_eq!(Client::at(text).unwrap().place, place, "{text}");
        }
        for text in ["https://x", "unix:relative", "", "http://", "a b"] {
            let error = Client::at(text).unwrap_err().to_string();
            assert!(
                error.contains(text) && error.contains("unix:/run"),
                "{error}"
            );
        }
    }
}
