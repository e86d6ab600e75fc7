//! How a container stands, as the object that lists share.
//!
//! In: [`Standing`]. Out: [`StandingRecord`], for `serde`. Invariant: that of
//! `record`. Lacks on purpose: the parts, which have objects of their own.

use serde::Serialize;
use utoipa::ToSchema;

use super::{ContainerRecord, time};
use crate::denial::FindingKind;
use crate::overview::{Standing, State};
use crate::posture::Root;

/// One container in short.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Standing)]
pub struct StandingRecord<'a> {
    /// Which.
    pub container: ContainerRecord<'a>,
    /// The worst of `states`: `failing_to_start`, `degraded`, `pressure`,
    /// `refused`, `writable_root`, `unknown` or `sealed`.
    pub state: &'static str,
    /// All that hold, the worst first; empty where it has ended and left nothing.
    pub states: Vec<&'static str>,
    /// When it ended; `null` while it is there.
    pub ended: Option<String>,
    /// `read_only`, `writable` or `unknown`.
    pub root: &'static str,
    /// Refusals counted under its name.
    pub refusals: u64,
    /// Write roots whose writes keep failing.
    pub degraded_write_roots: usize,
    /// The largest share of bytes or inodes in use of its tmpfs mounts.
    pub tmpfs_share: Option<f64>,
    /// The mount with that share.
    pub tmpfs_mount: Option<&'a str>,
    /// Findings of its mounts and user; `null` where they were not read.
    pub findings: Option<usize>,
    /// The worst of them.
    pub worst_finding: Option<&'static str>,
    /// Where all of it is told.
    pub links: Links,
}

/// Where more is told of a container.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContainerLinks)]
pub struct Links {
    /// As JSON.
    pub api: String,
    /// As a page.
    pub page: String,
}

impl<'a> StandingRecord<'a> {
    /// The object of one container.
    pub fn of(one: &'a Standing<'a>) -> Self {
        let fullest = one.fullest();
        let findings = one.posture.map(|posture| &posture.findings);
        let worst = findings.and_then(|findings| findings.first());
        let id = &one.container.id;
        StandingRecord {
            container: ContainerRecord::of(&one.container),
            state: one.state().label(),
            states: one.states.iter().copied().map(State::label).collect(),
            ended: one.ended.map(time),
            root: one
                .posture
                .map_or("unknown", |posture| Root::label(posture.root)),
            refusals: one.refusals(),
            degraded_write_roots: one.degraded.len(),
            tmpfs_share: fullest.map(|(_, share)| share),
            tmpfs_mount: fullest.map(|(mount, _)| mount.target.as_str()),
            findings: findings.map(Vec::len),
            worst_finding: worst.map(|finding| FindingKind::label(finding.kind)),
            links: Links {
                api: format!("/api/v1/containers/{id}"),
                page: format!("/containers/{id}"),
            },
        }
    }
}
