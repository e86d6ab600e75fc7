//! Kubernetes' runtime API, spoken by containerd and CRI-O, becomes descriptions.
//!
//! In: a socket, and look-ups. Out: descriptions of containers and of the pods'
//! own (pause) containers, with the pod's labels. Invariant: every request has a
//! time limit; a session that fails is ended, and begun anew by the caller;
//! nothing is taken away from the kubelet. The only file that knows CRI. Lacks
//! on purpose: images, and the end of containers, which their control groups tell.
//!
//! v1alpha2 has other method names and the same messages (field by field), so
//! v1's types serve for both.

pub mod describe;

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use hyper_util::rt::TokioIo;
use k8s_cri::v1;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tonic::client::Grpc;
use tonic::codec::Codec;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use super::inquiry::{Answer, Inquiries};
use super::introduction::Met;
use super::labels;
use super::status::Reporter;
use super::{Description, LookUp};
use crate::denial::Runtime;
use describe::{add_status, ended, of_container, of_event, of_sandbox, read_only_root};

/// A request takes at most this long.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// A list of a full node's containers is larger than gRPC's usual 4 MiB.
const MESSAGE_MAX: usize = 16 << 20;
/// Everything is listed again this often, which also finds a runtime that hangs.
/// (A kubelet lists once a second.)
const LIST_EVERY: Duration = Duration::from_secs(20);
/// An event stream that ends sooner was never there: CRI-O has it off by default.
const STREAM_BEGUN: Duration = Duration::from_secs(5);

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum CriError {
    #[error("connect: {0}")]
    Connect(#[from] tonic::transport::Error),
    #[error("{method}: {} ({:?})", .status.message(), .status.code())]
    Request {
        method: &'static str,
        status: Box<Status>,
    },
    #[error("the event stream ended")]
    EventsEnded,
    #[error("no CRI is served here")]
    NotServed,
    #[error("the daemon stops")]
    Stopping,
}

impl CriError {
    fn is_code(&self, code: Code) -> bool {
        matches!(self, CriError::Request { status, .. } if status.code() == code)
    }
}

/// Listens to one socket until something fails.
pub(super) async fn serve(
    socket: &Path,
    look_ups: &mut mpsc::Receiver<LookUp>,
    reporter: &Reporter,
) -> Result<Infallible, CriError> {
    let (client, answer) = Client::connect(socket).await?;
    let runtime = client.runtime;
    let begun = Instant::now();
    let mut events = if tells_everyone(runtime, &answer.runtime_version) {
        client.events()
    } else {
        stream::pending().boxed()
    };
    let mut inquiries = Inquiries::new(reporter.clone());
    let ask = {
        let client = client.clone();
        move |id: String| client.clone().look_up(id)
    };
    let mut list = interval(LIST_EVERY);
    list.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut first = true;
    loop {
        tokio::select! {
            biased;
            event = events.next() => match event {
                Some(Ok(event)) => {
                    for description in of_event(event, runtime) {
                        let id = description.container.id.clone();
                        let ended = description.ended.is_some();
                        reporter.tell(description).await;
                        if !ended {
                            inquiries.ask(id, ask.clone());
                        }
                    }
                }
                // Look-ups and lists do without events; a stream that breaks is
                // the runtime's end, and the next session has a new one.
                Some(Err(_)) | None if begun.elapsed() < STREAM_BEGUN => {
                    events = stream::pending().boxed();
                }
                Some(Err(status)) => {
                    let method = "GetContainerEvents";
                    return Err(CriError::Request { method, status: Box::new(status) });
                }
                None => return Err(CriError::EventsEnded),
            },
            _ = list.tick() => {
                let listed = client.list().await?;
                if first {
                    reporter.connected(runtime);
                }
                for description in listed {
                    let id = description.container.id.clone();
                    reporter.tell(description).await;
                    if first {
                        inquiries.ask(id, ask.clone());
                    }
                }
                first = false;
            }
            look_up = look_ups.recv() => {
                let look_up = look_up.ok_or(CriError::Stopping)?;
                inquiries.ask(look_up.id, ask.clone());
            }
            () = inquiries.one_done() => {}
        }
    }
}

/// Asks who answers.
pub(super) async fn introduce(socket: &Path) -> Result<Met, CriError> {
    let (client, answer) = Client::connect(socket).await?;
    Ok(Met {
        runtime: client.runtime,
        version: labels::bounded(&answer.runtime_version),
        api: client.version.to_owned(),
        storage: None,
    })
}

/// containerd 1.7 hands each event to one listener only, so listening there
/// would take events from the kubelet; CRI-O and containerd 2 tell everyone.
fn tells_everyone(runtime: Runtime, version: &str) -> bool {
    let digits = version.trim_start_matches('v');
    let major = digits
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    match runtime {
        Runtime::Crio => true,
        Runtime::Containerd => major.is_some_and(|major| major >= 2),
        Runtime::Docker | Runtime::Podman | Runtime::Unspecified => false,
    }
}

#[derive(Clone)]
struct Client {
    channel: Channel,
    version: &'static str,
    runtime: Runtime,
}

impl Client {
    async fn connect(socket: &Path) -> Result<(Client, v1::VersionResponse), CriError> {
        let path: PathBuf = socket.into();
        // The address is only there for form: the connector knows the socket.
        let channel = Endpoint::from_static("http://localhost")
            .connect_timeout(REQUEST_WITHIN)
            .connect_with_connector(tower::service_fn(move |_: Uri| {
                let path = path.clone();
                async move { UnixStream::connect(path).await.map(TokioIo::new) }
            }))
            .await?;
        for version in ["v1", "v1alpha2"] {
            let mut client = Client {
                channel: channel.clone(),
                version,
                runtime: Runtime::Unspecified,
            };
            let request = v1::VersionRequest::default();
            match client
                .call::<_, v1::VersionResponse>("Version", request)
                .await
            {
                Ok(answer) => {
                    client.runtime = match answer.runtime_name.as_str() {
                        "containerd" => Runtime::Containerd,
                        "cri-o" => Runtime::Crio,
                        "docker" => Runtime::Docker,
                        _ => Runtime::Unspecified,
                    };
                    return Ok((client, answer));
                }
                Err(error) if error.is_code(Code::Unimplemented) => {}
                Err(error) => return Err(error),
            }
        }
        Err(CriError::NotServed)
    }

    fn path(&self, method: &'static str) -> Result<PathAndQuery, Status> {
        PathAndQuery::try_from(format!("/runtime.{}.RuntimeService/{method}", self.version))
            .map_err(|error| Status::internal(error.to_string()))
    }

    async fn call<Q, A>(&self, method: &'static str, request: Q) -> Result<A, CriError>
    where
        Q: Send + Sync + 'static,
        A: Send + Sync + 'static,
        ProstCodec<Q, A>: Codec<Encode = Q, Decode = A> + Default,
    {
        let answer = async {
            let path = self.path(method)?;
            let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX);
            grpc.ready()
                .await
                .map_err(|error| Status::unavailable(error.to_string()))?;
            grpc.unary(Request::new(request), path, ProstCodec::<Q, A>::default())
                .await
        };
        let answer = timeout(REQUEST_WITHIN, answer)
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
        answer
            .map(tonic::Response::into_inner)
            .map_err(|status| CriError::Request {
                method,
                status: Box::new(status),
            })
    }

    /// Events for as long as the runtime gives them. The answer's head comes
    /// only with the first event, so the request itself is part of the stream.
    fn events(&self) -> BoxStream<'static, Result<v1::ContainerEventResponse, Status>> {
        let client = self.clone();
        let start = async move {
            let path = client.path("GetContainerEvents")?;
            let mut grpc = Grpc::new(client.channel).max_decoding_message_size(MESSAGE_MAX);
            grpc.ready()
                .await
                .map_err(|error| Status::unavailable(error.to_string()))?;
            let request = Request::new(v1::GetEventsRequest::default());
            let codec = ProstCodec::<v1::GetEventsRequest, v1::ContainerEventResponse>::default();
            grpc.server_streaming(request, path, codec)
                .await
                .map(tonic::Response::into_inner)
        };
        stream::once(start).try_flatten().boxed()
    }

    async fn sandboxes(&self, id: &str) -> Result<Vec<v1::PodSandbox>, CriError> {
        let filter = v1::PodSandboxFilter {
            id: id.to_owned(),
            ..Default::default()
        };
        let request = v1::ListPodSandboxRequest {
            filter: Some(filter),
        };
        let answer: v1::ListPodSandboxResponse = self.call("ListPodSandbox", request).await?;
        Ok(answer.items)
    }

    async fn containers(&self, id: &str) -> Result<Vec<v1::Container>, CriError> {
        let filter = v1::ContainerFilter {
            id: id.to_owned(),
            ..Default::default()
        };
        let request = v1::ListContainersRequest {
            filter: Some(filter),
        };
        let answer: v1::ListContainersResponse = self.call("ListContainers", request).await?;
        Ok(answer.containers)
    }

    /// Everything that lives, without what only a status tells.
    async fn list(&self) -> Result<Vec<Description>, CriError> {
        let sandboxes = self.sandboxes("").await?;
        let containers = self.containers("").await?;
        let labels: HashMap<&str, &HashMap<String, String>> = sandboxes
            .iter()
            .map(|sandbox| (sandbox.id.as_str(), &sandbox.labels))
            .collect();
        let lives = |state: i32| {
            let ended = [
                v1::ContainerState::ContainerExited,
                v1::ContainerState::ContainerUnknown,
            ];
            ended.iter().all(|ended| *ended as i32 != state)
        };
        let mut descriptions = Vec::new();
        for container in containers.iter().filter(|container| lives(container.state)) {
            let pod = labels.get(container.pod_sandbox_id.as_str()).copied();
            descriptions.push(of_container(container, pod, self.runtime));
        }
        let ready = v1::PodSandboxState::SandboxReady as i32;
        for sandbox in sandboxes.iter().filter(|sandbox| sandbox.state == ready) {
            descriptions.push(of_sandbox(&sandbox.id, &sandbox.labels, self.runtime));
        }
        Ok(descriptions)
    }

    async fn look_up(self, id: String) -> Answer {
        match self.describe(&id).await {
            Ok(Some(description)) => Answer::Told(Box::new(description)),
            // containerd 1.x enters a sandbox only after its control group exists.
            Ok(None) => Answer::Absent,
            Err(error) if error.is_code(Code::NotFound) => Answer::Absent,
            Err(error) => Answer::Failed(error.to_string()),
        }
    }

    async fn describe(&self, id: &str) -> Result<Option<Description>, CriError> {
        if let Some(container) = self.containers(id).await?.into_iter().find(|c| c.id == id) {
            let sandboxes = self.sandboxes(&container.pod_sandbox_id).await?;
            let pod = sandboxes.first().map(|sandbox| &sandbox.labels);
            let mut description = of_container(&container, pod, self.runtime);
            let request = v1::ContainerStatusRequest {
                container_id: id.to_owned(),
                verbose: true,
            };
            let answer: v1::ContainerStatusResponse = self.call("ContainerStatus", request).await?;
            if let Some(status) = answer.status {
                description.ended = ended(&status);
                add_status(&mut description.container, status);
            }
            description.container.read_only_root = read_only_root(&answer.info);
            return Ok(Some(description));
        }
        let Some(sandbox) = self.sandboxes(id).await?.into_iter().find(|s| s.id == id) else {
            return Ok(None);
        };
        let mut description = of_sandbox(id, &sandbox.labels, self.runtime);
        let request = v1::PodSandboxStatusRequest {
            pod_sandbox_id: id.to_owned(),
            verbose: true,
        };
        let answer: v1::PodSandboxStatusResponse = self.call("PodSandboxStatus", request).await?;
        description.container.read_only_root = read_only_root(&answer.info);
        Ok(Some(description))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_only_where_the_kubelet_loses_none() {
        assert!(tells_everyone(Runtime::Containerd, "v2.1.0"));
        assert!(tells_everyone(Runtime::Containerd, "2.0.0~rc1"));
        assert!(!tells_everyone(Runtime::Containerd, "1.7.24~ds1"));
        assert!(!tells_everyone(Runtime::Containerd, ""));
        assert!(tells_everyone(Runtime::Crio, "1.30.1"));
    }
}
