//! Many containers at once, at a rate and at full speed: each is counted exactly.

use std::time::Duration;

use xtask::engine::IMAGE;
use xtask::load::{Board, Order};

use super::agent::eventually;
use super::engines::cannot_run;
use super::{Stage, provoke, unique};

const CONTAINERS: usize = 5;
/// Refusals per second of each, in thousandths.
const MILLIRATE: u64 = 400_000;
const ROUND: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_secs(30);

#[test]
fn each_of_many_containers_is_counted_exactly() {
    let (stage, provoke) = match Stage::set().and_then(|stage| Ok((stage, provoke()?))) {
        Ok(ready) => ready,
        Err(why) => return cannot_run("each_of_many", &why),
    };
    let agent = stage.agent(&[]);
    let file = stage.path().join("board");
    let board = Board::create(&file, CONTAINERS).unwrap();
    let names: Vec<String> = (0..CONTAINERS)
        .map(|number| unique(&format!("worker-{number}")))
        .collect();
    for (number, name) in names.iter().enumerate() {
        let volumes = [
            format!("{}:/provoke:ro", provoke.display()),
            format!("{}:/board", file.display()),
        ];
        let number = number.to_string();
        let mut args = vec!["run", "--detach", "--read-only", "--network", "none"];
        args.extend(volumes.iter().flat_map(|volume| ["--volume", volume]));
        args.extend(["--name", name, IMAGE, "/provoke", "serve", "/board"]);
        args.push(&number);
        stage.engine.docker_ok(&args).unwrap();
    }
    board.wait_present(CONTAINERS, SOON).unwrap();
    let refused = || -> Vec<f64> {
        let slots = (0..CONTAINERS).filter_map(|number| board.slot(number));
        let refused = slots.map(|slot| slot.refused.load(std::sync::atomic::Ordering::SeqCst));
        refused.map(|count| count as f64).collect()
    };
    let counted = || -> Vec<f64> {
        let of = |name: &String| {
            let labels = [("container", name.as_str()), ("errno", "EROFS")];
            agent.sum("sealwatch_denials_total", &labels)
        };
        names.iter().map(of).collect()
    };
    let mut before = 0.0;
    for (order, least, most) in [
        // A machine that is busy may have less refused, but never more.
        (
            Order::Pace {
                millirate: MILLIRATE,
            },
            1000.0,
            4000.0,
        ),
        (Order::Flood { threads: 1 }, 10_000.0, f64::MAX),
        (Order::Once, 5.0, 5.0),
    ] {
        let round = board.give(order, ROUND);
        board.wait_finished(CONTAINERS, round, SOON).unwrap();
        let provoked: f64 = refused().iter().sum();
        let in_round = provoked - before;
        assert!((least..=most).contains(&in_round), "{order:?}: {in_round}");
        before = provoked;
        let expected = refused();
        eventually("all counts are exact", SOON, || counted() == expected);
        println!("{order:?}: {expected:?} counted exactly");
    }
}
