//! Each format says the same, and its reader finds it.

use super::*;
use crate::contract::parse;

const CONTRACTS: &str = r#"
version: 1
container: web
environment:
  - {name: HOME, value: /tmp, reason: a home it can write}
  - {name: OPTS, value: "-a 'b' $c\"", reason: ""}
write_roots:
  - {path: /run, kind: tmpfs, reason: process ids, size_limit: 4Mi}
  - {path: /tmp, kind: tmpfs, reason: uploads, size_limit: 64Mi, mode: "1777", exec: true}
  - {path: /var/cache/web, kind: tmpfs, reason: cache, size_limit: 4Mi, owner: {uid: 33, gid: 33}, image_content: true}
  - {path: /var/lib/web, kind: volume, reason: data, owner: {uid: 33, gid: 34}, seen_bytes: 900000000, image_content: true}
  - {path: /data, kind: volume, mounted: true}
  - {path: /usr/bin, kind: should_not_exist, reason: programs}
  - {path: "/srv/a b", kind: tmpfs}
"#;

fn contract() -> Contract {
    parse("x", CONTRACTS).unwrap().remove(0)
}

fn subject(contract: &Contract) -> Subject<'_> {
    Subject {
        contract,
        name: "web",
        image: "web:1",
    }
}

fn yaml(text: &str) -> serde_yaml_ng::Value {
    serde_yaml_ng::from_str(text).expect(text)
}

#[test]
fn flags_of_docker() {
    let contract = contract();
    let sheet = docker(subject(&contract));
    assert_eq!(
        sheet.text,
        "--read-only \\\n\
         --tmpfs /run:rw,nosuid,nodev,noexec,size=4m \\\n\
         --tmpfs /tmp:rw,nosuid,nodev,exec,size=64m,mode=1777 \\\n\
         --volume /var/cache/web \\\n\
         --volume web-var-lib-web:/var/lib/web \\\n\
         --env HOME=/tmp \\\n\
         --env 'OPTS=-a '\\''b'\\'' $c\"'\n"
    );
    let words = shell_words::split(&sheet.text).unwrap();
    assert_eq!(words.last().unwrap(), "OPTS=-a 'b' $c\"");
    let remarks = sheet.remarks.join("\n");
    for expected in [
        "/run: process ids",
        "should not be written: /usr/bin: programs",
        "mounted already, and left as it is: /data",
        "no mount is proposed at /srv/a b",
        "/var/cache/web: the image has files there",
        "/var/lib/web: have the image hold this directory, owned by 33:34",
    ] {
        assert!(remarks.contains(expected), "{expected}\n{remarks}");
    }
}

#[test]
fn a_file_for_compose() {
    let contract = contract();
    let text = compose(subject(&contract)).text;
    let file = yaml(&text);
    let service = &file["services"]["web"];
    assert_eq!(service["read_only"], true);
    assert_eq!(
        service["tmpfs"],
        yaml(
            "[\"/run:rw,nosuid,nodev,noexec,size=4m\", \"/tmp:rw,nosuid,nodev,exec,size=64m,mode=1777\"]"
        )
    );
    assert_eq!(
        service["volumes"],
        yaml("[/var/cache/web, 'var-lib-web:/var/lib/web']")
    );
    assert_eq!(service["environment"][1], "OPTS=-a 'b' $$c\"");
    assert!(file["volumes"]["var-lib-web"].is_mapping());
    assert!(text.contains("      # uploads\n      - \"/tmp:"), "{text}");
    assert!(
        text.contains("\n# should not be written: /usr/bin: programs\n"),
        "{text}"
    );
}

#[test]
fn a_patch_of_a_pod_with_two_containers() {
    let (web, mut side) = (contract(), contract());
    side.container = "side".to_owned();
    let second = Subject {
        name: "side",
        image: "",
        ..subject(&side)
    };
    let text = kubernetes(&[subject(&web), second]).text;
    let patch = yaml(&text);
    let pod = &patch["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["fsGroup"], 34);
    let names: Vec<&str> = pod["volumes"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|volume| volume["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 8);
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), 8, "{names:?}");
    assert_eq!(
        pod["volumes"][0],
        yaml("{name: web-run, emptyDir: {medium: Memory, sizeLimit: 4Mi}}")
    );
    for (container, name) in pod["containers"]
        .as_sequence()
        .unwrap()
        .iter()
        .zip(["web", "side"])
    {
        assert_eq!(container["name"], name);
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(container["env"][1]["value"], "-a 'b' $c\"");
        let mounts = container["volumeMounts"].as_sequence().unwrap();
        assert_eq!(mounts.len(), 4);
        assert_eq!(
            mounts[2],
            yaml(&format!(
                "{{name: {name}-var-cache-web, mountPath: /var/cache/web}}"
            ))
        );
    }
    let inits = pod["initContainers"].as_sequence().unwrap();
    assert_eq!(inits.len(), 4);
    assert_eq!(inits[0]["image"], "web:1");
    assert_eq!(inits[2]["image"], "IMAGE");
    assert_eq!(
        inits[0]["command"][2],
        "cp -a /var/cache/web/. /sealwatch/var/cache/web/"
    );
    assert_eq!(
        inits[0]["volumeMounts"][0]["mountPath"],
        "/sealwatch/var/cache/web"
    );
    let claims: String = text
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .skip_while(|line| !line.starts_with("apiVersion"))
        .take(4)
        .map(|line| format!("{line}\n"))
        .collect();
    let claim = yaml(&claims);
    assert_eq!(claim["metadata"]["name"], "web-var-lib-web");
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "4Gi");
}

#[test]
fn nothing_to_add_is_still_whole() {
    let contract = parse("x", "version: 1\ncontainer: web\n")
        .unwrap()
        .remove(0);
    assert_eq!(docker(subject(&contract)).text, "--read-only\n");
    assert!(yaml(&compose(subject(&contract)).text)["services"]["web"].is_mapping());
    let patch = yaml(&kubernetes(&[subject(&contract)]).text);
    assert!(patch["spec"]["template"]["spec"]["containers"].is_sequence());
}
