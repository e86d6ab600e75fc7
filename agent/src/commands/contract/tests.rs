//! Answers of the daemon become what was observed.

use super::flags::Told;
use super::gather::Gathered;
use super::served::Reading;
use crate::contract::observed::Destination;
use crate::contract::{Ids, Kind, propose};

/// Readings as `/api/v1` serves them, without what is not read.
fn reading(inventory: &str, denials: &str, postures: &str, tmpfs: &str) -> Reading {
    Reading {
        there: Vec::new(),
        inventory: serde_json::from_str(inventory).unwrap(),
        denials: serde_json::from_str(denials).unwrap(),
        postures: serde_json::from_str(postures).unwrap(),
        tmpfs: serde_json::from_str(tmpfs).unwrap(),
    }
}

fn container(id: char, name: &str, pod: &str) -> String {
    let (namespace, id) = (
        if pod.is_empty() { "" } else { "shop" },
        id.to_string().repeat(64),
    );
    format!(
        r#"{{"id":"{id}","name":"{name}","runtime":"docker","image":"web:1","namespace":"{namespace}","pod":"{pod}","read_only_root":false}}"#
    )
}

fn inventory(containers: &[String], bytes: u64) -> String {
    let of_one = containers.iter().map(|container| {
        format!(
            r#"{{"container":{container},"write_roots":[
                {{"write_root":"/run","destination":"upper_layer","target":"/","opens":0,"creates":1,"directories":0,
                  "renames":0,"writes":1,"bytes":{bytes},"executions":0,"paths":["/run/web.pid"],
                  "writers":[{{"uid":100033,"gid":100033,"uid_in_container":33,"gid_in_container":33}}],"more_writers":false,
                  "owner":{{"uid":0,"gid":0,"mode":"0755"}},"commands":["web"]}},
                {{"write_root":"_runtime","destination":"runtime","target":"","creates":9,"paths":[]}},
                {{"write_root":"/tmp","destination":"tmpfs","target":"/tmp","creates":2,"bytes":7,"paths":["/tmp/a"]}}]}}"#
        )
    });
    let of_all = of_one.collect::<Vec<_>>().join(",");
    format!(r#"{{"version":2,"watched":1,"not_measured":["io_uring"],"containers":[{of_all}]}}"#)
}

fn denials(container: &str, count: u64) -> String {
    format!(
        r#"[{{"owner":"container","container":{container},"operation":"create","errno":"EROFS","cause":"unknown","path":"/var/cache/web/x",
          "write_root":"/var/cache/web","uid":0,"gid":0,"comm":"web","details":{{"task":{{"uid":0,"gid":0}}}},"count":{count},"exact":true}},
          {{"owner":"host","container":null,"operation":"open","errno":"EACCES","cause":"lsm","path":"/x","write_root":"/","count":1}},
          {{"owner":"container","container":{container},"operation":"novel","errno":"EROFS","cause":"unknown","path":"/y","write_root":"/","count":1}}]"#
    )
}

