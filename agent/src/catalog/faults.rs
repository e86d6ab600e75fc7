//! What can fail around the daemon, what it then does, and what to do, as a table.
//!
//! In: nothing. Out: rows, from which the documents' table is made. Invariant: each
//! row names the tests that hold it to its word; a test holds that these exist and
//! that each metric and loss it speaks of is one. Lacks on purpose: how containers
//! fail, which is what the daemon is for.

/// A row of the table of faults.
#[derive(Debug)]
pub struct FaultRow {
    /// What happens.
    pub fault: &'static str,
    /// What the daemon does.
    pub does: &'static str,
    /// What is lost, and which metric says so.
    pub lost: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// `FILE: NAME`, from the agent's directory.
    pub tests: &'static [&'static str],
}

/// Everything that is known to happen.
pub const FAULTS: &[FaultRow] = &[
    FaultRow {
        fault: "dockerd or containerd is restarted, or hangs",
        does: "counts on; who is known keeps the name, who is new has the id until the runtime answers again; it is asked again for ever, at most 30 s apart. One that hangs is found out within 30 s",
        lost: "names, for a while: `sealwatch_runtime_up`, `sealwatch_containers_undescribed`",
        remedy: "restart the runtime; the log has its words",
        tests: &[
            "tests/faults/dockerd.rs: dockerd_that_dies_or_hangs_delays_names_alone",
            "tests/identity_runtimes.rs: a_runtime_that_hangs_or_dies_is_waited_for",
            "tests/identity_runtimes.rs: containerd_tells_pods_by_cri",
        ],
    },
    FaultRow {
        fault: "a runtime's socket says nothing, half an answer, nonsense, or never stops",
        does: "gives up each request after 10 s (a list of Docker's after 30 s) and an answer after 64 MiB, names the socket in the log, and goes on with the others; `sealwatch doctor` says the same",
        lost: "that runtime's names: `sealwatch_runtime_up`",
        remedy: "see what listens there; `--docker-socket`, `--cri-endpoint`",
        tests: &["tests/faults/sockets.rs: sockets_that_talk_nonsense_delay_nobody"],
    },
    FaultRow {
        fault: "the ring buffer is full, or the daemon is stopped (SIGSTOP) and goes on",
        does: "finds every count in the kernel's tables afterwards; births and deaths of containers that were missed are made up for by a scan",
        lost: "samples, that is events with their paths: `sealwatch_lost_total{stage=\"kernel\",reason=\"sample_ring_full\"}`",
        remedy: "nothing, where it happens seldom; else more processor time for the daemon",
        tests: &["tests/faults/paused.rs: a_full_ring_buffer_costs_samples_and_no_count"],
    },
    FaultRow {
        fault: "the kernel's table of counters is full",
        does: "counts on in an overflow table, by operation and errno",
        lost: "container and path of what no longer fits: `sealwatch_unresolved_denials_total{reason=\"counter_overflow\"}`",
        remedy: "find who is refused so many different things: `sealwatch top`",
        tests: &["tests/faults/tables.rs: a_full_table_of_counters_costs_names_and_no_count"],
    },
    FaultRow {
        fault: "the kernel has no BTF, or it is not shown",
        does: "ends at the start, exit code 1",
        lost: "everything: it does not run",
        remedy: "a kernel with CONFIG_DEBUG_INFO_BTF=y; in a container, the machine's own /sys",
        tests: &[
            "tests/faults/start.rs: without_the_kernels_types_it_ends",
            "tests/cli/doctor.rs: without_the_kernels_types_it_says_so",
        ],
    },
    FaultRow {
        fault: "no BPF file system where `--pin` says",
        does: "ends at the start, exit code 1, and leaves nothing there; without `--pin` none is needed",
        lost: "everything: it does not run",
        remedy: "`mount -t bpf bpf /sys/fs/bpf`, or no `--pin`",
        tests: &["tests/faults/start.rs: without_a_bpf_file_system_nothing_is_pinned"],
    },
    FaultRow {
        fault: "what is pinned is broken: a map or the checkpoint is gone or nonsense",
        does: "attaches programs of its own, takes the turn, and removes the broken ones; where a directory stands in place of a map it ends at the start with its path, exit code 1",
        lost: "what was counted before: `sealwatch_lost_total{stage=\"state\",reason=\"earlier_counts_unreadable\"}`, `sealwatch_lost_total{stage=\"source\",reason=\"earlier_tables_unreadable\"}`",
        remedy: "leave the directory to the daemon; `sealwatch uninstall --pin DIRECTORY` empties it",
        tests: &["tests/faults/pins.rs: broken_pins_are_counted_and_others_take_their_place"],
    },
    FaultRow {
        fault: "`CAP_BPF` or `CAP_PERFMON` is missing, and `CAP_SYS_ADMIN` too",
        does: "ends at the start, exit code 1",
        lost: "everything: it does not run",
        remedy: "add the capability; `sealwatch doctor` names it",
        tests: &[
            "tests/faults/start.rs: each_capability_is_named_where_it_is_missing",
            "tests/cli/doctor.rs: a_missing_capability_is_named",
        ],
    },
    FaultRow {
        fault: "`CAP_SYS_PTRACE`, `CAP_DAC_READ_SEARCH`, `CAP_SYSLOG` or `CAP_SYS_ADMIN` is missing",
        does: "counts and names all the same; the log says at the start, and `sealwatch doctor` at any time, what is therefore not measured",
        lost: "mounts, tmpfs, layers, profiles: `sealwatch_tmpfs_unmeasured`, `sealwatch_writable_layer_unmeasured`, `sealwatch_hooks_missing`",
        remedy: "add the capability, where what it is for is wanted",
        tests: &[
            "tests/faults/start.rs: each_capability_is_named_where_it_is_missing",
            "tests/cli/doctor.rs: a_missing_capability_is_named",
        ],
    },
    FaultRow {
        fault: "the state's directory is read-only, missing, or on a full disk",
        does: "counts on; the last state that was written stays whole, and is written again as soon as that can be done",
        lost: "what has changed since, should the daemon be restarted now: `sealwatch_lost_total{stage=\"state\",reason=\"state_unwritten\"}`, `sealwatch_lost_total{stage=\"alert\",reason=\"notices_unwritten\"}`",
        remedy: "make room, mount it writable, or name another place with `--state-file`",
        tests: &[
            "tests/faults/disk.rs: a_full_disk_leaves_the_old_state_and_is_counted",
            "tests/faults/disk.rs: a_read_only_state_directory_is_told",
            "tests/docker/degraded.rs: a_state_that_cannot_be_used_stops_nobody",
        ],
    },
    FaultRow {
        fault: "the state file or `alerts.json` is nonsense",
        does: "begins anew, and replaces it",
        lost: "who was degraded, and what was still to be told: `sealwatch_lost_total{stage=\"state\",reason=\"state_unreadable\"}`, `sealwatch_lost_total{stage=\"alert\",reason=\"notices_unreadable\"}`",
        remedy: "nothing",
        tests: &[
            "tests/faults/disk.rs: broken_files_are_counted_and_replaced",
            "tests/docker/degraded.rs: a_state_that_cannot_be_used_stops_nobody",
        ],
    },
    FaultRow {
        fault: "nobody reads the events (`--events json` into a pipe), or its reader is gone",
        does: "counts on; 4,096 lines or 4 MiB wait for a slow reader; the end waits 2 s for it. Standard output that is closed before the start is /dev/null",
        lost: "lines of events: `sealwatch_lost_total{stage=\"events\",reason=\"queue_full\"}`, `sealwatch_lost_total{stage=\"events\",reason=\"output_closed\"}`",
        remedy: "read faster; `sealwatch events --follow` asks the daemon for what it keeps",
        tests: &[
            "tests/faults/outputs.rs: events_that_nobody_reads_are_counted",
            "tests/faults/outputs.rs: a_reader_of_events_that_goes_away_is_counted",
        ],
    },
    FaultRow {
        fault: "the disk that the events are written to is full",
        does: "counts on, and writes again as soon as there is room; a line that was cut is ended",
        lost: "lines of events: `sealwatch_lost_total{stage=\"events\",reason=\"output_full\"}`",
        remedy: "make room, rotate the file",
        tests: &["tests/faults/outputs.rs: events_without_room_are_counted_and_then_go_on"],
    },
    FaultRow {
        fault: "nobody reads the log (standard error is a full pipe)",
        does: "counts on; 4,096 lines or 4 MiB wait",
        lost: "lines of the log: `sealwatch_lost_total{stage=\"log\",reason=\"queue_full\"}`",
        remedy: "look at what reads it: the journal, the container engine",
        tests: &["tests/faults/outputs.rs: a_log_that_nobody_reads_keeps_nobody"],
    },
    FaultRow {
        fault: "the HTTP address or the socket is taken",
        does: "ends at the start, exit code 1; where another Sealwatch has it, after 10 s, with its process number, exit code 3",
        lost: "everything: it does not run",
        remedy: "free it, or another with `--web.listen-address`, `--web.socket`",
        tests: &[
            "tests/faults/start.rs: a_port_that_is_taken_is_named",
            "tests/docker/lifecycle.rs: the_second_daemon_names_the_first_and_ends_or_waits_for_its_end",
        ],
    },
    FaultRow {
        fault: "too few file descriptors: at the start, or while it runs",
        does: "ends at the start with the limit to raise, exit code 1; while it runs, counts on, accepts no connection, forgets nobody, and catches up once there are descriptors again",
        lost: "scrapes meanwhile; control groups that a scan could not read: `sealwatch_lost_total{stage=\"identity\",reason=\"scan_skipped\"}`; `process_open_fds` and `process_max_fds` tell before",
        remedy: "a limit of 1,024 or more: `LimitNOFILE=`, `--ulimit nofile=`",
        tests: &[
            "tests/faults/start.rs: too_few_descriptors_are_named",
            "tests/faults/descriptors.rs: without_a_descriptor_left_nobody_is_forgotten",
        ],
    },
    FaultRow {
        fault: "the daemon's memory limit is too small, and it is killed; or it is killed otherwise",
        does: "with `--pin` its programs count on, and the next one goes on from their counters; without, the next one begins at zero",
        lost: "without `--pin`, what is refused meanwhile: `sealwatch_unwatched_seconds`; with it, samples and paths",
        remedy: "raise the limit, and use `--pin`",
        tests: &[
            "tests/faults/memory.rs: killed_for_want_of_memory_it_goes_on_from_its_pins",
            "tests/docker/restart.rs: a_daemon_that_is_killed_under_load_leaves_no_gap_and_then_nothing",
        ],
    },
    FaultRow {
        fault: "the wall clock is set, forwards or backwards",
        does: "counts on: all spans and thresholds go by CLOCK_MONOTONIC. An event's `time` is the wall clock's when it is told; its `monotonic_ns` keeps the order",
        lost: "nothing; an exit code that a runtime tells across the jump may be placed wrongly",
        remedy: "nothing",
        tests: &[
            "src/pipeline/tests/clock.rs: the_wall_clock_may_be_set",
            "src/degrade/state/tests.rs: the_wall_clock_may_be_set",
        ],
    },
    FaultRow {
        fault: "the machine is suspended and wakes up",
        does: "CLOCK_MONOTONIC stands still meanwhile: nothing runs, so nothing is refused, and the time counts for no threshold",
        lost: "nothing; the time of an event that was on its way is late by the time of the suspension",
        remedy: "nothing",
        tests: &["src/pipeline/tests/clock.rs: the_wall_clock_may_be_set"],
    },
    FaultRow {
        fault: "an Alertmanager or webhook does not answer",
        does: "keeps 1,024 beginnings and ends for each, over a restart too, and tries again",
        lost: "the oldest past that: `sealwatch_lost_total{stage=\"alert\",reason=\"notice_queue_full\"}`",
        remedy: "`sealwatch_alert_receiver_up` and the log name it",
        tests: &[
            "tests/alerting/direct.rs: alertmanager_is_told_by_the_daemon_itself_over_an_outage",
        ],
    },
];
