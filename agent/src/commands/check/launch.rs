//! The command after `--` becomes what is started, and whose denials count.
//!
//! In: the words of a command line, a path for the container's id. Out: a
//! [`Launch`]. Invariant: pure; of the user's words none is changed, and only
//! `--cidfile` is added to those of a `run`. Lacks on purpose: a list of the
//! options that take a value, which grows with each release; those that take
//! none are few, and all others are taken to have one.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Options of `docker` and `podman` before the subcommand that take no value.
const GLOBAL_SWITCHES: [&str; 6] = ["debug", "help", "remote", "syslog", "tls", "tlsverify"];
/// Short ones of them.
const GLOBAL_SHORT_SWITCHES: &[u8] = b"Drv";
/// Options of `run` that take no value, of both programs.
const RUN_SWITCHES: [&str; 25] = [
    "detach",
    "disable-content-trust",
    "env-host",
    "help",
    "http-proxy",
    "init",
    "interactive",
    "no-healthcheck",
    "no-hostname",
    "no-hosts",
    "oom-kill-disable",
    "passwd",
    "privileged",
    "publish-all",
    "quiet",
    "read-only",
    "read-only-tmpfs",
    "replace",
    "rm",
    "rmi",
    "rootfs",
    "sig-proxy",
    "tls-verify",
    "tty",
    "use-api-socket",
];
/// Short ones of them.
const RUN_SHORT_SWITCHES: &[u8] = b"Pdiqt";
/// Options of `start` that take no value.
const START_SWITCHES: [&str; 5] = ["all", "attach", "interactive", "latest", "sig-proxy"];
/// Short ones of them.
const START_SHORT_SWITCHES: &[u8] = b"ail";

/// Why a command cannot be checked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// It starts nothing.
    #[error(
        "`{0} create` starts nothing that could be checked: use `{0} run`, or check `{0} start` afterwards"
    )]
    Create(String),
    /// An option without its value.
    #[error("the option --cidfile of `{0} run` has no value")]
    Cidfile(String),
}

/// A `docker` or `podman` with the options before its subcommand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cli {
    /// The program and these options.
    pub words: Vec<OsString>,
    /// Docker's own, which has contexts.
    pub docker: bool,
}

/// Whose denials count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The one container of a `run`.
    Run {
        /// Where its id will stand.
        cidfile: PathBuf,
        /// Does it go on without its client?
        detached: bool,
        /// Is the root read-only, as the options say?
        read_only: bool,
        /// The image, if there is one.
        image: Option<OsString>,
    },
    /// Those that a `start` names.
    Start {
        /// Names or ids.
        names: Vec<OsString>,
    },
    /// Every container that is born while the command runs.
    Born,
}

/// What is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The words, the program first.
    pub words: Vec<OsString>,
    /// Whose denials count.
    pub subject: Subject,
    /// How its engine is asked, where it is one's own command.
    pub cli: Option<Cli>,
}

/// Reads a command line, which is not empty; `cidfile` is where the id may be
/// written, and must not exist yet.
pub fn launch(words: &[OsString], cidfile: &Path) -> Result<Launch, LaunchError> {
    let other = |cli| {
        Ok(Launch {
            words: words.to_vec(),
            subject: Subject::Born,
            cli,
        })
    };
    let name = words.first().map(Path::new).and_then(Path::file_name);
    let docker = name == Some(OsStr::new("docker"));
    if !docker && name != Some(OsStr::new("podman")) {
        return other(None);
    }
    let at = skip(words, 1, &GLOBAL_SWITCHES, GLOBAL_SHORT_SWITCHES);
    let cli = Cli {
        words: words[..at.min(words.len())].to_vec(),
        docker,
    };
    let text = |at: usize| words.get(at).and_then(|word| word.to_str());
    let (subcommand, after) = match text(at) {
        Some("container") => (text(at + 1), at + 2),
        subcommand => (subcommand, at + 1),
    };
    let program = if docker { "docker" } else { "podman" };
    match subcommand {
        Some("run") => run(words, after, cidfile, cli),
        Some("create") => Err(LaunchError::Create(program.to_owned())),
        Some("start") => {
            let names = start_names(words, after);
            Ok(Launch {
                words: words.to_vec(),
                subject: Subject::Start { names },
                cli: Some(cli),
            })
        }
        Some(_) | None => other(Some(cli)),
    }
}

