//! Whatever a container does, the proposal is a contract, and bounded.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::contract::render::{Subject, compose, docker, kubernetes};
use crate::contract::{TEXT_MAX_BYTES, parse, schema, text};
use crate::denial::escape;
use crate::remedy::plain_path;

static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(&schema().unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
});

/// A path of any characters, and often of names that mean something.
fn path() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "tmp",
        "run",
        "var",
        "lib",
        "cache",
        "log",
        "app",
        "home",
        "root",
        "etc",
        "usr",
        ".cache",
        "__pycache__",
        "a b",
        "$(x)",
        "'",
        "x\ny",
        "\u{202e}",
        "..",
        ".",
        "privileged",
        "x.pyc",
        "dev",
        "shm",
        "nginx",
        "data",
        "*",
    ]);
    let name = prop_oneof![known.prop_map(str::to_owned), "[^/]{1,8}"];
    prop::collection::vec(name, 0..6)
        .prop_map(|names| escape(format!("/{}", names.join("/")).as_bytes()))
}

prop_compose! {
    fn written()(
        root in path(), more in path(), numbers in prop::array::uniform7(0_u64..9_000_000_000),
        destination in prop::sample::select(vec![
            Destination::Root, Destination::Unknown, Destination::Tmpfs, Destination::Volume,
            Destination::Provided,
        ]),
        target in path(), uid in 0_u32..3, command in ".{0,6}", mode in 0_u16..0o10000,
    ) -> Written {
        let [opens, creates, directories, renames, writes, bytes, executions] = numbers;
        Written {
            opens, creates, directories, renames, writes, bytes, executions,
            target,
            paths: vec![format!("{}{more}", root.trim_end_matches('/'))],
            owner: (mode & 1 == 0).then_some(Owned { by: ROOT, mode }),
            writers: vec![Ids { uid, gid: uid }, ROOT],
            commands: vec![escape(command.as_bytes())],
            ..Written::new(&root, destination)
        }
    }
}

prop_compose! {
    fn refusal()(
        root in path(), path in path(), errno in prop::sample::select(Errno::ALL.to_vec()),
        cause in prop::sample::select(Cause::ALL.to_vec()),
        operation in prop::sample::select(Operation::ALL.to_vec()),
    ) -> Refused {
        Refused { operation, ..refused(&root, &path, errno, cause) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn every_proposal_is_a_valid_contract(
        writes in prop::collection::vec(written(), 0..12),
        refusals in prop::collection::vec(refusal(), 0..12),
        targets in prop::collection::vec(path(), 0..3),
    ) {
        let mounts = targets.into_iter().map(|target| Mounted {
            target, tmpfs: true, used: Some(7), limit: None,
        });
        let seen = Observed { writes, refusals, mounts: mounts.collect(), ..observed() };
        let proposal = propose(&seen);
        let contract = &proposal.contract;
        let written = text(std::slice::from_ref(contract)).unwrap();
        let read = parse("x", &written);
        prop_assert_eq!(read.as_ref().map(|read| &read[..]), Ok(std::slice::from_ref(contract)), "{}", written);
        let value: serde_json::Value = serde_yaml_ng::from_str(&written).unwrap();
        prop_assert!(VALIDATOR.is_valid(&value), "{}", written);
        prop_assert!(contract.write_roots.iter().all(|root| root.reason.len() <= TEXT_MAX_BYTES));
        renders(contract)?;
    }
}

/// Fails unless each format's reader finds the same mounts and nothing else.
fn renders(contract: &Contract) -> Result<(), TestCaseError> {
    let subject = Subject {
        contract,
        name: "web",
        image: "",
    };
    let mounts: Vec<&str> = contract
        .write_roots
        .iter()
        .filter(|root| !root.mounted && root.kind != Kind::ShouldNotExist)
        .filter_map(|root| plain_path(&root.path))
        .collect();
    let flags = docker(subject);
    let words = shell_words::split(&flags.text).unwrap();
    prop_assert_eq!(&words[0], "--read-only");
    for pair in words[1..].chunks(2) {
        prop_assert!(
            ["--tmpfs", "--volume", "--env"].contains(&&*pair[0]),
            "{}",
            flags.text
        );
    }
    let count = words
        .iter()
        .filter(|word| ["--tmpfs", "--volume"].contains(&&***word))
        .count();
    prop_assert_eq!(count, mounts.len());
    for text in [compose(subject).text, kubernetes(&[subject]).text] {
        let value: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
        let service = &value["services"]["web"];
        let found = match service.is_mapping() {
            true => ["tmpfs", "volumes"]
                .iter()
                .filter_map(|key| service[*key].as_sequence())
                .map(Vec::len)
                .sum(),
            false => value["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
                .as_sequence()
                .map_or(0, Vec::len),
        };
        prop_assert_eq!(found, mounts.len(), "{}", text);
    }
    for line in flags.remarks.iter().chain([&flags.text]) {
        prop_assert!(
            !line
                .trim_end()
                .replace(" \\\n", "")
                .chars()
                .any(char::is_control),
            "{}",
            line
        );
    }
    Ok(())
}
