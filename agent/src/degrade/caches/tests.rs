//! Each known cache is found by a path of everyday, and nothing else is.

use super::*;

/// One path at least for each row of [`CACHES`].
const PATHS: &[(&str, &str)] = &[
    (
        "/var/cache/nginx/client_temp",
        "nginx temporary files and proxy cache",
    ),
    ("/var/cache/nginx", "nginx temporary files and proxy cache"),
    (
        "/var/lib/nginx/body",
        "nginx temporary files and proxy cache",
    ),
    (
        "/usr/local/nginx/proxy_temp/1/00",
        "nginx temporary files and proxy cache",
    ),
    ("/var/cache/apache2/mod_cache_disk/x", "Apache cache"),
    ("/var/spool/squid/00/00", "Squid cache"),
    ("/var/cache/varnish/x", "Varnish cache"),
    (
        "/usr/local/tomcat/work/Catalina/localhost",
        "Tomcat compiled pages",
    ),
    ("/opt/tomcat9/work", "Tomcat compiled pages"),
    ("/var/cache/ocsp/response.der", "OCSP cache"),
    ("/data/caddy/ocsp/example.org-1234", "OCSP cache"),
    ("/run/apache2/ssl_scache.dir", "TLS session cache"),
    (
        "/root/.dotnet/corefx/cryptography/crls/a.crl",
        "certificate revocation lists",
    ),
    (
        "/app/pkg/__pycache__/x.cpython-311.pyc.140",
        "Python bytecode",
    ),
    ("/app/classes.jsa", "JVM class data"),
    ("/tmp/hsperfdata_app/1", "JVM performance data"),
    ("/var/opcache/ab12/index.php.bin", "PHP opcache"),
    ("/srv/app/var/cache/prod/pools", "Symfony cache"),
    ("/var/www/storage/framework/views/x.php", "Laravel cache"),
    ("/app/tmp/cache/bootsnap/load-path-cache", "bootsnap"),
    ("/app/tmp/cache/assets/sprockets", "Rails cache"),
    ("/tmp/node-compile-cache/v22", "Node compile cache"),
    ("/app/.next/cache/images", "Next.js cache"),
    (
        "/root/.nv/ComputeCache/index",
        "Numba, Triton and CUDA kernels",
    ),
    ("/root/.cache/mesa_shader_cache_db/x", "shader cache"),
    ("/root/.julia/compiled/v1.10", "Julia compiled packages"),
    ("/root/.cache/wasmtime/modules", "wasmtime compiled modules"),
    ("/home/node/.npm/_logs", "npm cache"),
    ("/home/node/.npm", "npm cache"),
    ("/app/.yarn/cache/x.zip", "yarn cache"),
    ("/root/.local/share/pnpm/store/v3", "pnpm store"),
    (
        "/app/node_modules/.cache/babel-loader",
        "JavaScript build cache",
    ),
    ("/deno-dir/gen", "Deno cache"),
    ("/root/.cache/pip/http", "pip cache"),
    ("/root/.cache/go-build/00", "Go build cache"),
    ("/root/.cargo/registry/index", "Cargo registry"),
    ("/root/.ccache/0", "compiler cache"),
    ("/root/.m2/repository/x", "Maven repository"),
    ("/home/gradle/.gradle/caches", "Gradle cache"),
    ("/root/.ivy2/cache", "Ivy and Coursier cache"),
    ("/root/.composer/cache/repo", "Composer cache"),
    ("/root/.bundle/cache/x", "Bundler cache"),
    ("/root/.nuget/packages/x", "NuGet cache"),
    ("/root/.hex/packages", "Hex cache"),
    ("/root/.cache/huggingface/hub/models", "Hugging Face cache"),
    ("/root/.cache/torch/hub", "Torch cache"),
    ("/tmp/data-gym-cache/9b5", "tokenizer cache"),
    ("/root/.config/matplotlib", "matplotlib cache"),
    ("/tmp/matplotlib-x1/fontlist.json", "matplotlib cache"),
    ("/var/cache/fontconfig/x.cache-8", "fontconfig cache"),
    (
        "/root/.cache/gstreamer-1.0/registry.bin",
        "GStreamer registry",
    ),
    ("/root/.cache/chromium/Default", "browser cache"),
    ("/root/.cache/ms-playwright/x", "downloaded browsers"),
    ("/root/.kube/cache/discovery", "kubectl cache"),
    ("/root/.cache/helm/repository", "Helm cache"),
    ("/root/.terraform.d/plugin-cache/x", "Terraform plugins"),
    ("/root/.aws/sso/cache/x.json", "AWS credentials cache"),
    ("/root/.cache/trivy/db", "vulnerability database"),
    ("/var/cache/ldconfig/aux-cache~", "ldconfig cache"),
    ("/etc/ld.so.cache~", "ldconfig cache"),
    ("/var/cache/apt/archives/lock", "apt cache"),
    ("/var/cache/dnf/x.solv", "dnf cache"),
    ("/etc/apk/cache/x.apk", "apk cache"),
    ("/var/cache/man/index.db", "man pages index"),
    ("/var/cache/nscd/passwd", "name service cache"),
    ("/home/app/.cache/something", "user cache"),
    ("/home/app/.cache", "user cache"),
    ("/var/cache/something/x", "system cache"),
];

#[test]
fn every_row_is_found_by_its_paths() {
    for (path, name) in PATHS {
        let found = of(path.as_bytes()).map(|cache| cache.name);
        assert_eq!(found, Some(*name), "{path}");
    }
    for cache in CACHES {
        let shown = PATHS.iter().any(|(_, name)| *name == cache.name);
        assert!(shown, "no path for {}", cache.name);
        assert_eq!(named(cache.name), Some(cache), "two rows have one name");
        assert!(
            cache
                .places
                .iter()
                .all(|place| place.matches('*').count() < 2 || place.contains('/'))
        );
    }
}

#[test]
fn what_is_no_cache_is_none() {
    for path in [
        "/",
        "",
        "_other",
        "/home/app/.config/app/settings.json",
        "/var/lib/postgresql/data",
        "/home/app/.local/share/app/db.sqlite",
        "/home/app/.ssh/known_hosts",
        "/home/app/cache.txt",
        "/var/cached/x",
        "/srv/var/cache",
        "/tmp/cache/x",
        "/tmp/x",
        "/root/.aspnet/DataProtection-Keys/key.xml",
        "/app/pycache",
        "/var/run/app.pid",
    ] {
        assert_eq!(of(path.as_bytes()), None, "{path}");
    }
    assert_eq!(of(b"/a\xff\n/.cache\xff/x"), None);
    assert_eq!(of(&[b'/'; 4096]), None);
}
