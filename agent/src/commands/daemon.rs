//! The whole daemon, for `run` and for commands that bring their own.
//!
//! In: a valid [`Config`]. Out: a [`Daemon`] that serves until it is told to
//! stop. Invariant: what can only fail at the start (the address, the kernel
//! half) fails the start with its reason; everything later degrades and shows
//! it. Lacks on purpose: the hot path, which `pipeline` is, and signals.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::{memory, rights, sole, state};
use crate::aggregate::{self, HookState};
use crate::alert;
use crate::config::{BackendChoice, Config, EventFormat, Place};
use crate::contract::{self, Declared};
use crate::degrade::Thresholds;
use crate::events::EventWriter;
use crate::host::Wanted;
use crate::http::{self, Endpoint, HttpError, Published};
use crate::identity::hierarchy::{Hierarchy, Layout};
use crate::identity::runtimes;
use crate::layer::{self, Walker};
use crate::pipeline::{Now, Order, Pipeline, Reload, RuntimeEnds, start_scan};
use crate::posture::Reader;
use crate::source::Source as _;
use crate::source::kernel::{self, Options};
use crate::tmpfs::memory::MemoryRoot;
use crate::tmpfs::{Sampler, Settings};

const HOOKS: &str = "hooks";
/// How long one container may keep a thread of the sampler.
const TMPFS_DEADLINE: Duration = Duration::from_millis(250);
/// Entries of writable layers that are looked at in a second.
const LAYER_ENTRIES_PER_SECOND: u64 = 2000;
/// Entries of one layer that are looked at in one walk.
const LAYER_ENTRIES_MAX: u64 = 20_000;
/// How long one layer may keep the walker from the others.
const LAYER_DEADLINE: Duration = Duration::from_secs(30);
const SCAN: &str = "the scan of control groups";
/// Commands that wait for the hot path.
const COMMANDS_MAX: usize = 64;
/// Where the socket is if nobody says otherwise.
pub const SOCKET: &str = "/run/sealwatch/sealwatch.sock";

/// A running daemon.
pub struct Daemon {
    /// Where it listens by TCP.
    pub address: Option<SocketAddr>,
    /// Where it listens by a unix socket.
    pub socket: Option<PathBuf>,
    /// Where its programs are pinned.
    pins: Option<PathBuf>,
    published: Arc<Published>,
    orders: mpsc::Sender<Order>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    hot_path: JoinHandle<()>,
    alerts: Option<alert::Sink>,
}

