//! The caches that programs keep, and what it means when they cannot.
//!
//! In: a path or a write root. Out: the [`Cache`] it belongs to, if it is known.
//! Invariant: `CACHES` is the only list; the first row that fits is the
//! answer, so that a special one stands before a general one. Lacks on purpose:
//! state that is no cache (`~/.config`, `/var/lib`, keys): losing that is worse
//! than slow, and is not played down here.
//!
//! To add one: a row, and its path in the table of the tests.

/// A cache that programs keep in files.
#[derive(Debug, PartialEq, Eq)]
pub struct Cache {
    /// What it is, in words that may become a label.
    pub name: &'static str,
    /// What goes on while it cannot be written.
    pub means: &'static str,
    /// Where it lies: `/a/b` is that directory and all below; `a/b` the same
    /// anywhere in a path. A star stands for any characters of one component.
    places: &'static [&'static str],
}

const fn row(name: &'static str, means: &'static str, places: &'static [&'static str]) -> Cache {
    Cache {
        name,
        means,
        places,
    }
}

#[rustfmt::skip]
const CACHES: &[Cache] = &[
    // Servers.
    row("nginx temporary files and proxy cache", "what does not fit in memory fails, and nothing is cached",
        &["/var/cache/nginx", "/var/lib/nginx", "client_body_temp", "client_temp", "proxy_temp", "fastcgi_temp", "uwsgi_temp", "scgi_temp"]),
    row("Apache cache", "asks the origin on every request", &["/var/cache/apache2", "/var/cache/httpd"]),
    row("Squid cache", "asks the origin on every request", &["/var/spool/squid", "/var/cache/squid"]),
    row("Varnish cache", "asks the origin on every request", &["/var/cache/varnish"]),
    row("Tomcat compiled pages", "compiles pages again after every start", &["tomcat*/work", "work/Catalina"]),
    // TLS.
    row("OCSP cache", "asks the OCSP responder on every handshake", &["ocsp", "ocsp-cache", "ocsp_cache", "stapling", "/var/cache/ocsp"]),
    row("TLS session cache", "makes a full handshake on every connection", &["ssl_scache*", "tls-sessions", "session-cache", "/var/cache/mod_ssl"]),
    row("certificate revocation lists", "fetches the lists on every verification",
        &[".dotnet/corefx/cryptography/crls", ".gnupg/crls.d", "dirmngr-cache.d", "crl-cache"]),
    // Languages: compiled code.
    row("Python bytecode", "compiles modules again at every start", &["__pycache__"]),
    row("JVM class data", "loads and verifies classes again at every start", &["*.jsa"]),
    row("JVM performance data", "hides the process from jps and jstat", &["hsperfdata_*"]),
    row("PHP opcache", "compiles scripts again at every start", &["opcache", "php-opcache"]),
    row("Symfony cache", "builds the container and templates on every request", &["*/var/cache/prod", "*/var/cache/dev", "*/var/cache/test"]),
    row("Laravel cache", "compiles views and configuration on every request", &["storage/framework", "bootstrap/cache"]),
    row("bootsnap", "compiles Ruby again at every start", &["bootsnap", "bootsnap-*"]),
    row("Rails cache", "renders and queries on every request", &["*/tmp/cache"]),
    row("Node compile cache", "compiles scripts again at every start", &["node-compile-cache", "v8-compile-cache*"]),
    row("Next.js cache", "renders pages and images on every request", &[".next/cache"]),
    row("Numba, Triton and CUDA kernels", "compiles kernels again at every start", &["*.nbi", ".triton", ".nv/ComputeCache", ".cache/numba"]),
    row("shader cache", "compiles shaders again at every start", &["mesa_shader_cache*", "GPUCache", "ShaderCache"]),
    row("Julia compiled packages", "compiles packages again at every start", &[".julia/compiled"]),
    row("wasmtime compiled modules", "compiles modules again at every start", &[".cache/wasmtime"]),
    // Languages: packages.
    row("npm cache", "fetches packages on every install", &[".npm", "_cacache"]),
    row("yarn cache", "fetches packages on every install", &[".yarn", ".cache/yarn"]),
    row("pnpm store", "fetches packages on every install", &[".pnpm-store", ".cache/pnpm", "pnpm/store"]),
    row("JavaScript build cache", "builds everything again", &["node_modules/.cache", "node_modules/.vite"]),
    row("Deno cache", "fetches and compiles modules on every start", &[".deno", ".cache/deno", "deno-dir"]),
    row("pip cache", "fetches packages on every install", &[".cache/pip", ".cache/uv", ".cache/pypoetry"]),
    row("Go build cache", "builds everything again", &[".cache/go-build", "go/pkg/mod"]),
    row("Cargo registry", "fetches crates on every build", &[".cargo/registry", ".cargo/git"]),
    row("compiler cache", "builds everything again", &[".ccache", ".cache/ccache", ".cache/sccache"]),
    row("Maven repository", "fetches artefacts on every build", &[".m2"]),
    row("Gradle cache", "fetches artefacts and builds again", &[".gradle"]),
    row("Ivy and Coursier cache", "fetches artefacts on every build", &[".ivy2", ".cache/coursier"]),
    row("Composer cache", "fetches packages on every install", &[".composer/cache", ".cache/composer"]),
    row("Bundler cache", "fetches gems on every install", &[".bundle/cache"]),
    row("NuGet cache", "fetches packages on every restore", &[".nuget/packages", "NuGet/http-cache", "NuGet/v3-cache"]),
    row("Hex cache", "fetches packages on every build", &[".hex", ".cache/rebar3"]),
    // Models and data.
    row("Hugging Face cache", "fetches models on every start", &[".cache/huggingface", "huggingface/hub"]),
    row("Torch cache", "fetches models on every start", &[".cache/torch"]),
    row("tokenizer cache", "fetches tokenizers on every start", &["data-gym-cache", ".cache/tiktoken"]),
    row("matplotlib cache", "scans the fonts at every start", &[".cache/matplotlib", ".config/matplotlib", ".matplotlib", "matplotlib-*"]),
    // Desktop libraries and browsers.
    row("fontconfig cache", "scans the fonts at every start", &["/var/cache/fontconfig", ".cache/fontconfig", ".fontconfig"]),
    row("GStreamer registry", "scans the plugins at every start", &[".cache/gstreamer-1.0"]),
    row("browser cache", "fetches pages and compiles scripts again", &[".cache/chromium", ".cache/google-chrome", ".cache/mozilla", "Code Cache"]),
    row("downloaded browsers", "fetches browsers on every start", &[".cache/ms-playwright", ".cache/puppeteer"]),
    // Tools.
    row("kubectl cache", "asks the API server for its resources on every call", &[".kube/cache", ".kube/http-cache"]),
    row("Helm cache", "fetches charts on every call", &[".cache/helm"]),
    row("Terraform plugins", "fetches plugins on every start", &["plugin-cache"]),
    row("AWS credentials cache", "asks for credentials on every call", &[".aws/cli/cache", ".aws/sso/cache"]),
    row("vulnerability database", "fetches the database on every scan", &[".cache/trivy", ".cache/grype"]),
    // The system.
    row("ldconfig cache", "looks libraries up the slow way", &["/var/cache/ldconfig", "/etc/ld.so.cache*"]),
    row("apt cache", "fetches package lists and packages again", &["/var/cache/apt", "/var/lib/apt/lists"]),
    row("dnf cache", "fetches package lists and packages again", &["/var/cache/dnf", "/var/cache/yum", "/var/cache/libdnf5"]),
    row("apk cache", "fetches package lists and packages again", &["/var/cache/apk", "/etc/apk/cache"]),
    row("man pages index", "searches man pages the slow way", &["/var/cache/man"]),
    row("name service cache", "asks the name service on every look-up", &["/var/cache/nscd", "/var/db/nscd", "/run/nscd"]),
    // General, so they come last.
    row("user cache", "works without its cache, slower or with more requests", &[".cache"]),
    row("system cache", "works without its cache, slower or with more requests", &["/var/cache"]),
];