fn postures(containers: &[String]) -> String {
    let of_one = containers.iter().map(|container| {
        format!(r#"{{"container":{container},"writable_mounts":[{{"target":"/tmp","kind":"tmpfs","size_bytes":65536}}]}}"#)
    });
    format!("[{}]", of_one.collect::<Vec<_>>().join(","))
}

fn tmpfs(container: &str, used: u64) -> String {
    format!(
        r#"[{{"container":{container},"mounts":[{{"mount":"/tmp","bytes":{{"used":{used}}}}}]}}]"#
    )
}

#[test]
fn the_largest_of_all_readings_count() {
    let (web, again, other) = (
        container('a', "web", ""),
        container('b', "web", ""),
        container('c', "db", ""),
    );
    let mut gathered = Gathered::of("web");
    gathered.take(&reading("{}", "[]", "[]", "[]"));
    let first = [web.clone(), other];
    gathered.take(&reading(
        &inventory(&first, 5),
        &denials(&web, 2),
        &postures(&first),
        &tmpfs(&web, 4096),
    ));
    // It was started anew, as another one.
    let second = [again.clone()];
    gathered.take(&reading(
        &inventory(&second, 3),
        &denials(&web, 1),
        &postures(&second),
        &tmpfs(&again, 0),
    ));
    let tally = gathered.tally();
    assert_eq!(
        (tally.containers, tally.roots, tally.bytes, tally.refusals),
        (2, 1, 5, 2)
    );
    let found = gathered.found();
    assert_eq!(found.len(), 1);
    let observed = &found[0].observed;
    assert!(observed.start_seen && !found[0].pod);
    assert_eq!(
        (observed.container.as_str(), observed.writes.len()),
        ("web", 2)
    );
    let run = observed
        .writes
        .iter()
        .find(|row| row.destination == Destination::Root)
        .unwrap();
    assert_eq!((run.bytes, run.writers[0]), (5, Ids { uid: 33, gid: 33 }));
    assert_eq!(run.owner.map(|owner| owner.mode), Some(0o755));
    assert_eq!(observed.mounts[0].used, Some(4096));
    let contract = propose(observed).contract;
    let kinds: Vec<_> = contract
        .write_roots
        .iter()
        .map(|root| (&*root.path, root.kind, root.mounted))
        .collect();
    assert_eq!(
        kinds,
        [
            ("/run", Kind::Tmpfs, false),
            ("/tmp", Kind::Tmpfs, true),
            ("/var/cache/web", Kind::Tmpfs, false)
        ]
    );
}

#[test]
fn a_pods_containers_are_apart_and_were_there() {
    let both = [
        container('a', "web", "cart-1"),
        container('b', "side", "cart-1"),
    ];
    let mut gathered = Gathered::of("shop/cart-*");
    gathered.take(&reading(&inventory(&both, 1), "[]", &postures(&both), "[]"));
    let found = gathered.found();
    let names: Vec<_> = found
        .iter()
        .map(|found| found.observed.container.as_str())
        .collect();
    assert_eq!(names, ["shop/cart-*/side", "shop/cart-*/web"]);
    assert!(
        found
            .iter()
            .all(|found| found.pod && !found.observed.start_seen)
    );
}

#[test]
fn a_container_that_has_written_nothing_was_there_as_well() {
    let metrics = "# HELP x\nsealwatch_container_info{namespace=\"\",container=\"web\",container_id=\"aaaa\",image=\"x\"} 1\nsealwatch_x{container_id=\"b\"} 1\n";
    assert_eq!(super::served::ids(metrics), ["aaaa"]);
    let web = [container('a', "web", "")];
    let mut gathered = Gathered::of("web");
    gathered.take(&Reading {
        there: vec!["a".repeat(64)],
        ..Reading::default()
    });
    gathered.take(&reading(&inventory(&web, 1), "[]", "[]", "[]"));
    assert!(!gathered.found()[0].observed.start_seen);
}

#[test]
fn an_id_does_not_name_a_contract() {
    let web = container('a', "web", "");
    let named = |pattern: &str| {
        let mut gathered = Gathered::of(pattern);
        gathered.take(&reading(
            &inventory(std::slice::from_ref(&web), 1),
            "[]",
            "[]",
            "[]",
        ));
        gathered.found().remove(0).observed.container
    };
    assert_eq!(named(&"a".repeat(12)), "web");
    assert_eq!(named("w*"), "w*");
}

#[test]
fn what_is_told_badly_is_named() {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        flags: super::ContractFlags,
    }
    use clap::Parser as _;
    let told = |words: &[&str]| -> Result<String, String> {
        let line = std::iter::once("contract").chain(words.iter().copied());
        let line = Line::try_parse_from(line).map_err(|error| error.to_string())?;
        match line.flags.told()? {
            Told::Learn(learning) => Ok(learning.pattern),
            Told::Command(_) => Ok("a command".to_owned()),
        }
    };
    assert_eq!(told(&["web"]), Ok("web".to_owned()));
    assert_eq!(told(&["--pod", "a/b"]), Ok("a/b".to_owned()));
    assert_eq!(told(&["schema"]), Ok("a command".to_owned()));
    assert_eq!(told(&["--", "schema"]), Ok("schema".to_owned()));
    for (words, expected) in [
        (&[][..], "name a container"),
        (&["a/b"], "use --pod"),
        (&["--pod", "a"], "NAMESPACE/POD"),
        (&["web", "--for", "0s"], "from 1s to 24h"),
        (&["web", "--pod", "a/b"], "cannot be used with"),
        (&["diff", "a"], "LATER"),
    ] {
        let error = told(words).unwrap_err();
        assert!(error.contains(expected), "{words:?}: {error}");
    }
}
