//! The JSON Schema marks what `check` refuses by its form alone, and nothing that it takes.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::orchestrator::{ANABRANCH, CART, run};

/// Values by the pointer to their field: those that are right, and those that are not.
const VALUES: &[(&str, &[&str], &[&str])] = &[
    (
        "/spec/previews/0/name",
        &["pr-1", "pr-a-b", "pr-0123456789012345678901234567890123456"],
        &[
            "pr-Feature",
            "pr-a/b",
            "pr-a_b",
            "pr-1-",
            "1-pr",
            "",
            "pr-ä",
            "pr-01234567890123456789012345678901234567",
        ],
    ),
    (
        "/spec/previews/0/expires",
        &["", "2026-12-01T00:00:00Z", "2026-12-01 00:00:00.5+01:00", "2026-12-01t00:00:00z"],
        &["2026-12-01", "72h", "tomorrow", "2026-12-01T00:00:00", "2026-12-01T00:00:00+01"],
    ),
    (
        "/spec/previews/0/changes/0/commit",
        &[
            "90d51dc2888fbbef60f3ddecea6cb05ac8c43ec4",
            "90d51dc2888fbbef60f3ddecea6cb05ac8c43ec490d51dc2888fbbef60f3ddec",
        ],
        &["49abc2b", "main", "", "90D51DC2888FBBEF60F3DDECEA6CB05AC8C43EC4"],
    ),
    (
        "/spec/previews/0/changes/0/repository",
        &["https://github.com/shop/shop", "http://git.local:3000/shop.git"],
        &[
            "github.com/shop/shop",
            "git@github.com:shop/shop.git",
            "https://bob:pw@github.com/shop/shop",
            "",
        ],
    ),
    (
        "/spec/previews/0/services/0/image",
        &[
            "",
            "nginx:1.27",
            "localhost:5000/a/b_c/cart:v1.2_3-rc",
            "[::1]:5000/x",
            "r.example/a__b--c",
            "LOCAL/x",
        ],
        &[
            "r.example/ cart:2",
            "???",
            "cart:${TAG}",
            "r.example/cart@sha256:abc",
            "Cart",
            "a//b",
            "cart:",
            "a..b",
        ],
    ),
    ("/spec/tests/0/timeout", &["15m", "1h30m", "500ms", "1.5h"], &["15 minutes", "600", "", "1d"]),
    ("/spec/tests/0/name", &["e2e", "a-1"], &["E2E", "a.b", "-a", "012345678901234567890"]),
    ("/spec/baseline/namespace", &["shop"], &["Shop", "shop_1", "shop-", ""]),
    ("/spec/prefix", &["pr-", "p"], &["PR-", "-pr", "1", ""]),
    ("/spec/namespace", &["{preview}", "x-{preview}"], &["preview", ""]),
    ("/metadata/name", &["shop", "shop-1"], &["Shop", "shop.1", ""]),
];

fn previews() -> Value {
    json!({
        "apiVersion": "anabranch.dev/v1alpha1",
        "kind": "Previews",
        "metadata": {"name": "shop"},
        "spec": {
            "baseline": {"namespace": "shop"},
            "tests": [{"name": "smoke", "path": "./smoke"}],
            "previews": [{
                "name": "pr-1",
                "changes": [{
                    "repository": "https://github.com/shop/shop",
                    "number": 1,
                    "commit": "90d51dc2888fbbef60f3ddecea6cb05ac8c43ec4",
                }],
                "services": [{"name": "cart", "image": "cart:2"}],
            }],
        },
    })
}

/// The findings about a field, and of which kind.
fn refused(previews: &Value) -> bool {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let write =
        |name: &str, text: &str| fs::write(scratch.path().join(name), text).expect("written");
    fs::create_dir(scratch.path().join("smoke")).expect("a folder");
    write("previews.yaml", &previews.to_string());
    write("baseline.yaml", CART);
    let mut command = Command::new(ANABRANCH);
    let line = ["check", "previews.yaml", "-b", "baseline.yaml"];
    run(command.args(line).current_dir(scratch.path()), "").code != Some(0)
}

#[test]
fn the_schema_and_check_refuse_the_same_forms() {
    let schema = run(Command::new(ANABRANCH).arg("schema"), "").ok();
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for (pointer, right, wrong) in VALUES {
        for (texts, is_right) in [(right, true), (wrong, false)] {
            for text in *texts {
                let mut previews = previews();
                let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
                previews.pointer_mut(parent).expect("is there")[field] = json!(text);
                assert_eq!(validator.is_valid(&previews), is_right, "the schema: {pointer} {text}");
                assert_eq!(refused(&previews), !is_right, "check: {pointer} {text}");
            }
        }
    }
    let mut previews = previews();
    previews["spec"]["previews"][0]["changes"][0]["number"] = json!(0);
    assert!(!validator.is_valid(&previews) && refused(&previews));
    let mut previews = self::previews();
    previews["spec"]["previews"][0]["services"] = json!([]);
    assert!(!validator.is_valid(&previews) && refused(&previews));
}