fn run(words: &[OsString], after: usize, usual: &Path, cli: Cli) -> Result<Launch, LaunchError> {
    let image = skip(words, after, &RUN_SWITCHES, RUN_SHORT_SWITCHES).min(words.len());
    let options = Options::of(&words[after..image]);
    let cidfile = match options.value("cidfile") {
        None => None,
        Some(Some(path)) => Some(PathBuf::from(path)),
        Some(None) => {
            let program = if cli.docker { "docker" } else { "podman" };
            return Err(LaunchError::Cidfile(program.to_owned()));
        }
    };
    let mut told = words.to_vec();
    if cidfile.is_none() {
        told.insert(after, usual.as_os_str().to_owned());
        told.insert(after, OsString::from("--cidfile"));
    }
    Ok(Launch {
        words: told,
        subject: Subject::Run {
            cidfile: cidfile.unwrap_or_else(|| usual.to_path_buf()),
            detached: options.is_on("detach", b'd'),
            read_only: options.is_on("read-only", 0),
            image: words.get(image).cloned(),
        },
        cli: Some(cli),
    })
}

fn start_names(words: &[OsString], after: usize) -> Vec<OsString> {
    let mut names = Vec::new();
    let mut at = after;
    // Both programs take options after names as well.
    loop {
        at = skip(words, at, &START_SWITCHES, START_SHORT_SWITCHES);
        match words.get(at) {
            Some(name) => names.push(name.clone()),
            None => return names,
        }
        at += 1;
    }
}

/// Where the first word from `at` on is that is neither an option nor the value
/// of one; may be past the end.
fn skip(words: &[OsString], mut at: usize, switches: &[&str], short: &[u8]) -> usize {
    while let Some(word) = words.get(at) {
        let word = word.as_encoded_bytes();
        if word == b"--" {
            return at + 1;
        }
        if word.len() < 2 || word[0] != b'-' {
            return at;
        }
        at += 1 + usize::from(takes_next(word, switches, short));
    }
    at
}

/// Is the next word the option's value?
fn takes_next(word: &[u8], switches: &[&str], short: &[u8]) -> bool {
    if let Some(name) = word.strip_prefix(b"--") {
        return !name.contains(&b'=') && !switches.iter().any(|known| known.as_bytes() == name);
    }
    // Short switches stand together; the first that is none takes what follows.
    let value = word[1..].iter().position(|letter| !short.contains(letter));
    value.is_some_and(|position| position + 2 == word.len())
}

/// The options between `run` and the image.
struct Options<'a>(&'a [OsString]);

impl<'a> Options<'a> {
    fn of(words: &'a [OsString]) -> Self {
        Options(words)
    }

    /// The words that are options, each with its place.
    fn each(&self) -> impl Iterator<Item = (usize, &'a [u8])> {
        let words = self.0;
        let mut at = 0;
        std::iter::from_fn(move || {
            let word = words.get(at)?.as_encoded_bytes();
            let here = at;
            at += 1 + usize::from(takes_next(word, &RUN_SWITCHES, RUN_SHORT_SWITCHES));
            Some((here, word))
        })
    }

