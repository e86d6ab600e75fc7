//! The doctor on this machine, with something taken away from it each time.

use std::net::TcpListener;
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

use super::{cannot_run, cleared, sealwatch, text};

/// What it said.
struct Told {
    json: Value,
    code: Option<i32>,
}

impl Told {
    fn of(output: &Output) -> Told {
        let complaints = text(&output.stderr);
        assert!(complaints.is_empty(), "{complaints}");
        Told {
            json: serde_json::from_slice(&output.stdout).unwrap(),
            code: output.status.code(),
        }
    }

    /// The findings of a check.
    fn check(&self, check: &str) -> Vec<&Value> {
        let all = self.json["findings"].as_array().unwrap().iter();
        all.filter(|finding| finding["check"] == check).collect()
    }

    /// Is there one with this status, whose text at `key` has these words?
    fn has(&self, check: &str, status: &str, key: &str, words: &str) -> bool {
        self.check(check).iter().any(|finding| {
            let told = finding[key].as_str().unwrap_or_default();
            finding["status"] == status && told.contains(words)
        })
    }

    fn missing(&self) -> Vec<&str> {
        let missing = self.json["capabilities"]["missing"].as_array().unwrap();
        missing.iter().filter_map(Value::as_str).collect()
    }
}

/// The settings of every call: no runtime keeps it waiting, and it wants no place
/// that this machine may not have.
const SETTINGS: [&str; 7] = [
    "doctor",
    "--docker-socket",
    "none",
    "--cri-endpoint",
    "none",
    "--web.socket",
    "none",
];
/// Any port is free.
const PORT: [&str; 2] = ["--web.listen-address", "127.0.0.1:0"];

fn doctor(more: &[&str]) -> Told {
    let mut command = sealwatch();
    command.args(SETTINGS).arg("--json").args(more);
    Told::of(&command.output().unwrap())
}

/// By another program, which takes something away first.
fn doctor_by(program: &str, args: &[&str]) -> Told {
    let mut command = cleared(Command::new(program));
    command.args(args).arg(env!("CARGO_BIN_EXE_sealwatch"));
    command.args(SETTINGS).args(PORT).arg("--json");
    Told::of(&command.output().unwrap())
}

/// Only root has what can be taken away, and only the whole binary needs it.
fn whole(test: &str) -> Option<&'static Told> {
    static TOLD: OnceLock<Told> = OnceLock::new();
    // SAFETY: takes no pointers and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        cannot_run(test, &"it needs root");
        return None;
    }
    let told = TOLD.get_or_init(|| doctor(&PORT));
    if told.has("kernel_half", "failed", "found", "without the kernel half") {
        cannot_run(test, &"the binary has no kernel half");
        return None;
    }
    Some(told)
}

#[test]
fn with_everything_it_attaches() {
    let Some(told) = whole("with_everything_it_attaches") else {
        return;
    };
    assert!(
        told.has("kernel_half", "ok", "found", "attached"),
        "{:#}",
        told.json
    );
    assert!(
        told.has("tracepoints", "ok", "found", "allowed"),
        "{:#}",
        told.json
    );
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(told.json["kernel"], release.trim());
    let hooks = told.json["hooks"].as_array().unwrap();
    assert!(hooks.iter().any(|hook| hook["attached"] == true));
    let codes = [("ok", 0), ("degraded", 1), ("failed", 3)];
    let code = codes
        .iter()
        .find(|(verdict, _)| told.json["verdict"] == *verdict);
    assert_eq!(told.code, code.map(|(_, code)| *code));
    // No runtime was to be asked.
    assert_eq!(told.json["runtimes"], serde_json::json!([]));
    assert_eq!(told.json["verdict"], "degraded");
}

