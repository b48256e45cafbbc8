//! `anabranch init`: what it finds in a folder, which baseline it takes, and what it says of that.

use std::fs;

use super::arguments::{Shop, words};
use super::orchestrator::CART;

#[test]
fn init_names_the_folder_of_the_manifests_and_not_all_around_it() {
    let shop = Shop::new();
    fs::remove_file(shop.path("previews.yaml")).expect("removes");
    shop.write(
        "tests/e2e/job.yaml",
        "{apiVersion: batch/v1, kind: Job, metadata: {name: e2e, namespace: other}}",
    );
    shop.run("init").ok();
    let text = fs::read_to_string(shop.path("previews.yaml")).expect("is written");
    assert!(text.contains("    path: ./apps\n"), "{text}");
    shop.run("set pr-1 --image cart=cart:2").ok();
    for _ in 0..2 {
        shop.run("render -o apps/out").ok();
    }
}

/// A base and overlays of it, as many a repository has them.
fn overlays(shop: &Shop, namespaces: &[&str]) {
    fs::remove_file(shop.path("previews.yaml")).expect("removes");
    fs::remove_file(shop.path("apps/baseline.yaml")).expect("removes");
    shop.write("apps/base/all.yaml", &CART.replace(", namespace: shop", ""));
    shop.write("apps/base/kustomization.yaml", "resources: [all.yaml]\n");
    for namespace in namespaces {
        let text = format!("namespace: {namespace}\nresources: [../base]\n");
        shop.write(&format!("apps/{namespace}/kustomization.yaml"), &text);
    }
}

#[test]
fn init_takes_one_of_several_overlays_and_says_which() {
    let shop = Shop::new();
    overlays(&shop, &["production", "staging"]);
    let said = words(shop.run("init"));
    let chosen = "the baseline is namespace staging, with the manifests in ./apps/staging\n";
    assert!(said.contains(chosen), "{said}");
    assert!(said.contains("there is also production: for another one,"), "{said}");
    let text = fs::read_to_string(shop.path("previews.yaml")).expect("is written");
    assert!(
        text.contains("    namespace: staging\n") && text.contains("path: ./apps/staging\n"),
        "{text}"
    );
    shop.run("check").ok();
    shop.run("set pr-1 --image cart=cart:2").ok();
    shop.run("check").ok();
    fs::remove_file(shop.path("previews.yaml")).expect("removes");
    fs::remove_dir_all(shop.path("previews")).expect("removes");
    let said = words(shop.run("init --namespace production"));
    assert!(
        said.contains("namespace production, with the manifests in ./apps/production\n"),
        "{said}"
    );
    shop.run("check").ok();
}

#[test]
fn init_takes_the_overlay_of_one_cluster_where_all_have_one_namespace() {
    let shop = Shop::new();
    overlays(&shop, &["production", "staging"]);
    for name in ["production", "staging"] {
        let file = format!("apps/{name}/kustomization.yaml");
        shop.write(&file, "namespace: shop\nresources: [../base]\n");
    }
    // Of no namespace, and so of no baseline.
    shop.write(
        "infra/class.yaml",
        "{apiVersion: v1, kind: PersistentVolume, metadata: {name: disk}}",
    );
    let said = words(shop.run("init"));
    for wanted in [
        "the baseline is namespace shop, with the manifests in ./apps/staging\n",
        "the same Services are in ./apps/production too: spec.baseline.path says which are meant\n",
    ] {
        assert!(said.contains(wanted), "{said}");
    }
    shop.run("set pr-1 --image cart=cart:2").ok();
    shop.run("check").ok();
}

#[test]
fn init_says_why_it_takes_no_path() {
    let shop = Shop::new();
    overlays(&shop, &["staging"]);
    // A namespace in two parts, neither of which holds all, with one object in both.
    let other = |name: &str| CART.replace("name: cart", &format!("name: {name}"));
    shop.write("apps/more/all.yaml", &format!("{CART}---\n{}", other("mail")));
    shop.write("apps/again/all.yaml", &format!("{CART}---\n{}", other("pay")));
    let said = words(shop.run("init --namespace shop"));
    assert!(said.contains("./apps is not taken, as it holds Service cart twice\n"), "{said}");
    let text = fs::read_to_string(shop.path("previews.yaml")).expect("is written");
    assert!(text.contains("    # path: ./apps\n"), "{text}");
    let said = words(shop.run("init empty"));
    assert!(said.contains("no Service of it was found in ./empty\n"), "{said}");
}

#[test]
fn init_writes_what_it_finds_and_check_passes_it() {
    let shop = Shop::new();
    fs::remove_file(shop.path("previews.yaml")).expect("removes");
    let more = "---\n{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}}\n---\n\
                {apiVersion: v1, kind: Service, metadata: {name: pay, namespace: money}}\n---\n\
                {apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: public, namespace: infra}, \
                spec: {listeners: [{name: http}, {name: https, hostname: \"*.preview.shop.org\"}]}}\n";
    shop.write("apps/baseline.yaml", &format!("{CART}{more}"));
    shop.run("init apps").ok();
    let text = fs::read_to_string(shop.path("apps/previews.yaml")).expect("is written");
    for wanted in [
        "    # Its services: cart, web.\n    # Other namespaces here: money. A system that lives in several lists them as `namespaces`.\n    namespace: shop\n",
        "    path: ./apps\n",
        "    gate: ./apps/previews/gate\n",
        "{namespace: infra, name: public, sectionName: https}",
        "host: \"{preview}.preview.shop.org\"",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(shop.path("apps/previews/gate/kustomization.yaml").is_file());
    shop.run_in("apps", "check").ok();
    // What is written beside the manifests is no part of the baseline the next time.
    shop.run_in("apps", "render -o out").ok();
    shop.run_in("apps", "render -o out").ok();
    shop.run_in("apps", "set pr-1 --image cart=cart:2").ok();
    shop.run_in("apps", "check").ok();
    // With everything that it proposes.
    let whole = text.replace("  # ", "  ").replace("    # ", "    ");
    let is_prose =
        |line: &&str| !line.trim_start().starts_with(|c: char| c.is_uppercase() || c == '`');
    let whole: String = whole.lines().filter(is_prose).flat_map(|line| [line, "\n"]).collect();
    shop.write("apps/previews.yaml", &whole);
    let said = words(shop.run_in("apps", "check"));
    assert!(said.contains("suite-missing") && !said.contains("config-"), "{said}\n{whole}");
    // What is asked for wins, and what holds no manifests gets a usual name.
    shop.run("init empty --namespace other").ok();
    let text = fs::read_to_string(shop.path("empty/previews.yaml")).expect("is written");
    assert!(
        text.contains("    namespace: other\n") && text.contains("    # path: ./empty\n"),
        "{text}"
    );
    // Names that YAML would read as something else.
    for odd in ["007", "1e3", "null"] {
        shop.run(&format!("init {odd} --namespace {odd} --name {odd}")).ok();
        shop.run(&format!("check {odd}/previews.yaml -b apps")).ok();
    }
    shop.write("yml/previews.yml", "");
    assert!(shop.run("init yml").failed().contains("yml/previews.yml exists"));
    let odd = shop.run("init a+b").failed();
    assert!(odd.contains("Flux takes no path such as a+b") && !shop.path("a+b").exists(), "{odd}");
}
