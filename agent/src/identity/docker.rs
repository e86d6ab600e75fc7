//! Docker's API, spoken by Docker and Podman, becomes descriptions.
//!
//! In: a socket, and look-ups. Out: descriptions, from three sources in the
//! order of their speed: events (id, name, image and labels come with the event,
//! so that a container that is gone at once is named too), the list at the
//! session's start, and an inspection (root, mounts). Invariant: the event
//! stream starts in time before the list, so nothing falls between; every
//! request has a time limit; a session that fails is ended, and begun anew by
//! the caller. The only file that knows bollard. Lacks on purpose: the end of
//! containers, which their control groups tell.

mod transport;

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use bollard::errors::Error as ClientError;
use bollard::models::{ContainerInspectResponse, ContainerSummary, EventMessage, SystemVersion};
use bollard::query_parameters::{
    EventsOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::inquiry::{Answer, Inquiries};
use super::introduction::{Met, Storage};
use super::labels;
use super::status::Reporter;
use super::{Description, Ended, LookUp};
use crate::denial::{Container, Runtime};

/// A request takes at most this long; a list of thousands of containers is slow.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);
/// The event stream may stay silent for any time (a year, to the client).
const STREAM_WITHIN: Duration = Duration::from_secs(365 * 24 * 3600);
/// A runtime that hangs is found out this often.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_WITHIN: Duration = Duration::from_secs(10);

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum DockerError {
    #[error("{request}: {source}")]
    Request {
        request: &'static str,
        source: ClientError,
    },
    #[error("{request}: no answer within {} s", .within.as_secs())]
    Timeout {
        request: &'static str,
        within: Duration,
    },
    #[error("the event stream ended")]
    EventsEnded,
    #[error("the daemon stops")]
    Stopping,
}

/// Listens to one socket until something fails. `since` is when the events were
/// last known, in seconds of the wall clock, so that a session which breaks off
/// leaves no gap: engines keep their latest events.
pub(super) async fn serve(
    socket: &Path,
    since: &mut i64,
    look_ups: &mut mpsc::Receiver<LookUp>,
    reporter: &Reporter,
) -> Result<Infallible, DockerError> {
    let docker = connect(socket).await?;
    let (runtime, _) = who(&docker).await?;

    // The stream's own start cannot be waited for (it is silent until something
    // happens), so it is asked to begin in the past.
    let options = EventsOptionsBuilder::new()
        .since(&since.to_string())
        .filters(&HashMap::from([
            ("type", vec!["container"]),
            ("event", vec!["create", "start", "die", "rename"]),
        ]))
        .build();
    let mut events = pin!(
        docker
            .clone()
            .with_timeout(STREAM_WITHIN)
            .events(Some(options))
    );
    let mut inquiries = Inquiries::new(reporter.clone());
    let inspect = {
        let docker = docker.clone();
        move |id: String| inspect(docker.clone(), id, runtime)
    };

    let list = async {
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            // Without "restarting", which Podman refuses: those start with an event.
            .filters(&HashMap::from([(
                "status",
                vec!["created", "running", "paused"],
            )]))
            .build();
        within(
            "list",
            REQUEST_WITHIN,
            docker.list_containers(Some(options)),
        )
        .await
    };
    let mut list = pin!(list);
    let mut listed = false;
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.reset();

    loop {
        tokio::select! {
            // In order, so that the events are asked for before the list.
            biased;
            event = events.next() => {
                let event = event.ok_or(DockerError::EventsEnded)?;
                let event = event
                    .map_err(|source| DockerError::Request { request: "events", source })?;
                *since = event.time.unwrap_or(*since);
                let created = event.action.as_deref() == Some("create");
                if let Some(description) = of_event(event, runtime) {
                    let id = description.container.id.clone();
                    reporter.tell(description).await;
                    if created {
                        inquiries.ask(id, inspect.clone());
                    }
                }
            }
            containers = &mut list, if !listed => {
                listed = true;
                reporter.connected(runtime);
                for summary in containers? {
                    if let Some(description) = of_summary(summary, runtime) {
                        let id = description.container.id.clone();
                        reporter.tell(description).await;
                        inquiries.ask(id, inspect.clone());
                    }
                }
            }
            look_up = look_ups.recv() => {
                let look_up = look_up.ok_or(DockerError::Stopping)?;
                inquiries.ask(look_up.id, inspect.clone());
            }
            () = inquiries.one_done() => {}
            _ = ping.tick() => {
                within("ping", PING_WITHIN, docker.ping()).await?;
            }
        }
    }
}

async fn connect(socket: &Path) -> Result<Docker, DockerError> {
    let docker = transport::connect(socket, REQUEST_WITHIN.as_secs(), API_DEFAULT_VERSION)
        .map_err(|source| DockerError::Request {
            request: "connect",
            source,
        })?;
    within("version", PING_WITHIN, docker.negotiate_version()).await
}

/// Who answers.
async fn who(docker: &Docker) -> Result<(Runtime, SystemVersion), DockerError> {
    let version = within("version", PING_WITHIN, docker.version()).await?;
    let mut components = version.components.iter().flatten();
    let runtime = match components.any(|c| c.name.starts_with("Podman")) {
        true => Runtime::Podman,
        false => Runtime::Docker,
    };
    Ok((runtime, version))
}

/// Asks who answers, and where it keeps its layers.
pub(super) async fn introduce(socket: &Path) -> Result<Met, DockerError> {
    let docker = connect(socket).await?;
    let (runtime, version) = who(&docker).await?;
    // An engine that does not tell is an engine all the same.
    let info = within("info", PING_WITHIN, docker.info()).await.ok();
    Ok(Met {
        runtime,
        version: labels::bounded(&version.version.unwrap_or_default()),
        // What both sides understand, not the latest that the engine does.
        api: docker.client_version().to_string(),
        storage: info.and_then(|info| {
            Some(Storage {
                driver: labels::bounded(&info.driver?),
                directory: labels::bounded(&info.docker_root_dir?),
            })
        }),
    })
}

async fn within<T>(
    request: &'static str,
    limit: Duration,
    answer: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, DockerError> {
    match timeout(limit, answer).await {
        Ok(answer) => answer.map_err(|source| DockerError::Request { request, source }),
        Err(_) => Err(DockerError::Timeout {
            request,
            within: limit,
        }),
    }
}

async fn inspect(docker: Docker, id: String, runtime: Runtime) -> Answer {
    match docker
        .inspect_container(&id, None::<InspectContainerOptions>)
        .await
    {
        Ok(answer) => match of_inspection(answer, runtime) {
            Some(description) => Answer::Told(Box::new(description)),
            None => Answer::Failed(format!("inspect {id}: an answer without an id")),
        },
        // Engines know a container before it has a control group, so one that
        // they do not know is gone, or another engine's.
        Err(ClientError::DockerResponseServerError {
            status_code: 404, ..
        }) => Answer::Never,
        Err(error) => Answer::Failed(format!("inspect {id}: {error}")),
    }
}

fn description(
    id: String,
    runtime: Runtime,
    name: Option<&str>,
    image: Option<&str>,
    labels: Option<&HashMap<String, String>>,
) -> Description {
    let mut container = Container {
        described: true,
        ..Container::unnamed(&id, runtime)
    };
    // Docker's names begin with a slash.
    let name = name
        .map(|name| name.trim_start_matches('/'))
        .unwrap_or_default();
    container.name = labels::bounded(name);
    container.image = image.map(labels::bounded).unwrap_or_default();
    if let Some(labels) = labels {
        labels::apply(&mut container, labels);
    }
    Description {
        container,
        ended: None,
    }
}

/// An event's attributes are the container's labels, with name and image among
/// them, and the exit code at its end. None where it names no container.
pub fn of_event(event: EventMessage, runtime: Runtime) -> Option<Description> {
    let time_ns = event
        .time_nano
        .filter(|_| event.action.as_deref() == Some("die"));
    let actor = event.actor?;
    let attributes = actor.attributes.unwrap_or_default();
    let text = |name: &str| attributes.get(name).map(String::as_str);
    let id = actor.id.filter(|id| !id.is_empty())?;
    let (name, image) = (text("name"), text("image"));
    let mut told = description(id, runtime, name, image, Some(&attributes));
    // Podman has its own name for it.
    let code = text("exitCode").or_else(|| text("containerExitCode"));
    let code = code.and_then(|code| code.parse().ok());
    told.ended = code.zip(time_ns).and_then(|(code, ns)| Ended::at(code, ns));
    Some(told)
}

/// A row of the list; none where it names no container.
pub fn of_summary(summary: ContainerSummary, runtime: Runtime) -> Option<Description> {
    // A container has further names under those that link to it (`/other/alias`).
    let names = summary.names.unwrap_or_default();
    let own = names
        .iter()
        .find(|name| !name.trim_start_matches('/').contains('/'));
    Some(description(
        summary.id.filter(|id| !id.is_empty())?,
        runtime,
        own.map(String::as_str),
        summary.image.as_deref(),
        summary.labels.as_ref(),
    ))
}

/// An inspection, which alone tells of the root and the mounts; none where it
/// names no container.
pub fn of_inspection(answer: ContainerInspectResponse, runtime: Runtime) -> Option<Description> {
    let config = answer.config.unwrap_or_default();
    let host = answer.host_config.unwrap_or_default();
    let mut description = description(
        answer.id.filter(|id| !id.is_empty())?,
        runtime,
        answer.name.as_deref(),
        config.image.as_deref(),
        config.labels.as_ref(),
    );
    let container = &mut description.container;
    container.read_only_root = Some(host.readonly_rootfs.unwrap_or(false));
    let mounted = answer
        .mounts
        .into_iter()
        .flatten()
        .filter_map(|mount| mount.destination);
    let asked = host
        .mounts
        .into_iter()
        .flatten()
        .filter_map(|mount| mount.target);
    let tmpfs = host.tmpfs.into_iter().flatten().map(|(target, _)| target);
    container.mount_targets = labels::bounded_targets(mounted.chain(asked).chain(tmpfs));
    Some(description)
}
