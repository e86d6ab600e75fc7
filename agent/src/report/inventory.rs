//! The write inventory as the list that `/api/v1/inventory` serves.
//!
//! In: a [`Snapshot`]'s sums. Out: JSON. Invariant: bounded by the inventory;
//! every text that a container can choose is escaped. Lacks on purpose: a
//! proposal of what to change.

use serde::Serialize;
use utoipa::ToSchema;

use super::Page;
use super::paging::Totals;
use crate::aggregate::Snapshot;
use crate::inventory::{Ids, Owned, Row};
use crate::record::{ContainerRecord, VERSION};

/// What containers wrote with success.
#[derive(Serialize, ToSchema)]
#[schema(as = InventoryList)]
pub struct Listing<'a> {
    version: u32,
    /// Containers in which writes are counted now; the list keeps the others
    /// until their grace time is over.
    watched: usize,
    /// What no number here has.
    not_measured: [&'static str; 3],
    containers: Vec<Entry<'a>>,
    /// Entries of each list in all, where a part of them was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
}

/// What one container wrote.
#[derive(Serialize, ToSchema)]
#[schema(as = ContainerWrites)]
struct Entry<'a> {
    container: ContainerRecord<'a>,
    write_roots: Vec<WriteRoot<'a>>,
}

/// What was written under one write root.
#[derive(Serialize, ToSchema)]
#[schema(as = WriteRoot)]
struct WriteRoot<'a> {
    write_root: &'a str,
    destination: &'static str,
    target: &'a str,
    opens: u64,
    creates: u64,
    directories: u64,
    renames: u64,
    writes: u64,
    bytes: u64,
    /// No writes: what was executed, or mapped to be, where something was written.
    executions: u64,
    first_monotonic_ns: u64,
    last_monotonic_ns: u64,
    paths: &'a [String],
    /// Whose the write root was at the first write that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<Ownership>,
    /// The same of the directory that was written in first.
    #[serde(skip_serializing_if = "Option::is_none")]
    directory_owner: Option<Ownership>,
    writers: Vec<User>,
    /// There were more than are listed.
    more_writers: bool,
    commands: &'a [String],
}

/// Ids are those of the initial user namespace, and beside them the container's
/// where its map is known.
#[derive(Serialize, ToSchema)]
#[schema(as = WriterIds)]
struct User {
    uid: u32,
    gid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid_in_container: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gid_in_container: Option<u32>,
}

/// Whose a file or directory is, and its mode.
#[derive(Serialize, ToSchema)]
#[schema(as = FileOwner)]
struct Ownership {
    #[serde(flatten)]
    by: User,
    /// Octal.
    mode: String,
}

impl From<&Ids> for User {
    fn from(ids: &Ids) -> Self {
        User {
            uid: ids.uid,
            gid: ids.gid,
            uid_in_container: ids.uid_in_container,
            gid_in_container: ids.gid_in_container,
        }
    }
}

impl From<Owned> for Ownership {
    fn from(owned: Owned) -> Self {
        Ownership {
            by: (&owned.by).into(),
            mode: format!("{:04o}", owned.mode),
        }
    }
}

impl<'a> WriteRoot<'a> {
    fn of(row: &'a Row) -> Self {
        WriteRoot {
            write_root: &row.write_root,
            destination: row.destination.kind,
            target: &row.destination.target,
            opens: row.opens,
            creates: row.creates,
            directories: row.directories,
            renames: row.renames,
            writes: row.writes,
            bytes: row.bytes,
            executions: row.executions,
            first_monotonic_ns: row.first_ns,
            last_monotonic_ns: row.last_ns,
            paths: &row.paths,
            owner: row.owner.map(Into::into),
            directory_owner: row.directory_owner.map(Into::into),
            writers: row.writers.iter().map(Into::into).collect(),
            more_writers: row.more_writers,
            commands: &row.commands,
        }
    }
}

/// The list as it is served.
pub fn inventory(snapshot: &Snapshot, page: Page) -> Result<String, serde_json::Error> {
    let all = &snapshot.inventory;
    let containers = page.part(all).iter().map(|writes| Entry {
        container: ContainerRecord::of(&writes.container),
        write_roots: writes.rows.iter().map(WriteRoot::of).collect(),
    });
    serde_json::to_string(&Listing {
        version: VERSION,
        watched: snapshot.inventoried,
        not_measured: ["io_uring", "writes through a mapping", "removals"],
        containers: containers.collect(),
        totals: page.totals([("containers", all.len())]),
    })
}