/// The cache that a path, or a write root, belongs to.
pub fn of(path: &[u8]) -> Option<&'static Cache> {
    let components: Vec<&[u8]> = path
        .split(|byte| *byte == b'/')
        .filter(|component| !component.is_empty())
        .collect();
    CACHES
        .iter()
        .find(|cache| cache.places.iter().any(|place| lies_in(&components, place)))
}

/// The cache of that name.
pub fn named(name: &str) -> Option<&'static Cache> {
    CACHES.iter().find(|cache| cache.name == name)
}

fn lies_in(components: &[&[u8]], place: &str) -> bool {
    let fits_at = |start: usize| {
        let mut rest = components.get(start..).unwrap_or(&[]).iter();
        let mut parts = place.split('/').filter(|part| !part.is_empty());
        parts.all(|part| rest.next().is_some_and(|component| fits(component, part)))
    };
    match place.starts_with('/') {
        true => fits_at(0),
        false => (0..components.len()).any(fits_at),
    }
}

/// Does a component fit a pattern with at most one star?
fn fits(component: &[u8], pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => component == pattern.as_bytes(),
        Some((head, tail)) => {
            component.len() >= head.len() + tail.len()
                && component.starts_with(head.as_bytes())
                && component.ends_with(tail.as_bytes())
        }
    }
}

#[cfg(test)]
mod tests;
