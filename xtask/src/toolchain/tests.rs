//! The decision on machines of every kind, and the parsing of what programs answer.

use super::{
    facts::{leading_version, parse_ldd, parse_version},
    *,
};

const WEB: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

fn rustc(path: &str, llvm: u32) -> Rustc {
    Rustc {
        rustc: path.into(),
        cargo: "/usr/bin/cargo".into(),
        version: Version(1, 96),
        llvm,
        sources: true,
    }
}

fn linker(llvm: Option<u32>) -> Linker {
    Linker {
        path: "/bin/bpf-linker".into(),
        llvm,
    }
}

fn debian() -> Facts {
    Facts {
        apt: true,
        lists_fresh: true,
        rustup: true,
        ..Facts::default()
    }
}

#[test]
fn a_bare_debian_installs_compiler_then_llvm_then_linker() {
    let mut facts = Facts {
        lists_fresh: false,
        ..debian()
    };
    assert_eq!(next_step(&facts), Step::FetchLists);
    facts.lists_fresh = true;
    facts.offer = Some(Offer {
        packages: WEB,
        version: Version(1, 96),
    });
    assert_eq!(
        next_step(&facts),
        Step::Packages(WEB.map(str::to_owned).to_vec())
    );
    let system = rustc("/usr/bin/rustc", 22);
    facts.system = Some(system.clone());
    let llvm = ["llvm-22-dev", "libpolly-22-dev"]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(next_step(&facts), Step::Packages(llvm));
    facts.llvm_dev = vec![14, 22];
    assert_eq!(next_step(&facts), Step::Linker(22, system.clone()));
    facts.linkers = vec![linker(Some(22))];
    let linker = "/bin/bpf-linker".into();
    assert_eq!(
        next_step(&facts),
        Step::Ready(Toolchain {
            rustc: system,
            linker
        })
    );
}

#[test]
fn a_linker_of_another_llvm_does_not_fit() {
    let system = rustc("/usr/bin/rustc", 22);
    let facts = Facts {
        system: Some(system.clone()),
        llvm_dev: vec![22],
        linkers: vec![linker(Some(21)), linker(None)],
        ..debian()
    };
    assert_eq!(next_step(&facts), Step::Linker(22, system));
}

#[test]
fn a_compiler_without_sources_is_completed() {
    let mut system = rustc("/usr/bin/rustc", 22);
    system.sources = false;
    let offer = Some(Offer {
        packages: WEB,
        version: Version(1, 96),
    });
    let facts = Facts {
        system: Some(system),
        offer,
        ..debian()
    };
    assert_eq!(
        next_step(&facts),
        Step::Packages(WEB.map(str::to_owned).to_vec())
    );
}

#[test]
fn old_lists_are_fetched_before_an_offer_is_called_too_old() {
    let offer = Some(Offer {
        packages: WEB,
        version: Version(1, 85),
    });
    let facts = Facts {
        offer,
        lists_fresh: false,
        ..debian()
    };
    assert_eq!(next_step(&facts), Step::FetchLists);
    assert_eq!(
        next_step(&Facts {
            lists_fresh: true,
            ..facts.clone()
        }),
        Step::Nightly
    );
    let Step::Impossible(why) = next_step(&Facts {
        lists_fresh: true,
        rustup: false,
        ..facts
    }) else {
        panic!("there is nothing to install");
    };
    assert!(
        why.contains("1.88") && why.contains("only rustc 1.85"),
        "{why}"
    );
}

#[test]
fn elsewhere_rustup_serves() {
    let mut facts = Facts {
        rustup: true,
        ..Facts::default()
    };
    assert_eq!(next_step(&facts), Step::Nightly);
    let nightly = rustc("/rustup/nightly/rustc", 23);
    facts.nightly = Some(nightly.clone());
    let Step::Impossible(why) = next_step(&facts) else {
        panic!("no linker, no LLVM")
    };
    assert!(why.contains("LLVM 23"), "{why}");
    facts.llvm_dev = vec![23];
    assert_eq!(next_step(&facts), Step::Linker(23, nightly.clone()));
    facts.linkers = vec![linker(None)];
    let linker = "/bin/bpf-linker".into();
    assert_eq!(
        next_step(&facts),
        Step::Ready(Toolchain {
            rustc: nightly,
            linker
        })
    );
}

#[test]
fn without_anything_the_way_out_is_named() {
    let Step::Impossible(why) = next_step(&Facts::default()) else {
        panic!("there is nothing to install");
    };
    assert!(why.contains("https://rustup.rs"), "{why}");
}

#[test]
fn what_programs_answer_is_read() {
    let text = "rustc 1.96.0 (ac68faa20 2026-05-25)\nhost: x86_64-unknown-linux-gnu\n\
                release: 1.96.0\nLLVM version: 22.1.8\n";
    assert_eq!(parse_version(text), Some((Version(1, 96), 22)));
    assert_eq!(
        leading_version("1.85.0+dfsg3-1~deb12u3"),
        Some(Version(1, 85))
    );
    assert_eq!(leading_version("unknown"), None);
    assert_eq!(
        parse_ldd("\tlibc.so.6 => x\n\tlibLLVM.so.22.1 => /usr/lib (0x0)\n"),
        Some(22)
    );
    assert_eq!(parse_ldd("\tlibLLVM-17.so.1 => /usr/lib (0x0)\n"), Some(17));
    assert_eq!(parse_ldd("\tstatically linked\n"), None);
}

#[test]
fn the_oldest_rustc_is_the_manifests() {
    let manifest = include_str!("../../../Cargo.toml");
    let Version(major, minor) = OLDEST_RUSTC;
    assert!(manifest.contains(&format!("rust-version = \"{major}.{minor}\"")));
}
