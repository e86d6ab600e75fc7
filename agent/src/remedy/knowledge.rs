//! What is known of programs, directories and capabilities, one row each.
//!
//! In: nothing. Out: the tables that advice is made from, and that the documents
//! show. Invariant: the first row that fits is taken, so rows go from special to
//! general; text is one line without a full stop. Lacks on purpose: any decision.

/// What belongs in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// What may be lost with the container: a tmpfs of this many MiB.
    Memory(u32),
    /// What must outlive the container.
    Volume,
    /// Logs.
    Logs,
    /// Settings.
    Settings,
    /// Programs and libraries.
    Image,
}

/// Directories by path. A mount goes to as many components as the pattern has.
pub(super) const PLACES: &[(&str, Place)] = &[
    ("/tmp", Place::Memory(64)),
    ("/var/tmp", Place::Memory(64)),
    ("/dev/shm", Place::Memory(64)),
    ("/run/*", Place::Memory(16)),
    ("/run", Place::Memory(16)),
    ("/var/run/*", Place::Memory(16)),
    ("/var/run", Place::Memory(16)),
    ("/var/lock", Place::Memory(16)),
    ("/var/cache/*", Place::Memory(64)),
    ("/var/cache", Place::Memory(64)),
    ("/var/lib/nginx", Place::Memory(64)),
    ("/var/lib/*", Place::Volume),
    ("/var/opt/*", Place::Volume),
    ("/var/spool/*", Place::Volume),
    ("/var/mail", Place::Volume),
    ("/data", Place::Volume),
    ("/config", Place::Volume),
    ("/bitnami/*", Place::Volume),
    ("/var/log/*", Place::Logs),
    ("/var/log", Place::Logs),
    ("/etc", Place::Settings),
    ("/usr", Place::Image),
    ("/bin", Place::Image),
    ("/sbin", Place::Image),
    ("/lib", Place::Image),
    ("/lib64", Place::Image),
    ("/boot", Place::Image),
];

/// Directories by name, wherever an application keeps them.
pub(super) const NAMES: &[(&str, Place)] = &[
    ("tmp", Place::Memory(64)),
    ("temp", Place::Memory(64)),
    (".tmp", Place::Memory(64)),
    ("cache", Place::Memory(64)),
    (".cache", Place::Memory(64)),
    ("run", Place::Memory(16)),
    ("pids", Place::Memory(16)),
    ("sockets", Place::Memory(16)),
    ("logs", Place::Logs),
    ("log", Place::Logs),
    ("data", Place::Volume),
    ("db", Place::Volume),
    ("uploads", Place::Volume),
    ("storage", Place::Volume),
];

/// What a contract makes of a habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cure {
    /// Nothing may write there: it is done when the image is built, or not at all.
    Stop,
    /// The variable: the program is known to obey it.
    Variable,
    /// A mount: the variable is obeyed by some programs only, or does harm.
    Mount,
    /// The variable, and a mount as well.
    Both,
    /// A volume.
    Keep,
}

/// A program's habit of writing somewhere.
#[derive(Debug)]
pub struct Habit {
    /// Who.
    pub name: &'static str,
    /// What a contract makes of it.
    pub cure: Cure,
    /// Where, as patterns of `pattern`.
    pub(super) paths: &'static [&'static str],
    /// Beginnings of the command's name; empty for any.
    pub(super) comms: &'static [&'static str],
    /// What to do.
    pub advice: &'static str,
    /// The environment that does it; values below /tmp need it writable.
    pub environment: &'static [(&'static str, &'static str)],
}

macro_rules! habits {
    ($($name:literal $cure:ident [$($path:literal),+] [$($comm:literal),*] $advice:literal [$($variable:literal = $value:literal),*];)+) => {
        /// Every habit that is known.
        pub(super) const HABITS: &[Habit] = &[$(Habit {
            name: $name, cure: Cure::$cure, paths: &[$($path),+], comms: &[$($comm),*], advice: $advice,
            environment: &[$(($variable, $value)),*],
        }),+];
    };
}

