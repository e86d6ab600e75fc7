//! A follower of a daemon's events, as any client of the stream is one.
//!
//! In: an address, a query, a place to go on from. Out: each event with the time
//! at which its line was read. Invariant: what a line is read at is taken before
//! it is looked at. Lacks on purpose: coming back; who wants that asks again.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::load::monotonic_ns;

/// What a stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// An event: a line of JSON, read at CLOCK_MONOTONIC nanoseconds.
    Event {
        /// When.
        read_ns: u64,
        /// The line.
        json: String,
    },
    /// So many events are not kept any more.
    Missed(u64),
    /// The place of what was said before.
    Place(String),
    /// Nothing, for as long as the reader waits at most.
    Silence,
    /// The stream is over.
    End,
}

/// A stream that is read.
pub struct Follower {
    lines: BufReader<TcpStream>,
    /// A line that is not whole yet.
    begun: Vec<u8>,
    missed: bool,
}

impl Follower {
    /// Connects; `query` is what follows the question mark. Waits at most
    /// `patience` for each thing that is said.
    ///
    /// # Errors
    /// Where nobody answers, or not with a stream.
    pub fn connect(
        address: SocketAddr,
        query: &str,
        after: Option<&str>,
        patience: Duration,
    ) -> Result<Follower> {
        let mut stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        let last = after.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        // Over HTTP/1.0 the body is not in chunks.
        write!(
            stream,
            "GET /api/v1/events/stream?{query} HTTP/1.0\r\nHost: {address}\r\n{last}\r\n"
        )?;
        let mut lines = BufReader::new(stream);
        let mut status = String::new();
        lines.read_line(&mut status).context("no answer")?;
        ensure!(status.contains(" 200 "), "the stream answers {status:?}");
        let mut header = String::new();
        while lines.read_line(&mut header)? > 2 {
            header.clear();
        }
        Ok(Follower {
            lines,
            begun: Vec::new(),
            missed: false,
        })
    }

    /// The next thing that is said.
    ///
    /// # Errors
    /// A connection that breaks.
    pub fn read(&mut self) -> Result<Said> {
        loop {
            match self.lines.read_until(b'\n', &mut self.begun) {
                Ok(0) => return Ok(Said::End),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    return Ok(Said::Silence);
                }
                Err(error) => return Err(error).context("the stream"),
            }
            let read_ns = monotonic_ns();
            if !self.begun.ends_with(b"\n") {
                return Ok(Said::End);
            }
            let line = String::from_utf8_lossy(&self.begun).trim_end().to_owned();
            self.begun.clear();
            let (field, value) = line.split_once(": ").unwrap_or((&line, ""));
            match field {
                "event" => self.missed = value == "missed",
                "data" if std::mem::take(&mut self.missed) => {
                    return Ok(Said::Missed(value.parse().context("missed")?));
                }
                "data" => {
                    let json = value.to_owned();
                    return Ok(Said::Event { read_ns, json });
                }
                "id" => return Ok(Said::Place(value.to_owned())),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Read as _, net::TcpListener, thread};

    #[test]
    fn a_stream_is_read_line_by_line() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let got = stream.read(&mut request).unwrap();
            let text = "HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\nretry: 1000\n\
                id: a-1\n\n: alive\n\nevent: missed\ndata: 7\n\nid: a-2\ndata: {\"x\":1}\n\nda";
            stream.write_all(text.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..got]).into_owned()
        });
        let patience = Duration::from_secs(10);
        let mut follower =
            Follower::connect(address, "container=a", Some("a-0"), patience).unwrap();
        let request = server.join().unwrap();
        assert!(request.contains("stream?container=a HTTP/1.0"), "{request}");
        assert!(request.contains("Last-Event-ID: a-0\r\n"), "{request}");
        assert_eq!(follower.read().unwrap(), Said::Place("a-1".into()));
        assert_eq!(follower.read().unwrap(), Said::Missed(7));
        assert_eq!(follower.read().unwrap(), Said::Place("a-2".into()));
        let Said::Event { json, .. } = follower.read().unwrap() else {
            panic!("no event");
        };
        assert_eq!(json, "{\"x\":1}");
        assert_eq!(follower.read().unwrap(), Said::End);
    }
}
