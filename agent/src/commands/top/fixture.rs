//! Answers for the tests: as a daemon would serve them, hostile names among them.

use serde_json::{Value, json};

use super::answers::Answers;

pub(super) const HOSTILE: &str = "evil\u{1b}[2J\u{202e}\u{0301}\n漢";

fn container(name: &str) -> Value {
    json!({"id": "c0", "name": name, "namespace": "", "pod": "", "image": "shop/app:1",
        "runtime": "docker", "read_only_root": true})
}

fn denial(name: &str, path: &str, count: u64) -> Value {
    json!({"owner": "container", "container": container(name), "operation": "create",
        "errno": "EROFS", "cause": "read_only_mount", "lsm": null,
        "evidence": "the mount at / has MNT_READONLY", "path": path, "write_root": "/var/cache/app",
        "remedy": "mount a tmpfs at /var/cache/app: what is written there may be lost",
        "changes": [{"target": "docker", "text": "--tmpfs /var/cache/app:rw,size=16m"},
            {"target": "compose", "text": "tmpfs:\n  - /var/cache/app:size=16m"}],
        "count": count, "exact": true, "last_time": "2026-01-02T03:04:05.600000000Z", "newer": 1})
}

fn mount(at: &str, share: f64, pressure: &str) -> Value {
    json!({"mount": at, "device": "0:9", "bytes": {"used": (share * 1024.0) as u64 * 1024,
        "limit": 1 << 20, "share": share, "asked": 1 << 20, "pressure": pressure,
        "full_in_seconds": 90, "unmeasured": null}, "inodes": {"used": 1, "limit": 100,
        "share": 0.01, "asked": "unlimited", "pressure": "calm", "full_in_seconds": null,
        "unmeasured": null}})
}

fn posture(name: &str, root: &str) -> Value {
    json!({"container": container(name), "root": root, "root_unknown": null,
        "writable_mounts": [{"target": "/data", "kind": "volume", "source": "/srv/data",
            "fs_type": "ext4", "options": "rw,relatime"}],
        "writable_mounts_left_out": 0, "uid": 0,
        "findings": [{"finding": "runs_as_root", "sentence": "it runs as root",
            "fix": "give it a user", "path": "/", "evidence": "uid 0"}]})
}

/// The lists of a daemon `run` in which `web` was refused so many writes.
pub(super) fn answers(run: &str, web: u64) -> Answers {
    let count = |name: &str, count: u64| json!({"container": {"name": name}, "count": count});
    let denials = json!({"version": 2, "denials": [
            denial("web", "/var/cache/app/index", web), denial(HOSTILE, HOSTILE, 3),
            {"owner": "host", "container": null, "operation": "open", "errno": "EACCES",
             "cause": "lsm", "lsm": "apparmor", "evidence": "", "path": "", "write_root": "/x",
             "remedy": null, "changes": [], "count": 2, "exact": false, "last_time": ""}],
        "counts": [count("web", web), count(HOSTILE, 3), count("calm", 0), count("_unresolved", 4)],
        "oom_kills": [{"container": container("web"), "killed": 2}]});
    let degraded = json!({"degraded": [{"container": container("slow"), "write_root": "/var/cache/x",
            "since": "2026-01-01T00:00:00.000000000Z", "failures": 9, "errno": "EROFS",
            "cause": "read_only_mount", "cache": "OCSP cache", "cache_means": "asks the responder"}],
        "failing_to_start": [{"container": {"name": "broken"}, "write_root": "/run", "last_time":
            "2026-01-01T00:00:00.000000000Z", "failures": 2, "exit_code": 1, "errno": "EROFS",
            "cause": "unknown"}]});
    let tmpfs = json!({"tmpfs": [{"container": container("full"), "mounts": [
            mount("/tmp", 0.5, "calm"), mount("/run", 0.996, "full")], "unmeasured": null,
        "memory": {"limit_bytes": 10 << 20, "tmpfs_bytes": 1 << 20, "share": 0.1,
            "pressure": "calm"}}]});
    let postures = json!({"postures": [posture("calm", "read_only"), posture("web", "read_only"),
        posture("open", "writable")]});
    let layers = json!({"layers": [{"container": container("open"), "writable": true,
        "bytes": 4096, "entries": 2, "truncated": true, "growth_bytes_per_second": null}]});
    let status = json!({"node": "node\u{1b}1", "run": run, "waits_for": [],
        "hooks": [{"backend": "tracepoint", "count": 61}],
        "not_measured": [{"hook": "mmap", "purpose": "mappings", "reason": "no trampolines"}],
        "runtimes": [{"runtime": "docker", "endpoint": "/run/docker.sock", "up": true}],
        "losses": []});
    Answers {
        status: serde_json::from_value(status).unwrap(),
        denials: serde_json::from_value(denials).unwrap(),
        degraded: serde_json::from_value(degraded).unwrap(),
        tmpfs: serde_json::from_value(tmpfs).unwrap(),
        postures: serde_json::from_value(postures).unwrap(),
        layers: serde_json::from_value(layers).unwrap(),
    }
}
