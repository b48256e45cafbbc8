//! Every manifest of the template is valid, in an order in which nothing comes before what it needs, and scripts/validate.sh
//! finds what is not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::super::expected::files;
use super::super::orchestrator::{ANABRANCH, kustomize, root, run, run_with, write_text};
use super::super::schema::{Schemas, documents};
use super::{Copy, template, text};

fn build(folder: &Path) -> Vec<Value> {
    let mut command = kustomize();
    command.args(["build", "--load-restrictor", "LoadRestrictionsNone"]).arg(folder);
    documents(&run(&mut command, "").ok())
}

/// What a cluster applies by itself: the files below clusters/CLUSTER.
fn cluster(name: &str) -> Vec<Value> {
    let files = files(&template().join("clusters").join(name));
    let applied = files.iter().filter(|(file, _)| !file.starts_with("flux-system/"));
    applied.flat_map(|(_, bytes)| documents(&String::from_utf8_lossy(bytes))).collect()
}

fn name_of(object: &Value) -> String {
    format!("{} {}", text(object, "/kind"), text(object, "/metadata/name"))
}

/// The objects of each Flux Kustomization of a cluster, by its name, and the names that it waits for.
fn applied(cluster_name: &str) -> BTreeMap<String, (Vec<Value>, Vec<String>)> {
    let kustomizations =
        cluster(cluster_name).into_iter().filter(|one| one["kind"] == "Kustomization");
    kustomizations
        .map(|one| {
            let path = text(&one, "/spec/path").trim_start_matches("./");
            let waits_for = one["spec"]["dependsOn"].as_array().into_iter().flatten();
            let waits_for = waits_for.map(|other| text(other, "/name").to_owned()).collect();
            let name = text(&one, "/metadata/name").to_owned();
            (name, (build(&template().join(path)), waits_for))
        })
        .collect()
}

