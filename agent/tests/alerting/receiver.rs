//! A receiver of webhooks, with TLS where that is wanted, that keeps what it was told.
//!
//! In: connections. Out: requests as they came. Invariant: each connection has a
//! thread, and is answered once.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

use super::told::Told;

const IO_WITHIN: Duration = Duration::from_secs(5);

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Posted {
    pub head: String,
    pub body: Value,
}

impl Posted {
    /// A header's value, or "".
    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut values = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        values.next().map_or("", |(_, value)| value.trim())
    }

    /// Method and path.
    pub fn asks(&self) -> &str {
        let line = self.head.lines().next().unwrap_or_default();
        line.rsplit_once(' ').map_or("", |(asks, _)| asks)
    }
}

/// Status of the answer to a request.
type Judge = Arc<dyn Fn(&Posted) -> u16 + Send + Sync>;

/// Takes requests and keeps what they say.
pub struct Receiver {
    pub address: SocketAddr,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Receiver {
    /// Everything is welcome.
    pub fn start() -> Receiver {
        Receiver::serve(None, Arc::new(|_| 200))
    }

    /// The same with TLS.
    pub fn start_tls(config: ServerConfig) -> Receiver {
        Receiver::judging(config, |_| 200)
    }

    /// With TLS and a mind of its own.
    pub fn judging(
        config: ServerConfig,
        judge: impl Fn(&Posted) -> u16 + Send + Sync + 'static,
    ) -> Receiver {
        Receiver::serve(Some(Arc::new(config)), Arc::new(judge))
    }

    fn serve(tls: Option<Arc<ServerConfig>>, judge: Judge) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let posted = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&posted);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (tls, kept, judge) = (tls.clone(), Arc::clone(&kept), Arc::clone(&judge));
                std::thread::spawn(move || converse(stream, tls, &judge, &kept));
            }
        });
        Receiver { address, posted }
    }

    /// Every request so far.
    pub fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }

    /// Every alert so far that is of this name and container.
    pub fn told(&self, alert: &str, container: &str) -> Vec<Told> {
        let posted = self.posted();
        let alerts = posted.iter().flat_map(|posted| {
            posted.body["alerts"]
                .as_array()
                .cloned()
                .unwrap_or_default()
        });
        let told = alerts.map(Told);
        told.filter(|told| told.is_of(alert, container)).collect()
    }

    /// The same, `firing` and `resolved` alone.
    pub fn statuses(&self, alert: &str, container: &str) -> Vec<String> {
        let told = self.told(alert, container);
        told.iter().map(|told| told.status().to_owned()).collect()
    }
}

/// One request, and its answer.
fn converse(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    judge: &Judge,
    kept: &Mutex<Vec<Posted>>,
) {
    stream.set_read_timeout(Some(IO_WITHIN)).unwrap();
    match tls {
        None => {
            let _ = answer(&mut BufReader::new(&stream), &mut &stream, judge, kept);
        }
        Some(config) => {
            let connection = rustls::ServerConnection::new(config).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let mut reply = Vec::new();
            let _ = answer(&mut BufReader::new(&mut stream), &mut reply, judge, kept);
            let _ = stream.write_all(&reply);
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    }
}

fn answer(
    reader: &mut impl BufRead,
    writer: &mut impl Write,
    judge: &Judge,
    kept: &Mutex<Vec<Posted>>,
) -> std::io::Result<()> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut posted = Posted {
        head,
        body: Value::Null,
    };
    let mut body = vec![0; posted.header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body)?;
    posted.body = serde_json::from_slice(&body).unwrap_or_default();
    let status = judge(&posted);
    kept.lock().unwrap().push(posted);
    let head = format!("HTTP/1.1 {status} Told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    writer.write_all(head.as_bytes())
}

/// A certificate for 127.0.0.1 that vouches for itself: `ca.pem` and `key.pem` in
/// that directory.
pub fn certificate(dir: &Path) -> Result<ServerConfig, String> {
    let config = dir.join("openssl.cnf");
    let text = "[req]\ndistinguished_name=name\nx509_extensions=own\nprompt=no\n\
                [name]\nCN=receiver\n\
                [own]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1\n";
    std::fs::write(&config, text).unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
        .args(["ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout"])
        .arg(dir.join("key.pem"))
        .arg("-out")
        .arg(dir.join("ca.pem"))
        .arg("-config")
        .arg(&config)
        .output()
        .map_err(|error| format!("cannot start openssl: {error}"))?;
    assert!(made.status.success(), "{made:?}");
    let chain = vec![CertificateDer::from_pem_file(dir.join("ca.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(dir.join("key.pem")).unwrap();
    let provider = rustls::crypto::ring::default_provider().into();
    Ok(ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap())
}
