//! The daemon is stopped for a while, and its ring buffer runs full.

use super::agent::eventually;
use super::engines::cannot_run;
use super::lab::{Lab, SOON, denials, lost, refuse, signal, unique};

/// Samples of a path each; the ring has room for some thousands.
const AT_A_TIME: usize = 250;

#[test]
fn a_full_ring_buffer_costs_samples_and_no_count() {
    let lab = match Lab::set() {
        Ok(lab) => lab,
        Err(why) => return cannot_run("a_full_ring_buffer", &why),
    };
    let name = unique("unheard");
    lab.idle(&name);
    let agent = lab.agent(&["--sample-interval", "1ms"]);
    refuse(lab.engine(), &name, 1);
    eventually("it is named", SOON, || denials(&agent, &name) == 1.0);
    let before = lost(&agent, "kernel", "sample_ring_full");
    signal(agent.pid(), libc::SIGSTOP);
    for _ in 0..16 {
        refuse(lab.engine(), &name, AT_A_TIME);
    }
    signal(agent.pid(), libc::SIGCONT);
    let provoked = (1 + 16 * AT_A_TIME) as f64;
    eventually("every refusal is counted", SOON, || {
        denials(&agent, &name) == provoked
    });
    assert!(lost(&agent, "kernel", "sample_ring_full") > before);
    // What was sampled, held back and lost is what was counted.
    eventually("it adds up", SOON, || {
        let sum = |name: &str| agent.sum(&format!("sealwatch_{name}_total"), &[]);
        let lost = lost(&agent, "kernel", "sample_ring_full");
        sum("samples") + sum("samples_suppressed") + lost == sum("recorded_denials")
    });
    assert_eq!(agent.stop().code(), Some(0));
}
