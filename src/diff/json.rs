//! Formats a difference for tools.

use serde_json::{Value, json};

use super::Difference;
use crate::diagnostic::text;

/// Renders a difference as one JSON document.
pub(crate) fn render(difference: &Difference) -> String {
    let previews: Vec<Value> = difference
        .previews
        .iter()
        .map(|one| {
            let images = one.images.iter();
            let images = images.map(
                |image| json!({"container": image.container, "old": image.old, "new": image.new}),
            );
            json!({
                "name": one.name,
                "change": one.change.word(),
                "services": one.services.split_whitespace().collect::<Vec<_>>(),
                "url": one.url,
                "images": images.collect::<Vec<_>>(),
                "routes": one.routes,
            })
        })
        .collect();
    let objects: Vec<Value> = difference
        .objects
        .iter()
        .map(|one| {
            let fields = one.fields.iter();
            let fields = fields.map(|field| json!({"path": field.path, "old": field.old, "new": field.new}));
            json!({
                "group": one.id.group, "kind": one.id.kind, "namespace": one.id.namespace, "name": one.id.name,
                "preview": one.preview,
                "change": one.change.word(),
                "fields": fields.collect::<Vec<_>>(),
            })
        })
        .collect();
    let files = difference.files.iter();
    let files = files.map(|(path, change)| json!({"path": path, "change": change.word()}));
    let findings = difference.findings.iter();
    let findings = findings.map(|one| json!({"code": one.code.id, "severity": one.severity().word(), "message": one.message}));
    let all = json!({
        "caveat": difference.caveat,
        "previews": previews,
        "objects": objects,
        "files": files.collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
    });
    text::json(&all)
}