#[test]
fn a_second_judge_finds_every_manifest_valid() {
    let mut objects = Vec::new();
    for cluster_name in ["staging", "production"] {
        objects.extend(cluster(cluster_name));
        objects.extend(applied(cluster_name).into_values().flat_map(|(objects, _)| objects));
        let instance = template().join("bootstrap").join(format!("{cluster_name}.yaml"));
        objects.extend(documents(&std::fs::read_to_string(instance).expect("it is there")));
    }
    assert!(objects.len() > 60, "{} objects", objects.len());
    let mut problems = Vec::new();
    for mut object in objects {
        if object["kind"] == "Secret" {
            object.as_object_mut().expect("an object").remove("sops");
        }
        let found = Schemas::of_the_template().violations(&object);
        problems.extend(found.into_iter().map(|one| format!("{}: {one}", name_of(&object))));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Everything that a Kustomization waits for, itself included.
fn before(
    name: &str,
    all: &BTreeMap<String, (Vec<Value>, Vec<String>)>,
    seen: &mut BTreeSet<String>,
) {
    if seen.insert(name.to_owned()) {
        let (_, waits_for) = all.get(name).unwrap_or_else(|| panic!("there is no {name}"));
        waits_for.iter().for_each(|other| before(other, all, seen));
    }
}

#[test]
fn nothing_is_applied_before_its_namespace_its_kind_and_its_secrets() {
    for cluster_name in ["staging", "production"] {
        let all = applied(cluster_name);
        for (name, (objects, _)) in &all {
            let mut first = BTreeSet::new();
            before(name, &all, &mut first);
            let there: Vec<&Value> = first.iter().flat_map(|one| &all[one].0).collect();
            let has = |kind: &str, namespace: &str, name: &str| {
                there.iter().any(|one| {
                    let namespaced = text(one, "/metadata/namespace") == namespace;
                    one["kind"] == kind && namespaced && one["metadata"]["name"] == name
                })
            };
            for object in objects {
                let what = format!("{cluster_name}: {name}: {}", name_of(object));
                let namespace = text(object, "/metadata/namespace");
                let made = namespace.is_empty()
                    || namespace == "flux-system"
                    || has("Namespace", "", namespace);
                assert!(made, "{what}: nothing before makes the namespace {namespace}");
                let (group, _) = text(object, "/apiVersion").split_once('/').unwrap_or_default();
                // Flux brings its own kinds, Kubernetes those without a domain or of k8s.io.
                let known = !group.contains('.')
                    || group.ends_with("toolkit.fluxcd.io")
                    || (group.ends_with(".k8s.io") && !group.starts_with("gateway."));
                let controllers = first.contains("infra-controllers");
                assert!(known || controllers && name != "infra-controllers", "{what}: {group}");
                for pointer in ["/spec/secretRef/name", "/spec/decryption/secretRef/name"] {
                    let secret = text(object, pointer);
                    let bootstrapped = ["", "sops-age"].contains(&secret);
                    assert!(bootstrapped || has("Secret", namespace, secret), "{what}: {secret}");
                }
            }
        }
    }
}

#[test]
fn secrets_that_previews_name_are_there() {
    let secrets = build(&template().join("secrets/staging"));
    let previews = std::fs::read_to_string(template().join("previews/previews.yaml"));
    let previews = documents(&previews.expect("it is there")).remove(0);
    let flux = &previews["spec"]["flux"];
    let namespace = text(flux, "/namespace");
    let mut wanted = vec![
        text(flux, "/artifacts/receiver/secretRef/name"),
        text(flux, "/artifacts/ociRepository/secretRef/name"),
    ];
    let notify = previews["spec"]["notify"].as_array().expect("somebody is told");
    wanted.extend(notify.iter().map(|one| text(one, "/secretRef/name")));
    assert_eq!(wanted.len(), 3);
    for name in wanted {
        let there = secrets.iter().any(|one| {
            one["kind"] == "Secret"
                && text(one, "/metadata/name") == name
                && text(one, "/metadata/namespace") == namespace
        });
        assert!(there, "secrets/staging has no `{name}` in {namespace}");
    }
}

#[test]
fn secrets_are_encrypted_for_the_key_of_sops_yaml() {
    let rules = std::fs::read_to_string(template().join(".sops.yaml")).expect("it is there");
    let rules: Value = yaml_serde::from_str(&rules).expect("it is YAML");
    let mut seen = 0;
    for (rule, folder) in ["secrets/staging", "secrets/production"].into_iter().enumerate() {
        let recipient = text(&rules, &format!("/creation_rules/{rule}/age"));
        let path = text(&rules, &format!("/creation_rules/{rule}/path_regex"));
        assert!(recipient.starts_with("age1") && path.contains(folder), "{recipient} {path}");
        for secret in build(&template().join(folder)).iter().filter(|one| one["kind"] == "Secret") {
            seen += 1;
            assert_eq!(text(secret, "/sops/age/0/recipient"), recipient, "{}", name_of(secret));
            let values =
                ["data", "stringData"].iter().filter_map(|field| secret[field].as_object());
            let values: Vec<&Value> = values.flat_map(|field| field.values()).collect();
            let encrypted =
                |value: &&Value| value.as_str().is_some_and(|one| one.starts_with("ENC["));
            assert!(!values.is_empty() && values.iter().all(encrypted), "{}", name_of(secret));
        }
    }
    assert!(seen >= 5, "{seen} secrets");
}

#[test]
fn validate_sh_finds_nothing_in_the_template_and_needs_no_network() {
    let copy = Copy::new();
    let mut command = Command::new(copy.path("scripts/validate.sh"));
    command.current_dir(copy.path("."));
    // Nobody listens there.
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
        command.env(proxy, "http://127.0.0.1:9");
    }
    let said = run_with(&mut command, Path::new(ANABRANCH).parent().expect("a folder"));
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.ends_with("everything is valid\n"), "{}", said.stdout);
}

