//! `sealwatch report`: what a running daemon knows, as tables.
//!
//! In: the daemon's address. Out: text on standard output. Invariant: reads
//! bounded answers; prints nothing unescaped. Lacks on purpose: access to the
//! kernel, so that it needs no privileges.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize as _;
use serde_json::{Map, Value};
use tokio::net::TcpStream;

use crate::report::{self, degraded, layers, posture, tmpfs};

/// Largest answer that is read: the list is bounded, paths of 4 KiB included.
const ANSWER_MAX_BYTES: usize = 64 << 20;
/// Longest wait for the whole answer.
const WAIT: Duration = Duration::from_secs(10);

/// What is asked for.
const LISTS: [&str; 5] = [
    "/api/v1/denials",
    "/api/v1/degraded",
    "/api/v1/tmpfs",
    "/api/v1/posture",
    "/api/v1/layers",
];

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// As served, all lists in one object.
    Json,
}

/// Flags of `sealwatch report`.
#[derive(Debug, clap::Args)]
pub struct ReportFlags {
    /// Where the daemon listens
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9402")]
    agent: String,
    /// Form of the output
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Fetches and prints the report.
pub async fn run(flags: &ReportFlags) -> anyhow::Result<()> {
    let fetched = tokio::time::timeout(WAIT, fetch_all(&flags.agent)).await;
    let fields = fetched
        .with_context(|| format!("{} does not answer", flags.agent))?
        .with_context(|| format!("cannot get the report of {}", flags.agent))?;
    let text = match flags.format {
        Format::Json => serde_json::to_string(&fields)? + "\n",
        Format::Table => table(fields).context("the answer is no report")?,
    };
    let written = std::io::stdout().lock().write_all(text.as_bytes());
    match written {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

fn table(fields: Map<String, Value>) -> Result<String, serde_json::Error> {
    let (fields, width) = (Value::Object(fields), terminal_width());
    let state = degraded::tables(&degraded::Served::deserialize(&fields)?, width);
    let denials = report::table(&report::Served::deserialize(&fields)?, width);
    let tmpfs = tmpfs::table::table(&tmpfs::table::Served::deserialize(&fields)?, width);
    let layers = layers::table(&layers::Served::deserialize(&fields)?, width);
    let more = [tmpfs, layers].map(|table| match table.is_empty() {
        true => table,
        false => format!("\n{table}"),
    });
    let findings = posture::sentences(&posture::Served::deserialize(&fields)?);
    Ok(state + &denials + &more.concat() + &findings)
}

fn terminal_width() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stdout).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// The fields of all lists.
async fn fetch_all(agent: &str) -> anyhow::Result<Map<String, Value>> {
    let mut fields = Map::new();
    for list in LISTS {
        let body = fetch(agent, list).await?;
        let listed: Map<String, Value> = serde_json::from_slice(&body)
            .with_context(|| format!("the answer of {list} is no report"))?;
        fields.extend(listed);
    }
    Ok(fields)
}

async fn fetch(agent: &str, list: &str) -> anyhow::Result<Bytes> {
    let agent = agent.strip_suffix('/').unwrap_or(agent);
    let uri: Uri = match agent.contains("://") {
        true => format!("{agent}{list}").parse()?,
        false => format!("http://{agent}{list}").parse()?,
    };
    let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        bail!("{agent} is no address such as http://127.0.0.1:9402");
    };
    let port = authority.port_u16().unwrap_or(80);
    // An IPv6 address stands in brackets in a URL, and without them in a look-up.
    let host = authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(uri.path())
        .header(header::HOST, authority.as_str())
        .body(Body::empty())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = axum::body::to_bytes(Body::new(answer.into_body()), ANSWER_MAX_BYTES).await?;
    connection.abort();
    if status != StatusCode::OK {
        bail!("it answers {status}");
    }
    Ok(body)
}
