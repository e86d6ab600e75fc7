//! What is a finding, and in which words.

use super::*;

fn root_of(posture: &Posture) -> (Root, Vec<(&'static str, &str)>) {
    (posture.root, labels(posture))
}

#[test]
fn a_root_is_judged_by_what_was_asked_for() {
    let judged = |root, asked| judged(docker(root, ""), &container("", asked));
    let told = judged("ro", Some(true));
    assert_eq!(root_of(&told), (Root::ReadOnly, vec![]));
    let told = judged("rw", Some(true));
    let expected = vec![("writable_root_asked_read_only", "/")];
    assert_eq!(root_of(&told), (Root::Writable, expected));
    let finding = &told.findings[0];
    assert_eq!(
        finding.sentence,
        "the root is writable although --read-only was asked for"
    );
    assert!(finding.fix.contains("CAP_SYS_ADMIN"), "{finding:?}");
    assert_eq!(
        finding.evidence,
        "overlay on /: mount rw,relatime, file system rw"
    );
    for asked in [Some(false), None] {
        let expected = vec![("writable_root", "/")];
        assert_eq!(root_of(&judged("rw", asked)), (Root::Writable, expected));
    }
}

#[test]
fn pods_are_told_in_the_words_of_pods() {
    let pod = container("web-1", Some(true));
    let told = judged(docker("rw", "710 700 0:60 / /tmp rw - tmpfs t rw\n"), &pod);
    let words = |kind: FindingKind| {
        let finding = told.findings.iter().find(|finding| finding.kind == kind);
        let finding = finding.unwrap();
        (finding.sentence.clone(), finding.fix.clone())
    };
    let (sentence, fix) = words(FindingKind::WritableRootAskedReadOnly);
    assert!(sentence.ends_with("readOnlyRootFilesystem was asked for"));
    assert!(fix.contains("privileged: true"), "{fix}");
    let (sentence, fix) = words(FindingKind::TmpfsWithoutSize);
    assert_eq!(
        (sentence.as_str(), fix.as_str()),
        ("tmpfs /tmp without size", "set sizeLimit on the emptyDir")
    );
    for finding in &told.findings {
        assert!(!finding.fix.contains("--"), "{finding:?}");
    }
}

#[test]
fn mounts_are_findings_by_kind_and_options() {
    let asked = container("", Some(true));
    let found = |more: &str| {
        let told = judged(docker("ro", more), &asked);
        let found = labels(&told).into_iter();
        found
            .map(|(label, place)| format!("{label} {place}"))
            .collect::<Vec<_>>()
    };
    let safe = "rw,nosuid,nodev,noexec";
    let no_finding: [String; 0] = [];
    for more in [
        format!("710 700 0:60 / /tmp {safe} - tmpfs t rw,size=64k\n"),
        "710 700 8:1 /var/lib/docker/volumes/db/_data /db rw - ext4 a rw\n".to_owned(),
        "710 700 8:1 /host/secret /secret ro - ext4 a rw\n".to_owned(),
        "710 700 0:60 / /tmp ro - tmpfs t rw\n".to_owned(),
    ] {
        assert_eq!(found(&more), no_finding, "{more}");
    }
    for (more, expected) in [
        (
            format!("0:60 / /t {safe} - tmpfs t rw"),
            vec!["tmpfs_without_size /t"],
        ),
        (
            format!("0:60 / /t {safe} - tmpfs t rw,size=0k"),
            vec!["tmpfs_without_size /t"],
        ),
        (
            "0:60 / /t rw,nosuid,nodev - tmpfs t rw,size=4k".to_owned(),
            vec!["tmpfs_executable /t"],
        ),
        (
            "0:60 / /t rw - tmpfs t rw,size=4k".to_owned(),
            vec!["tmpfs_executable /t", "tmpfs_setuid /t", "tmpfs_devices /t"],
        ),
        (
            "8:1 /host/secret /s rw - ext4 a rw".to_owned(),
            vec!["writable_host_path /s"],
        ),
        (
            "0:23 /docker.sock /var/run/docker.sock ro - tmpfs t rw".to_owned(),
            vec!["runtime_socket /var/run/docker.sock"],
        ),
    ] {
        assert_eq!(found(&format!("710 700 {more}\n")), expected, "{more}");
    }
}

#[test]
fn a_writable_host_path_is_named_as_the_host_has_it() {
    let told = judged(
        docker("ro", "710 700 8:1 /host/secret /s\\040x rw - ext4 a rw\n"),
        &container("", None),
    );
    let finding = &told.findings[0];
    assert_eq!(finding.sentence, "writable host path /host/secret at /s x");
    assert_eq!(
        finding.fix,
        "append :ro to the mount at /s x, or use a volume"
    );
}

#[test]
fn a_privileged_containers_kernel_files_are_found() {
    let open = DOCKER
        .replace("ROOT", "ro")
        .replace("/sys ro,", "/sys rw,")
        .replace("sysfs sysfs ro", "sysfs sysfs rw")
        .replace(
            "601 701 0:53 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw\n",
            "",
        )
        .replace("ID", &"c0".repeat(32))
        .replace("MORE", "");
    let table = table(&parse(open.as_bytes()), &host(), false).unwrap();
    let told = judged(table, &container("", Some(true)));
    let expected = [
        ("writable_kernel_files", "/proc/sys"),
        ("writable_kernel_files", "/sys"),
    ];
    assert_eq!(labels(&told), expected);
}

#[test]
fn root_is_who_is_root_on_the_host() {
    let found = |user| {
        let facts = Facts {
            table: Ok(docker("ro", "")),
            user,
        };
        judge(&Arc::new(facts), &container("", Some(true)))
            .findings
            .len()
    };
    let user = |host_uid, uid| Ok(User { host_uid, uid });
    assert_eq!(found(user(0, Some(0))), 1);
    assert_eq!(found(user(0, None)), 1);
    assert_eq!(found(user(100_000, Some(0))), 0);
    assert_eq!(found(user(10_001, Some(10_001))), 0);
    assert_eq!(found(Err(Unknown::Unreadable)), 0);
}

#[test]
fn what_is_not_known_is_no_finding() {
    for why in [Unknown::NoProcess, Unknown::HostMounts, Unknown::Starting] {
        let told = judge(&Arc::new(Facts::unknown(why)), &container("", Some(true)));
        assert_eq!(root_of(&told), (Root::Unknown(why), vec![]));
    }
}

#[test]
fn findings_come_worst_first_and_every_kind_has_its_words() {
    let told = judged(
        docker(
            "rw",
            "710 700 0:60 / /a rw - tmpfs t rw\n711 700 8:1 /x /b rw - ext4 a rw\n",
        ),
        &container("", None),
    );
    let kinds: Vec<_> = told.findings.iter().map(|finding| finding.kind).collect();
    assert!(kinds.is_sorted());
    assert!(FindingKind::ALL.is_sorted());
    let names: std::collections::BTreeSet<_> =
        FindingKind::ALL.iter().map(|kind| kind.label()).collect();
    assert_eq!(names.len(), FindingKind::ALL.len());
    for finding in told.findings {
        assert!(!finding.sentence.is_empty() && !finding.fix.is_empty());
        assert!(!finding.evidence.contains("lowerdir"), "{finding:?}");
    }
}