/// What somebody may get wrong: a name, a file, what stands there, what is written instead, and words of the answer.
type Mistake = (&'static str, &'static str, &'static str, &'static str, &'static str);

const BROKEN: [Mistake; 15] = [
    (
        "a misspelt field of Kubernetes",
        "apps/base/cart.yaml",
        "readinessProbe:",
        "readynessProbe:",
        "readynessProbe",
    ),
    (
        "a number as a text",
        "apps/base/cart.yaml",
        "ports: [{name: http, port: 8080, targetPort: http}]",
        "ports: [{name: http, port: \"8080\", targetPort: http}]",
        "/spec/ports/0/port",
    ),
    (
        "a misspelt field of the Gateway API",
        "apps/base/entry.yaml",
        "timeouts: {request: 30s}",
        "timeout: {request: 30s}",
        "timeout",
    ),
    (
        "a misspelt field of Flux",
        "clusters/staging/apps.yaml",
        "prune: true",
        "prun: true",
        "clusters/staging/apps.yaml",
    ),
    (
        "a field of Istio that is no list",
        "infrastructure/controllers/kustomization.yaml",
        "  - istio.yaml\n",
        "  - istio.yaml\n  - mesh.yaml\n",
        "hosts",
    ),
    (
        "a kind that does not exist",
        "infrastructure/configs/staging/preview.yaml",
        "kind: Gateway\n",
        "kind: Gatewey\n",
        "Gatewey",
    ),
    (
        "a version that is gone",
        "clusters/production/apps.yaml",
        "kustomize.toolkit.fluxcd.io/v1\n",
        "kustomize.toolkit.fluxcd.io/v1beta2\n",
        "clusters/production/apps.yaml",
    ),
    (
        "a version that its definition has and no API server serves",
        "infrastructure/configs/staging/reports.yaml",
        "apiVersion: external-secrets.io/v1\nkind: ClusterExternalSecret\n",
        "apiVersion: external-secrets.io/v1beta1\nkind: ClusterExternalSecret\n",
        "infrastructure/configs/staging",
    ),
    (
        "a resource that is not there",
        "apps/base/kustomization.yaml",
        "  - cart.yaml\n",
        "  - card.yaml\n",
        "apps/base does not build",
    ),
    (
        "a path that leads nowhere",
        "clusters/staging/infrastructure.yaml",
        "path: ./infrastructure/configs/staging",
        "path: ./infrastructure/config/staging",
        "there is no folder ./infrastructure/config/staging",
    ),
    (
        "a manifest that nothing names",
        "monitoring/kustomization.yaml",
        "  - telemetry.yaml\n",
        "",
        "monitoring/kustomization.yaml does not name telemetry.yaml",
    ),
    (
        "an image that an overlay does not choose",
        "apps/production/kustomization.yaml",
        "  - name: cart\n",
        "  - name: card\n",
        "./apps/production: no entry of `images` says what `cart` is",
    ),
    (
        "a value that is not written",
        "values.yaml",
        "domain: example.com",
        "domain: example.org",
        "previews/previews.yaml: not as values.yaml says",
    ),
    (
        "a preview of a service that is not there",
        "previews/previews.yaml",
        "previews: []",
        "previews: [{name: pr-1, services: [{name: card}]}]",
        "unknown-service",
    ),
    (
        "a Secret that anybody can read",
        "secrets/staging/kustomization.yaml",
        "  - namespace.yaml\n",
        "  - namespace.yaml\n  - plain.yaml\n",
        "secrets/staging/plain.yaml has a Secret that is not encrypted",
    ),
];

/// A copy with some of the mistakes in it.
fn broken(mistakes: impl Iterator<Item = &'static Mistake>) -> Copy {
    let copy = Copy::new();
    for (_, file, old, new, _) in mistakes {
        copy.replace(file, old, new);
    }
    write_text(
        &copy.path("infrastructure/controllers/mesh.yaml"),
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: a, namespace: istio-system}\nspec: {hosts: a.example.com}\n",
    );
    write_text(
        &copy.path("secrets/staging/plain.yaml"),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: plain, namespace: previews}\nstringData: {token: secret}\n",
    );
    copy
}

#[test]
fn validate_sh_refuses_what_is_broken_and_tells_all_of_it_in_one_run() {
    // What does not build shows no other mistake of its folder.
    let alone = |mistake: &&Mistake| mistake.4.contains("does not build");
    for run in [true, false] {
        let mistakes = || BROKEN.iter().filter(|mistake| alone(mistake) == run);
        let said = broken(mistakes()).run("scripts/validate.sh", &[]).failed();
        for (name, _, _, _, words) in mistakes() {
            assert!(said.contains(words), "{name}: `{words}` is not in\n{said}");
        }
    }
}

#[test]
fn validate_sh_takes_what_kubectl_writes() {
    let copy = Copy::new();
    let (name, metadata) = ("name: push\n", "name: push\n    creationTimestamp: null\n");
    copy.replace("secrets/staging/push.yaml", name, metadata);
    copy.run("scripts/validate.sh", &[]).ok();
}

#[test]
fn validate_sh_says_what_a_copy_has_not_done_yet() {
    let copy = Copy::new();
    let names = "tests/suite/fixtures/values/valid/names-with-dots-and-capitals.yaml";
    fs::copy(root().join(names), copy.path("values.yaml")).expect("the values are copied");
    copy.run("scripts/configure.sh", &[]).ok();
    copy.replace("tests/smoke/services.txt", "cart       8080  /healthz\n", "");
    let said = copy.run("scripts/validate.sh", &[]).ok();
    for words in ["a commit of zeros", "the template's key", "services.txt has no line for cart"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(said.ends_with("everything is valid\n"), "{said}");
    // A key of one's own, and the Secrets of the template still there.
    let rules = copy.text(".sops.yaml");
    let own: Vec<&str> = rules
        .lines()
        .map(|line| if line.contains("age: ") { "    age: age1own" } else { line })
        .collect();
    write_text(&copy.path(".sops.yaml"), &own.join("\n"));
    let said = copy.run("scripts/validate.sh", &[]).failed();
    assert!(said.contains("secrets/staging/push.yaml is encrypted for age1lz9"), "{said}");
}

#[test]
fn validate_sh_asks_for_its_programs() {
    let copy = Copy::new();
    let mut command = Command::new("/bin/bash");
    command.current_dir(copy.path(".")).arg("scripts/validate.sh");
    command.env_clear().env("PATH", "/usr/bin:/bin");
    let output = command.output().expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("scripts/tools.sh kustomize kubeconform"),
        "{said}"
    );
}
