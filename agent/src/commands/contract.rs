//! `sealwatch contract`: what a container needs to run with a read-only root.
//!
//! In: a container or pod, how long to watch it. Out: flags, a Compose file, a
//! patch or a contract on standard output; what a person must know beside it on
//! standard error; an exit code: 0 told, or no difference; 1 failed, or a
//! difference; 2 badly told; 3 never seen. Invariant: what is printed holds all
//! that was seen, and says what was not. Lacks on purpose: applying it.

mod agent;
mod flags;
mod gather;
mod learn;
mod print;
mod progress;
mod served;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::contract::render::{Subject, compose, docker, kubernetes};
use crate::contract::{self, Contract};

pub use flags::ContractFlags;
use flags::{Command, DiffFormat, Format, Told};

/// Exit codes.
const DIFFERENT: u8 = 1;
const BADLY_TOLD: u8 = 2;
const NOT_OBSERVED: u8 = 3;

/// Does what the flags say; gives the exit code.
///
/// # Errors
/// Standard output fails, or a stage that cannot be told apart from a defect.
pub async fn run(flags: &ContractFlags) -> anyhow::Result<u8> {
    match flags.told() {
        Err(fix) => {
            eprintln!("sealwatch: {fix}");
            Ok(BADLY_TOLD)
        }
        Ok(Told::Command(Command::Schema)) => {
            print::stdout(&contract::schema()?)?;
            Ok(0)
        }
        Ok(Told::Command(Command::Diff {
            earlier,
            later,
            format,
        })) => diff(earlier, later, *format),
        Ok(Told::Command(Command::Render { file, format })) => render(file, *format),
        Ok(Told::Learn(learning)) => learn::run(&learning).await,
    }
}

fn load(file: &Path) -> Result<Vec<Contract>, u8> {
    contract::load(file).map_err(|error| {
        eprintln!("sealwatch: {error}");
        BADLY_TOLD
    })
}

fn diff(earlier: &Path, later: &Path, format: DiffFormat) -> anyhow::Result<u8> {
    let (earlier, later) = match (load(earlier), load(later)) {
        (Ok(earlier), Ok(later)) => (earlier, later),
        (Err(code), _) | (_, Err(code)) => return Ok(code),
    };
    let differences = contract::diff(&earlier, &later);
    let text = match format {
        DiffFormat::Text => differences.iter().map(ToString::to_string).collect(),
        DiffFormat::Json => print::differences(&differences)?,
    };
    print::stdout(&text)?;
    Ok(if differences.is_empty() { 0 } else { DIFFERENT })
}

fn render(file: &Path, format: Format) -> anyhow::Result<u8> {
    let contracts = match load(file) {
        Ok(contracts) => contracts,
        Err(code) => return Ok(code),
    };
    let subjects: Vec<Subject> = contracts
        .iter()
        .map(|contract| Subject {
            contract,
            name: contract
                .container
                .rsplit('/')
                .next()
                .unwrap_or(&contract.container),
            // A pattern is no image.
            image: "",
        })
        .collect();
    apply(&subjects, format)?;
    Ok(0)
}

/// Prints what to apply, and the remarks.
fn apply(subjects: &[Subject], format: Format) -> anyhow::Result<()> {
    let sheets = match format {
        Format::Docker => subjects.iter().map(|subject| docker(*subject)).collect(),
        Format::Compose => subjects.iter().map(|subject| compose(*subject)).collect(),
        Format::Kubernetes => vec![kubernetes(subjects)],
        Format::Contract => {
            let contracts: Vec<Contract> = subjects
                .iter()
                .map(|subject| subject.contract.clone())
                .collect();
            return print::stdout(&contract::text(&contracts)?);
        }
    };
    let several = sheets.len() > 1;
    for (sheet, subject) in sheets.iter().zip(subjects) {
        if several {
            print::stdout(&format!("# {}\n", subject.name))?;
        }
        print::stdout(&sheet.text)?;
        print::remarks(&sheet.remarks);
    }
    Ok(())
}
