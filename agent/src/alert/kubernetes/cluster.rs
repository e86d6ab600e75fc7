//! The API server of the cluster that the daemon runs in.
//!
//! In: what Kubernetes gives to a pod: two variables, a token, a certificate. Out:
//! requests. Invariant: the token is read at each request, since it is replaced
//! within the hour; namespaces and names in an address were looked at before.
//! Lacks on purpose: kubeconfig files, and any other resource.

use std::path::{Path, PathBuf};

use hyper::Method;
use url::Url;

use super::super::client::{Client, ClientError, Roots, bearer};

/// Where events live.
const API: &str = "/apis/events.k8s.io/v1/namespaces";

/// The API server.
#[derive(Debug)]
pub(super) struct Cluster {
    client: Client,
    server: Url,
    token: PathBuf,
}

impl Cluster {
    /// Of the pod that this process runs in; `variable` reads its environment,
    /// and a directory has token and certificate.
    pub(super) fn own(
        variable: impl Fn(&str) -> Option<String>,
        account: &Path,
    ) -> Result<Cluster, ClientError> {
        let server = server(variable)?;
        let token = account.join("token");
        bearer(&token)?;
        Ok(Cluster {
            client: Client::new(&Roots::File(account.join("ca.crt")))?,
            server,
            token,
        })
    }

    pub(super) async fn create(&self, namespace: &str, body: Vec<u8>) -> Result<(), ClientError> {
        let path = format!("{API}/{namespace}/events");
        self.send(Method::POST, &path, "application/json", body)
            .await
    }

    pub(super) async fn patch(
        &self,
        namespace: &str,
        name: &str,
        body: Vec<u8>,
    ) -> Result<(), ClientError> {
        let path = format!("{API}/{namespace}/events/{name}");
        self.send(Method::PATCH, &path, "application/merge-patch+json", body)
            .await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<(), ClientError> {
        let mut url = self.server.clone();
        url.set_path(path);
        let authorization = bearer(&self.token)?;
        let headers = [
            ("authorization", authorization.as_str()),
            ("accept", "application/json"),
            ("content-type", content_type),
        ];
        self.client.send(method, &url, &headers, body).await
    }
}

fn server(variable: impl Fn(&str) -> Option<String>) -> Result<Url, ClientError> {
    let host = variable("KUBERNETES_SERVICE_HOST").filter(|host| !host.is_empty());
    let host = host.ok_or(ClientError::NoCluster)?;
    let host = match host.contains(':') {
        true => format!("[{host}]"),
        false => host,
    };
    let port = variable("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned());
    Url::parse(&format!("https://{host}:{port}")).map_err(|_| ClientError::NoCluster)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_where_the_environment_says() {
        let with = |host: &'static str, port: Option<&'static str>| {
            let found = server(|name| match name {
                "KUBERNETES_SERVICE_HOST" => Some(host.to_owned()),
                "KUBERNETES_SERVICE_PORT" => port.map(str::to_owned),
                _ => None,
            });
            found.map(|url| url.to_string())
        };
        assert_eq!(with("10.0.0.1", None).unwrap(), "https://10.0.0.1/");
        assert_eq!(
            with("fd00::1", Some("6443")).unwrap(),
            "https://[fd00::1]:6443/"
        );
        let error = with("", None).unwrap_err().to_string();
        assert!(error.contains("KUBERNETES_SERVICE_HOST"), "{error}");
    }

    #[test]
    fn a_missing_account_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let own = || Cluster::own(|_| Some("1".to_owned()), dir.path()).unwrap_err();
        let error = own();
        assert!(error.to_string().contains("token"), "{error}");
        std::fs::write(dir.path().join("token"), "t").unwrap();
        let error = own();
        assert!(error.to_string().contains("ca.crt"), "{error}");
    }
}
