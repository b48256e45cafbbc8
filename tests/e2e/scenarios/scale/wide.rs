//! A baseline of which one service has any number of previews, and what the program makes of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::thread;

use serde_json::{Value, json};

use crate::books::documents;
use crate::lab::{Outcome, anabranch, apply, kubectl, scratch, stream};

/// The baseline's namespace.
pub(super) const BASELINE: &str = "wide";
/// As many kubectl at once, because each one limits itself.
const HANDS: usize = 4;

/// Which objects route, and by which keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) virtual_service: bool,
    pub(super) baggage: bool,
}

impl Shape {
    pub(super) const ALL: [Self; 4] = [
        Self { virtual_service: false, baggage: false },
        Self { virtual_service: false, baggage: true },
        Self { virtual_service: true, baggage: false },
        Self { virtual_service: true, baggage: true },
    ];

    pub(super) fn kind(self) -> &'static str {
        if self.virtual_service { "VirtualService" } else { "HTTPRoute" }
    }

    pub(super) fn keys(self) -> &'static str {
        if self.baggage { "header and baggage" } else { "header" }
    }
}

/// The name of a preview; all are as long.
pub(super) fn name(number: usize) -> String {
    format!("pr-{}", 10_000 + number)
}

/// The address that stands for a preview's pod.
pub(super) fn address(number: usize) -> String {
    format!("10.244.{}.{}", 100 + number / 250, 1 + number % 250)
}

/// The program's output for so many previews, as text.
pub(super) fn render(previews: usize, shape: Shape) -> Outcome<String> {
    let folder: PathBuf = scratch("wide");
    let mut baseline = include_str!("baseline.yaml").to_owned();
    if shape.virtual_service {
        baseline.push_str(include_str!("virtual-service.yaml"));
    }
    let baggage = if shape.baggage { ", baggage: preview" } else { "" };
    let mut file = format!(
        "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nmetadata: {{name: wide}}\nspec:\n  \
         baseline: {{namespace: {BASELINE}, delivery: include}}\n  \
         routing: {{key: {{header: x-preview-id{baggage}}}}}\n  limits: {{previews: 100000, aliases: 100000}}\n  previews:\n"
    );
    if previews == 0 {
        file = file.replace("  previews:\n", "  previews: []\n");
    }
    for number in 0..previews {
        let image = "registry.example.com/web:2";
        let name = name(number);
        let _ =
            writeln!(file, "    - {{name: {name}, services: [{{name: web, image: \"{image}\"}}]}}");
    }
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).map_err(|error| error.to_string())
    };
    write("baseline.yaml", &baseline)?;
    write("previews.yaml", &file)?;
    anabranch(&folder, &["render", "previews.yaml", "--baseline", "baseline.yaml"])
}

/// What a stream holds, sorted by what a measurement does with it.
pub(super) struct Objects {
    pub(super) baseline: Vec<Value>,
    /// What routing needs of the previews' namespaces; namespaces first.
    pub(super) environments: Vec<Value>,
    /// One HTTPRoute per preview, or the one VirtualService.
    pub(super) routes: Vec<Value>,
    /// Of previews, all of them: how many, and how long as compact JSON.
    pub(super) count: usize,
    pub(super) bytes: usize,
}

impl Objects {
    pub(super) fn of(text: &str) -> Self {
        let mut all = Self {
            baseline: Vec::new(),
            environments: Vec::new(),
            routes: Vec::new(),
            count: 0,
            bytes: 0,
        };
        for object in documents(text) {
            let kind = object["kind"].as_str().unwrap_or_default();
            let route = matches!(kind, "HTTPRoute" | "VirtualService");
            let route = route && object["metadata"]["namespace"] == BASELINE;
            let of_preview = !object["metadata"]["labels"]["anabranch.dev/preview"].is_null();
            if of_preview {
                all.count += 1;
                all.bytes += object.to_string().len();
            }
            match kind {
                _ if route => all.routes.push(object),
                _ if !of_preview => all.baseline.push(object),
                // No pod of a preview runs: an address stands for it. A preview's own VirtualService holds
                // for callers in its namespace only.
                "Deployment" | "ConfigMap" | "VirtualService" => {}
                _ => all.environments.push(object),
            }
        }
        all.environments.sort_by_key(|object| object["kind"] != "Namespace");
        all
    }

    /// What routing needs of the namespaces of these previews.
    pub(super) fn of_previews(&self, numbers: std::ops::Range<usize>) -> Vec<Value> {
        let names: BTreeSet<String> = numbers.map(name).collect();
        let of_these = |object: &&Value| {
            let namespace = object["metadata"]["namespace"].as_str();
            let name = namespace.or_else(|| object["metadata"]["name"].as_str());
            name.is_some_and(|name| names.contains(name))
        };
        self.environments.iter().filter(of_these).cloned().collect()
    }
}

/// Who answers for previews: no pod is needed for that.
pub(super) fn endpoints(numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers
        .map(|number| {
            json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {"name": "web-stand-in", "namespace": name(number), "labels": {
                    "kubernetes.io/service-name": "web",
                    "endpointslice.kubernetes.io/managed-by": "scale.anabranch.dev",
                }},
                "addressType": "IPv4",
                "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
                "endpoints": [{"addresses": [address(number)], "conditions": {"ready": true}}],
            })
        })
        .collect()
}

/// Applies many objects; Namespaces before what stands in them.
pub(super) fn apply_all(objects: &[Value]) -> Outcome {
    let (namespaces, others): (Vec<Value>, Vec<Value>) =
        objects.iter().cloned().partition(|object| object["kind"] == "Namespace");
    for part in [namespaces, others] {
        let each = part.len().div_ceil(HANDS).max(1);
        thread::scope(|scope| {
            let hands: Vec<_> =
                part.chunks(each).map(|chunk| scope.spawn(move || apply(&stream(chunk)))).collect();
            let mut ends = hands.into_iter().map(thread::ScopedJoinHandle::join);
            ends.try_for_each(|end| end.map_err(|_| "a hand broke".to_owned())?)
        })?;
    }
    Ok(())
}

/// Removes the routes of a shape.
pub(super) fn remove_routes() -> Outcome {
    for path in [
        "gateway.networking.k8s.io/v1/namespaces/wide/httproutes",
        "networking.istio.io/v1/namespaces/wide/virtualservices",
    ] {
        kubectl(&["delete", "--raw", &format!("/apis/{path}")])?;
    }
    Ok(())
}
