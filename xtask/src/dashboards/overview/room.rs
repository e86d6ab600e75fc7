//! Rows of the overview: room in tmpfs mounts, memory and writable layers, and
//! what containers may write.
//!
//! In: nothing. Out: rows. Invariant: tables show the largest few. Lacks on
//! purpose: the fleet's numbers at a glance, which the first row has.

use super::super::model::{Row, Target, Unit};
use super::super::panel::{BAD, WARN, bars, rows, stack};
use super::super::query::{FLEET, IDENTITY, counted, of, of_those, sum_by, top};
use super::super::thresholds::{
    LAYER_GROWTH_PER_HOUR, TMPFS_FULL, TMPFS_MEMORY, TMPFS_NEAR_FULL, TMPFS_OOM,
};
use super::{BREACHES, ROOTS, SEALED};

pub(super) fn tmpfs() -> Row {
    let place = format!("{IDENTITY}, mount");
    let fill = format!(
        "{} / {}",
        of("sealwatch_tmpfs_used_bytes", FLEET),
        of("sealwatch_tmpfs_limit_bytes", FLEET)
    );
    let fullest = top(&fill);
    let those =
        |metric: &str, labels: &str| format!("{} and on ({place}) {fullest}", of(metric, labels));
    let memory = of("sealwatch_container_tmpfs_memory_ratio", FLEET);
    let hungry = top(&memory);
    Row {
        title: "Tmpfs mounts and memory",
        panels: vec![
            rows("Fullest tmpfs mounts", "With the time until no bytes are left at their recent growth; empty where they do not grow.")
                .sized(24, 8)
                .identity()
                .label("mount")
                .graded("In use", Unit::Share, &[(TMPFS_NEAR_FULL, WARN), (TMPFS_FULL, BAD)], fullest.clone())
                .column("Size", Unit::Bytes, those("sealwatch_tmpfs_limit_bytes", FLEET))
                .column("Full in", Unit::Seconds, those("sealwatch_tmpfs_time_to_full_seconds", &format!(r#"{FLEET}, resource="bytes""#)))
                .leads_to(Target::Container)
                .runbook("SealwatchTmpfsNearFull")
                .runbook("SealwatchTmpfsFull"),
            rows("Tmpfs against memory limit", "Containers whose tmpfs mounts take the largest share of their memory limit.")
                .sized(14, 8)
                .identity()
                .graded("Share", Unit::Share, &[(TMPFS_MEMORY, WARN)], hungry.clone())
                .column("Limit", Unit::Bytes, of_those(of("sealwatch_container_memory_limit_bytes", FLEET), hungry))
                .leads_to(Target::Container)
                .runbook("SealwatchTmpfsMemory"),
            rows("Killed for want of memory", "Share of the memory limit that the tmpfs mounts took at the last kill, and the largest of them.")
                .sized(10, 8)
                .identity()
                .label("mount")
                .graded("Share", Unit::Share, &[(TMPFS_OOM, BAD)], top(of("sealwatch_oom_tmpfs_memory_ratio", FLEET)))
                .leads_to(Target::Container)
                .runbook("SealwatchTmpfsOom"),
        ],
    }
}

pub(super) fn roots() -> Row {
    Row {
        title: "Roots, findings, contracts",
        panels: vec![
            stack(
                "Roots",
                "Containers whose root is read-only, and whose is not.",
            )
            .sized(8, 8)
            .starting_at_zero()
            .query("read-only", format!("sum({})", of(SEALED, FLEET)))
            .query(
                "writable",
                format!("sum({} - {})", of(ROOTS, FLEET), of(SEALED, FLEET)),
            ),
            bars(
                "Read-only by namespace",
                "Share of the containers whose root is read-only.",
            )
            .unit(Unit::Share)
            .bounds(0.0, 1.0)
            .query(
                "{{namespace}}",
                format!(
                    "{} / {}",
                    sum_by("namespace", of(SEALED, FLEET)),
                    sum_by("namespace", of(ROOTS, FLEET))
                ),
            ),
            bars(
                "Findings",
                "What is amiss with mounts and users, and in how many places.",
            )
            .query(
                "{{finding}}",
                sum_by(
                    "finding",
                    of("node_namespace:sealwatch_findings:sum", FLEET),
                ),
            )
            .runbook("SealwatchRootWritable"),
            rows(
                "Writable roots",
                "Containers that can write their own root file system.",
            )
            .sized(12, 8)
            .identity()
            .column(
                "Writable",
                Unit::Count,
                top(format!(
                    "1 - ({} == 0)",
                    of("sealwatch_rootfs_readonly", FLEET)
                )),
            )
            .leads_to(Target::Container)
            .runbook("SealwatchRootWritable"),
            rows(
                "Writes outside of contracts",
                "In the time range, by write root.",
            )
            .sized(12, 8)
            .identity()
            .label("write_root")
            .largest("Writes", Unit::Count, counted(BREACHES, FLEET))
            .leads_to(Target::Container)
            .runbook("SealwatchContractBreach"),
        ],
    }
}

pub(super) fn layers() -> Row {
    let bytes = of("sealwatch_writable_layer_bytes", FLEET);
    let largest = top(&bytes);
    Row {
        title: "Writable layers",
        panels: vec![
            rows("Largest writable layers", "What containers keep in their own roots on the nodes' disks, and its growth over the last 30 minutes.")
                .identity()
                .column("Kept", Unit::Bytes, largest.clone())
                .graded(
                    "Growth",
                    Unit::BytesPerSecond,
                    &[(LAYER_GROWTH_PER_HOUR / 3600.0, WARN)],
                    of_those(format!("deriv({bytes}[30m])"), largest),
                )
                .leads_to(Target::Container)
                .runbook("SealwatchWritableLayerGrowth"),
        ],
    }
}
