//! Files are read whole or refused with the place; paths are judged by the deepest root.

mod hostile;

use super::parse::{ACCEPTED_KEYS, CONTRACT_KEYS, IDS_KEYS, ROOT_KEYS, VARIABLE_KEYS};
use super::*;
use crate::denial::Runtime;

const WHOLE: &str = r#"
version: 1
container: shop/cart-*/web
image: "registry/cart:*"
read_only_root: true
environment:
  - name: HOME
    value: /tmp
    reason: "a home it can write"
write_roots:
  - path: /tmp
    kind: tmpfs
    reason: temporary files
    size_limit: 64Mi
    seen_bytes: 12000
    owner: {uid: 101, gid: 102}
    mode: "1777"
    exec: true
  - {path: /tmp/spool, kind: should_not_exist, reason: belongs into a queue}
  - {path: /var/lib/cart, kind: volume, mounted: true, image_content: true}
  - {path: "/srv/odd\\x0aname", kind: volume}
accept:
  - {path: "/etc/passwd*", operation: open, errno: EROFS, reason: falls back}
  - {path: "/app/**/*.pyc", reason: bytecode}
"#;

fn whole() -> Contract {
    let mut contracts = parse("web.yaml", WHOLE).unwrap();
    assert_eq!(contracts.len(), 1);
    contracts.remove(0)
}

/// The error of a contract that has these lines beside what it must have.
fn error(lines: &str) -> String {
    let text = format!("version: 1\ncontainer: web\n{lines}");
    parse("web.yaml", &text).unwrap_err().to_string()
}

#[test]
fn what_is_written_is_read_back() {
    let contract = whole();
    let [tmp, _, cart, odd] = &contract.write_roots[..] else {
        panic!("{contract:?}");
    };
    assert_eq!(tmp.size_limit, Size::bytes(64 << 20));
    assert_eq!((tmp.mode, tmp.exec), (Some(0o1777), true));
    assert_eq!(tmp.owner, Some(Ids { uid: 101, gid: 102 }));
    assert!(cart.mounted && cart.image_content && !tmp.mounted);
    assert_eq!(odd.path, "/srv/odd\\x0aname");
    let minimal = parse("x", "version: 1\ncontainer: web\n")
        .unwrap()
        .remove(0);
    assert!(minimal.read_only_root && minimal.write_roots.is_empty());
    let both = [contract, minimal];
    let written = text(&both).unwrap();
    assert_eq!(parse("again", &written).unwrap(), both, "{written}");
}

#[test]
fn the_deepest_root_decides() {
    let contract = whole();
    for (path, inside) in [
        ("/tmp/x", true),
        ("/tmp", true),
        ("/tmp/spool/x", false),
        ("/tmp/spooled", true),
        ("/tmpx", false),
        ("/tmp/../etc/x", false),
        ("/var/lib/cart/a/b", true),
        ("/var/lib/cart2/a", false),
        ("/srv/odd\\x0aname/x", true),
        ("/dev/null", true),
        ("/proc/self/attr/exec", true),
        ("/devices", false),
        ("/", false),
        ("", false),
    ] {
        assert_eq!(contract.permits(path).inside(), inside, "{path}");
    }
    assert!(
        matches!(contract.permits("/tmp/spool/x"), Permit::Refused(root) if root.path == "/tmp/spool")
    );
    assert_eq!(contract.permits("/etc/x"), Permit::Undeclared);
}

#[test]
fn contracts_are_of_containers_by_name_pod_and_image() {
    let pod = Container {
        name: "web".to_owned(),
        namespace: "shop".to_owned(),
        pod: "cart-1".to_owned(),
        image: "registry/cart:2".to_owned(),
        ..Container::unnamed(&"1".repeat(64), Runtime::Containerd)
    };
    let mut contract = whole();
    assert!(contract.applies_to(&pod));
    contract.image = Some("registry/other:*".to_owned());
    assert!(!contract.applies_to(&pod));
    contract.image = None;
    contract.container = "shop/*/db".to_owned();
    assert!(!contract.applies_to(&pod));
}

#[test]
fn denials_are_accepted_by_path_operation_and_errno() {
    let contract = whole();
    let accepts = |path, operation, errno| contract.accepts(path, operation, errno).is_some();
    assert!(accepts("/etc/passwd-", Operation::Open, Errno::Erofs));
    assert!(!accepts("/etc/passwd-", Operation::Create, Errno::Erofs));
    assert!(!accepts("/etc/passwd-", Operation::Open, Errno::Eacces));
    assert!(accepts("/app/a/b/x.pyc", Operation::Create, Errno::Eacces));
    assert!(!accepts("/app/a/x.py", Operation::Create, Errno::Eacces));
}

