//! A job becomes its exit code, its console and its output files, through a guest.
//!
//! In: a [`Guest`] and a [`Job`]. Out: an [`Outcome`], or an error that tells how the
//! guest failed. Invariant: no QEMU and no virtiofsd outlives the call, and the guest
//! writes nowhere on the machine but in the job's own directory. Lacks on purpose:
//! networking, and hardware virtualisation, so that every machine runs the same guest.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::Parts;
use super::emulator::Emulator;
use super::kernels::Kernel;
use crate::{layout, step};

/// What runs in the guest once its root is mounted.
const GUEST: &str = include_str!("guest.sh");
/// The security modules of a guest that nobody asked for others.
pub const MODULES: &str = "lockdown,capability,landlock,yama,apparmor,bpf";
/// The emulator takes one step per byte in `rep movsb` and `rep stosb`, with which a
/// kernel clears and copies memory on a processor that says it does so quickly.
const CPU: &str = "max,-erms,-fsrm,-fzrm,-fsrs";
/// Marks of a kernel that is no longer sound; its panic follows (`oops=panic`).
const OOPS: [&str; 4] = ["Kernel panic", "Oops:", "BUG: ", "general protection fault"];

/// A virtual machine to be booted.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The kernel it boots.
    pub kernel: Kernel,
    /// Mebibytes of memory.
    pub memory_mib: u32,
    /// The security modules that its kernel starts, in their order.
    pub modules: String,
    /// More of the kernel's parameters, put after the others.
    pub parameters: String,
    /// Its clock counts instructions, one a nanosecond, and so does what rdtsc tells.
    pub by_instructions: bool,
    /// Put before each line of output as it is passed on; `None` keeps the output back.
    pub prefix: Option<String>,
}

/// What a guest is to do.
#[derive(Clone, Debug)]
pub struct Job {
    /// Files and directories to copy into the guest: path on the machine, path in the guest.
    pub files: Vec<(PathBuf, PathBuf)>,
    /// The command and its arguments. It finds the machine's own files at their places,
    /// and leaves results in `/lab/out`.
    pub command: Vec<String>,
    /// How long the guest may take, its start included.
    pub timeout: Duration,
}

/// How a job ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The command's exit code.
    pub status: i32,
    /// What the job left in `/lab/out`.
    pub output: PathBuf,
    /// What the command wrote to its standard output and standard error.
    pub text: String,
    /// What the kernel wrote to its console.
    pub console: String,
}

/// One attempt's end.
enum Ending {
    Finished(Outcome),
    /// The kernel failed under the job.
    Oops(String),
}

impl Guest {
    /// A guest of `kernel` with enough memory for the engines' data.
    pub fn new(kernel: Kernel) -> Guest {
        Guest {
            kernel,
            memory_mib: 2048,
            modules: MODULES.to_owned(),
            parameters: String::new(),
            by_instructions: false,
            prefix: Some(format!("[{kernel}] ")),
        }
    }

    /// Boots, runs the job and powers off. A guest whose kernel fails is started once more,
    /// loudly: emulators sometimes break a kernel while it patches its own code. One that
    /// counts instructions may fail more often, in its first seconds.
    pub fn run(&self, job: &Job) -> Result<Outcome> {
        let attempts = if self.by_instructions { 5 } else { 2 };
        let mut last = String::new();
        for attempt in 1..=attempts {
            match self.attempt(job)? {
                Ending::Finished(outcome) => return Ok(outcome),
                Ending::Oops(console) => last = console,
            }
            eprintln!(
                "vm: KERNEL {} FAILED, {attempt} OF {attempts}; its last words were:\n{last}",
                self.kernel
            );
        }
        bail!("kernel {} failed {attempts} times: {last}", self.kernel)
    }

