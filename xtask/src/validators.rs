//! What judges manifests: Helm, Kubernetes' schemas, the operator's types, CEL.
//!
//! In: a question as JSON. Out: the answer as JSON. Invariant: the packages come
//! in fixed versions from PyPI into an environment of their own in the cache,
//! once; nothing of them is installed on the machine. Lacks on purpose: deciding
//! what is right, which the tests do.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::lock::Lock;
use crate::toolchain::ensure_packages;
use crate::{layout, step};

/// Package and version.
const PACKAGES: [&str; 4] = [
    // Helm 4 as a library, with its template engine and linter.
    "helm-python-sdk==0.2.2",
    // The schemas of each Kubernetes version.
    "kubernetes-validate==1.37.0",
    // The Prometheus Operator's types; the version is the operator's.
    "cloudcoil-models-prometheus-operator==0.80.1.0",
    // Google's own evaluator of admission policies' expressions.
    "cel-expr-python==0.1.3",
];

/// Tells which packages an environment has.
const STAMP: &str = "sealwatch-packages";

/// A question that the script answers.
#[derive(Clone, Copy, Debug)]
pub enum Question {
    /// Renders and lints a chart with several sets of values.
    Render,
    /// Judges objects by the schemas of Kubernetes versions.
    Validate,
    /// Evaluates an admission policy for several requests.
    Admit,
}

impl Question {
    fn word(self) -> &'static str {
        match self {
            Question::Render => "render",
            Question::Validate => "validate",
            Question::Admit => "admit",
        }
    }
}

/// Installs what is missing, and returns the environment's Python.
///
/// # Errors
/// A package that cannot be had.
pub fn ensure_installed() -> Result<PathBuf> {
    let home = layout::cache_dir().join("validators");
    fs::create_dir_all(&home).with_context(|| home.display().to_string())?;
    let _one = Lock::take(&home.join("lock"))?;
    let environment = home.join("venv");
    let python = environment.join("bin/python");
    let wanted = PACKAGES.join("\n");
    let has = fs::read_to_string(environment.join(STAMP)).unwrap_or_default();
    if has != wanted {
        install(&environment, &python)?;
        fs::write(environment.join(STAMP), wanted)?;
    }
    Ok(python)
}

fn install(environment: &Path, python: &Path) -> Result<()> {
    ensure_packages(&["python3-venv"])?;
    // The distribution's, whatever else is on the PATH: it has the module venv.
    let mut make = Command::new("/usr/bin/python3");
    make.args(["-m", "venv", "--clear"]).arg(environment);
    step::quiet("making a Python environment", &mut make)?;
    let mut pip = Command::new(python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    pip.args(PACKAGES);
    step::quiet("installing what judges manifests", &mut pip)
}

/// Asks, and returns the answer.
///
/// # Errors
/// A package that cannot be had, or a question that makes no sense.
pub fn ask(question: Question, about: &Value) -> Result<Value> {
    let python = ensure_installed()?;
    let script = layout::root().join("xtask/src/validators/answer.py");
    let mut child = Command::new(python)
        .arg(script)
        .arg(question.word())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().context("its input")?;
    stdin.write_all(about.to_string().as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    ensure!(
        output.status.success(),
        "{}: {}",
        question.word(),
        step::tail(&String::from_utf8_lossy(&output.stderr))
    );
    serde_json::from_slice(&output.stdout).context("the answer is no JSON")
}