#[test]
fn an_error_has_place_value_and_fix() {
    for (lines, expected) in [
        (
            "write_rots: []",
            "no key is called \"write_rots\" in the contract\n  from: web.yaml\n  fix:  did you mean write_roots?",
        ),
        (
            "write_roots: [{path: /a, kind: tmpfs}, {path: /b, kind: ram}]",
            "bad value \"ram\" for write_roots[2].kind\n  from: web.yaml\n  fix:  use one of: tmpfs, volume, should_not_exist",
        ),
        (
            "write_roots: [{path: /a, kind: tmpfs, size: 1}]",
            "no key is called \"size\" in write_roots[1]",
        ),
        (
            "write_roots: [{path: /a, kind: tmpfs, size_limit: 64M}]",
            "bad value \"64M\" for write_roots[1].size_limit",
        ),
        (
            "write_roots: [{path: /a, kind: should_not_exist, size_limit: 64Mi}]",
            "for write_roots[1].size_limit",
        ),
        (
            "write_roots: [{path: /a, kind: tmpfs, owner: root}]",
            "bad value (a single value) for write_roots[1].owner",
        ),
        (
            "write_roots: [{path: /a, kind: tmpfs, owner: {uid: -1, gid: 0}}]",
            "bad value \"-1\" for write_roots[1].owner.uid",
        ),
        (
            "write_roots: [{path: /a, kind: tmpfs, mode: 0888}]",
            "bad value \"0888\" for write_roots[1].mode",
        ),
        (
            "write_roots: [{path: /, kind: tmpfs}]",
            "bad value \"/\" for write_roots[1].path",
        ),
        (
            "write_roots: [{path: /a/../b, kind: tmpfs}]",
            "bad value \"/a/../b\"",
        ),
        (
            "write_roots: [{path: /a/, kind: tmpfs}]",
            "bad value \"/a/\"",
        ),
        (
            "write_roots: [{path: /a, kind: tmpfs}, {path: /a, kind: volume}]",
            "bad value \"/a\" for write_roots[2]",
        ),
        (
            "write_roots: [{path: /a}]",
            "bad value nothing for write_roots[1].kind",
        ),
        (
            "write_roots: /tmp",
            "bad value (a single value) for write_roots",
        ),
        (
            "environment: [{name: 1A, value: x}]",
            "bad value \"1A\" for environment[1].name",
        ),
        (
            "read_only_root: yes",
            "bad value \"yes\" for read_only_root",
        ),
        (
            "accept: [{path: /x}]",
            "bad value nothing for accept[1].reason",
        ),
        ("accept: [{path: /x, reason: ' '}]", "for accept[1].reason"),
        (
            "accept: [{path: /x, reason: y, errno: EIO}]",
            "use one of: EPERM, EACCES, ENOSPC, EROFS, EDQUOT",
        ),
        (
            "---\nversion: 2\ncontainer: db",
            "bad value \"2\" for document 2: version",
        ),
        ("a: b: c", "line 3"),
    ] {
        let error = error(lines);
        assert!(error.contains(expected), "{lines}\n{error}");
        assert!(
            error.contains("\n  fix:  ") && error.contains("web.yaml"),
            "{error}"
        );
    }
    for (text, expected) in [
        ("", "it is empty"),
        ("---\n", "it is empty"),
        ("container: web", "bad value nothing for version"),
        ("version: 1", "bad value nothing for container"),
        (
            "version: 1\ncontainer: a/b",
            "bad value \"a/b\" for container",
        ),
        ("[]", "bad value (a list) for the contract"),
    ] {
        let error = parse("x", text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}\n{error}");
    }
    let missing = load(std::path::Path::new("/nowhere/x.yaml")).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/x.yaml"), "{missing}");
}

#[test]
fn the_schema_is_published_and_says_what_is_read() {
    let text = schema().unwrap();
    let published = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../deploy/contract.schema.json"
    );
    assert_eq!(
        std::fs::read_to_string(published).unwrap_or_default(),
        text,
        "renew it: sealwatch contract schema > deploy/contract.schema.json"
    );
    let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
    let keys = |object: &serde_json::Value| -> Vec<String> {
        let mut keys: Vec<_> = object["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        keys.sort();
        keys
    };
    for (name, known) in [
        (None, CONTRACT_KEYS),
        (Some("WriteRoot"), ROOT_KEYS),
        (Some("Ids"), IDS_KEYS),
        (Some("Variable"), VARIABLE_KEYS),
        (Some("Accepted"), ACCEPTED_KEYS),
    ] {
        let object = name.map_or(&schema, |name| &schema["$defs"][name]);
        let mut known = known.to_vec();
        known.sort_unstable();
        assert_eq!(keys(object), known, "{name:?}");
    }
    let validator = jsonschema::validator_for(&schema).unwrap();
    let value = |text: &str| serde_yaml_ng::from_str::<serde_json::Value>(text).unwrap();
    for text in [WHOLE.to_owned(), super::text(&[whole()]).unwrap()] {
        let value = value(&text);
        let error = validator.validate(&value).err();
        assert!(error.is_none(), "{error:?}");
    }
    for wrong in [
        "{version: 2, container: x}",
        "{version: 1, container: x, roots: []}",
        "{version: 1}",
    ] {
        assert!(!validator.is_valid(&value(wrong)), "{wrong}");
    }
}

#[test]
fn the_readmes_example_is_a_contract() {
    let readme = include_str!("../../../README.md");
    let (_, text) = readme.split_once("```yaml\nversion: 1\n").unwrap();
    let (text, _) = text.split_once("```").unwrap();
    let contracts = parse("README.md", &format!("version: 1\n{text}")).unwrap();
    assert_eq!(contracts[0].write_roots.len(), 3);
    assert!(contracts[0].permits("/var/lib/web/x").inside());
}
