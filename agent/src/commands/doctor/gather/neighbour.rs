//! Who is where the daemon would listen.
//!
//! In: the settings. Out: [`Address`]es. Invariant: an address is taken for a moment,
//! as the daemon would, and given back; a socket is not even made. Lacks on purpose:
//! asking a Sealwatch what it sees.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

use super::super::facts::{Address, Taken};
use super::may_write;
use crate::commands::client::Client;
use crate::commands::daemon::SOCKET;
use crate::config::{Config, Place};

pub(super) async fn address(config: &Config) -> Option<Address> {
    let address = config.listen_address?;
    let taken = match TcpListener::bind(address) {
        Ok(_) => Taken::Free,
        Err(error) if is_sealwatch(Client::at(&reachable(address)).ok()).await => {
            tracing::debug!(%address, %error, "a Sealwatch has it");
            Taken::Sealwatch
        }
        Err(error) => Taken::Not(error.to_string()),
    };
    Some(Address {
        place: address.to_string(),
        taken,
    })
}

/// What listens on every address answers on this machine's own.
fn reachable(mut address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
            address.set_ip(Ipv4Addr::LOCALHOST.into())
        }
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            address.set_ip(Ipv6Addr::LOCALHOST.into())
        }
        SocketAddr::V4(_) | SocketAddr::V6(_) => {}
    }
    format!("http://{address}")
}

pub(super) async fn socket(config: &Config) -> Option<Address> {
    let path = match &config.socket {
        Place::Off => return None,
        Place::Auto => Path::new(SOCKET),
        Place::At(path) => path,
    };
    let taken = match UnixStream::connect(path) {
        Ok(_) if is_sealwatch(Some(Client::on(path))).await => Taken::Sealwatch,
        Ok(_) => Taken::Not("another program listens there".to_owned()),
        // One that nobody listens on any more is replaced.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            match may_write(directory(path, &config.socket)) {
                Ok(()) => Taken::Free,
                Err(reason) => Taken::Not(reason),
            }
        }
        Err(error) => Taken::Not(error.to_string()),
    };
    Some(Address {
        place: path.display().to_string(),
        taken,
    })
}

/// Where something is made: the usual directory is, if it is not there.
fn directory<'a>(path: &'a Path, place: &Place) -> &'a Path {
    let own = path.parent().unwrap_or(Path::new("/"));
    match own
        .parent()
        .filter(|_| *place == Place::Auto && !own.exists())
    {
        Some(above) => above,
        None => own,
    }
}

/// Nobody else answers this so.
async fn is_sealwatch(client: Option<Client>) -> bool {
    let Some(client) = client else {
        return false;
    };
    let answer = client.get::<Value>("/api/v1/denials").await;
    answer.is_ok_and(|answer| answer["denials"].is_array() && answer["version"].is_u64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_reached_on_this_machine() {
        for (address, url) in [
            ("0.0.0.0:9402", "http://127.0.0.1:9402"),
            ("[::]:9402", "http://[::1]:9402"),
            ("10.0.0.7:80", "http://10.0.0.7:80"),
        ] {
            assert_eq!(reachable(address.parse().unwrap()), url);
        }
    }

    #[test]
    fn the_usual_directory_is_made_where_it_is_not_there() {
        let (usual, other) = (
            Path::new("/run/no-such/s.sock"),
            Path::new("/no-such/x/s.sock"),
        );
        assert_eq!(directory(usual, &Place::Auto), Path::new("/run"));
        let at = Place::At(other.to_path_buf());
        assert_eq!(directory(other, &at), Path::new("/no-such/x"));
        assert_eq!(
            directory(Path::new("/run/s.sock"), &Place::Auto),
            Path::new("/run")
        );
    }
}
