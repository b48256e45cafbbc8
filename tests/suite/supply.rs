//! What is shipped beside the binary: its bill of materials.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::orchestrator::{make, root, run, skipped};

type Crates = BTreeSet<(String, String)>;

fn triple() -> String {
    format!("{}-unknown-linux-musl", std::env::consts::ARCH)
}

/// Whether the static binary can be compiled here and its bill written.
fn can_compile() -> bool {
    let sysroot = run(Command::new("rustc").args(["--print", "sysroot"]), "").ok();
    let target = format!("{}/lib/rustlib/{}", sysroot.trim(), triple());
    let python = Command::new("python3").arg("--version").output();
    let there = fs::metadata(target).is_ok() && python.is_ok_and(|told| told.status.success());
    if !there {
        skipped("Python or Rust's musl target is missing");
    }
    there
}

/// The crates of a graph that cargo resolves for the release, this one left out.
fn tree(edges: &str) -> Crates {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root()).args(["tree", "--locked", "--prefix", "none", "--format", "{p}"]);
    let text = run(cargo.args(["--edges", edges, "--target", &triple()]), "").ok();
    let mut crates = Crates::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        if let (Some(name), Some(version)) = (words.next(), words.next())
            && name != "anabranch"
        {
            crates.insert((name.to_owned(), version.trim_start_matches('v').to_owned()));
        }
    }
    crates
}

#[test]
fn the_bill_of_materials_lists_exactly_the_crates_in_the_binary() {
    if !can_compile() {
        return;
    }
    make(&["sbom"]);
    let arch = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "amd64" };
    let path = root().join("dist/linux").join(arch).join("anabranch.cdx.json");
    let text = fs::read_to_string(path).expect("make sbom writes it");
    let bill: Value = serde_json::from_str(&text).expect("it is JSON");
    let listed = |scope: &str| -> Crates {
        let components = bill["components"].as_array().expect("there are components");
        let of_scope = components.iter().filter(|component| component["scope"] == scope);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        of_scope.map(|component| (text(&component["name"]), text(&component["version"]))).collect()
    };
    let (linked, ran) = (listed("required"), listed("excluded"));

    // The bill is made of what cargo compiled; this is what cargo resolves.
    assert_eq!(linked, tree("normal,no-proc-macro"));
    let all: Crates = linked.union(&ran).cloned().collect();
    assert_eq!(all, tree("normal,build"));
    for tested in ["proptest", "jsonschema", "tempfile", "yaml_serde"] {
        assert!(!text.contains(&format!("pkg:cargo/{tested}@")), "{tested} is for tests only");
    }
    assert!(!text.contains(&root().display().to_string()), "it names a folder of this machine");
}