    /// An option's value; `Some(None)` where it stands last, without one.
    fn value(&self, name: &str) -> Option<Option<&'a OsStr>> {
        self.each().find_map(|(at, word)| {
            let rest = word.strip_prefix(b"--")?.strip_prefix(name.as_bytes())?;
            match rest.first() {
                None => Some(self.0.get(at + 1).map(OsString::as_os_str)),
                Some(b'=') => {
                    let text = self.0[at].to_str()?;
                    Some(text.split_once('=').map(|(_, value)| OsStr::new(value)))
                }
                Some(_) => None,
            }
        })
    }

    /// Is the switch on? The last word about it counts.
    fn is_on(&self, name: &str, letter: u8) -> bool {
        let mut on = false;
        for (_, word) in self.each() {
            if let Some(long) = word.strip_prefix(b"--") {
                match long.strip_prefix(name.as_bytes()) {
                    Some(b"") => on = true,
                    Some([b'=', value @ ..]) => {
                        on = [&b"true"[..], b"1", b"t", b"T", b"TRUE", b"True"].contains(&value);
                    }
                    Some(_) | None => {}
                }
                continue;
            }
            let letters = word[1..].iter();
            let mut switches = letters.take_while(|letter| RUN_SHORT_SWITCHES.contains(letter));
            on |= switches.any(|found| *found == letter);
        }
        on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn told(line: &str) -> Launch {
        launch(&words(line), Path::new("/t/id")).unwrap()
    }

    #[test]
    fn a_run_gets_a_place_for_its_id_and_nothing_else() {
        for (line, expected, detached, read_only, image) in [
            (
                "docker run --read-only nginx",
                "docker run --cidfile /t/id --read-only nginx",
                false,
                true,
                "nginx",
            ),
            (
                "/usr/bin/docker -H unix:///s --debug container run -dit -p 80:80 --name=x img --read-only",
                "/usr/bin/docker -H unix:///s --debug container run --cidfile /t/id -dit -p 80:80 --name=x img --read-only",
                true,
                false,
                "img",
            ),
            (
                "podman --url unix:/s run -eA=b --env -d --tmpfs /tmp --read-only=false img -d",
                "podman --url unix:/s run --cidfile /t/id -eA=b --env -d --tmpfs /tmp --read-only=false img -d",
                false,
                false,
                "img",
            ),
            (
                "docker run -itd -e A -d=x --read-only=true -- img",
                "docker run --cidfile /t/id -itd -e A -d=x --read-only=true -- img",
                true,
                true,
                "img",
            ),
        ] {
            let launch = told(line);
            assert_eq!(launch.words, words(expected));
            let subject = Subject::Run {
                cidfile: "/t/id".into(),
                detached,
                read_only,
                image: Some(image.into()),
            };
            assert_eq!(launch.subject, subject, "{line}");
        }
        let cli = told("docker --context far -D run img").cli.unwrap();
        assert_eq!(cli.words, words("docker --context far -D"));
    }

    #[test]
    fn the_users_own_place_is_taken() {
        for line in [
            "docker run --cidfile /mine img",
            "docker run --rm --cidfile=/mine img",
        ] {
            let launch = told(line);
            assert_eq!(launch.words, words(line));
            assert!(
                matches!(&launch.subject, Subject::Run { cidfile, .. } if cidfile == Path::new("/mine")),
                "{launch:?}"
            );
        }
        // One of the container's own command is not ours.
        assert_eq!(told("docker run img --cidfile /x").words.len(), 7);
        assert_eq!(
            launch(&words("docker run --cidfile"), Path::new("/t/id")),
            Err(LaunchError::Cidfile("docker".to_owned()))
        );
    }

    #[test]
    fn other_commands_stay_as_they_are() {
        for (line, subject, cli) in [
            ("make e2e", Subject::Born, false),
            ("docker compose up", Subject::Born, true),
            ("docker", Subject::Born, true),
            ("docker --context", Subject::Born, true),
            (
                "docker start -a --detach-keys ctrl-x web db",
                Subject::Start {
                    names: words("web db"),
                },
                true,
            ),
        ] {
            let launch = told(line);
            assert_eq!(launch.words, words(line));
            assert_eq!(
                (launch.subject, launch.cli.is_some()),
                (subject, cli),
                "{line}"
            );
        }
        let error = launch(&words("podman container create img"), Path::new("/t"));
        assert_eq!(error, Err(LaunchError::Create("podman".to_owned())));
    }
}