habits! {
    "Python bytecode" Variable ["**/__pycache__/**", "**/*.pyc", "**/*.pyc.*"] []
        "compile bytecode when the image is built (python -m compileall), and have Python write none" ["PYTHONDONTWRITEBYTECODE" = "1"];
    "pip" Variable ["**/.cache/pip/**"] []
        "install packages when the image is built, or let pip do without its cache" ["PIP_NO_CACHE_DIR" = "1"];
    "uv" Variable ["**/.cache/uv/**"] [] "move uv's cache" ["UV_CACHE_DIR" = "/tmp/uv"];
    "Matplotlib" Variable ["**/matplotlib/**"] ["python"] "move Matplotlib's settings and font cache" ["MPLCONFIGDIR" = "/tmp/matplotlib"];
    "Numba" Variable ["**/*.nbi", "**/*.nbc", "**/numba_cache/**"] [] "move Numba's cache" ["NUMBA_CACHE_DIR" = "/tmp/numba"];
    "Hugging Face" Keep ["**/huggingface/**"] []
        "keep models in the image or on a volume, and point Hugging Face's cache there" ["HF_HOME" = "/tmp/huggingface"];
    "Java performance data" Mount ["/tmp/hsperfdata_*/**"] []
        "HotSpot writes these only for jstat and jps: switch them off, or mount a tmpfs at /tmp" ["JAVA_TOOL_OPTIONS" = "-XX:-UsePerfData"];
    "Java class data archive" Stop ["**/classes*.jsa*"] ["java"]
        "make the class data archive when the image is built (java -Xshare:dump)" [];
    "Java temporary files" Mount ["/var/tmp/**", "**/tomcat.*/**", "**/spring-boot-libs-*/**"] ["java"]
        "point Java's temporary directory to a tmpfs" ["JAVA_TOOL_OPTIONS" = "-Djava.io.tmpdir=/tmp"];
    "Maven" Variable ["**/.m2/**"] [] "build when the image is built, or move Maven's repository" ["MAVEN_ARGS" = "-Dmaven.repo.local=/tmp/m2"];
    "Gradle" Variable ["**/.gradle/**"] [] "build when the image is built, or move Gradle's home" ["GRADLE_USER_HOME" = "/tmp/gradle"];
    "Node.js compile cache" Mount ["**/node-compile-cache/**"] [] "move Node's compile cache" ["NODE_COMPILE_CACHE" = "/tmp/node-compile-cache"];
    "npm" Variable ["**/.npm/**"] [] "start node itself instead of npm, or move npm's cache" ["npm_config_cache" = "/tmp/npm"];
    "Yarn" Variable ["**/.cache/yarn/**", "**/.yarn/**"] [] "start node itself instead of yarn, or move Yarn's cache" ["YARN_CACHE_FOLDER" = "/tmp/yarn"];
    "Corepack" Variable ["**/.cache/node/corepack/**"] [] "fetch package managers when the image is built, or move Corepack's home" ["COREPACK_HOME" = "/tmp/corepack"];
    "Deno" Variable ["**/.cache/deno/**", "/deno-dir/**"] [] "cache modules when the image is built, or move Deno's cache" ["DENO_DIR" = "/tmp/deno"];
    "Go build" Variable ["**/.cache/go-build/**"] [] "build when the image is built, or move Go's build cache" ["GOCACHE" = "/tmp/go-build"];
    "Cargo" Variable ["**/.cargo/registry/**"] [] "build when the image is built, or move Cargo's home" ["CARGO_HOME" = "/tmp/cargo"];
    ".NET diagnostics" Mount ["**/dotnet-diagnostic-*", "**/clr-debug-pipe-*"] []
        "switch the diagnostic port off, or mount a tmpfs at /tmp where it is used" ["DOTNET_EnableDiagnostics" = "0"];
    ".NET single file" Variable ["**/.net/**"] [] "move the directory that single-file programs unpack to" ["DOTNET_BUNDLE_EXTRACT_BASE_DIR" = "/tmp/dotnet"];
    "ASP.NET keys" Keep ["**/.aspnet/DataProtection-Keys/**"] []
        "keep data-protection keys on a volume that all replicas share (PersistKeysToFileSystem)" [];
    "Bootsnap" Mount ["**/tmp/cache/bootsnap*/**"] [] "precompile when the image is built (bootsnap precompile), and move Bootsnap's cache" ["BOOTSNAP_CACHE_DIR" = "/tmp/bootsnap"];
    "PHP sessions" Mount ["/var/lib/php*/sessions/**", "/var/lib/php*/session/**", "**/sess_*"] []
        "keep sessions in Redis or a database (session.save_handler), or set session.save_path to a tmpfs" [];
    "Composer" Variable ["**/.composer/**", "**/.config/composer/**"] [] "install packages when the image is built, or move Composer's home" ["COMPOSER_HOME" = "/tmp/composer"];
    "OpenSSL seed" Variable ["**/.rnd"] [] "move the seed that OpenSSL's commands keep" ["RANDFILE" = "/tmp/.rnd"];
    "GnuPG" Mount ["**/.gnupg/**"] [] "keep keys in a volume or secret, and move GnuPG's home" ["GNUPGHOME" = "/tmp/gnupg"];
    "SSH known hosts" Stop ["**/.ssh/known_hosts*"] [] "put the hosts' keys into the image or mount them (ssh-keyscan prints them)" [];
    "Git settings" Variable ["**/.gitconfig*"] [] "write Git's settings when the image is built, or move them" ["GIT_CONFIG_GLOBAL" = "/tmp/gitconfig"];
    "Shell history" Variable ["**/.bash_history*", "**/.ash_history*"] [] "keep no history of interactive shells" ["HISTFILE" = "/dev/null"];
    "Fontconfig" Mount ["**/fontconfig/**"] [] "run fc-cache when the image is built, and move the user's cache" ["XDG_CACHE_HOME" = "/tmp/.cache"];
    "nginx settings" Stop ["/etc/nginx/conf.d/**"] []
        "mount finished settings (a ConfigMap or a file), or write templates' output elsewhere and include that; the official image's IPv6 script can do without" [];
    "Supervisor" Stop ["/supervisord.pid", "/supervisord.log"] ["supervisord"] "set pidfile=/run/supervisord.pid and logfile=/dev/stdout with logfile_maxbytes=0, and mount a tmpfs at /run" [];
    "s6-overlay" Both ["/run/s6/**", "/var/run/s6/**", "/etc/s6-overlay/**"] [] "tell s6-overlay that the root is read-only, and give it a tmpfs at /run that may execute" ["S6_READ_ONLY_ROOT" = "1"];
    "apt and dpkg" Stop ["/var/lib/apt/**", "/var/lib/dpkg/**", "/var/cache/apt/**", "/var/log/apt/**"] [] "install packages when the image is built, not at start" [];
    "apk" Stop ["/lib/apk/**", "/etc/apk/**", "/var/cache/apk/**"] [] "install packages when the image is built, not at start" [];
    "dnf and rpm" Stop ["/var/lib/rpm/**", "/var/lib/dnf/**", "/var/cache/dnf/**", "/var/cache/yum/**", "/usr/lib/sysimage/rpm/**"] [] "install packages when the image is built, not at start" [];
    "Certificates" Stop ["/etc/ssl/certs/**", "/etc/ca-certificates/**", "/usr/local/share/ca-certificates/**", "/etc/pki/**"] []
        "run update-ca-certificates when the image is built, or mount a bundle and name it in SSL_CERT_FILE" [];
    "Users" Stop ["/etc/passwd*", "/etc/group*", "/etc/shadow*", "/etc/.pwd.lock"] [] "add users when the image is built; most programs need no name for their uid" [];
    "Time zone" Stop ["/etc/localtime*", "/etc/timezone*"] [] "set the time zone in the TZ variable or when the image is built" [];
    "Hosts and resolver" Stop ["/etc/hosts*", "/etc/hostname*", "/etc/resolv.conf*"] []
        "the runtime writes this file: use --add-host and --dns, or hostAliases and dnsConfig of the pod" [];
    "XDG cache" Mount ["**/.cache/**"] [] "move the user's cache" ["XDG_CACHE_HOME" = "/tmp/.cache"];
    "XDG settings" Mount ["**/.config/**"] [] "move the user's settings, or keep them in the image" ["XDG_CONFIG_HOME" = "/tmp/.config"];
    "XDG state" Mount ["**/.local/state/**"] [] "move the user's state" ["XDG_STATE_HOME" = "/tmp/.local/state"];
    "XDG data" Keep ["**/.local/share/**"] [] "move the user's data, or mount a volume there if it must last" ["XDG_DATA_HOME" = "/tmp/.local/share"];
    "Home directory" Mount ["/root/**", "/home/*/**", "/nonexistent/**"] [] "give the program a home it can write" ["HOME" = "/tmp"];
}

