//! Contract files.
//!
//! In: a text. Out: nothing; a broken promise panics: a contract that is taken is
//! written and read back as the same, differs in nothing from itself, and can be
//! rendered; what is refused is named with a fix.

use sealwatch::contract::render::{Subject, compose, docker, kubernetes};
use sealwatch::contract::{diff, parse, text};
use sealwatch::denial::{Errno, Operation};

use super::show::are_lines;

/// A file.
pub fn contract(bytes: &[u8]) {
    let Ok(file) = std::str::from_utf8(bytes) else {
        return;
    };
    let contracts = match parse("contract.yaml", file) {
        Ok(contracts) => contracts,
        Err(error) => {
            let text = error.to_string();
            are_lines("an error", &text);
            assert!(text.contains("fix:"), "{text}");
            return;
        }
    };
    let written = text(&contracts).unwrap_or_else(|error| panic!("{error}"));
    let again = parse("contract.yaml", &written);
    let again = again.unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(contracts, again, "{written}");
    assert!(diff(&contracts, &again).is_empty());
    let subject = |contract| Subject {
        contract,
        name: "app",
        image: "app:1",
    };
    for contract in &contracts {
        docker(subject(contract));
        compose(subject(contract));
        for root in &contract.write_roots {
            contract.permits(&root.path);
            contract.accepts(&root.path, Operation::Open, Errno::Erofs);
        }
        contract.permits("/a/../b//./c");
    }
    let subjects: Vec<_> = contracts.iter().map(subject).collect();
    kubernetes(&subjects);
}
