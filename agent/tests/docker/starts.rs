//! The real nginx that cannot make its directories: it fails to start, until it
//! has a place for them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use xtask::engine::IMAGE;
use xtask::layout;
use xtask::toolchain::apt;

use super::agent::eventually;
use super::engines::cannot_run;
use super::{Stage, unique};

const CONF: &str = "\
user root root;
daemon off;
pid /tmp/nginx.pid;
error_log /dev/stderr;
events {}
http {
  access_log off;
  client_body_temp_path /var/cache/nginx/client_temp;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server { listen unix:/tmp/nginx.sock; }
}
";

/// nginx from Debian's package, and the directories of its libraries.
fn nginx() -> Result<(PathBuf, Vec<String>), String> {
    let dir = layout::cache_dir().join("nginx");
    let program = dir.join("usr/sbin/nginx");
    if !program.exists() {
        apt::unpack("nginx", &dir).map_err(|error| format!("{error:#}"))?;
    }
    let needs = Command::new("ldd")
        .arg(&program)
        .output()
        .map_err(|error| format!("ldd: {error}"))?;
    let needs = String::from_utf8_lossy(&needs.stdout).into_owned();
    if needs.is_empty() || needs.contains("not found") {
        return Err(format!("this machine lacks libraries of nginx: {needs}"));
    }
    let files = needs
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    let parent = |file: &str| Some(Path::new(file).parent()?.to_string_lossy().into_owned());
    let mut dirs: Vec<String> = files.filter_map(parent).collect();
    dirs.sort();
    dirs.dedup();
    Ok((program, dirs))
}

#[test]
fn nginx_without_its_cache_fails_to_start() {
    let parts = Stage::set().and_then(|stage| Ok((stage, nginx()?)));
    let (stage, (program, libraries)) = match parts {
        Ok(parts) => parts,
        Err(why) => return cannot_run("nginx_without_its_cache", &why),
    };
    let agent = stage.agent(&["--start-window", "8s"]);
    let name = unique("nginx");
    // Its directory is part of the image, as in nginx's own.
    let image = "sealwatch/nginx:latest";
    let make = ["run", "--network", "none", "--name", "make", IMAGE];
    let make = [&make[..], &["mkdir", "-p", "/var/cache/nginx"]].concat();
    stage.engine.docker_ok(&make).unwrap();
    stage.engine.docker_ok(&["commit", "make", image]).unwrap();
    let conf = stage.path().join("nginx.conf");
    std::fs::write(&conf, CONF).unwrap();
    let mut volumes = vec![
        format!("{}:/nginx:ro", program.display()),
        format!("{}:/nginx.conf:ro", conf.display()),
    ];
    volumes.extend(libraries.iter().map(|dir| format!("{dir}:{dir}:ro")));
    let run = |more: &[&str]| {
        let mut args = vec!["run", "-d", "--read-only", "--network", "none"];
        args.extend(["--tmpfs", "/tmp", "--name", &name]);
        args.extend(volumes.iter().flat_map(|volume| ["--volume", volume]));
        args.extend(more);
        args.extend([image, "/nginx", "-c", "/nginx.conf"]);
        stage.engine.docker_ok(&args).unwrap();
    };
    run(&["--restart", "on-failure:2"]);

    let labels = [("container", name.as_str())];
    eventually("three starts fail", Duration::from_secs(40), || {
        agent.sum("sealwatch_start_failures_total", &labels) == 3.0
    });
    let log = stage.engine.docker(&["logs", &name]).unwrap();
    let log = String::from_utf8_lossy(&log.stderr).into_owned();
    let emergency = "mkdir() \"/var/cache/nginx/client_temp\" failed (30: Read-only file system)";
    assert_eq!(log.matches(emergency).count(), 3, "{log}");
    let where_ = [
        labels[0],
        ("write_root", "/var/cache/nginx"),
        ("errno", "EROFS"),
    ];
    assert_eq!(agent.sum("sealwatch_failing_to_start", &where_), 1.0);
    assert_eq!(agent.sum("sealwatch_degraded", &labels), 0.0);
    let changes = || {
        agent.events(|event| {
            event.text("/container/name") == name && !event.text("/event").is_empty()
        })
    };
    let failed = changes();
    assert_eq!(failed.len(), 3, "{failed:#?}");
    for event in &failed {
        assert_eq!(event.text("/event"), "failing_to_start");
        assert_eq!(event.text("/operation"), "mkdir");
        assert_eq!(event.json["exit_code"], 1);
    }

    stage.engine.docker_ok(&["rm", "-f", &name]).unwrap();
    run(&["--tmpfs", "/var/cache/nginx"]);
    eventually("nginx has started", Duration::from_secs(20), || {
        agent.sum("sealwatch_failing_to_start", &labels) == 0.0
    });
    let last = changes().pop().unwrap();
    assert_eq!(last.text("/event"), "started", "{:#}", last.json);
    assert_eq!(agent.stop().code(), Some(0));
}
