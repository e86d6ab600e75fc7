//! What an earlier daemon pinned is not whole any more.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use super::agent::eventually;
use super::engines::cannot_run;
use super::lab::{ALONE, ELSEWHERE, Lab, SOON, denials, ended, lost, refuse, unique, words};

/// Something that happens to the directory of pins while no daemon is there.
type Harm = fn(&Path, &Path);

/// What it is, what happens, and what is counted: (stage, reason).
const HARMS: [(&str, Harm, (&str, &str)); 5] = [
    (
        "the checkpoint is removed",
        |_, generation| fs::remove_file(generation.join("checkpoint")).unwrap(),
        ("state", "earlier_counts_unreadable"),
    ),
    (
        "the checkpoint is another map",
        |_, generation| {
            let path = generation.join("checkpoint");
            fs::remove_file(&path).unwrap();
            pin(&array(8, 4), &path);
        },
        ("state", "earlier_counts_unreadable"),
    ),
    (
        "the checkpoint holds nonsense",
        |_, generation| nonsense(&generation.join("checkpoint")),
        ("state", "earlier_counts_unreadable"),
    ),
    (
        "the counters are removed",
        |_, generation| fs::remove_file(generation.join("COUNTS")).unwrap(),
        ("source", "earlier_tables_unreadable"),
    ),
    (
        "whose turn it is is removed",
        |pins, _| fs::remove_file(pins.join("TURN")).unwrap(),
        ("state", "earlier_counts_unreadable"),
    ),
];

#[test]
fn broken_pins_are_counted_and_others_take_their_place() {
    let mut lab = match Lab::set() {
        Ok(lab) => lab,
        Err(why) => return cannot_run("broken_pins", &why),
    };
    let bpf = match lab.mount("bpf", "bpf", "mode=700") {
        Ok(bpf) => bpf,
        Err(why) => return cannot_run("broken_pins", &why),
    };
    let pins = bpf.join("sealwatch");
    let pinned = ["--pin", pins.to_str().unwrap()];
    let name = unique("pinned");
    lab.idle(&name);
    let mut agent = lab.agent(&pinned);
    for (what, harm, (stage, reason)) in HARMS {
        let before = denials(&agent, &name);
        refuse(lab.engine(), &name, 3);
        eventually("it counts", SOON, || denials(&agent, &name) == before + 3.0);
        assert_eq!(agent.stop().code(), Some(0));
        harm(&pins, &generation(&pins));
        // Nobody may see these.
        refuse(lab.engine(), &name, 2);
        agent = lab.agent(&pinned);
        let log = agent.log();
        assert!(lost(&agent, stage, reason) > 0.0, "{what}: {log}");
        assert!(log.contains(" WARN "), "{what}: {log}");
        let before = denials(&agent, &name);
        refuse(lab.engine(), &name, 7);
        eventually(what, SOON, || denials(&agent, &name) >= before + 7.0);
        let generations = fs::read_dir(&pins).unwrap().flatten();
        let generations = generations.filter(|entry| entry.file_type().unwrap().is_dir());
        assert_eq!(generations.count(), 1, "{what}: the broken one is gone");
    }
    assert_eq!(agent.stop().code(), Some(0));

    // What is no map at all: it ends, and says where.
    fs::remove_file(pins.join("TURN")).unwrap();
    fs::create_dir(pins.join("TURN")).unwrap();
    let arguments = [&["run"], &ALONE[..], &ELSEWHERE, &pinned].concat();
    let output = ended(&[], &arguments);
    let words = words(&output);
    assert_eq!(output.status.code(), Some(1), "{words}");
    for said in [pinned[1], "sealwatch uninstall --pin"] {
        assert!(words.contains(said), "{words}");
    }
}

fn generation(pins: &Path) -> PathBuf {
    let mut entries = fs::read_dir(pins).unwrap().flatten();
    let found = entries.find(|entry| entry.file_type().unwrap().is_dir());
    found.unwrap().path()
}

const MAP_CREATE: libc::c_long = 0;
const MAP_UPDATE: libc::c_long = 2;
const OBJ_PIN: libc::c_long = 6;
const OBJ_GET: libc::c_long = 7;
/// BPF_MAP_TYPE_ARRAY.
const ARRAY: u32 = 2;
/// Bytes of one value of a checkpoint.
const PART: usize = 16 << 10;

/// A map of the kernel's.
fn array(value: u32, entries: u32) -> OwnedFd {
    descriptor(MAP_CREATE, &mut [pair(ARRAY, 4), pair(value, entries), 0])
}

fn pin(map: &OwnedFd, path: &Path) {
    let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    let words = &mut [path.as_ptr() as u64, map.as_raw_fd() as u64];
    assert_eq!(bpf(OBJ_PIN, words).unwrap(), 0);
}

/// Writes what is no state into both halves.
fn nonsense(checkpoint: &Path) {
    let path = std::ffi::CString::new(checkpoint.to_str().unwrap()).unwrap();
    let map = descriptor(OBJ_GET, &mut [path.as_ptr() as u64, 0]);
    let value = vec![b'x'; PART];
    for index in 1u32.. {
        let key = &raw const index as u64;
        let words = &mut [map.as_raw_fd() as u64, key, value.as_ptr() as u64, 0];
        if bpf(MAP_UPDATE, words).is_err() {
            break;
        }
    }
}

fn pair(first: u32, second: u32) -> u64 {
    u64::from(first) | u64::from(second) << 32
}

fn descriptor(command: libc::c_long, words: &mut [u64]) -> OwnedFd {
    let descriptor = bpf(command, words).unwrap();
    // SAFETY: the descriptor was just made and nobody else has it.
    unsafe { OwnedFd::from_raw_fd(i32::try_from(descriptor).unwrap()) }
}

fn bpf(command: libc::c_long, words: &mut [u64]) -> io::Result<libc::c_long> {
    let len = size_of_val(words);
    // SAFETY: the kernel reads as many bytes as it is told, and what they lead to.
    match unsafe { libc::syscall(libc::SYS_bpf, command, words.as_mut_ptr(), len) } {
        result @ 0.. => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}
