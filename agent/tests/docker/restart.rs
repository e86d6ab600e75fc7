//! The daemon is killed, stopped and replaced while a container is refused at full
//! speed; what is counted has no gap, and at the end nothing is left.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use xtask::engine::{IMAGE, sealed};

use super::agent::{Agent, eventually};
use super::engines::cannot_run;
use super::{Stage, provoke, unique};

const SOON: Duration = Duration::from_secs(15);
const DENIALS: &str = "sealwatch_denials_total";
const BY_ROOT: &str = "sealwatch_write_root_denials_total";

/// A BPF file system of the test's own.
struct BpfFs(PathBuf);

impl BpfFs {
    fn mount(dir: &Path) -> Result<BpfFs, String> {
        let path = dir.join("bpf");
        fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "bpf", "bpf"])
            .arg(&path)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Ok(BpfFs(path)),
            other => Err(format!("no BPF file system: {other:?}")),
        }
    }
}

impl Drop for BpfFs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// What the tests here stand on.
struct Ground {
    bpf: BpfFs,
    stage: Stage,
    program: String,
}

impl Ground {
    fn set() -> Result<Ground, String> {
        let stage = Stage::set()?;
        let program = format!("{}:/provoke:ro", provoke()?.display());
        let bpf = BpfFs::mount(stage.path())?;
        Ok(Ground {
            bpf,
            stage,
            program,
        })
    }

    fn pins(&self) -> PathBuf {
        self.bpf.0.join("sealwatch")
    }

    fn agent(&self, more: &[&str]) -> Agent {
        let pins = self.pins();
        let mut settings = vec!["--pin", pins.to_str().unwrap()];
        settings.extend(more);
        self.stage.agent(&settings)
    }

    /// A container that is refused at full speed.
    fn flood(&self, name: &str, seconds: &str) -> Child {
        let flood = [
            "flood",
            "--threads",
            "2",
            "--seconds",
            seconds,
            "/etc/passwd",
        ];
        let mut command = self.stage.engine.command();
        command
            .args(sealed(name))
            .args(["--volume", &self.program, IMAGE, "/provoke"]);
        let child = command
            .args(flood)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        child.spawn().unwrap()
    }

    fn uninstall(&self) -> (String, Option<i32>) {
        let output = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
            .arg("uninstall")
            .arg("--pin")
            .arg(self.pins())
            .arg("--web.socket")
            .arg(self.stage.path().join("sealwatch.sock"))
            .arg("--state-file")
            .arg(self.stage.path().join("state.json"))
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8(text).unwrap(), output.status.code())
    }
}

fn provoked(text: &[u8]) -> f64 {
    let told: Value = serde_json::from_slice(text).unwrap();
    told["count"].as_f64().unwrap()
}

fn of(agent: &Agent, name: &str) -> f64 {
    let labels = [
        ("container", name),
        ("operation", "open"),
        ("errno", "EROFS"),
    ];
    agent.sum(DENIALS, &labels)
}

/// Its count, which must be past what an earlier daemon had.
fn goes_on(agent: &Agent, name: &str, before: f64) -> f64 {
    let after = of(agent, name);
    assert!(
        after > before,
        "{before} before, {after} after\n{}",
        agent.log()
    );
    after
}

/// Sampled, suppressed and lost are what was counted.
fn conserved(agent: &Agent) {
    let sum = |name: &str| agent.sum(&format!("sealwatch_{name}_total"), &[]);
    eventually("the samples add up", SOON, || {
        let lost = agent.sum("sealwatch_lost_total", &[("reason", "sample_ring_full")]);
        sum("samples") + sum("samples_suppressed") + lost == sum("recorded_denials")
    });
}

