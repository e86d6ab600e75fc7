//! The rollout that the README shows: four kinds of refusals, each named and
//! counted; and an orderly end.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::time::Duration;

use super::agent::eventually;
use super::engines::cannot_run;
use super::{Stage, unique};

/// What the app does; each line is refused as often as the table says.
const SCRIPT: &str = "\
echo 1 > /var/run/myapp.pid
for try in 1 2 3; do echo x > /var/cache/myapp/index.bin; done
echo x > /data/state.db
dd if=/dev/zero of=/tmp/upload.part bs=4096 count=64
mkdir /srv/new
rm /etc/passwd
exit 0
";

/// Path, operation, errno, count.
const REFUSED: [(&str, &str, &str, f64); 6] = [
    ("/var/run/myapp.pid", "create", "EROFS", 1.0),
    ("/var/cache/myapp/index.bin", "create", "EROFS", 3.0),
    ("/data/state.db", "create", "EACCES", 1.0),
    ("/tmp/upload.part", "write", "ENOSPC", 1.0),
    ("/srv/new", "mkdir", "EROFS", 1.0),
    ("/etc/passwd", "unlink", "EROFS", 1.0),
];

#[test]
fn the_readmes_denials_are_seen_named_and_counted() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("the_readmes_denials", &why),
    };
    let agent = stage.agent(&[]);
    let name = unique("readme");
    let volume = stage.path().join("volume");
    std::fs::create_dir(&volume).unwrap();
    std::fs::set_permissions(&volume, std::fs::Permissions::from_mode(0o755)).unwrap();
    chown(&volume, Some(4242), Some(4242)).unwrap();
    let volume = format!("{}:/data", volume.display());
    let options = [
        "--user",
        "10001",
        "--tmpfs",
        "/tmp:size=64k,mode=1777",
        "--volume",
        &volume,
    ];
    stage.run(&name, &options, &["sh", "-c", SCRIPT]);

    eventually("every denial is counted", Duration::from_secs(10), || {
        let denials = agent.denials();
        REFUSED.iter().all(|(path, operation, errno, count)| {
            denials.iter().any(|denial| {
                denial.text("/container/name") == name
                    && denial.text("/path") == *path
                    && denial.text("/operation") == *operation
                    && denial.text("/errno") == *errno
                    && denial.json["count"].as_f64() == Some(*count)
            })
        }) || {
            std::thread::sleep(Duration::from_millis(500));
            eprintln!(
                "so far: {:#?}",
                denials.iter().map(|d| &d.json).collect::<Vec<_>>()
            );
            false
        }
    });
    let events = agent.events(|event| event.text("/container/name") == name);
    for (path, operation, errno, _) in REFUSED {
        let found = events.iter().any(|event| {
            event.text("/path") == path
                && event.text("/operation") == operation
                && event.text("/errno") == errno
        });
        assert!(
            found,
            "no event for {operation} {path} {errno}: {events:#?}"
        );
    }
    for (operation, errno, count) in [
        ("create", "EROFS", 4.0),
        ("create", "EACCES", 1.0),
        ("write", "ENOSPC", 1.0),
        ("mkdir", "EROFS", 1.0),
        ("unlink", "EROFS", 1.0),
    ] {
        let labels = [
            ("container", name.as_str()),
            ("operation", operation),
            ("errno", errno),
            ("namespace", ""),
            ("pod", ""),
        ];
        assert_eq!(
            agent.sum("sealwatch_denials_total", &labels),
            count,
            "{operation} {errno}"
        );
    }
    let all = agent.sum("sealwatch_denials_total", &[("container", &name)]);
    assert_eq!(all, 8.0, "nothing is counted that was not provoked");
    let info = agent.sum(
        "sealwatch_container_info",
        &[
            ("container", &name),
            ("runtime", "docker"),
            ("image", xtask::engine::IMAGE),
        ],
    );
    assert_eq!(info, 1.0);

    assert_eq!(agent.stop().code(), Some(0), "SIGTERM ends in order");
}
