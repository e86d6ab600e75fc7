//! One container is refused at full speed while another is refused once.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::Value;
use xtask::engine::{IMAGE, sealed};
use xtask::process::{MIB, cpu_time, memory};

use super::agent::eventually;
use super::engines::cannot_run;
use super::{Stage, provoke, unique};

const FLOOD_SECONDS: u64 = 10;
/// Of one core.
const CPU_SHARE_MAX: f64 = 0.05;
/// Without the pages of the program's file, which are many more where it is not
/// optimised, and which the kernel takes back at will.
const OWN_MIB_MAX: f64 = 30.0;
const SEEN_WITHIN_NS: u64 = 2_000_000_000;

#[test]
fn a_flood_loses_no_count_and_hides_nobody() {
    let (stage, provoke) = match Stage::set().and_then(|stage| Ok((stage, provoke()?))) {
        Ok(ready) => ready,
        Err(why) => return cannot_run("a_flood", &why),
    };
    let agent = stage.agent(&[]);
    let (loud, quiet) = (unique("loud"), unique("quiet"));
    let program = format!("{}:/provoke:ro", provoke.display());
    let seconds = FLOOD_SECONDS.to_string();

    let pid = agent.pid();
    let cpu_before = cpu_time(pid).unwrap().total.as_secs_f64();
    let begun = Instant::now();
    let flood = stage
        .engine
        .command()
        .args(sealed(&loud))
        .args(["--volume", &program, IMAGE])
        .args([
            "/provoke",
            "flood",
            "--threads",
            "2",
            "--seconds",
            &seconds,
            "/etc/passwd",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let over = AtomicBool::new(false);
    let (once, flood, (rss_mib, own_mib)) = thread::scope(|scope| {
        let largest = scope.spawn(|| {
            let mut largest = (0.0_f64, 0.0_f64);
            while !over.load(Ordering::Relaxed) {
                let now = memory(pid).unwrap();
                largest.0 = largest.0.max(now.resident as f64 / MIB);
                largest.1 = largest.1.max(now.anonymous as f64 / MIB);
                sleep(Duration::from_millis(100));
            }
            largest
        });
        sleep(Duration::from_secs(FLOOD_SECONDS / 2));
        let command = ["/provoke", "once", "/etc/group"];
        let once = stage.run(&quiet, &["--volume", &program], &command);
        let flood = flood.wait_with_output().unwrap();
        over.store(true, Ordering::Relaxed);
        (once, flood, largest.join().unwrap())
    });
    let window = begun.elapsed().as_secs_f64();
    let share = (cpu_time(pid).unwrap().total.as_secs_f64() - cpu_before) / window;
    let start_mib = memory(pid).unwrap().peak as f64 / MIB;

    let provoked = |text: &str| {
        let told: Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(told["errno"], "EROFS", "{told}");
        told["count"].as_f64().unwrap()
    };
    let provoked_loud = provoked(&String::from_utf8_lossy(&flood.stdout));
    let provoked_quiet = provoked(&once);
    let counted = |name: &str| {
        let labels = [
            ("container", name),
            ("operation", "open"),
            ("errno", "EROFS"),
        ];
        agent.sum("sealwatch_denials_total", &labels)
    };
    eventually("both counts are exact", Duration::from_secs(10), || {
        counted(&loud) == provoked_loud && counted(&quiet) == provoked_quiet || {
            eprintln!(
                "{} of {provoked_loud}, {} of {provoked_quiet}",
                counted(&loud),
                counted(&quiet)
            );
            sleep(Duration::from_millis(500));
            false
        }
    });
    let event = agent.events(|event| {
        event.text("/container/name") == quiet && event.text("/path") == "/etc/group"
    });
    assert_eq!(event.len(), 1, "{event:#?}");
    let took_ns = event[0].read_ns - event[0].json["monotonic_ns"].as_u64().unwrap();
    let seconds = took_ns as f64 / 1e9;
    println!(
        "{provoked_loud} refusals in {window:.1} s ({:.0}/s): counted exactly; the other's path \
         seen after {seconds:.3} s; daemon: {:.2} % of a core, RSS at most {rss_mib:.1} MiB, \
         {own_mib:.1} MiB of it its own ({start_mib:.1} MiB while it loaded)",
        provoked_loud / FLOOD_SECONDS as f64,
        share * 100.0
    );
    assert!(took_ns < SEEN_WITHIN_NS, "seen after {seconds:.3} s");
    assert!(share < CPU_SHARE_MAX, "{:.2} % of a core", share * 100.0);
    assert!(own_mib < OWN_MIB_MAX, "{own_mib:.1} MiB");
    assert!(
        provoked_loud > 100_000.0,
        "that was no flood: {provoked_loud}"
    );
}
