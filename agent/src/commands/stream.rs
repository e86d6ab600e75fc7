//! Bytes of a stream become server-sent events.
//!
//! In: the body of an answer of type `text/event-stream`. Out: one event after
//! the other, and the place to go on from. Invariant: whatever the bytes, an
//! event is bounded in size; a daemon that has fallen silent is noticed. Lacks on
//! purpose: coming back, which whoever follows does from that place.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt as _;

use super::client::{ClientError, Connection};

/// Longest line; one event of a hostile path is far below.
const LINE_MAX_BYTES: usize = 1 << 20;

/// Longest silence: a daemon with nothing to tell gives a sign of life more often.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerEvent {
    /// Its place, from which to go on.
    pub id: Option<String>,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// What it says.
    pub data: String,
}

/// A stream of events.
#[derive(Debug)]
pub struct EventStream {
    body: axum::body::BodyDataStream,
    parser: Parser,
    _connection: Connection,
    /// Whose it is, and of what, for errors.
    agent: String,
    path: String,
}

impl EventStream {
    pub(super) fn new(body: Body, connection: Connection, agent: &str, path: &str) -> Self {
        EventStream {
            body: body.into_data_stream(),
            parser: Parser::default(),
            _connection: connection,
            agent: agent.to_owned(),
            path: path.to_owned(),
        }
    }

    /// The place to go on from, once the daemon has told one.
    pub fn place(&self) -> Option<&str> {
        self.parser.place.as_deref()
    }

    /// The next event; none where the stream has ended in order.
    ///
    /// # Errors
    /// The connection broke, or what came is no stream of events.
    pub async fn next(&mut self) -> Result<Option<ServerEvent>, ClientError> {
        loop {
            if let Some(event) = self.parser.take() {
                return Ok(Some(event));
            }
            let reason = match tokio::time::timeout(SILENCE_MAX, self.body.next()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(bytes))) if self.parser.feed(&bytes) => continue,
                Ok(Some(Ok(_))) => "a line of more than 1 MiB".to_owned(),
                Ok(Some(Err(error))) => error.to_string(),
                Err(_) => format!("silent for {} s", SILENCE_MAX.as_secs()),
            };
            return Err(ClientError::Broken {
                agent: self.agent.clone(),
                path: self.path.clone(),
                reason,
            });
        }
    }
}

#[derive(Debug, Default)]
struct Parser {
    bytes: Vec<u8>,
    event: ServerEvent,
    any: bool,
    place: Option<String>,
}

impl Parser {
    /// Takes bytes in; false where a line has no end.
    fn feed(&mut self, bytes: &[u8]) -> bool {
        self.bytes.extend_from_slice(bytes);
        self.bytes.len() <= LINE_MAX_BYTES
    }

    /// The next whole event.
    fn take(&mut self) -> Option<ServerEvent> {
        let mut begin = 0;
        let mut whole = None;
        while let Some(end) = self.bytes[begin..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&self.bytes[begin..begin + end]).into_owned();
            begin += end + 1;
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                // One without data tells the place alone.
                if event.id.is_some() {
                    self.place.clone_from(&event.id);
                }
                if std::mem::take(&mut self.any) {
                    whole = Some(event);
                    break;
                }
                continue;
            }
            self.line(line);
        }
        self.bytes.drain(..begin);
        whole
    }

    fn line(&mut self, line: &str) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.event.id = Some(value.to_owned()),
            "event" => self.event.name = Some(value.to_owned()),
            "data" => {
                if self.any {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.any = true;
            }
            // A comment is a sign of life; other fields are not ours.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(parts: &[&[u8]]) -> Vec<ServerEvent> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for part in parts {
            assert!(parser.feed(part));
            events.extend(std::iter::from_fn(|| parser.take()));
        }
        events
    }

    #[test]
    fn events_are_whole_however_they_arrive() {
        let text = b"retry: 1000\n\n: alive\n\nid: 1a-7\ndata: {\"a\":1}\r\n\nevent: missed\ndata:3\ndata:4\n\nid: 8";
        let expected = [
            ServerEvent {
                id: Some("1a-7".to_owned()),
                name: None,
                data: "{\"a\":1}".to_owned(),
            },
            ServerEvent {
                id: None,
                name: Some("missed".to_owned()),
                data: "3\n4".to_owned(),
            },
        ];
        assert_eq!(events(&[text]), expected);
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(events(&bytes), expected);
    }

    #[test]
    fn a_place_may_stand_alone() {
        let mut parser = Parser::default();
        assert!(parser.feed(b"retry: 1\nid: 5-6\n\nid: 5-7\n"));
        assert_eq!(parser.take(), None);
        assert_eq!(parser.place.as_deref(), Some("5-6"));
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut parser = Parser::default();
        assert!(!parser.feed(&vec![b'x'; LINE_MAX_BYTES + 1]));
    }
}
