//! What the API server refuses of the Gateway API, by its CRDs: lists that are too long, and parentRefs that it
//! cannot tell apart.

use serde_json::Value;

use super::{items, name, namespace, text};

/// Panics at an object that the API server refuses.
#[track_caller]
pub(super) fn check(object: &Value) {
    let of = format!("{} {}/{}", text(object, "kind"), namespace(object), name(object));
    let spec = &object["spec"];
    let short = |node: &Value, field: &str, most: usize| {
        let length = items(node, field).len();
        assert!(length <= most, "{of} has {length} {field}, {most} are possible");
    };
    for (field, most) in
        [("parentRefs", 32), ("hostnames", 16), ("rules", 16), ("from", 16), ("to", 16)]
    {
        short(spec, field, most);
    }
    let mut matches = 0;
    for rule in items(spec, "rules") {
        short(rule, "matches", 64);
        matches += items(rule, "matches").len();
        for one in items(rule, "matches") {
            short(one, "headers", 16);
            short(one, "queryParams", 16);
        }
        short(rule, "backendRefs", 16);
        for node in items(rule, "backendRefs").iter().chain([rule]) {
            short(node, "filters", 16);
            for filter in items(node, "filters") {
                for modifier in ["requestHeaderModifier", "responseHeaderModifier"] {
                    for list in ["set", "add", "remove"] {
                        short(&filter[modifier], list, 16);
                    }
                }
                for (list, most) in
                    [("allowOrigins", 64), ("allowHeaders", 64), ("allowMethods", 9)]
                {
                    short(&filter["cors"], list, most);
                }
            }
        }
    }
    assert!(matches <= 128, "{of} has {matches} matches, 128 are possible");
    // Of parentRefs to one parent, as it is written, all have a section of their own.
    let parents = items(spec, "parentRefs");
    for (index, parent) in parents.iter().enumerate() {
        let same = |other: &&Value| {
            ["group", "kind", "namespace", "name"]
                .iter()
                .all(|field| text(other, field) == text(parent, field))
        };
        let section = text(parent, "sectionName");
        for other in parents[..index].iter().filter(same) {
            let other = text(other, "sectionName");
            assert!(
                other != section && other.is_empty() == section.is_empty(),
                "{of} has two parentRefs to {}, with the sections `{other}` and `{section}`",
                text(parent, "name")
            );
        }
    }
}
