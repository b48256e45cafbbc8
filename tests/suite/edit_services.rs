//! `set --service`: services that a preview has with the baseline's image.

use std::process::Command;

use super::orchestrator::{ANABRANCH, Answer, run};

const FILE: &str = "\
apiVersion: anabranch.dev/v1alpha1
kind: Previews
spec:
  baseline: {namespace: shop}
  limits: {requireDigest: false}
  previews:
    - name: pr-4
      services:
        - name: cart # with what it needs
          image: ghcr.io/shop/cart:v4
          env: [{name: A, value: b}]
        - name: web
          containers: [{name: main, image: \"ghcr.io/shop/web:v1\"}]
";

fn set(arguments: &[&str]) -> Answer {
    run(Command::new(ANABRANCH).arg("set").args(arguments).args(["--file", "-"]), FILE)
}

#[test]
fn a_service_without_an_image_stands_beside_one_with() {
    let text = set(&["pr-5", "--service", "cart", "--image", "web=ghcr.io/shop/web:v2"]).ok();
    let entry = "    - name: pr-5
      services:
        - name: cart
        - name: web
          image: ghcr.io/shop/web:v2
";
    assert_eq!(text, format!("{FILE}{entry}"));
    let only = set(&["pr-5", "--service", "cart"]).ok();
    assert_eq!(only, format!("{FILE}    - name: pr-5\n      services:\n        - name: cart\n"));
}

#[test]
fn an_image_that_was_there_goes_and_everything_else_stays() {
    let text = set(&["pr-4", "--service", "cart"]).ok();
    assert_eq!(text, FILE.replace("image: ghcr.io/shop/cart:v4", "image: \"\""));
    assert_eq!(
        run(
            Command::new(ANABRANCH).args(["set", "pr-4", "--service", "cart", "--file", "-"]),
            &text
        )
        .ok(),
        text
    );
    // And comes back.
    let back = ["set", "pr-4", "--image", "cart=ghcr.io/shop/cart:v4", "--file", "-"];
    let back = run(Command::new(ANABRANCH).args(back), &text).ok();
    assert_eq!(back, FILE.replace("ghcr.io/shop/cart:v4", "\"ghcr.io/shop/cart:v4\""));
}

#[test]
fn an_image_that_is_named_too_counts() {
    let text = set(&["pr-5", "--image", "cart=cart:v5", "--service", "cart"]).ok();
    assert!(text.contains("image: cart:v5"), "{text}");
}

#[test]
fn images_that_are_listed_one_by_one_are_left_to_a_person() {
    let said = set(&["pr-4", "--service", "web"]).failed();
    assert!(said.contains("web lists its images one by one") && said.contains("by hand"), "{said}");
}

#[test]
fn a_name_that_is_no_service_is_refused() {
    let said = set(&["pr-5", "--service", "No Service"]).failed();
    assert!(said.contains("`No Service` cannot name a service"), "{said}");
}

#[test]
fn a_service_is_named_with_its_namespace_where_several_have_it() {
    let file = FILE.replace("what it needs\n", "what it needs\n          namespace: pay\n");
    let images = ["--image", "pay/cart=cart:v5", "--image", "shop/cart=cart:v6"];
    let mut set = Command::new(ANABRANCH);
    let text = run(set.args(["set", "pr-4", "--file", "-"]).args(images), &file).ok();
    let changed = file.replace("ghcr.io/shop/cart:v4", "cart:v5");
    let entry = "        - name: cart\n          namespace: shop\n          image: cart:v6\n";
    assert_eq!(text, changed + entry);
}

#[test]
fn a_name_that_the_preview_has_of_two_namespaces_is_refused() {
    let file = FILE.replace("what it needs\n", "what it needs\n          namespace: pay\n")
        + "        - {name: cart, namespace: shop}\n";
    let mut set = Command::new(ANABRANCH);
    let said = run(set.args(["set", "pr-4", "--file", "-", "--image", "cart=cart:v5"]), &file);
    let words = "error[ambiguous-namespace]: the preview lists `cart` of several namespaces";
    let said = said.failed();
    assert!(said.contains(words), "{said}");
}
