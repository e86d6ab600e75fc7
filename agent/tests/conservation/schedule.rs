//! What happens, as a list of steps that can be made shorter.
//!
//! In: a seed. Out: a [`Schedule`]. Invariant: the same seed is the same schedule; a
//! schedule with steps left out is one, too, since a step without an object does
//! nothing. Lacks on purpose: doing it.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::groups::Shape;
use super::refusals::ROWS;
use super::relay::Outage;

/// What a schedule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A daemon that leaves nothing behind: what is refused while none is there is
    /// counted by none.
    Plain,
    /// One whose programs and counters outlive it.
    Pinned,
    /// The containers are a real engine's, and the engine has outages.
    Engine,
    /// More counters than the kernel's table has room for.
    Crowded,
    /// More containers, write roots and series than the limits allow.
    Narrow,
}

impl Kind {
    /// Every member.
    pub const ALL: [Kind; 5] = [
        Kind::Plain,
        Kind::Pinned,
        Kind::Engine,
        Kind::Crowded,
        Kind::Narrow,
    ];

    /// Its name among the settings.
    pub fn label(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// Is it disturbed by what happens to other containers?
    pub fn is_alone(self) -> bool {
        matches!(self, Kind::Crowded | Kind::Narrow)
    }
}

/// How a daemon leaves.
#[derive(Clone, Copy, Debug)]
pub enum Leaving {
    /// SIGKILL.
    Killed,
    /// SIGTERM.
    Stopped,
}

/// A number of refusals.
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    /// The row of the table.
    pub row: usize,
    /// How many.
    pub times: u32,
    /// On how many paths.
    pub paths: u32,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A container begins.
    Begins(Shape),
    /// One of those that are there ends; `true` if it is killed.
    Ends(usize, bool),
    /// One of them is refused.
    Refused(usize, Refused),
    /// One is refused at one path for so many milliseconds, while the schedule goes on.
    Floods(usize, usize, u32),
    /// One is refused on so many paths in each of so many control groups of its own.
    Spreads(usize, usize, u32, u32),
    /// One is refused everything once in each of so many control groups of its own.
    Widens(usize, u32),
    /// A container begins, is refused and ends at once.
    Flits(Shape, Refused),
    /// So many containers begin and end.
    Churns(u32),
    /// A process of the host is refused.
    Host(Refused),
    /// The daemon leaves.
    Leaves(Leaving),
    /// A daemon starts where none is; `true` if its programs are made otherwise.
    Starts(bool),
    /// The same, but it is killed after so many milliseconds.
    Fails(bool, u64),
    /// The daemon gets no processor.
    Freezes,
    /// It gets one again.
    Thaws,
    /// The engine's socket.
    Engine(Outage),
    /// Milliseconds in which nothing happens.
    Waits(u64),
    /// A scrape.
    Looks,
}

/// What happens, in order.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// What it is about.
    pub kind: Kind,
    /// The steps.
    pub steps: Vec<Step>,
}

fn shape() -> impl Strategy<Value = Shape> {
    use Shape::{Below, Docker, DockerScope, Pod, PodScope, Podman};
    prop::sample::select(vec![Docker, DockerScope, Pod, PodScope, Podman, Below])
}

fn refused() -> impl Strategy<Value = Refused> {
    let few = (1..40_u32, 1..6_u32);
    let many = (200..700_u32, 1..400_u32);
    let row = 0..ROWS;
    (row, prop_oneof![40 => few, 1 => many]).prop_map(|(row, (times, paths))| Refused {
        row,
        times,
        paths,
    })
}

