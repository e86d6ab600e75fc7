//! Under which names the page and the lists may be asked for.
//!
//! In: a request's `Host`. Out: whether it may pass. Invariant: a name that
//! somebody outside can give to this machine's address does not pass unless it
//! was allowed, so that no web page makes its visitor's browser read what is
//! served here (DNS rebinding); addresses cannot be given away and pass. Lacks
//! on purpose: looking names up.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::config::matches;
use crate::denial::escape;

/// What Sealwatch's own commands call it, whatever its address.
const OWN_NAME: &str = "sealwatch";

/// The names that pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    /// The machine's name.
    own: Arc<str>,
    /// What `--web.allowed-host` adds.
    more: Arc<ArcSwap<Vec<String>>>,
}

impl Hosts {
    pub(super) fn new(own: &str, more: Arc<ArcSwap<Vec<String>>>) -> Self {
        Hosts {
            own: own.into(),
            more,
        }
    }

    /// May a request pass that was sent to this host?
    fn allow(&self, host: &str) -> bool {
        let name = name(host);
        if name.parse::<Ipv4Addr>().is_ok() || name.parse::<Ipv6Addr>().is_ok() {
            return true;
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let local = name == "localhost" || name.ends_with(".localhost");
        local
            || name == OWN_NAME
            || name.eq_ignore_ascii_case(&self.own)
            || self
                .more
                .load()
                .iter()
                .any(|more| matches(&more.to_ascii_lowercase(), &name))
    }
}

/// A host without its port and brackets.
fn name(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// Lets a request pass, or says what would let it.
pub(super) async fn guard(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    // A browser always sends one.
    let Some(host) = host.filter(|host| !host.is_empty()) else {
        return next.run(request).await;
    };
    if host.to_str().is_ok_and(|host| hosts.allow(host)) {
        return next.run(request).await;
    }
    let what = format!(
        "Host: {} is not known to be this machine; ask by its address, or allow the name with --web.allowed-host\n",
        escape(host.as_bytes())
    );
    (StatusCode::FORBIDDEN, what).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_ours_pass() {
        let more = Arc::new(ArcSwap::from_pointee(vec!["*.nodes.example".to_owned()]));
        let hosts = Hosts::new("Node-1", Arc::clone(&more));
        for (host, passes) in [
            ("127.0.0.1:9402", true),
            ("10.0.0.7", true),
            ("[::1]:9402", true),
            ("[fe80::1]", true),
            ("localhost", true),
            ("LocalHost:9402", true),
            ("a.localhost:1", true),
            ("node-1:9402", true),
            ("node-1.", true),
            ("sealwatch", true),
            ("a.nodes.example:9402", true),
            ("A.NODES.EXAMPLE", true),
            ("nodes.example", false),
            ("evil.example:9402", false),
            ("127.0.0.1.evil.example", false),
            ("node-1.evil.example", false),
            ("localhost.evil.example", false),
            ("", false),
            ("[", false),
            (":9402", false),
            ("1", false),
        ] {
            assert_eq!(hosts.allow(host), passes, "{host}");
        }
        more.store(Arc::new(vec!["*".to_owned()]));
        assert!(hosts.allow("anything.example"));
    }
}