#[test]
fn a_daemon_that_is_killed_under_load_leaves_no_gap_and_then_nothing() {
    let ground = match Ground::set() {
        Ok(ground) => ground,
        Err(why) => return cannot_run("killed_under_load", &why),
    };
    let (loud, away) = (unique("loud"), unique("away"));
    let state = ground.stage.path().join("state.json");
    let state = ["--state-file", state.to_str().unwrap()];
    let agent = ground.agent(&state);
    assert!(
        agent
            .metrics()
            .iter()
            .all(|one| one.name != "sealwatch_unwatched_seconds")
    );
    let flood = ground.flood(&loud, "9");
    eventually("it is counted", SOON, || of(&agent, &loud) > 0.0);
    let before = of(&agent, &loud);

    // Killed, and away for a while in which a container begins and ends.
    drop(agent);
    let arguments = ["--volume", &ground.program];
    let short = ground
        .stage
        .run(&away, &arguments, &["/provoke", "once", "/etc/group"]);
    sleep(Duration::from_secs(1));
    let agent = ground.agent(&state);
    goes_on(&agent, &loud, before);
    assert_eq!(agent.sum("sealwatch_unwatched_seconds", &[]), 0.0);
    assert!(
        agent.log().contains("attached before go on counting"),
        "{}",
        agent.log()
    );

    // Stopped in order, and away again.
    let before = of(&agent, &loud);
    assert_eq!(agent.stop().code(), Some(0));
    sleep(Duration::from_millis(500));
    let agent = ground.agent(&state);
    let after = goes_on(&agent, &loud, before);

    let flood = flood.wait_with_output().unwrap();
    let (loud_count, away_count) = (provoked(&flood.stdout), provoked(short.as_bytes()));
    assert_eq!(away_count, 1.0);
    eventually("each is counted once", SOON, || {
        of(&agent, &loud) == loud_count || {
            eprintln!("{} of {loud_count}", of(&agent, &loud));
            sleep(Duration::from_millis(500));
            false
        }
    });
    let every = [("operation", "open"), ("errno", "EROFS")];
    eventually("the short one too", SOON, || {
        agent.sum(DENIALS, &every) == loud_count + away_count
    });
    let labels = [("container", loud.as_str()), ("write_root", "/etc")];
    assert_eq!(
        agent.sum(BY_ROOT, &labels),
        loud_count,
        "under its own write root"
    );
    conserved(&agent);
    println!(
        "{loud_count} refusals over two restarts: counted exactly, of which {} so far",
        after
    );

    // A running daemon's things stay; afterwards all of them go.
    let (text, code) = ground.uninstall();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("process {}", agent.pid())), "{text}");
    assert_eq!(agent.stop().code(), Some(0));
    let programs = pinned_programs(&ground.pins());
    assert!(!programs.is_empty());
    assert!(programs.iter().all(|id| is_loaded(*id)));
    let (text, code) = ground.uninstall();
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("pinned programs") && text.contains("state.json"),
        "{text}"
    );
    assert!(!ground.pins().exists());
    let left = fs::read_dir(ground.stage.path()).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(
        left.iter()
            .all(|name| name != "state.json" && name != "sealwatch.sock"),
        "{left:?}"
    );
    eventually("no program is loaded", SOON, || {
        programs.iter().all(|id| !is_loaded(*id))
    });
    let (text, code) = ground.uninstall();
    assert_eq!(
        (text.as_str(), code),
        ("nothing of Sealwatch is here\n", Some(0))
    );
}

#[test]
fn another_make_takes_over_at_one_instant() {
    let ground = match Ground::set() {
        Ok(ground) => ground,
        Err(why) => return cannot_run("another_make", &why),
    };
    let loud = unique("replaced");
    let agent = ground.agent(&[]);
    let flood = ground.flood(&loud, "7");
    eventually("it is counted", SOON, || of(&agent, &loud) > 0.0);

    // Another daemon that would pin at the same place is told who is there.
    let second = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
        .args([
            "run",
            "--web.listen-address",
            "127.0.0.1:0",
            "--web.socket",
            "none",
        ])
        .arg("--pin")
        .arg(ground.pins())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = agent.pid();
    let before = of(&agent, &loud);
    let refused = std::thread::spawn(move || second.wait_with_output().unwrap());
    let refused = refused.join().unwrap();
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{words}");
    assert!(words.contains(&format!("process {pid}")), "{words}");

    let more = ground.flood(&unique("second"), "6");
    drop(agent);
    let agent = ground.agent(&["--sample-interval", "2s"]);
    assert!(
        agent.log().contains("these programs count from now on"),
        "{}",
        agent.log()
    );
    assert!(of(&agent, &loud) >= before);
    assert_eq!(agent.sum("sealwatch_unwatched_seconds", &[]), 0.0);
    let first = provoked(&flood.wait_with_output().unwrap().stdout);
    let second = provoked(&more.wait_with_output().unwrap().stdout);
    let every = [("operation", "open"), ("errno", "EROFS")];
    // What is on its way through both sets of programs as the turn changes.
    let processors = std::thread::available_parallelism().unwrap().get() as f64;
    let off = || agent.sum(DENIALS, &every) - first - second;
    eventually("all of both", SOON, || off().abs() <= processors);
    println!(
        "{} refusals, the turn taken in between: off by {}",
        first + second,
        off()
    );
    conserved(&agent);
    let names = fs::read_dir(ground.pins()).unwrap().flatten();
    let generations = names
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .count();
    assert_eq!(generations, 1, "the earlier one's programs are gone");
    assert_eq!(agent.stop().code(), Some(0));
    assert_eq!(ground.uninstall().1, Some(0));
}

/// The ids of the programs that are pinned below a directory.
fn pinned_programs(pins: &Path) -> Vec<u32> {
    let generations = fs::read_dir(pins).unwrap().flatten();
    let directories = generations.map(|entry| entry.path().join("programs"));
    let programs = directories
        .filter_map(|path| fs::read_dir(path).ok())
        .flatten();
    programs
        .map(|entry| program_id(&entry.unwrap().path()))
        .collect()
}

fn program_id(path: &Path) -> u32 {
    let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    const OBJ_GET: libc::c_long = 7;
    let program = bpf(OBJ_GET, [path.as_ptr() as u64, 0]).unwrap();
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", program.as_raw_fd())).unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("prog_id:"));
    line.unwrap().trim().parse().unwrap()
}

fn is_loaded(program: u32) -> bool {
    const PROG_GET_FD_BY_ID: libc::c_long = 13;
    bpf(PROG_GET_FD_BY_ID, [u64::from(program), 0]).is_ok()
}

fn bpf(command: libc::c_long, mut words: [u64; 2]) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads as many bytes as it is told, and the path in them.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, words.as_mut_ptr(), 16) };
    match i32::try_from(fd) {
        // SAFETY: the descriptor was just made and nobody else has it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