#[test]
fn a_missing_capability_is_named() {
    let Some(with_all) = whole("a_missing_capability_is_named") else {
        return;
    };
    let named = with_all.missing();
    for (dropped, missing, code) in [
        ("-bpf,-sys_admin", "CAP_BPF", 3),
        ("-perfmon,-sys_admin", "CAP_PERFMON", 3),
        ("-sys_ptrace", "CAP_SYS_PTRACE", 1),
        ("-dac_read_search,-dac_override", "CAP_DAC_READ_SEARCH", 1),
    ] {
        let told = doctor_by("setpriv", &["--bounding-set", dropped]);
        assert_eq!(told.code, Some(code), "{dropped}: {:#}", told.json);
        assert!(
            told.missing().contains(&missing),
            "{dropped}: {:#}",
            told.json
        );
        assert!(!named.contains(&missing));
        let status = if code == 3 { "failed" } else { "degraded" };
        let fix = format!("add {missing}");
        assert!(
            told.has("capabilities", status, "fix", &fix),
            "{dropped}: {:#}",
            told.json
        );
        if code == 3 {
            assert!(
                told.has("kernel_half", "failed", "fix", &fix),
                "{dropped}: {:#}",
                told.json
            );
            assert_eq!(told.json["hooks"], serde_json::json!([]));
        }
    }
    // Either of the wider ones does as well.
    let told = doctor_by("setpriv", &["--bounding-set", "-bpf,-perfmon"]);
    assert_eq!(told.missing(), named);
    assert!(
        told.has("kernel_half", "ok", "found", "attached"),
        "{:#}",
        told.json
    );
}

#[test]
fn without_any_capability_it_says_which() {
    if whole("without_any_capability_it_says_which").is_none() {
        return;
    }
    let nobody = [
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "--bounding-set",
        "-all",
    ];
    for args in [&["--bounding-set", "-all"][..], &nobody] {
        let told = doctor_by("setpriv", args);
        assert_eq!(told.code, Some(3), "{:#}", told.json);
        assert_eq!(
            told.json["capabilities"]["effective"],
            serde_json::json!([])
        );
        for name in ["CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE"] {
            assert!(told.missing().contains(&name), "{:#}", told.json);
        }
        assert!(told.has(
            "kernel_half",
            "failed",
            "fix",
            "run as root, or add CAP_BPF and CAP_PERFMON"
        ));
    }
}

#[test]
fn without_the_kernels_types_it_says_so() {
    if whole("without_the_kernels_types_it_says_so").is_none() {
        return;
    }
    let hide = "mount -t tmpfs none /sys/kernel/btf && exec \"$@\"";
    let told = doctor_by("unshare", &["--mount", "sh", "-c", hide, "sh"]);
    assert_eq!(told.code, Some(3), "{:#}", told.json);
    assert!(
        told.has("btf", "failed", "fix", "CONFIG_DEBUG_INFO_BTF=y"),
        "{:#}",
        told.json
    );
    assert!(
        told.has("kernel_half", "failed", "fix", "see btf"),
        "{:#}",
        told.json
    );
    // What does not need them is told all the same.
    assert!(
        told.has("control_groups", "ok", "found", "version"),
        "{:#}",
        told.json
    );
}

#[test]
fn places_are_tried_and_left_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let (state, socket) = (dir.path().join("state.json"), dir.path().join("s.sock"));
    let at = |address: &str, state: &str| {
        let mut command = sealwatch();
        command.args(["doctor", "--json", "--docker-socket", "none"]);
        command.args(["--cri-endpoint", "none", "--state-file", state]);
        command.args(["--web.listen-address", address, "--web.socket"]);
        Told::of(&command.arg(&socket).output().unwrap())
    };
    let told = at("127.0.0.1:0", state.to_str().unwrap());
    assert!(
        told.has("address", "ok", "found", "free"),
        "{:#}",
        told.json
    );
    assert!(told.has("socket", "ok", "found", "free"), "{:#}", told.json);
    assert!(told.has("state", "ok", "found", "json"), "{:#}", told.json);
    assert!(!state.exists() && !socket.exists());

    // Each is another program's by now, or cannot be had.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let other = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || while other.accept().is_ok() {});
    let told = at(&address, "/proc/sealwatch/state.json");
    assert_eq!(told.code, Some(3), "{:#}", told.json);
    for (check, status, place, flag) in [
        (
            "address",
            "failed",
            address.as_str(),
            "--web.listen-address",
        ),
        ("socket", "failed", "s.sock", "--web.socket"),
        ("state", "degraded", "/proc/sealwatch", "--state-file"),
    ] {
        assert!(told.has(check, status, "found", place), "{:#}", told.json);
        assert!(told.has(check, status, "fix", flag), "{:#}", told.json);
    }
}

#[test]
fn text_ends_with_the_verdict() {
    let output = sealwatch().args(SETTINGS).args(PORT).output().unwrap();
    let told = text(&output.stdout);
    let verdict = match output.status.code() {
        Some(1) => "degraded: ",
        Some(3) => "failed: ",
        other => panic!("{other:?}: {told}"),
    };
    let (_, last) = told.trim_end().rsplit_once("\n\n").unwrap();
    assert!(last.starts_with(verdict), "{told}");
    for line in told.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}
