//! What is not there at the start: rights, types, pins, a port, descriptors.

use std::net::TcpListener;
use std::path::Path;

use super::agent::eventually;
use super::engines::{cannot_run, may_start};
use super::lab::{ALONE, Lab, NOISE, SOON, denials, ended, words};

/// Ends by itself with that code, and says all of this.
fn ends(by: &[&str], more: &[&str], code: i32, said: &[&str]) {
    let arguments = [&["run"], &ALONE[..], &["--web.socket", "none"], more].concat();
    let output = ended(by, &arguments);
    let words = words(&output);
    assert_eq!(output.status.code(), Some(code), "{by:?} {more:?}: {words}");
    for said in said {
        assert!(
            words.contains(said),
            "{by:?} {more:?}: no {said} in {words}"
        );
    }
}

const ANY_PORT: [&str; 2] = ["--web.listen-address", "127.0.0.1:0"];

#[test]
fn each_capability_is_named_where_it_is_missing() {
    let lab = match Lab::set() {
        Ok(lab) => lab,
        Err(why) => return cannot_run("each_capability", &why),
    };
    // Nothing can be attached without these.
    for (dropped, name) in [
        ("-bpf,-sys_admin", "CAP_BPF"),
        ("-perfmon,-sys_admin", "CAP_PERFMON"),
    ] {
        let by = ["setpriv", "--bounding-set", dropped];
        ends(&by, &ANY_PORT, 1, &[name, "sealwatch doctor"]);
    }
    // Without these it counts and names all the same, and says what it does not see.
    let list = std::fs::read_to_string("/sys/kernel/security/lsm").ok();
    let active = |module: &str| list.as_ref().is_none_or(|list| list.contains(module));
    let lesser = [
        ("-sys_ptrace", "CAP_SYS_PTRACE", true),
        (
            "-dac_read_search,-dac_override",
            "CAP_DAC_READ_SEARCH",
            true,
        ),
        ("-syslog", "CAP_SYSLOG", active("apparmor")),
        ("-sys_admin", "CAP_SYS_ADMIN", active("bpf")),
        ("-sys_resource", "CAP_SYS_RESOURCE", false),
    ];
    for (dropped, name, needed) in lesser {
        let agent = lab.agent_by(&["setpriv", "--bounding-set", dropped], &[]);
        eventually(name, SOON, || denials(&agent, NOISE) > 0.0);
        let log = agent.log();
        let line = format!("missing, so not measured capability=\"{name}\"");
        assert_eq!(log.contains(&line), needed, "{name}: {log}");
        assert_eq!(agent.stop().code(), Some(0));
    }
}

#[test]
fn without_the_kernels_types_it_ends() {
    if let Err(why) = may_start() {
        return cannot_run("without_the_kernels_types", &why);
    }
    let hide = "mount -t tmpfs none /sys/kernel/btf && exec \"$@\"";
    let by = ["unshare", "--mount", "sh", "-c", hide, "sh"];
    let said = ["/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF=y"];
    ends(&by, &ANY_PORT, 1, &said);
}

#[test]
fn without_a_bpf_file_system_nothing_is_pinned() {
    if let Err(why) = may_start() {
        return cannot_run("without_a_bpf_file_system", &why);
    }
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = dir.path().join("pins");
    let fix = "mount -t bpf bpf /sys/fs/bpf";
    for place in [elsewhere.as_path(), &elsewhere.join("below")] {
        let shown = place.to_str().unwrap();
        let more = [&ANY_PORT[..], &["--pin", shown]].concat();
        ends(&[], &more, 1, &[shown, fix, "--pin"]);
    }
    assert!(!elsewhere.exists(), "nothing is left of the attempt");
    // As in a container that was not shown the machine's.
    let hide = "mount -t tmpfs none /sys/fs && exec \"$@\"";
    let by = ["unshare", "--mount", "sh", "-c", hide, "sh"];
    let more = [&ANY_PORT[..], &["--pin", "/sys/fs/bpf/sealwatch"]].concat();
    ends(&by, &more, 1, &["/sys/fs/bpf/sealwatch", fix]);
    assert!(Path::new("/sys/fs").exists());
}

#[test]
fn a_port_that_is_taken_is_named() {
    if let Err(why) = may_start() {
        return cannot_run("a_port_that_is_taken", &why);
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let more = ["--web.listen-address", &address];
    ends(&[], &more, 1, &[&address, "in use", "--web.listen-address"]);
    // One that is no address of this machine.
    let more = ["--web.listen-address", "192.0.2.1:9402"];
    ends(&[], &more, 1, &["192.0.2.1:9402", "--web.listen-address"]);
}

#[test]
fn too_few_descriptors_are_named() {
    if let Err(why) = may_start() {
        return cannot_run("too_few_descriptors", &why);
    }
    for few in ["20", "34", "40"] {
        let limit = format!("--nofile={few}:{few}");
        let said = ["Too many open files", "LimitNOFILE="];
        ends(&["prlimit", &limit], &ANY_PORT, 1, &said);
    }
}
