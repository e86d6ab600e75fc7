//! Hostile clients: slow ones, deaf ones, and very many.
//!
//! In: the stage. Out: nothing; what does not hold panics. That an honest scraper
//! gets its answer meanwhile is the observer's.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::stage::Stage;

const SLOW: usize = 600;
const DEAF: usize = 400;
const CROWD: usize = 1_000;
const FOR: Duration = Duration::from_secs(6);
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A whole answer, on a connection of its own.
pub fn get(address: SocketAddr, path: &str, more: &str, within: Duration) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, within)?;
    stream.set_read_timeout(Some(within))?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The limit on descriptors is this process's as well.
fn raise_limit() {
    let limit = libc::rlimit {
        rlim_cur: 8_192,
        rlim_max: 8_192,
    };
    // SAFETY: `limit` outlives the call.
    let raised = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    assert_eq!(raised, 0, "{}", io::Error::last_os_error());
}

/// Hundreds of connections that send a byte at a time, and come again when they are
/// closed.
pub fn slow(stage: &Stage) {
    raise_limit();
    let address = stage.agent.address();
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: 1\r\nX-Slower: 2\r\n";
    let mut clients: Vec<Option<(TcpStream, usize)>> = Vec::new();
    clients.resize_with(SLOW, || None);
    let until = Instant::now() + FOR;
    let mut closed = 0;
    while Instant::now() < until {
        for client in &mut clients {
            if client.is_none() {
                let connected = TcpStream::connect_timeout(&address, Duration::from_millis(20));
                *client = connected.ok().map(|stream| (stream, 0));
            }
            if let Some((stream, sent)) = client {
                let byte = request[*sent % request.len()];
                *sent += 1;
                if stream.write_all(&[byte]).is_err() {
                    closed += 1;
                    *client = None;
                }
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
    println!("  {SLOW} slow clients: {closed} times one was closed for another");
    assert!(closed > 0, "nobody gave way");
    stage.honest("beside-slow");
}

/// Hundreds of connections that ask for the largest answers and read none.
pub fn deaf(stage: &Stage) {
    let address = stage.agent.address();
    let mut clients = Vec::new();
    let until = Instant::now() + FOR;
    let mut asked = 0;
    while Instant::now() < until {
        if clients.len() == DEAF {
            clients.remove(0);
        }
        let path = ["/metrics", "/api/v1/denials", "/api/v1/events?limit=4096"][asked % 3];
        let connected = TcpStream::connect_timeout(&address, Duration::from_millis(200));
        if let Ok(mut stream) = connected {
            // Many requests at once, so that more is answered than the kernel's
            // buffers take.
            let one = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let _ = stream.set_write_timeout(Some(Duration::from_millis(100)));
            let _ = stream.write_all(one.repeat(64).as_bytes());
            clients.push(stream);
            asked += 1;
        }
    }
    println!("  {asked} clients that read nothing");
    assert!(asked >= DEAF / 2, "only {asked} were let in");
    stage.honest("beside-deaf");
}

/// A thousand at once, for each of metrics, a list and the stream: each is answered,
/// or told why not.
pub fn crowd(stage: &Stage) {
    let address = stage.agent.address();
    for path in ["/metrics", "/api/v1/denials", "/api/v1/events/stream"] {
        let is_stream = path.ends_with("stream");
        let (answered, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let begun = Instant::now();
        thread::scope(|scope| {
            for _ in 0..CROWD {
                let ask = || {
                    let head = match is_stream {
                        true => head(address, path),
                        false => get(address, path, "", ANSWER_WITHIN),
                    };
                    let answer = head.unwrap_or_else(|error| panic!("{path}: {error}"));
                    match answer.get(..12) {
                        Some("HTTP/1.1 200") => answered.fetch_add(1, Ordering::Relaxed),
                        Some("HTTP/1.1 503") => {
                            assert!(answer.contains("try again"), "{answer}");
                            refused.fetch_add(1, Ordering::Relaxed)
                        }
                        _ => panic!("{path}: {answer:?}"),
                    };
                };
                let small = thread::Builder::new().stack_size(256 << 10);
                small.spawn_scoped(scope, ask).unwrap();
            }
        });
        let (answered, refused) = (answered.into_inner(), refused.into_inner());
        println!(
            "  {path}: {CROWD} at once: {answered} answered, {refused} told to try again, in {:.1} s",
            begun.elapsed().as_secs_f64()
        );
        assert_eq!(answered + refused, CROWD);
        assert!(answered > 0);
        if path == "/metrics" {
            assert_eq!(answered, CROWD, "metrics are told to everybody");
        }
    }
    stage.honest("beside-a-crowd");
}

/// The beginning of an answer that does not end by itself.
fn head(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = vec![0; 4_096];
    let mut length = 0;
    // A refusal's words may come after its head.
    while !String::from_utf8_lossy(&answer[..length]).contains("\n\r\n") || length < 200 {
        match stream.read(&mut answer[length..])? {
            0 => break,
            read => length += read,
        }
        let begun = String::from_utf8_lossy(&answer[..length]);
        if begun.contains("retry:") || begun.contains("try again") {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}
