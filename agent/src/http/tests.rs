//! Requests over real connections, slow and many ones among them.

mod crowd;
mod document;
mod pages;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use super::*;
use crate::aggregate::{Snapshot, Totals};

struct Served {
    address: SocketAddr,
    socket: PathBuf,
    watches: mpsc::Receiver<Watch>,
    _dir: tempfile::TempDir,
    published: Arc<Published>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn settings() -> Settings {
    Settings {
        telemetry_path: "/metrics".to_owned(),
    }
}

async fn serve() -> Served {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s.sock");
    let mut endpoint = Endpoint::bind("127.0.0.1:0".parse().ok()).await.unwrap();
    endpoint.bind_socket(&socket).await.unwrap();
    let address = endpoint.address.unwrap();
    let (commands, watches) = mpsc::channel(1);
    let published = Arc::new(Published::waiting_for(&["hooks", "scan"]));
    let (stop, stopped) = watch::channel(false);
    let theirs = Arc::clone(&published);
    let task =
        tokio::spawn(async move { endpoint.serve(theirs, settings(), commands, stopped).await });
    Served {
        address,
        socket,
        watches,
        _dir: dir,
        published,
        stop,
        task,
    }
}

async fn fetch(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn endpoints_answer_from_the_latest_snapshot() {
    let served = serve().await;
    let unready = fetch(served.address, "/readyz").await;
    assert!(unready.starts_with("HTTP/1.1 503"), "{unready}");
    assert!(unready.contains("waiting for hooks, scan"), "{unready}");
    served.published.has("hooks");
    served.published.has("scan");
    for path in [
        "/readyz",
        "/healthz",
        "/livez",
        "/",
        "/api/v1/denials",
        "/api/v1/degraded",
        "/api/v1/tmpfs",
        "/api/v1/layers",
        "/api/v1/status",
    ] {
        assert!(
            fetch(served.address, path)
                .await
                .starts_with("HTTP/1.1 200"),
            "{path}"
        );
    }
    assert!(
        fetch(served.address, "/other")
            .await
            .starts_with("HTTP/1.1 404")
    );
    let before = fetch(served.address, "/metrics").await;
    assert!(
        before.contains("\nsealwatch_recorded_denials_total 0\n"),
        "{before}"
    );
    assert!(
        before.contains("content-type: text/plain; version=0.0.4"),
        "{before}"
    );
    let totals = Totals {
        recorded: 7,
        ..Totals::default()
    };
    served.published.snapshot.store(Arc::new(Snapshot {
        totals,
        ..Snapshot::default()
    }));
    let after = fetch(served.address, "/metrics").await;
    assert!(
        after.contains("\nsealwatch_recorded_denials_total 7\n"),
        "{after}"
    );
}

#[tokio::test]
async fn the_end_does_not_wait_for_idle_connections() {
    let served = serve().await;
    let _idle = TcpStream::connect(served.address).await.unwrap();
    fetch(served.address, "/livez").await;
    served.stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(2), served.task)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let served = serve().await;
    let error = Endpoint::bind(Some(served.address)).await.err().unwrap();
    let error = error.to_string();
    assert!(error.contains(&served.address.to_string()), "{error}");
    assert!(
        error.contains("in use") && error.contains("--web.listen-address"),
        "{error}"
    );
}

async fn tell(socket: &Path, path: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn commands_come_by_the_socket_alone_and_are_checked() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut served = serve().await;
    let mode = std::fs::metadata(&served.socket).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let good = r#"{"container":"web","seconds":30}"#;
    let answer = tell(&served.socket, "/api/v1/watches", good).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let watch = served.watches.recv().await.unwrap();
    assert_eq!((&*watch.pattern, watch.lease.as_secs()), ("web", 30));
    for (bad, word) in [
        (r#"{"container":"","seconds":1}"#, "container"),
        (r#"{"container":"web","seconds":9999}"#, "3600"),
        (r#"{"container":"web","second":1}"#, "second"),
        ("nonsense", "JSON"),
    ] {
        let answer = tell(&served.socket, "/api/v1/watches", bad).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert!(answer.contains(word), "{answer}");
    }
    let by_tcp = fetch(served.address, "/api/v1/watches").await;
    assert!(by_tcp.starts_with("HTTP/1.1 404"), "{by_tcp}");
    served.stop.send(true).unwrap();
    served.task.await.unwrap();
    assert!(!served.socket.exists());
}

#[tokio::test]
async fn a_socket_in_use_is_left_alone_and_a_stale_one_replaced() {
    let served = serve().await;
    let mut second = Endpoint::bind(None).await.unwrap();
    let error = second
        .bind_socket(&served.socket)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("another Sealwatch (process "), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let stale = dir.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    second.bind_socket(&stale).await.unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    let error = second.bind_socket(&file).await.err().unwrap().to_string();
    assert!(error.contains("no socket"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}

#[tokio::test]
async fn counters_that_are_gone_on_from_are_never_told_as_zero() {
    let served = serve().await;
    served.published.resume();
    let before = fetch(served.address, "/metrics").await;
    assert!(before.starts_with("HTTP/1.1 503"), "{before}");
    served.published.has("hooks");
    served.published.has("scan");
    let after = fetch(served.address, "/metrics").await;
    assert!(after.starts_with("HTTP/1.1 200"), "{after}");
}

fn event(line: &str) -> crate::events::Event {
    crate::events::Event {
        kind: crate::events::DENIAL,
        time: std::time::SystemTime::now(),
        container: None,
        cause: None,
        lsm: None,
        line: line.to_owned(),
    }
}

#[tokio::test]
async fn events_are_listed_and_followed() {
    let served = serve().await;
    let history = &served.published.history;
    history.push(event(r#"{"a":1}"#));
    history.push(event(r#"{"a":2}"#));
    let page = fetch(served.address, "/api/v1/events?after=1").await;
    assert!(
        page.contains(r#"","last":2,"missed":0,"events":[{"number":2,"event":{"a":2}}]"#),
        "{page}"
    );
    for (query, word) in [
        ("cause=nothing", "read_only_mount"),
        ("limit=0", "4096"),
        ("colour=red", "colour"),
        ("lsm=x", "apparmor"),
        ("event=x", "failing_to_start"),
        ("after=x", "RUN-NUMBER"),
    ] {
        let path = format!("/api/v1/events?{query}");
        let answer = fetch(served.address, &path).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(answer.contains(word), "{answer}");
    }
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let request =
        "GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 1\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    while !answer.contains(r#"{"a":2}"#) {
        let mut bytes = [0; 4_096];
        let read = stream.read(&mut bytes).await.unwrap();
        assert!(read > 0, "{answer}");
        answer.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    let place = history.spot(2);
    assert!(
        answer.contains("text/event-stream") && answer.contains(&format!("id: {place}")),
        "{answer}"
    );
    history.push(event(r#"{"a":3}"#));
    while !answer.contains(r#"{"a":3}"#) {
        let mut bytes = [0; 4_096];
        let read = stream.read(&mut bytes).await.unwrap();
        answer.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    // The daemon's end ends the stream, but not before its last event.
    served.stop.send(true).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    history.push(event(r#"{"a":4}"#));
    history.end();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains(r#"{"a":4}"#), "{rest}");
    tokio::time::timeout(Duration::from_secs(2), served.task)
        .await
        .unwrap()
        .unwrap();
}
