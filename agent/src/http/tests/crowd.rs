//! Slow, deaf and very many clients.

use axum::body::Bytes;

use super::super::room::Room;
use super::super::seats::{Seats, Watched};
use super::*;

const SOON: Duration = Duration::from_secs(10);

/// Both ends of every connection are this process's.
fn raise_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` outlives both calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
}

/// So many clients come, and each says this.
async fn clients(served: &Served, count: usize, says: &str) -> Vec<TcpStream> {
    raise_limit();
    let mut clients = Vec::new();
    for _ in 0..count {
        let connected = TcpStream::connect(served.address);
        let mut stream = tokio::time::timeout(SOON, connected)
            .await
            .unwrap()
            .unwrap();
        // Whoever gave way already cannot be told anything.
        let _ = stream.write_all(says.as_bytes()).await;
        clients.push(stream);
    }
    clients
}

async fn soon(served: &Served, path: &str) -> String {
    let answer = tokio::time::timeout(SOON, fetch(served.address, path));
    answer.await.unwrap()
}

#[tokio::test]
async fn silent_clients_do_not_keep_others_out() {
    let served = serve().await;
    let head = "GET /metrics HTTP/1.1\r\nHost:";
    let _silent = clients(&served, CONNECTIONS_MAX + 32, head).await;
    for _ in 0..3 {
        assert!(soon(&served, "/metrics").await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn more_clients_than_seats_are_all_answered_or_told_to_try_again() {
    raise_limit();
    let served = serve().await;
    let asked = (0..CONNECTIONS_MAX + 100).map(|_| soon(&served, "/metrics"));
    for answer in futures_util::future::join_all(asked).await {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let asked = (0..CONNECTIONS_MAX + 100).map(|_| soon(&served, "/api/v1/status"));
    let answers = futures_util::future::join_all(asked).await;
    let good = answers
        .iter()
        .filter(|answer| answer.starts_with("HTTP/1.1 200"));
    assert!(good.count() > 0);
    for answer in answers
        .iter()
        .filter(|answer| !answer.starts_with("HTTP/1.1 200"))
    {
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
        assert!(answer.contains("try again"), "{answer}");
    }
}

#[tokio::test]
async fn streams_are_bounded_and_say_so() {
    let served = serve().await;
    let follow = "GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut streams = clients(&served, 100, follow).await;
    let mut begun = 0;
    for stream in &mut streams {
        let mut head = vec![0; 12];
        stream.read_exact(&mut head).await.unwrap();
        match head.as_slice() {
            b"HTTP/1.1 200" => begun += 1,
            head => assert_eq!(head, b"HTTP/1.1 503"),
        }
    }
    assert!((1..100).contains(&begun), "{begun}");
    let refused = soon(&served, "/api/v1/events/stream").await;
    assert!(refused.contains("try again"), "{refused}");
}

#[tokio::test]
async fn a_head_without_an_end_is_refused() {
    let served = serve().await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        .await
        .unwrap();
    let more = format!("X: {}\r\n", "x".repeat(1_000));
    for _ in 0..1_000 {
        if stream.write_all(more.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    // What was sent past the end makes the kernel reset what it has not delivered.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    assert!(soon(&served, "/livez").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn texts_that_wait_have_so_many_bytes_in_all() {
    let room = Room::new(Seats::new(1));
    let text = || Bytes::from(vec![b'x'; 10 << 20]);
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(room.hold(text()).await.unwrap());
    }
    assert!(room.hold(text()).await.is_none());
    // The copies of a text are one text, and it goes with the last of them.
    let copy = held.pop().unwrap();
    let last = copy.clone();
    drop(copy);
    assert!(room.hold(text()).await.is_none());
    drop(last);
    assert!(room.hold(text()).await.is_some());
}

#[tokio::test]
async fn who_asks_nothing_gives_way_to_who_comes() {
    let seats = Seats::new(2);
    let idle = seats.take().await;
    let waits = tokio::spawn(std::future::pending::<()>());
    idle.seat.is_of(waits.abort_handle());
    let (stream, _far) = tokio::io::duplex(1);
    let mut silent = Watched {
        stream,
        seat: Arc::clone(&idle.seat),
    };
    let looked = tokio::time::timeout(Duration::ZERO, silent.read_u8());
    assert!(looked.await.is_err(), "it has sent something");
    let busy = seats.take().await;
    let works = tokio::spawn(std::future::pending::<()>());
    busy.seat.is_of(works.abort_handle());
    let _answering = busy.seat.asked();
    let begun = Instant::now();
    let new = seats.take().await;
    // Not before the idle one had its time to ask.
    assert!(
        begun.elapsed() >= Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
    assert!(waits.await.unwrap_err().is_cancelled());
    assert!(!works.is_finished());
    assert_eq!(seats.taken(), 2);
    drop((idle, new));
    assert_eq!(seats.taken(), 1);
}
