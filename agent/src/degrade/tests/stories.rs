//! The stories, told second by second, and what must be said of them when.

use super::*;

/// What happens in a second.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Container and number of the run.
    Start(&'static str, u64),
    Exit(&'static str, Option<i32>),
    /// Container, write root, how many.
    Fail(&'static str, &'static str, u64),
    Succeed(&'static str, &'static str),
    /// A failure that is no write's.
    Exec(&'static str, &'static str),
    /// Killed, and started again after so many seconds.
    Restart(u64),
}
use Event::{Exec, Exit, Fail, Restart, Start, Succeed};

fn every(from: u64, to: u64, step: usize, event: Event) -> Vec<(u64, Event)> {
    (from..to).step_by(step).map(|s| (s, event)).collect()
}

/// What it is, what happens, until when, and what is told.
type Story = (
    &'static str,
    Vec<(u64, Event)>,
    u64,
    Vec<(u64, &'static str)>,
);

/// Plays the events with a tick each second until `end`, and gives what was told.
fn play(mut events: Vec<(u64, Event)>, end: u64) -> (Vec<(u64, String)>, Degrade) {
    events.sort_by_key(|(second, _)| *second);
    let mut degrade = Degrade::new(Thresholds::default(), LIMITS);
    let mut changes = Vec::new();
    let mut second = 0;
    let mut events = events.into_iter().peekable();
    while second <= end {
        let now = at(second);
        while let Some((_, event)) = events.next_if(|(when, _)| *when <= second) {
            match event {
                Start(id, run) => degrade.started(&container(id), run, Some(now.monotonic_ns), now),
                Exit(id, code) => degrade.exited(id, code, now),
                Fail(id, root, count) => {
                    degrade.denied(&container(id), &failure(root, count, now), now)
                }
                Succeed(id, root) => degrade.succeeded(&container(id), root, now.monotonic_ns, now),
                Exec(id, root) => {
                    let exec = Failure {
                        operation: Operation::Exec,
                        errno: Errno::Eacces,
                        ..failure(root, 1, now)
                    };
                    degrade.denied(&container(id), &exec, now);
                }
                Restart(away) => {
                    let saved = degrade.save("boot", now).unwrap();
                    second += away;
                    let (limits, thresholds) = (LIMITS, Thresholds::default());
                    degrade =
                        Degrade::restore(thresholds, limits, saved.as_bytes(), "boot", at(second))
                            .unwrap();
                    // The scan finds it.
                    degrade.started(&container("a"), 1, None, at(second));
                }
            }
        }
        let now = at(second);
        changes.extend(degrade.tick(now).iter().map(|t| (second, told(&t.change))));
        let degraded = degrade.roots(now);
        let degraded = degraded.iter().any(|r| r.condition == Condition::Degraded);
        assert!(!degraded || degrade.starts().is_empty(), "both at {second}");
        second += 1;
    }
    (changes, degrade)
}

#[test]
fn each_story_is_told() {
    let start = || vec![(0, Start("a", 1))];
    let with = |parts: Vec<Vec<(u64, Event)>>| [start(), parts.concat()].concat();
    let refetching = || every(5, 100, 1, Fail("a", CACHE, 1));
    let crash_loop = |codes: Option<i32>| -> Vec<(u64, Event)> {
        [("a", 1, 0), ("b", 2, 20), ("c", 3, 60)]
            .into_iter()
            .flat_map(|(id, run, second)| {
                vec![
                    (second, Start(id, run)),
                    (second + 1, Fail(id, NGINX, 1)),
                    (second + 2, Exit(id, codes)),
                ]
            })
            .collect()
    };
    let cases: Vec<Story> = vec![
        (
            "a TLS client refetches on every call, until its cache is writable",
            with(vec![refetching(), every(100, 200, 1, Succeed("a", CACHE))]),
            1_000,
            vec![(65, "degraded a /home/app"), (100, "recovered a /home/app")],
        ),
        (
            "the same client goes quiet",
            with(vec![refetching()]),
            1_000,
            vec![(65, "degraded a /home/app"), (400, "recovered a /home/app")],
        ),
        (
            "the same client ends",
            with(vec![refetching(), vec![(100, Exit("a", Some(1)))]]),
            1_000,
            vec![(65, "degraded a /home/app"), (100, "ended a /home/app")],
        ),
        (
            "the daemon is killed in the middle and away for an hour",
            with(vec![
                refetching(),
                vec![(90, Restart(3_600))],
                every(3_700, 3_800, 5, Fail("a", CACHE, 1)),
            ]),
            4_300,
            vec![
                (65, "degraded a /home/app"),
                (4_096, "recovered a /home/app"),
            ],
        ),
        (
            "nothing fails after the daemon is back: silence counts from then",
            with(vec![
                every(5, 91, 1, Fail("a", CACHE, 1)),
                vec![(90, Restart(3_600))],
            ]),
            4_300,
            vec![
                (65, "degraded a /home/app"),
                (3_991, "recovered a /home/app"),
            ],
        ),
        (
            "nginx dies at once, each time in a new container",
            crash_loop(Some(1)),
            120,
            vec![
                (12, "failing_to_start app 1 /var/cache/nginx"),
                (32, "failing_to_start app 2 /var/cache/nginx"),
                (72, "failing_to_start app 3 /var/cache/nginx"),
            ],
        ),
        (
            "and starts after its remedy",
            [crash_loop(None), vec![(100, Start("d", 4))]].concat(),
            300,
            vec![
                (12, "failing_to_start app 1 /var/cache/nginx"),
                (32, "failing_to_start app 2 /var/cache/nginx"),
                (72, "failing_to_start app 3 /var/cache/nginx"),
                (160, "started app 3 /var/cache/nginx"),
            ],
        ),
        (
            "the same container is restarted by Docker",
            vec![
                (0, Start("a", 1)),
                (1, Fail("a", NGINX, 1)),
                (2, Exit("a", None)),
                (3, Start("a", 2)),
                (4, Exec("a", "/opt/app")),
                (5, Exit("a", None)),
            ],
            30,
            vec![
                (12, "failing_to_start app 1 /var/cache/nginx"),
                (15, "failing_to_start app 2 /opt/app"),
            ],
        ),
        (
            "a job is done, whatever it was refused",
            crash_loop(Some(0)),
            120,
            vec![],
        ),
        (
            "a container ends long after a probe",
            vec![
                (0, Start("a", 1)),
                (1, Fail("a", NGINX, 1)),
                (30, Exit("a", Some(1))),
            ],
            120,
            vec![],
        ),
        (
            "an app probes once and falls back",
            with(vec![
                vec![(1, Fail("a", NGINX, 1))],
                every(2, 600, 1, Succeed("a", "/tmp")),
            ]),
            8_000,
            vec![],
        ),
        (
            "an app probes a hundred times within a second",
            with(vec![vec![(1, Fail("a", NGINX, 100))]]),
            8_000,
            vec![],
        ),
        (
            "a burst of 30 seconds, then silence",
            with(vec![every(5, 35, 1, Fail("a", CACHE, 50))]),
            8_000,
            vec![],
        ),
        (
            "failures that are no writes",
            with(vec![every(5, 600, 1, Exec("a", "/opt/app"))]),
            700,
            vec![],
        ),
        (
            "a job fails each 10 minutes, and is then switched off",
            with(vec![every(600, 12_600, 600, Fail("a", CACHE, 1))]),
            16_000,
            vec![
                (3_000, "degraded a /home/app"),
                (13_801, "recovered a /home/app"),
            ],
        ),
        (
            "each run of the job fails for 15 seconds",
            with(vec![
                every(600, 12_600, 600, Fail("a", CACHE, 1)),
                every(615, 12_600, 600, Fail("a", CACHE, 1)),
            ]),
            16_000,
            // Its gaps are 585 s and 15 s.
            vec![
                (1_800, "degraded a /home/app"),
                (13_771, "recovered a /home/app"),
            ],
        ),
        (
            "each run of the job fails for two and a half minutes",
            with(vec![
                (1..20)
                    .flat_map(|run| every(600 * run, 600 * run + 150, 1, Fail("a", CACHE, 1)))
                    .collect(),
            ]),
            16_000,
            // Once bitten: from the second run on its gap of 451 s is known.
            vec![
                (660, "degraded a /home/app"),
                (1_050, "recovered a /home/app"),
                (1_260, "degraded a /home/app"),
                (12_903, "recovered a /home/app"),
            ],
        ),
        (
            "success in between ends it, unless failures contradict",
            with(vec![
                every(10, 1_000, 10, Fail("a", CACHE, 2)),
                every(15, 1_000, 10, Succeed("a", CACHE)),
            ]),
            2_000,
            // Two successes are believed; from the third episode on, at 30 s, none.
            vec![
                (90, "degraded a /home/app"),
                (1_291, "recovered a /home/app"),
            ],
        ),
    ];
    for (story, events, end, expected) in cases {
        let (changes, _) = play(events, end);
        let changes: Vec<_> = changes
            .iter()
            .map(|(s, text)| (*s, text.as_str()))
            .collect();
        assert_eq!(changes, expected, "{story}");
    }
}
