//! What is counted, for whom, and from when on.

use super::*;

const ID: &str = "c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11";
const OTHER: &str = "0ddba110ddba110ddba110ddba110ddba110ddba110ddba110ddba110ddba11a";

fn info(name: &str, id: &str) -> String {
    format!(
        "sealwatch_container_info{{namespace=\"\",pod=\"\",container=\"{name}\",container_id=\"{id}\",image=\"img\"}} 1\n"
    )
}

fn denials(name: &str, root: &str, count: u64) -> String {
    format!(
        "sealwatch_write_root_denials_total{{namespace=\"\",pod=\"\",container=\"{name}\",operation=\"create\",errno=\"EROFS\",cause=\"unknown\",lsm=\"\",write_root=\"{root}\"}} {count}\n"
    )
}

fn reading(texts: &[String]) -> Reading {
    let mut reading = Reading::default();
    reading.take_metrics(&texts.concat());
    reading
}

fn row(id: &str, name: &str, path: &str, count: u64) -> Row {
    serde_json::from_value(serde_json::json!({
        "container": {"id": id, "name": name, "image": "img"},
        "operation": "create", "errno": "EROFS", "cause": "unknown",
        "path": path, "write_root": "/run", "count": count, "exact": true,
    }))
    .unwrap()
}

fn begun(first: Reading, before: &[&str]) -> Observer {
    let before = before.iter().map(|id| (*id).to_owned()).collect();
    Observer::new(first, before, 100)
}

fn none() -> BTreeSet<String> {
    BTreeSet::new()
}

#[test]
fn what_was_before_is_left_out_and_what_leaves_stays() {
    let mut first = reading(&[info("web", ID), denials("web", "/run", 5)]);
    first.rows = vec![row(ID, "web", "/run/a", 5)];
    let mut observer = begun(first, &[]);
    let mut second = reading(&[info("web", ID), denials("web", "/run", 7)]);
    second.rows = vec![row(ID, "web", "/run/a", 6), row(ID, "web", "/run/b", 1)];
    observer.take(second, &none());
    // Its series leave with it.
    observer.take(Reading::default(), &none());
    let found = observer.found(&Scope::Fitting("web".to_owned()));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].total(), 2);
    let rows: Vec<_> = found[0]
        .rows
        .iter()
        .map(|row| (row.path.as_str(), row.count))
        .collect();
    assert_eq!(rows, [("/run/a", 1), ("/run/b", 1)]);
    // A successor of the same name begins at zero.
    observer.take(
        reading(&[info("web", OTHER), denials("web", "/run", 3)]),
        &none(),
    );
    assert_eq!(
        observer.found(&Scope::Fitting("web".to_owned()))[0].total(),
        5
    );
}

#[test]
fn only_those_in_scope_count() {
    let mut observer = begun(reading(&[info("old", OTHER)]), &[]);
    let texts = [
        info("old", OTHER),
        info("new", ID),
        denials("old", "/run", 9),
        denials("new", "/run", 1),
    ];
    observer.take(reading(&texts), &none());
    let names = |scope: &Scope| -> Vec<String> {
        let found = observer.found(scope).into_iter();
        found.map(|found| found.named.name).collect()
    };
    assert_eq!(names(&Scope::Born(None)), ["new"]);
    assert_eq!(names(&Scope::Born(Some("x*".to_owned()))), [""; 0]);
    assert_eq!(names(&Scope::Fitting("*".to_owned())), ["new", "old"]);
    assert_eq!(names(&Scope::Ids([OTHER.to_owned()].into())), ["old"]);
    assert_eq!(names(&Scope::Ids(none())), [""; 0]);
    assert_eq!(observer.found(&Scope::Born(None))[0].total(), 1);
}

#[test]
fn a_count_is_not_doubled_when_the_name_comes() {
    let short = &ID[..12];
    let mut observer = begun(Reading::default(), &[]);
    observer.take(
        reading(&[info(short, ID), denials(short, "/run", 4)]),
        &none(),
    );
    assert_eq!(observer.found(&Scope::Born(None))[0].total(), 4);
    observer.take(
        reading(&[info("web", ID), denials("web", "/run", 6)]),
        &none(),
    );
    let found = observer.found(&Scope::Born(None));
    assert_eq!((found.len(), found[0].total()), (1, 6));
    assert_eq!(found[0].named.name, "web");
    assert!(observer.are_named(&Scope::Born(None)));
}

#[test]
fn one_that_nobody_names_is_seen_by_its_group() {
    let mut observer = begun(Reading::default(), &[OTHER]);
    assert!(!observer.are_named(&Scope::Born(None)));
    observer.take(
        Reading::default(),
        &[ID.to_owned(), OTHER.to_owned()].into(),
    );
    let found = observer.found(&Scope::Born(None));
    assert_eq!((found.len(), found[0].named.name.as_str()), (1, &ID[..12]));
    assert!(!observer.are_named(&Scope::Born(None)));
}

#[test]
fn a_name_that_others_had_is_told() {
    let mut observer = begun(
        reading(&[info("web", OTHER), denials("web", "/run", 2)]),
        &[OTHER],
    );
    observer.take(
        reading(&[info("web", ID), denials("web", "/run", 3)]),
        &none(),
    );
    let found = observer.found(&Scope::Ids([ID.to_owned()].into()));
    assert_eq!((found[0].total(), found[0].shares_name), (1, true));
}

#[test]
fn writes_of_before_are_none_of_ours() {
    let written = |root: &str, last: u64| {
        serde_json::json!({"write_root": root, "destination": "tmpfs", "opens": 1, "creates": 0,
            "directories": 0, "renames": 0, "writes": 1, "last_monotonic_ns": last, "paths": []})
    };
    let mut observer = begun(Reading::default(), &[]);
    let writes = serde_json::json!([{"container": {"id": ID, "name": "web"},
        "write_roots": [written("/early", 99), written("/late", 100)]}]);
    let reading = Reading {
        writes: serde_json::from_value(writes).unwrap(),
        ..Reading::default()
    };
    observer.take(reading, &none());
    let found = observer.found(&Scope::Born(None));
    let roots: Vec<_> = found[0]
        .writes
        .iter()
        .map(|row| row.write_root.as_str())
        .collect();
    assert_eq!(roots, ["/late"]);
}

#[test]
fn losses_and_the_unresolved_of_before_are_left_out() {
    let texts = |count: u64| {
        [format!(
            "sealwatch_unresolved_denials_total{{reason=\"x\"}} {count}\nsealwatch_lost_total{{stage=\"kernel\",reason=\"r\"}} {count}\n"
        )]
    };
    let mut observer = begun(reading(&texts(5)), &[]);
    assert_eq!((observer.unresolved(), observer.lost().count()), (0, 0));
    observer.take(reading(&texts(7)), &none());
    assert_eq!(observer.unresolved(), 2);
    assert_eq!(observer.lost().collect::<Vec<_>>(), [("kernel", "r", 2)]);
}
