//! docs/scale.md, written by the run that measured.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::super::push_cost::HEADING;
use super::aliases::{ALIASES, Cost, IMPORTS};
use super::wide::Shape;
use super::{EACH_ROUND, Figures, Latency, PREVIEWS, Proxy, ROUNDS, Step};
use crate::lab::Outcome;

/// The way of asking that all others are compared with.
pub(super) const PLAIN: &str = "a service without routes";

const ADVICE: &str = include_str!("advice.md");

/// Adds a line; writing to a string cannot fail.
macro_rules! line {
    ($text:expr, $($part:tt)*) => {{ let _ = writeln!($text, $($part)*); }};
}

pub(super) fn write(figures: &Figures) -> Outcome {
    let mut text = format!(
        "# Scale\n\n\
         Written by `make scale`: one service with 0, 10, 100 and 1,000 previews, rendered by the real program, kept by a \
         real\nAPI server and followed by istiod and the sidecar (a stock Envoy with one worker) of one caller, which imports \
         every\nservice of the mesh. The service has one port and no paths of its own; pods of previews are stand-ins. \
         {} on {} cores.\n\n",
        model(),
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    );
    text.push_str(ADVICE);
    summary(&mut text, figures);
    objects(&mut text, figures);
    limits(&mut text, figures);
    proxies(&mut text, figures);
    aliases(&mut text, figures);
    requests(&mut text, figures);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scale.md");
    let old = fs::read_to_string(&path).unwrap_or_default();
    let others = old.find(HEADING).map_or(String::new(), |at| format!("\n{}", &old[at..]));
    let text = format!("{}\n{others}", text.trim_end());
    fs::write(path, text).map_err(|error| error.to_string())
}

fn model() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name\t: "));
    name.unwrap_or("An unknown processor").to_owned()
}

/// The figures that the advice rests on, once more in words.
fn summary(text: &mut String, figures: &Figures) {
    let most = PREVIEWS[PREVIEWS.len() - 1];
    let at = |shape: Shape, previews: usize| {
        figures.steps.iter().find(|step| step.shape == shape && step.previews == previews)
    };
    let longer = |shape: Shape, way: &str| {
        let step = at(shape, most)?;
        Some(median(step, way)? - median(step, PLAIN)?)
    };
    let [header, both, in_one, both_in_one] = Shape::ALL;
    let pair = |one: Shape, other: Shape, way: &str| {
        let figure = |shape| longer(shape, way).map_or("?".to_owned(), |it| format!("{it:.0}"));
        format!("{} µs with HTTPRoutes and {} µs with a VirtualService", figure(one), figure(other))
    };
    line!(
        text,
        "In this run, with {most} previews, the median of requests was longer than that of requests to a service without routes:\n\n\
         - no key, previews by header: by {};\n\
         - no key and no baggage, previews by header and baggage: by {};\n\
         - no key but some other baggage, previews by header and baggage: by {}.\n",
        pair(header, in_one, "no key"),
        pair(both, both_in_one, "no key"),
        pair(both, both_in_one, "foreign baggage")
    );
    let memory = |shape| {
        let (many, none) = (at(shape, most)?, at(shape, 0)?);
        Some(many.proxy.memory.saturating_sub(none.proxy.memory) / most as u64)
    };
    if let (Some(header), Some(both)) = (memory(header), memory(both)) {
        line!(
            text,
            "Each preview took {} KB of the caller's Envoy, {} KB with baggage (HTTPRoutes).\n",
            header / 1000,
            both / 1000
        );
    }
    let [none, everything, domain] = IMPORTS.map(|imports| of_one_alias(figures, imports));
    if let (Some(none), Some(everything), Some(domain)) = (none, everything, domain) {
        line!(
            text,
            "An alias took {none:.0} bytes of the routes of a caller that imports its target; with a Sidecar, {everything:.0} bytes \
             where that imports `./*`\nand {domain:.0} where it imports `./*.wide.svc.cluster.local`.\n"
        );
    }
}

/// Bytes of routes that one alias costs a caller with this Sidecar.
fn of_one_alias(figures: &Figures, imports: Option<&str>) -> Option<f64> {
    let at = |aliases: usize| {
        let this = |cost: &&Cost| cost.aliases == aliases && cost.imports == imports;
        figures.aliases.iter().find(this).map(|cost| cost.proxy.route_bytes as f64)
    };
    let most = ALIASES[ALIASES.len() - 1];
    Some((at(most)? - at(0)?) / most as f64)
}

fn aliases(text: &mut String, figures: &Figures) {
    line!(
        text,
        "## Aliases\n\nThe sidecar of the same caller, where one service has an alias in the namespace of each preview, and there is \
         nothing\nelse of the previews. `names` are those by which the sidecar knows the service: each alias adds four, so every letter of \
         its\nname and namespace, here 13, is four bytes. Bytes are of all routes.\n\n\
         | the caller's Sidecar imports | aliases | names | bytes | Envoy's memory |\n|---|---:|---:|---:|---:|"
    );
    for imports in IMPORTS {
        for Cost { aliases, proxy, .. } in figures.aliases.iter().filter(|it| it.imports == imports)
        {
            line!(
                text,
                "| {} | {aliases} | {} | {} | {:.1} MB |",
                imports.map_or("everything: there is none".to_owned(), |it| format!("`{it}`")),
                proxy.names,
                kb(proxy.route_bytes),
                proxy.memory as f64 / 1e6
            );
        }
    }
    text.push('\n');
}

