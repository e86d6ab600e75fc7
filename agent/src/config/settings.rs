//! The list of settings, and the flags made from it.
//!
//! In: the command line. Out: names and values of the flags given. Invariant:
//! [`SETTINGS`] is the only list; a row is a flag, a variable, a file key and a
//! line of documentation at once. Lacks on purpose: judging values (`parse`).

/// What the variables start with.
pub const ENV_PREFIX: &str = "SEALWATCH_";

/// One setting: `--NAME`, `SEALWATCH_NAME`, and the key NAME of the file, where
/// a dot is a table.
#[derive(Debug)]
pub struct Setting {
    /// The flag without its dashes, and the file's key.
    pub name: &'static str,
    /// What stands for the value in help; empty for a switch.
    pub placeholder: &'static str,
    /// The default as a user would write it; empty for a repeatable setting found by itself.
    pub default: &'static str,
    /// May be given more than once.
    pub repeatable: bool,
    /// One sentence for help and documents.
    pub help: &'static str,
}

const fn one(
    name: &'static str,
    placeholder: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting {
        name,
        placeholder,
        default,
        repeatable: false,
        help,
    }
}

/// Every setting.
pub const SETTINGS: &[Setting] = &[
    one(
        "web.listen-address",
        "ADDRESS:PORT",
        "127.0.0.1:9402",
        "Where to serve metrics; `:PORT` is every address, port 0 is any free one, `none` the socket alone.",
    ),
    Setting {
        name: "web.socket",
        placeholder: "PATH",
        default: "",
        repeatable: false,
        help: "Unix socket for root that serves the same and takes commands, or `none`; without it `/run/sealwatch/sealwatch.sock`, if that can be had.",
    },
    one(
        "web.telemetry-path",
        "PATH",
        "/metrics",
        "Path of the metrics.",
    ),
    Setting {
        name: "web.allowed-host",
        placeholder: "NAME",
        default: "none",
        repeatable: true,
        help: "A name by which a browser may ask for the page and the lists, `*` for anything; addresses, localhost and this machine's own name always may. Metrics are told under any name.",
    },
    one(
        "events",
        "none|json",
        "none",
        "Write one JSON object per line and sampled denial to standard output.",
    ),
    one(
        "backend",
        "auto|fexit|kprobe|tracepoint",
        "auto",
        "How to attach; auto takes the best for each hook.",
    ),
    one(
        "seccomp",
        "",
        "false",
        "Count what seccomp filters refuse as well; each system call of a task under a filter pays for it.",
    ),
    one(
        "host",
        "",
        "false",
        "Count denials of processes outside containers as well.",
    ),
    Setting {
        name: "inventory",
        placeholder: "CONTAINER",
        default: "none",
        repeatable: true,
        help: "Count what this container writes with success, for /api/v1/inventory: a name or an id, `*` for anything. Every system call of the machine pays for it meanwhile.",
    },
    Setting {
        name: "contract",
        placeholder: "PATH",
        default: "none",
        repeatable: true,
        help: "A contract's file, or a directory of such (`*.yaml`): the writes of the containers that it is of are counted, and those outside of it are breaches.",
    },
    Setting {
        name: "docker-socket",
        placeholder: "PATH",
        default: "",
        repeatable: true,
        help: "Socket of Docker or Podman, or `none`; without it the usual places are tried.",
    },
    Setting {
        name: "cri-endpoint",
        placeholder: "PATH",
        default: "",
        repeatable: true,
        help: "Socket of containerd or CRI-O, or `none`; without it the usual places are tried.",
    },
    one(
        "sample-interval",
        "DURATION",
        "1s",
        "Least time between two events of the same container, path, operation and errno; where more than 256 a second of all containers repeat an earlier one, some are left out by lot.",
    ),
    one(
        "degraded.after",
        "DURATION",
        "1m",
        "How long writes under a root must keep failing until a running container is degraded.",
    ),
    one(
        "degraded.failures",
        "NUMBER",
        "5",
        "Least number of failed writes of a degraded container.",
    ),
    one(
        "degraded.silence",
        "DURATION",
        "5m",
        "Least time without a failed write until it has recovered; longer where they came seldom.",
    ),
    one(
        "start-window",
        "DURATION",
        "1m",
        "A container that is refused something and ends within this time fails to start.",
    ),
    Setting {
        name: "state-file",
        placeholder: "PATH",
        default: "",
        repeatable: false,
        help: "Where to keep over a restart who is degraded, or `none`; without it `$STATE_DIRECTORY/state.json` or `/var/lib/sealwatch/state.json`, if the directory is there.",
    },
    Setting {
        name: "alertmanager-url",
        placeholder: "URL",
        default: "none",
        repeatable: true,
        help: "An Alertmanager that is told without Prometheus who is degraded, fails to start, is short of room or breaches a contract: the address of its page, such as `http://alertmanager:9093`. Each of several is told everything.",
    },
    one(
        "alertmanager-token-file",
        "PATH",
        "none",
        "File with the token that the Alertmanagers ask for, read at each request.",
    ),
    Setting {
        name: "webhook-url",
        placeholder: "URL",
        default: "none",
        repeatable: true,
        help: "Where the same is posted as Alertmanager's webhooks are (version 4), once when it begins and once when it is over.",
    },
    one(
        "webhook-token-file",
        "PATH",
        "none",
        "File with the token that the webhooks ask for, read at each request.",
    ),
    Setting {
        name: "notify.ca-file",
        placeholder: "PATH",
        default: "",
        repeatable: false,
        help: "PEM file with the certificates of the authorities to believe where an address has https; without it the system's.",
    },
    one(
        "notify.runbooks",
        "URL",
        "deploy/runbooks",
        "Where the runbooks are, for the alerts' `runbook_url`.",
    ),
    one(
        "kubernetes-events",
        "",
        "false",
        "Write an Event on each pod that is refused something, by the daemon's own service account.",
    ),
    one(
        "kubernetes-service-account",
        "PATH",
        "/var/run/secrets/kubernetes.io/serviceaccount",
        "Directory with the `token` and `ca.crt` of that account.",
    ),
    Setting {
        name: "node-name",
        placeholder: "NAME",
        default: "",
        repeatable: false,
        help: "This machine's name in alerts (the label `instance`); without it its host name.",
    },
    one(
        "pin",
        "PATH",
        "none",
        "Directory in the BPF file system, such as `/sys/fs/bpf/sealwatch`, where programs and counters outlive the daemon, so that what is refused during a restart is counted; `sealwatch uninstall` removes them. With `none`, nothing is left behind.",
    ),
    one(
        "log.format",
        "text|json",
        "text",
        "Form of the log on standard error.",
    ),
    one(
        "log.level",
        "error|warn|info|debug|trace",
        "info",
        "How much to log.",
    ),
    one(
        "limits.containers",
        "NUMBER",
        "1024",
        "Most containers with series of their own; later ones share `_other`.",
    ),
    one(
        "limits.write-roots-per-container",
        "NUMBER",
        "32",
        "Most write roots per container; later ones share `_other`.",
    ),
    one(
        "limits.series",
        "NUMBER",
        "20000",
        "Most series of denials, of tmpfs mounts, and of the rest of the containers' state, each: later denials share `_other`, other series are left out and counted.",
    ),
];