    fn attempt(&self, job: &Job) -> Result<Ending> {
        let Parts {
            kernel,
            initramfs,
            emulator,
        } = super::parts(self.kernel)?;
        let cache = super::cache()?;
        let directory = prepare(job, &cache)?;
        let _disk = Process::virtiofsd(&emulator, &directory)?;
        let mut qemu = Process::start(
            emulator
                .qemu()
                .args(["-M", "q35", "-cpu", CPU, "-smp", "1"])
                .args(self.clock())
                .args([
                    "-m",
                    &self.memory_mib.to_string(),
                    "-nodefaults",
                    "-no-user-config",
                ])
                .args(["-no-reboot", "-display", "none"])
                .arg("-object")
                .arg(format!(
                    "memory-backend-memfd,id=mem,size={}M,share=on",
                    self.memory_mib
                ))
                .args(["-numa", "node,memdev=mem"])
                .arg("-chardev")
                .arg(format!("socket,id=fs,path={}", socket_name(&directory)))
                .args(["-device", "vhost-user-fs-pci,chardev=fs,tag=host"])
                .args([
                    "-chardev",
                    "file,id=console,path=console",
                    "-serial",
                    "chardev:console",
                ])
                .args(["-chardev", "stdio,id=output,signal=off"])
                .args([
                    "-device",
                    "virtio-serial-pci",
                    "-device",
                    "virtconsole,chardev=output",
                ])
                .args(["-object", "rng-random,id=rng,filename=/dev/urandom"])
                .args(["-device", "virtio-rng-pci,rng=rng"])
                .arg("-kernel")
                .arg(&kernel.image)
                .arg("-initrd")
                .arg(&initramfs)
                .arg("-append")
                .arg(format!(
                    "console=ttyS0 quiet panic=-1 oops=panic rcupdate.rcu_expedited=1 \
                     lsm={} {} lab.job={} lab.tree={}",
                    self.modules,
                    self.parameters,
                    directory.display(),
                    layout::root().display()
                ))
                .current_dir(&directory)
                .stdin(Stdio::null())
                .stdout(Stdio::piped()),
        )?;
        let reader = self.pass_on(&mut qemu.child)?;
        let finished = qemu.wait(job.timeout)?;
        if !finished {
            qemu.stop();
        }
        let text = match reader.join() {
            Ok(text) => text,
            Err(_) => bail!("the guest's output could not be read"),
        };
        let console = String::from_utf8_lossy(&fs::read(directory.join("console"))?).into_owned();
        if let Some(place) = OOPS.iter().filter_map(|mark| console.find(mark)).min() {
            return Ok(Ending::Oops(console[place..].to_owned()));
        }
        if !finished {
            bail!(
                "kernel {}: no end after {} s; its console:\n{}",
                self.kernel,
                job.timeout.as_secs(),
                step::tail(&console)
            );
        }
        let status = fs::read_to_string(directory.join("status")).with_context(|| {
            format!(
                "kernel {}: the guest ended early:\n{}",
                self.kernel,
                step::tail(&console)
            )
        })?;
        let status = status
            .trim()
            .parse()
            .with_context(|| format!("exit code {status:?}"))?;
        Ok(Ending::Finished(Outcome {
            status,
            output: directory.join("out"),
            text,
            console,
        }))
    }

    /// How the guest is executed, and what its clock goes by.
    fn clock(&self) -> &'static [&'static str] {
        match self.by_instructions {
            true => &[
                "-accel",
                "tcg,thread=single,tb-size=512",
                "-icount",
                "shift=0,sleep=off",
            ],
            false => &["-accel", "tcg,thread=multi,tb-size=512"],
        }
    }

    /// Collects the job's output, and passes each line on as it comes.
    fn pass_on(&self, qemu: &mut Child) -> Result<std::thread::JoinHandle<String>> {
        let mut lines = BufReader::new(qemu.stdout.take().context("QEMU's output")?);
        let prefix = self.prefix.clone();
        Ok(std::thread::spawn(move || {
            let mut text = String::new();
            let mut line = Vec::new();
            while lines
                .read_until(b'\n', &mut line)
                .is_ok_and(|read| read > 0)
            {
                let part = String::from_utf8_lossy(&line);
                if let Some(prefix) = &prefix {
                    println!("{prefix}{}", part.trim_end_matches(['\n', '\r']));
                }
                text.push_str(&part);
                line.clear();
            }
            text
        }))
    }
}