fn step(kind: Kind) -> impl Strategy<Value = Step> {
    let nth = 0..24_usize;
    let is = |wanted: Kind, weight: u32| if kind == wanted { weight } else { 0 };
    let outage = prop::sample::select(vec![Outage::None, Outage::Silent, Outage::Gone]);
    let leaving = prop_oneof![2 => Just(Leaving::Killed), 1 => Just(Leaving::Stopped)];
    let restarts = if kind == Kind::Pinned { 2 } else { 1 };
    let quick = 1 + is(Kind::Plain, 1) + is(Kind::Pinned, 1);
    let all: Vec<(u32, BoxedStrategy<Step>)> = vec![
        (4, shape().prop_map(Step::Begins).boxed()),
        (
            3,
            (nth.clone(), any::<bool>())
                .prop_map(|(nth, killed)| Step::Ends(nth, killed))
                .boxed(),
        ),
        (
            10,
            (nth.clone(), refused())
                .prop_map(|(nth, refused)| Step::Refused(nth, refused))
                .boxed(),
        ),
        (
            3,
            (nth.clone(), 0..ROWS, 10..300_u32)
                .prop_map(|(nth, row, time)| Step::Floods(nth, row, time))
                .boxed(),
        ),
        (
            is(Kind::Crowded, 12),
            (nth, 0..ROWS, 4..24_u32, 200..300_u32)
                .prop_map(|(nth, row, groups, paths)| Step::Spreads(nth, row, groups, paths))
                .boxed(),
        ),
        (
            quick,
            (shape(), refused())
                .prop_map(|(shape, refused)| Step::Flits(shape, refused))
                .boxed(),
        ),
        (
            1,
            prop_oneof![3 => 1..20_u32, 1 => 260..400_u32]
                .prop_map(Step::Churns)
                .boxed(),
        ),
        (2, refused().prop_map(Step::Host).boxed()),
        (restarts, leaving.prop_map(Step::Leaves).boxed()),
        (
            restarts,
            prop::bool::weighted(0.3).prop_map(Step::Starts).boxed(),
        ),
        (
            is(Kind::Pinned, 1),
            (any::<bool>(), 0..1_500_u64)
                .prop_map(|(other, after)| Step::Fails(other, after))
                .boxed(),
        ),
        (1, Just(Step::Freezes).boxed()),
        (1, Just(Step::Thaws).boxed()),
        (is(Kind::Engine, 5), outage.prop_map(Step::Engine).boxed()),
        (2, (1..600_u64).prop_map(Step::Waits).boxed()),
        (2, Just(Step::Looks).boxed()),
    ];
    let some = all.into_iter().filter(|(weight, _)| *weight > 0).collect();
    proptest::strategy::Union::new_weighted(some)
}

/// Kinds, and how often each is had.
const KINDS: [(u32, Kind); 5] = [
    (68, Kind::Plain),
    (22, Kind::Pinned),
    (3, Kind::Engine),
    (3, Kind::Crowded),
    (3, Kind::Narrow),
];

fn schedules(kinds: &[Kind]) -> impl Strategy<Value = Schedule> + use<> {
    let wanted = KINDS.into_iter().filter(|(_, kind)| kinds.contains(kind));
    let wanted = wanted.map(|(weight, kind)| (weight, Just(kind)));
    proptest::strategy::Union::new_weighted(wanted.collect()).prop_flat_map(|kind| {
        let steps = prop::collection::vec(step(kind), 6..24);
        let fill = (0..ROWS, 25..28_u32, 260..300_u32, 150..190_u32);
        (shape(), steps, fill).prop_map(move |(shape, mut steps, (row, groups, paths, all))| {
            // The first one is there, so that hardly a schedule is about nothing; and
            // some of those that fill a table do so: first the counters that are for
            // paths, then the others.
            steps.insert(0, Step::Begins(shape));
            if kind == Kind::Crowded {
                steps.insert(steps.len() / 2, Step::Widens(steps.len(), all));
                for at in [1, 2] {
                    steps.insert(at, Step::Spreads(at, row, groups, paths));
                }
            }
            Schedule { kind, steps }
        })
    })
}

/// The schedule of a seed, which is of one of these kinds, and those shorter than it.
pub fn of_seed(seed: u64, kinds: &[Kind]) -> Box<dyn ValueTree<Value = Schedule>> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    Box::new(schedules(kinds).new_tree(&mut runner).unwrap())
}
