//! What a browser gets, and who gets it.

use super::*;
use crate::overview::tests as fixture;

const BROWSER: &str = "Host: localhost\r\nAccept: text/html,*/*;q=0.8";

async fn ask(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_browser_gets_pages_with_a_strict_policy_and_a_terminal_gets_text() {
    let served = serve().await;
    served
        .published
        .snapshot
        .store(Arc::new(fixture::snapshot()));
    let (there, gone) = ("d".repeat(64), "9".repeat(64));
    for (path, status, word) in [
        ("/".to_owned(), 200, "failing to start"),
        (
            "/?q=degraded&state=degraded&page=2&more=1".to_owned(),
            200,
            "/var/cache/nginx",
        ),
        (format!("/containers/{there}"), 200, "Remedy"),
        (
            format!("/containers/{gone}"),
            404,
            "No container of this node has this id",
        ),
    ] {
        let answer = ask(served.address, &path, BROWSER).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        for header in [
            "content-type: text/html; charset=utf-8",
            "content-security-policy: default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(answer.contains(header), "{header} is not in {answer}");
        }
        assert!(answer.contains(word), "{word} is not in {answer}");
    }
    let text = ask(served.address, "/", "Host: localhost\r\nAccept: */*").await;
    assert!(
        text.contains("content-type: text/plain") && text.contains("\n/api/v1/containers\n"),
        "{text}"
    );
}

#[tokio::test]
async fn assets_are_kept_for_ever_by_their_hash_alone() {
    let served = serve().await;
    let page = ask(served.address, "/", BROWSER).await;
    for kind in ["assets/style.css?v=", "assets/page.js?v="] {
        let at = page.find(kind).unwrap();
        let path = page[at..].split('"').next().unwrap();
        let answer = ask(served.address, &format!("/{path}"), BROWSER).await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("immutable"),
            "{answer}"
        );
        assert!(answer.contains("nosniff"), "{answer}");
        let other = format!("/{}0", path);
        let answer = ask(served.address, &other, BROWSER).await;
        assert!(
            answer.contains("cache-control: no-cache") && !answer.contains("immutable"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn names_that_are_not_ours_get_metrics_and_health_alone() {
    let served = serve().await;
    let named = "Host: evil.example:9402";
    for path in [
        "/",
        "/api/v1/denials",
        "/api/v1/containers",
        "/assets/page.js",
        "/api/v1/changes/stream",
    ] {
        let answer = ask(served.address, path, named).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{path}: {answer}");
        assert!(answer.contains("--web.allowed-host"), "{answer}");
    }
    for path in ["/metrics", "/livez", "/healthz"] {
        assert!(
            ask(served.address, path, named)
                .await
                .starts_with("HTTP/1.1 200"),
            "{path}"
        );
    }
    let by_address = format!("Host: {}", served.address);
    assert!(
        ask(served.address, "/api/v1/denials", &by_address)
            .await
            .starts_with("HTTP/1.1 200")
    );
    let mut stream = UnixStream::connect(&served.socket).await.unwrap();
    let request = format!("GET /api/v1/denials HTTP/1.1\r\n{named}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn what_is_not_there_says_what_is() {
    let served = serve().await;
    let answer = ask(served.address, "/nowhere", BROWSER).await;
    assert!(
        answer.starts_with("HTTP/1.1 404") && answer.contains("/api/v1/openapi.json"),
        "{answer}"
    );
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let request = "POST /api/v1/denials HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 405") && answer.contains("only GET"),
        "{answer}"
    );
}

#[tokio::test]
async fn changes_are_told_and_the_stream_ends_with_the_daemon() {
    let served = serve().await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let request = "GET /api/v1/changes/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    for (number, word) in [(0, "retry: 1000"), (1, "data: 1\n"), (2, "data: 2\n")] {
        if number > 0 {
            served
                .published
                .snapshot
                .store(Arc::new(fixture::snapshot()));
        }
        while !answer.contains(word) {
            let mut bytes = [0; 4_096];
            let read = stream.read(&mut bytes).await.unwrap();
            assert!(read > 0, "{answer}");
            answer.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }
    served.stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(2), served.task)
        .await
        .unwrap()
        .unwrap();
}