/// Lays out the job's directory, which the guest sees as `/lab`.
fn prepare(job: &Job, cache: &Path) -> Result<PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let runs = cache.join("run");
    fs::create_dir_all(&runs)?;
    // Directories of earlier runs whose process is gone.
    for entry in fs::read_dir(&runs)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let alive = name
            .split('-')
            .next()
            .is_some_and(|pid| Path::new("/proc").join(pid).exists());
        if !alive {
            fs::remove_dir_all(entry.path())
                .with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    let directory = runs.join(format!(
        "{}-{}",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    ));
    fs::create_dir_all(directory.join("out"))?;
    fs::write(directory.join("console"), "")?;
    fs::write(directory.join("guest.sh"), GUEST)?;
    let owner = step::output(Command::new("stat").args(["-c", "%u:%g"]).arg(&directory))?;
    fs::write(directory.join("job.env"), format!("LAB_OWNER={owner}"))?;
    let words: Vec<String> = job.command.iter().map(|word| quote(word)).collect();
    ensure!(!words.is_empty(), "the job has no command");
    fs::write(
        directory.join("job.sh"),
        format!("exec {}\n", words.join(" ")),
    )?;
    for (from, to) in &job.files {
        let to = directory
            .join("root")
            .join(to.strip_prefix("/").unwrap_or(to));
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        step::output(Command::new("cp").arg("-a").arg(from).arg(&to))?;
    }
    Ok(directory)
}

/// The file system socket's name within the job's directory: relative, as a socket's
/// path may have no more than 107 bytes, and unique, as virtiofsd locks a file named after it.
fn socket_name(directory: &Path) -> String {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    format!("fs-{name}.sock")
}

/// A word that a shell takes as it is.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A child that does not outlive its handle, nor this process.
struct Process {
    child: Child,
}

impl Process {
    fn start(command: &mut Command) -> Result<Process> {
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        Ok(Process { child })
    }

    /// Serves the machine's root on a socket in `directory`.
    fn virtiofsd(emulator: &Emulator, directory: &Path) -> Result<Process> {
        let group = step::output(Command::new("id").arg("-gn"))?;
        let socket = socket_name(directory);
        let log = fs::File::create(directory.join("virtiofsd.log"))?;
        let mut process = Process::start(
            emulator
                .virtiofsd()
                .arg(format!("--socket-path={socket}"))
                .arg(format!("--socket-group={}", group.trim()))
                .args([
                    "--shared-dir=/",
                    "--sandbox=chroot",
                    "--cache=auto",
                    "--no-announce-submounts",
                ])
                .current_dir(directory)
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log),
        )?;
        let begin = Instant::now();
        while !directory.join(&socket).exists() {
            let ended = process.child.try_wait()?;
            if ended.is_some() || begin.elapsed() > Duration::from_secs(10) {
                bail!(
                    "virtiofsd: {}",
                    fs::read_to_string(directory.join("virtiofsd.log"))?
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(process)
    }

    /// Waits for the end; false when `timeout` came first.
    fn wait(&mut self, timeout: Duration) -> Result<bool> {
        let begin = Instant::now();
        while begin.elapsed() < timeout {
            if self.child.try_wait()?.is_some() {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(false)
    }

    fn stop(&mut self) {
        // Both fail only where the process has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        let words = [
            "plain",
            "two words",
            "it's",
            "$HOME `id` \\ \"x\"",
            "",
            "line\nbreak",
        ];
        let script = format!("printf '%s\\0' {}", words.map(quote).join(" "));
        let printed = step::output(Command::new("sh").args(["-c", &script])).unwrap();
        assert_eq!(printed.split_terminator('\0').collect::<Vec<_>>(), words);
    }
}