fn objects(text: &mut String, figures: &Figures) {
    line!(
        text,
        "## Objects\n\nThe tree's Flux objects are not counted. Bytes are those of compact JSON, as the API server keeps \
         what Istio and the\nGateway API define; `kept` is with what it adds (`managedFields`, defaults, status).\n\n\
         | routes | keys | previews | objects | objects per preview | bytes per preview | largest route object | kept |\n\
         |---|---|---:|---:|---:|---:|---:|---:|"
    );
    for step in figures.steps.iter().filter(|step| step.previews > 0) {
        let (count, bytes) = step.objects;
        line!(
            text,
            "| {} | {} | {} | {count} | {} | {} | {} | {} |",
            step.shape.kind(),
            step.shape.keys(),
            step.previews,
            count / step.previews,
            bytes / step.previews,
            kb(step.largest.0),
            kb(step.largest.1)
        );
    }
    text.push('\n');
}

fn limits(text: &mut String, figures: &Figures) {
    line!(text, "## How many fit into one VirtualService\n");
    for (shape, fits, words) in &figures.limits {
        let words = words.trim().lines().last().unwrap_or_default();
        let words = words.split("Error from server: ").last().unwrap_or_default();
        let words: String = words.chars().take(160).collect();
        line!(text, "- {}: {fits} were kept, 100 more refused: `{words}`", shape.keys());
    }
    text.push('\n');
}

fn proxies(text: &mut String, figures: &Figures) {
    line!(
        text,
        "## The caller's sidecar\n\nRoutes are those of the one service; bytes are Envoy's own dump of all its routes, and \
         of all its clusters with their\nendpoints, as compact JSON. `follows` is from the API server's answer to the last \
         preview's route until a request with\nits key reaches its copy, through istiod's debouncing.\n\n\
         | routes | keys | previews | routes | bytes | clusters | bytes | Envoy's memory | follows |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|"
    );
    let row = |text: &mut String, proxy: &Proxy, names: &str, follows: &str| {
        line!(
            text,
            "| {names} | {} | {} | {} | {} | {:.1} MB | {follows} |",
            proxy.routes,
            kb(proxy.route_bytes),
            proxy.clusters,
            kb(proxy.cluster_bytes),
            proxy.memory as f64 / 1e6
        );
    };
    for step in &figures.steps {
        let follows = step.follows.map_or("".to_owned(), |it| format!("{:.1} s", it.as_secs_f64()));
        let names = format!("{} | {} | {}", step.shape.kind(), step.shape.keys(), step.previews);
        row(text, &step.proxy, &names, &follows);
    }
    for (service, proxy) in &figures.scoped {
        let which = if *service == "web" { "this service" } else { "another service" };
        let names = format!("HTTPRoute | header; a Sidecar names {which} | {}", PREVIEWS[3]);
        row(text, proxy, &names, "");
    }
    text.push('\n');
}

fn requests(text: &mut String, figures: &Figures) {
    line!(
        text,
        "## Requests\n\n{} requests of each kind, one after the other, in turns of {EACH_ROUND}; µs from the client through the \
         sidecar to the pod and back, as\n`median / 99th percentile`. In brackets: how much longer the median is than that of \
         requests to a service without routes,\nthrough the same sidecar in the same minute. `foreign baggage` has three \
         members, none of them a preview's; a baggage key\nis its fourth.\n",
        ROUNDS * EACH_ROUND
    );
    for shape in Shape::ALL {
        let steps: Vec<&Step> = figures.steps.iter().filter(|step| step.shape == shape).collect();
        let Some(most) = steps.last() else { continue };
        line!(text, "{}, key in {}:\n", shape.kind(), shape.keys());
        let heads: Vec<String> =
            steps.iter().map(|step| format!("{} previews", step.previews)).collect();
        line!(text, "| request | {} |\n|---|{}", heads.join(" | "), "---:|".repeat(steps.len()));
        for (way, _) in &most.requests {
            let cells: Vec<String> = steps.iter().map(|step| cell(step, way)).collect();
            line!(text, "| {way} | {} |", cells.join(" | "));
        }
        text.push('\n');
    }
}

fn cell(step: &Step, way: &str) -> String {
    let (Some(this), Some(plain)) = (latency(step, way), median(step, PLAIN)) else {
        return String::new();
    };
    let beside = match way {
        PLAIN => String::new(),
        _ => format!(" ({:+.0})", this.median - plain),
    };
    format!("{:.0} / {:.0}{beside}", this.median, this.p99)
}

fn latency(step: &Step, way: &str) -> Option<Latency> {
    step.requests.iter().find(|(one, _)| *one == way).map(|(_, it)| *it)
}

fn median(step: &Step, way: &str) -> Option<f64> {
    latency(step, way).map(|it| it.median)
}

fn kb(bytes: usize) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..1_000_000 => format!("{:.0} KB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