impl Daemon {
    /// Starts it; returns once it is ready.
    ///
    /// # Errors
    /// What can only fail at the start: the address, the kernel half, standard output.
    pub async fn start(config: &Config) -> anyhow::Result<Daemon> {
        let contracts = contracts(config)?;
        sole::wait(&config.socket).await?;
        let pins = match &config.pin {
            Some(path) => Some(sole::pins(path).await?),
            None => None,
        };
        let (stop, stopped) = watch::channel(false);
        let (watches, commands) = mpsc::channel(COMMANDS_MAX);
        let (orders, told) = mpsc::channel(1);
        let published = Arc::new(Published::waiting_for(&[HOOKS, SCAN]));
        allow_hosts(&published, config);
        if pins.is_some() {
            published.resume();
        }
        let mut endpoint = Endpoint::bind(config.listen_address).await?;
        let address = endpoint.address;
        let socket = bind_socket(&mut endpoint, &config.socket).await?;
        if let Some(address) = address {
            tracing::info!(%address, path = config.telemetry_path, "serving");
        }
        if let Some(path) = &socket {
            tracing::info!(socket = %path.display(), "serving root");
        }
        let server = tokio::spawn({
            let (published, stopped) = (Arc::clone(&published), stopped.clone());
            let settings = http::Settings {
                telemetry_path: config.telemetry_path.clone(),
            };
            async move { endpoint.serve(published, settings, watches, stopped).await }
        });

        let layout = Layout::read()?;
        let mut source = kernel::load(&options(config, &layout), pins)?;
        let past = source.past();
        let hooks = HookState::of(source.plan());
        log_hooks(&hooks);
        rights::log_missing();
        published.has(HOOKS);

        let runtimes = runtimes::start(&config.docker_sockets, &config.cri_endpoints);
        let ends = RuntimeEnds {
            look_ups: runtimes.look_ups,
            status: runtimes.status,
        };
        let counted = past.as_ref().is_some_and(|past| past.whole);
        let restored = state::restore(config, Now::read(), counted);
        let alerts = alerts(config, restored.path.as_deref(), &published, &stopped)?;
        let mut pipeline =
            Pipeline::new(source, config.limits, config.host, Arc::clone(&published))
                .with_runtimes(ends)
                .with_mounts(layout.root().map(Path::to_path_buf))
                .with_degrade(restored.degrade, restored.keeper)
                .with_hooks(hooks)
                .with_orders(told)
                .with_inventory(config.inventory.clone(), Some(commands))
                .with_contracts(contracts, config.limits);
        if let Some(sink) = &alerts {
            pipeline = pipeline.with_alerts(Arc::clone(&sink.delivery));
        }
        if restored.unreadable {
            pipeline.state_unreadable();
        }
        if let Some(past) = &past {
            pipeline.restore(past);
        }
        if let Some(sampler) = tmpfs_sampler(&layout) {
            pipeline = pipeline.with_tmpfs(sampler, config.limits);
        }
        if let Some(walker) = layer_walker(&layout) {
            pipeline = pipeline.with_layers(walker, config.limits);
        }
        if let Some(reader) = posture_reader(&layout) {
            pipeline = pipeline.with_posture(reader);
        }
        if config.events == EventFormat::Json {
            pipeline = pipeline.with_events(EventWriter::to_stdout().context("standard output")?);
        }
        let (scan, started_ns) = start_scan(layout.clone()).await?;
        if scan.failed {
            tracing::warn!(
                skipped = scan.skipped,
                "not all control groups could be read"
            );
        }
        tracing::info!(
            groups = scan.groups.len(),
            skipped = scan.skipped,
            "control groups found"
        );
        pipeline.reconcile(&scan, started_ns, Now::read());
        pipeline.take_over(Now::read());
        pipeline.tick(Now::read());
        published.has(SCAN);
        memory::stay_lean(stopped.clone());
        tracing::info!("ready");

        let hot_path = tokio::spawn(pipeline.run(layout, runtimes.descriptions, stopped));
        Ok(Daemon {
            address,
            socket,
            pins: config.pin.clone(),
            published,
            orders,
            stop,
            server,
            hot_path,
            alerts,
        })
    }

    /// Goes by other settings from now on, as far as they can change.
    ///
    /// # Errors
    /// A contract that is none; nothing has changed then.
    pub async fn reload(&self, config: &Config) -> anyhow::Result<()> {
        let reload = Reload {
            contracts: contracts(config)?,
            inventory: config.inventory.clone(),
            thresholds: Thresholds::of(&config.degraded),
        };
        let order = Order::Take(Box::new(reload));
        self.orders.send(order).await.context("the hot path")?;
        allow_hosts(&self.published, config);
        tracing::info!("the settings are in force");
        Ok(())
    }

    /// Tells that settings were bad, and goes on by the old ones.
    pub async fn refuse(&self, error: &(dyn std::error::Error + 'static)) {
        tracing::error!(%error, "the settings cannot be used: the old ones stay");
        // Where the hot path has ended, so does the daemon, and nobody is told.
        let _ = self.orders.send(Order::Refused).await;
    }

    /// Stops it: the last of everything is published and written, and running
    /// answers end.
    ///
    /// # Errors
    /// A task of it has panicked.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.hot_path.await.context("the hot path")?;
        if let Some(sink) = self.alerts {
            sink.ended().await.context("the alerts")?;
        }
        self.server.await.context("the HTTP endpoint")?;
        if let Some(pins) = self.pins {
            tracing::info!(
                pins = %pins.display(),
                "the programs stay attached and count on, for the next daemon; `sealwatch uninstall` removes them"
            );
        }
        Ok(())
    }
}