impl Setting {
    /// The row of that name.
    pub fn named(name: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// The environment variable.
    pub fn variable(&self) -> String {
        format!(
            "{ENV_PREFIX}{}",
            self.name.replace(['.', '-'], "_").to_uppercase()
        )
    }

    fn is_switch(&self) -> bool {
        self.placeholder.is_empty()
    }

    /// A flag whose values shells can complete.
    fn valued(&self, arg: clap::Arg) -> clap::Arg {
        let placeholder = match self.is_switch() {
            true => "true|false",
            false => self.placeholder,
        };
        let arg = arg
            .value_name(placeholder)
            .value_parser(Offered(placeholder))
            .hide_possible_values(true);
        match placeholder {
            "PATH" => arg.value_hint(clap::ValueHint::FilePath),
            _ => arg,
        }
    }
}

/// Takes every text, since `parse` judges it with where it came from; what the
/// placeholder lists is offered to shells.
#[derive(Clone)]
struct Offered(&'static str);

impl clap::builder::TypedValueParser for Offered {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        clap::builder::StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(
        &self,
    ) -> Option<Box<dyn Iterator<Item = clap::builder::PossibleValue> + '_>> {
        let values = self.0.split('|').map(clap::builder::PossibleValue::new);
        self.0.contains('|').then(|| Box::new(values) as Box<_>)
    }
}

/// The settings given as flags; a `clap` group built from [`SETTINGS`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config`.
    pub config: Option<String>,
    /// Name and values of each flag given.
    pub given: Vec<(&'static str, Vec<String>)>,
}

impl clap::Args for Flags {
    fn augment_args(command: clap::Command) -> clap::Command {
        let config = clap::Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_hint(clap::ValueHint::FilePath)
            .help(
                "Take settings from a TOML file (keys as the flags' names) [env: SEALWATCH_CONFIG]",
            );
        SETTINGS
            .iter()
            .fold(command.arg(config), |command, setting| {
                let default = if setting.default.is_empty() {
                    "detect"
                } else {
                    setting.default
                };
                let help = format!(
                    "{} [env: {}] [default: {default}]",
                    setting.help,
                    setting.variable()
                );
                let arg = clap::Arg::new(setting.name).long(setting.name).help(help);
                let arg = setting.valued(arg);
                command.arg(match (setting.is_switch(), setting.repeatable) {
                    (true, _) => arg
                        .action(clap::ArgAction::Append)
                        .num_args(0..=1)
                        .require_equals(true)
                        .default_missing_value("true"),
                    (false, true) => arg.action(clap::ArgAction::Append),
                    (false, false) => arg,
                })
            })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let given = SETTINGS
            .iter()
            .filter_map(|setting| {
                let values = matches.get_many::<String>(setting.name)?;
                Some((setting.name, values.cloned().collect()))
            })
            .collect();
        Ok(Flags {
            config: matches.get_one::<String>("config").cloned(),
            given,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
