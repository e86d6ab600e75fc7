//! Files and directories -> the contracts that are in force, each with a name.
//!
//! In: paths, as a user gives them. Out: [`Declared`] in their order; the files
//! of a directory by their names. Invariant: bounded in number; one bad file is
//! an error, never a contract less. Lacks on purpose: directories in
//! directories, and hidden files, such as a ConfigMap's versions are.

use std::path::{Path, PathBuf};

use super::{Contract, ContractError, load};
use crate::denial::escape;

/// Most contracts in force.
pub const DECLARED_MAX: usize = 1_024;

/// How the files of a directory end.
const ENDINGS: [&str; 2] = ["yaml", "yml"];

/// A contract in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The file as it was named, escaped; with the contract's number in it,
    /// where it is not alone.
    pub name: String,
    /// What it says.
    pub contract: Contract,
}

/// Loads what the paths name.
pub fn declared(paths: &[PathBuf]) -> Result<Vec<Declared>, ContractError> {
    let mut declared = Vec::new();
    for path in paths {
        let files = match path.is_dir() {
            true => files_of(path)?,
            false => vec![path.clone()],
        };
        for file in files {
            let name = escape(file.as_os_str().as_encoded_bytes());
            let contracts = load(&file)?;
            if declared.len() + contracts.len() > DECLARED_MAX {
                return Err(ContractError::Text {
                    file: name,
                    reason: format!("with it there are more than {DECLARED_MAX} contracts"),
                    fix: "let one contract stand for many containers, with `*`".to_owned(),
                });
            }
            let alone = contracts.len() == 1;
            let numbered = contracts.into_iter().enumerate();
            declared.extend(numbered.map(|(number, contract)| Declared {
                name: match alone {
                    true => name.clone(),
                    false => format!("{name}#{}", number + 1),
                },
                contract,
            }));
        }
    }
    Ok(declared)
}

/// The contract files right in a directory.
fn files_of(directory: &Path) -> Result<Vec<PathBuf>, ContractError> {
    let bad = |error: std::io::Error| ContractError::File {
        file: escape(directory.as_os_str().as_encoded_bytes()),
        reason: error.to_string(),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(bad)? {
        let path = entry.map_err(bad)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if ending.is_some_and(|ending| ENDINGS.contains(&ending)) && !hidden && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn contract(container: &str) -> String {
        format!("version: 1\ncontainer: {container}\n")
    }

    fn names(paths: &[PathBuf]) -> Vec<(String, String)> {
        let declared = declared(paths).unwrap().into_iter();
        let short = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        declared
            .map(|one| (short(&one.name), one.contract.container))
            .collect()
    }

    #[test]
    fn a_directory_is_read_in_order_and_files_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("b.yml"), contract("b")).unwrap();
        let two = contract("a1") + "---\n" + &contract("a2");
        fs::write(at("a.yaml"), two).unwrap();
        fs::write(at(".hidden.yaml"), "no contract").unwrap();
        fs::write(at("README"), "no contract").unwrap();
        fs::create_dir(at("below.yaml")).unwrap();
        let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            let pairs = pairs.iter();
            pairs.map(|(a, b)| (a.to_string(), b.to_string())).collect()
        };
        let all = own(&[("a.yaml#1", "a1"), ("a.yaml#2", "a2"), ("b.yml", "b")]);
        assert_eq!(names(&[dir.path().to_owned()]), all);
        assert_eq!(names(&[at("b.yml")]), own(&[("b.yml", "b")]));
        assert_eq!(names(&[]), []);
    }

    #[test]
    fn what_is_no_contract_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("good.yaml"), contract("a")).unwrap();
        fs::write(dir.path().join("worse.yaml"), "version: 7\n").unwrap();
        let error = declared(&[dir.path().to_owned()]).unwrap_err().to_string();
        assert!(error.contains("worse.yaml"), "{error}");
        let error = declared(&["/nonexistent.yaml".into()]).unwrap_err();
        assert!(error.to_string().contains("/nonexistent.yaml"), "{error}");
    }

    #[test]
    fn there_is_a_most_of_contracts() {
        let dir = tempfile::tempdir().unwrap();
        let many = vec![contract("a"); super::super::CONTRACTS_MAX].join("---\n");
        for number in 0..=DECLARED_MAX / super::super::CONTRACTS_MAX {
            fs::write(dir.path().join(format!("{number}.yaml")), &many).unwrap();
        }
        let error = declared(&[dir.path().to_owned()]).unwrap_err().to_string();
        assert!(error.contains("more than 1024 contracts"), "{error}");
    }
}