/// Tells of alerts, if anybody shall be told.
fn alerts(
    config: &Config,
    state: Option<&Path>,
    published: &Arc<Published>,
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<Option<alert::Sink>> {
    let node = config.node_name.clone().unwrap_or_else(http::hostname);
    let published = Arc::clone(published);
    let latest = Arc::new(move || published.snapshot.load_full());
    let sink = alert::Sink::start(&config.alerting, &node, state, latest, stopped);
    Ok(sink?)
}

fn contracts(config: &Config) -> anyhow::Result<Vec<Declared>> {
    let contracts = contract::declared(&config.contracts)?;
    if contracts.is_empty() && !config.contracts.is_empty() {
        tracing::warn!("no contract is in force: the directories named have none");
    }
    Ok(contracts)
}

fn allow_hosts(published: &Published, config: &Config) {
    let names = Arc::new(config.allowed_hosts.clone());
    published.allowed_hosts.store(names);
}

/// Takes the socket. At its usual place it is a convenience, without which the
/// daemon runs as well, unless another daemon has it; one that was asked for must
/// be had.
async fn bind_socket(endpoint: &mut Endpoint, place: &Place) -> anyhow::Result<Option<PathBuf>> {
    let path = match place {
        Place::Off => return Ok(None),
        Place::At(path) => {
            endpoint.bind_socket(path).await?;
            return Ok(Some(path.clone()));
        }
        Place::Auto => PathBuf::from(SOCKET),
    };
    if let Some(directory) = path.parent() {
        // Where it cannot be made, the socket's error tells why.
        let _ = std::fs::create_dir(directory);
    }
    match endpoint.bind_socket(&path).await {
        Ok(()) => Ok(Some(path)),
        Err(error @ HttpError::Taken { .. }) => Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, "no commands are taken");
            Ok(None)
        }
    }
}

/// Samples tmpfs mounts; none, with its reason in the log, where the machine does
/// not show what is needed.
fn tmpfs_sampler(layout: &Layout) -> Option<Sampler> {
    let Some(groups) = layout.root().map(Path::to_path_buf) else {
        tracing::warn!("tmpfs is not measured: no mount shows the control groups from their root");
        return None;
    };
    let mounts = std::fs::read("/proc/self/mounts").unwrap_or_default();
    let settings = Settings {
        groups,
        memory: MemoryRoot::find(&String::from_utf8_lossy(&mounts)),
        deadline: TMPFS_DEADLINE,
    };
    Sampler::start(settings)
        .inspect_err(|error| tracing::warn!(%error, "tmpfs is not measured: no thread"))
        .ok()
}

/// Reads mount tables; none, with its reason in the log, as for tmpfs.
fn posture_reader(layout: &Layout) -> Option<Reader> {
    let Some(groups) = layout.root() else {
        tracing::warn!("mounts are not judged: no mount shows the control groups from their root");
        return None;
    };
    Reader::start(groups.to_path_buf())
        .inspect_err(|error| tracing::warn!(%error, "mounts are not judged: no thread"))
        .ok()
}

/// Walks writable layers; none, with its reason in the log, where the machine
/// does not show what is needed.
fn layer_walker(layout: &Layout) -> Option<Walker> {
    let settings = layer::Settings {
        groups: layout.root()?.to_path_buf(),
        entries_per_second: LAYER_ENTRIES_PER_SECOND,
        entries_max: LAYER_ENTRIES_MAX,
        deadline: LAYER_DEADLINE,
    };
    Walker::start(settings)
        .inspect_err(|error| tracing::warn!(%error, "writable layers are not measured: no thread"))
        .ok()
}

/// What the loader is asked for.
pub fn options(config: &Config, layout: &Layout) -> Options {
    Options {
        wanted: match config.backend {
            BackendChoice::Auto => Wanted::Auto,
            BackendChoice::Only(backend) => Wanted::Only(backend),
        },
        seccomp: config.seccomp,
        sample_interval: config.sample_interval,
        controller: match &layout.hierarchy {
            Hierarchy::Unified => None,
            Hierarchy::V1 { controller } => Some(controller.clone()),
        },
        state_version: aggregate::VERSION,
    }
}

/// One line for what is attached, and one for each reason why something is not.
fn log_hooks(hooks: &[HookState]) {
    let mut backends: BTreeMap<&str, usize> = BTreeMap::new();
    let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for hook in hooks {
        match &hook.state {
            Ok(backend) => *backends.entry(backend.label()).or_default() += 1,
            Err(reason) => missing.entry(reason).or_default().push(hook.hook.label()),
        }
    }
    let attached: Vec<_> = backends
        .iter()
        .map(|(backend, count)| format!("{count} by {backend}"))
        .collect();
    tracing::info!(attached = attached.join(", "), "hooks");
    for (reason, hooks) in missing {
        tracing::warn!(
            hooks = hooks.join(", "),
            reason,
            "not attached, so not measured"
        );
    }
}
