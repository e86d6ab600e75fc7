//! Requests over real connections, slow and many ones among them.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use super::*;
use crate::aggregate::Totals;

struct Served {
    address: SocketAddr,
    published: Arc<Published>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

async fn serve() -> Served {
    let endpoint = Endpoint::bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let address = endpoint.address;
    let published = Arc::new(Published::waiting_for(&["hooks", "scan"]));
    let (stop, stopped) = watch::channel(false);
    let theirs = Arc::clone(&published);
    let task = tokio::spawn(async move { endpoint.serve(theirs, "/metrics", stopped).await });
    Served {
        address,
        published,
        stop,
        task,
    }
}

async fn fetch(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
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
async fn silent_clients_do_not_keep_others_out() {
    let served = serve().await;
    let mut silent = Vec::new();
    for _ in 0..2 * CONNECTIONS_MAX {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost:")
            .await
            .unwrap();
        silent.push(stream);
    }
    let answer = tokio::time::timeout(Duration::from_secs(5), fetch(served.address, "/metrics"));
    assert!(answer.await.unwrap().starts_with("HTTP/1.1 200"));
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
    let error = Endpoint::bind(served.address)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(&served.address.to_string()), "{error}");
    assert!(
        error.contains("in use") && error.contains("--web.listen-address"),
        "{error}"
    );
}