/// What a capability is good for, if it is narrow enough to be given; why not otherwise.
pub(super) enum Need {
    /// It may be given, for this.
    Narrow(&'static str),
    /// It is as good as root; this is better.
    Wide(&'static str),
}

/// Capabilities by their names without `CAP_`.
pub(super) const CAPABILITIES: &[(&str, Need)] = &[
    (
        "CHOWN",
        Need::Narrow("changing owners at start; setting them in the image or volume does without"),
    ),
    (
        "FOWNER",
        Need::Narrow("acting as any file's owner; running as the owner does without"),
    ),
    ("FSETID", Need::Narrow("keeping set-id bits")),
    ("KILL", Need::Narrow("signals to other users' processes")),
    (
        "SETUID",
        Need::Narrow("changing to another user; starting as that user does without"),
    ),
    (
        "SETGID",
        Need::Narrow("changing to another group; starting as that group does without"),
    ),
    (
        "SETPCAP",
        Need::Narrow("dropping capabilities from the bounding set"),
    ),
    (
        "SETFCAP",
        Need::Narrow("giving files capabilities; doing so in the image does without"),
    ),
    (
        "NET_BIND_SERVICE",
        Need::Narrow("ports below 1024; a higher port does without"),
    ),
    ("NET_RAW", Need::Narrow("raw sockets, as ping's")),
    ("SYS_CHROOT", Need::Narrow("chroot")),
    (
        "MKNOD",
        Need::Narrow("device files; --device or a device plugin does without"),
    ),
    (
        "AUDIT_WRITE",
        Need::Narrow("records in the audit log, as sudo and sshd write"),
    ),
    (
        "IPC_LOCK",
        Need::Narrow("locking memory; a higher memlock limit often does without"),
    ),
    ("SYS_NICE", Need::Narrow("priorities and scheduling")),
    (
        "SYS_RESOURCE",
        Need::Narrow("raising limits; --ulimit does without"),
    ),
    ("LEASE", Need::Narrow("leases on any file")),
    ("SYSLOG", Need::Narrow("reading the kernel's log")),
    ("WAKE_ALARM", Need::Narrow("alarms that wake the machine")),
    ("BLOCK_SUSPEND", Need::Narrow("keeping the machine awake")),
    (
        "DAC_OVERRIDE",
        Need::Wide(
            "it opens every file whatever its mode: give the process's user what it needs by owner, group and mode",
        ),
    ),
    (
        "DAC_READ_SEARCH",
        Need::Wide(
            "it reads every file, outside the container too: give the process's user what it needs by owner, group and mode",
        ),
    ),
    (
        "SYS_ADMIN",
        Need::Wide(
            "it is as good as root on the host: let the runtime do the mount or setting, before the program starts",
        ),
    ),
    (
        "SYS_PTRACE",
        Need::Wide(
            "it reads any process of the container: debug from a container made for it, or have the traced process allow its tracer",
        ),
    ),
    (
        "SYS_MODULE",
        Need::Wide("it runs code in the kernel: load modules on the host"),
    ),
    (
        "SYS_RAWIO",
        Need::Wide("it reaches the hardware: use a driver's device with --device"),
    ),
    ("SYS_BOOT", Need::Wide("it restarts the host")),
    (
        "SYS_TIME",
        Need::Wide("it sets the host's clock: run time synchronisation on the host"),
    ),
    (
        "NET_ADMIN",
        Need::Wide(
            "it changes routes and filters: let the runtime or a network plugin set the network up",
        ),
    ),
    (
        "BPF",
        Need::Wide("it loads programs into the kernel: run such agents in a container made for it"),
    ),
    (
        "PERFMON",
        Need::Wide("it observes the whole host: run such agents in a container made for it"),
    ),
    (
        "LINUX_IMMUTABLE",
        Need::Wide("it lifts what the file's owner fixed: change the attribute on the host"),
    ),
    (
        "MAC_ADMIN",
        Need::Wide("it changes the security module's policy: load policy on the host"),
    ),
    (
        "MAC_OVERRIDE",
        Need::Wide("it goes past the security module's policy: load policy on the host"),
    ),
    (
        "AUDIT_CONTROL",
        Need::Wide("it governs the host's audit: run audit on the host"),
    ),
    (
        "CHECKPOINT_RESTORE",
        Need::Wide("it reaches into other processes: let the runtime checkpoint"),
    ),
];

/// SELinux booleans that let containers do one more thing: patterns of the
/// object's type, the class or nothing for any, the boolean, and what it is for.
pub(super) const BOOLEANS: &[(&str, &str, &str, &str)] = &[
    ("nfs_t", "", "virt_use_nfs", "files on NFS"),
    ("cifs_t", "", "virt_use_samba", "files on SMB"),
    ("fusefs_t", "", "virt_use_fusefs", "files on FUSE"),
    ("cephfs_t", "", "container_use_cephfs", "files on CephFS"),
    (
        "ecryptfs_t",
        "",
        "container_use_ecryptfs",
        "files on eCryptfs",
    ),
    (
        "cgroup_t",
        "",
        "container_manage_cgroup",
        "control groups, as systemd in a container needs",
    ),
    (
        "dri_device_t",
        "",
        "container_use_dri_devices",
        "graphics devices",
    ),
    (
        "*_device_t",
        "chr_file",
        "container_use_devices",
        "devices of the host",
    ),
    (
        "*_device_t",
        "blk_file",
        "container_use_devices",
        "devices of the host",
    ),
    (
        "cert_t",
        "",
        "container_read_certs",
        "the host's certificates",
    ),
    (
        "*_port_t",
        "tcp_socket",
        "container_connect_any",
        "connections to any port",
    ),
];
