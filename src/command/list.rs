//! `anabranch list` and `show`: the previews of a file, at a glance or one in full.

use std::collections::BTreeMap;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::load::{Loaded, Needs, load};
use super::voice::Voice;
use super::write_out;
use crate::affected::Repository;
use crate::cli::{Input, List, ListFormat, Show, ShowFormat};
use crate::diagnostic::text::{json as harmless_json, prose};
use crate::diagnostic::{Diagnostic, Levels, Report, code, nearest, without_userinfo};
use crate::emit::OutputShape;
use crate::ordered::ordered;
use crate::pipeline::{Request, compile};
use crate::spec::{Change, Config, Link, Preview, ServiceChange, Trust, time};

/// What the baseline adds to a preview.
struct Made {
    urls: Vec<String>,
    namespaces: Vec<Namespace>,
}

/// A namespace of a preview.
#[derive(Clone)]
struct Namespace {
    name: String,
    /// The namespace of the baseline whose objects are copied into it.
    baseline: String,
}

/// What is known of previews besides their file.
struct Known {
    /// By the names of previews. `None` without a baseline, or if there are errors.
    made: Option<BTreeMap<String, Made>>,
    /// Times of commits, in seconds since 1970, as far as the clone around the file has them.
    committed: BTreeMap<String, i64>,
    now: Timestamp,
}

pub(super) fn list(options: &List, voice: &Voice) -> ExitCode {
    let Some((config, known)) = read(&options.input, options.now, voice) else {
        return ExitCode::FAILURE;
    };
    let mut previews: Vec<&Preview> = config.previews.spec.previews.iter().collect();
    previews.sort_by_key(|preview| &preview.name);
    let text = match options.format {
        ListFormat::Table => table(&previews, &known),
        ListFormat::Json => {
            let all = previews.iter().map(|preview| as_json(&config, preview, &known));
            harmless_json(&json!({"version": 1, "previews": all.collect::<Vec<_>>()}))
        }
        ListFormat::Names => {
            previews.iter().flat_map(|preview| [prose(&preview.name), "\n".into()]).collect()
        }
    };
    write_out(without_userinfo(&text).as_bytes())
}

pub(super) fn show(options: &Show, voice: &Voice) -> ExitCode {
    let Some((config, known)) = read(&options.input, options.now, voice) else {
        return ExitCode::FAILURE;
    };
    let previews = &config.previews.spec.previews;
    let Some(preview) = previews.iter().find(|preview| preview.name == options.name) else {
        let near = nearest(&options.name, previews.iter().map(|preview| preview.name.as_str()));
        let help = near.map_or_else(
            || "`anabranch list` lists them".to_owned(),
            |name| format!("did you mean `{name}`?"),
        );
        let message = format!("there is no preview `{}`", options.name);
        voice.refuse(Diagnostic::new(&code::UNKNOWN_PREVIEW, message, help));
        return ExitCode::FAILURE;
    };
    let text = match options.format {
        ShowFormat::Text => in_full(&config, preview, &known),
        ShowFormat::Json => harmless_json(&as_json(&config, preview, &known)),
    };
    write_out(without_userinfo(&text).as_bytes())
}

/// The file, and what is known of its previews.
fn read(input: &Input, now: Option<Timestamp>, voice: &Voice) -> Option<(Config, Known)> {
    let mut loaded = load(input, Levels::default(), Needs::Previews);
    let config = loaded.config.take().filter(|_| !loaded.report.has_errors());
    let Some(config) = config else {
        voice.report(&loaded.sources, &loaded.report);
        return None;
    };
    let is_known = !loaded.input.users.is_empty();
    let made = is_known.then(|| made(&config, &mut loaded, input)).flatten();
    if is_known && made.is_none() {
        voice.tell("URLs are not known: `anabranch check` finds errors\n");
    }
    let changes = config.previews.spec.previews.iter().flat_map(|preview| &preview.changes);
    let commits: Vec<&str> = changes.map(|change| change.commit.as_str()).collect();
    // If code and previews are in one repository, the clone has the commits.
    let clone = (!commits.is_empty()).then(|| Repository::open(&loaded.root).ok()).flatten();
    let committed = clone.map(|clone| clone.times(&commits)).unwrap_or_default();
    Some((config, Known { made, committed, now: now.unwrap_or_else(Timestamp::now) }))
}

impl Known {
    fn made(&self, preview: &Preview) -> Option<&Made> {
        self.made.as_ref()?.get(preview.name.as_str())
    }

    fn urls(&self, preview: &Preview) -> &[String] {
        self.made(preview).map(|made| made.urls.as_slice()).unwrap_or_default()
    }

    /// The namespaces of a preview, that of its first service first. If the baseline has several and is not read,
    /// nobody knows which of them the preview needs: the template is shown instead.
    fn namespaces(&self, config: &Config, preview: &Preview) -> Vec<Namespace> {
        const TEMPLATE: &str = "{baseline}";
        let spec = &config.previews.spec;
        let only = || {
            let baseline = spec.baseline.only().unwrap_or(TEMPLATE).to_owned();
            vec![Namespace { name: spec.namespace_of(&preview.name, &baseline), baseline }]
        };
        self.made(preview).map_or_else(only, |made| made.namespaces.clone())
    }

    fn committed(&self, change: &Change) -> Option<Timestamp> {
        Timestamp::from_second(*self.committed.get(&change.commit)?).ok()
    }

    /// The time of a change: `updated` of the file, else the time of its commit.
    fn since(&self, change: &Change) -> Option<Timestamp> {
        time(&change.updated).or_else(|| self.committed(change))
    }

    /// How long ago that was, as kubectl says it.
    fn age(&self, since: Timestamp) -> String {
        let seconds = self.now.duration_since(since).as_secs().max(0);
        match seconds {
            0..60 => format!("{seconds}s"),
            60..3_600 => format!("{}m", seconds / 60),
            3_600..86_400 => format!("{}h", seconds / 3_600),
            _ => format!("{}d", seconds / 86_400),
        }
    }
}

fn made(config: &Config, loaded: &mut Loaded, input: &Input) -> Option<BTreeMap<String, Made>> {
    let request = Request { shape: OutputShape::Stream, limits: input.limits.output(), only: &[] };
    compile(config, &mut loaded.input, &request, &mut Report::default(), |compiled| {
        let of = |index| {
            let (name, urls) = compiled.emission.urls(index);
            let rooms = compiled.emission.rooms(index).into_iter();
            let namespaces = rooms.map(|room| Namespace {
                name: room.namespace.clone(),
                baseline: room.baseline.to_owned(),
            });
            (name.to_owned(), Made { urls, namespaces: namespaces.collect() })
        };
        ordered((0..compiled.emission.previews()).map(of))
    })
}

/// The name of a service as in the file: with the namespace if it is written.
fn service_name(service: &ServiceChange) -> String {
    match service.namespace.as_str() {
        "" => service.name.to_string(),
        namespace => format!("{namespace}/{}", service.name),
    }
}

/// A line for each preview; columns that no preview fills are left out.
fn table(previews: &[&Preview], known: &Known) -> String {
    const HEADS: [&str; 6] = ["NAME", "SERVICES", "CHANGES", "AGE", "EXPIRES", "URL"];
    let row = |preview: &&Preview| {
        let services = preview.services.iter().map(service_name);
        let changes: Vec<String> = preview.changes.iter().map(short_change).collect();
        // A preview shows its latest change.
        let since = preview.changes.iter().filter_map(|change| known.since(change)).max();
        [
            preview.name.to_string(),
            services.collect::<Vec<_>>().join(", "),
            changes.join(", "),
            since.map(|since| known.age(since)).unwrap_or_default(),
            preview.expires.clone(),
            known.urls(preview).first().cloned().unwrap_or_default(),
        ]
        .map(|cell| prose(&cell).into_owned())
    };
    let rows: Vec<[String; 6]> = previews.iter().map(row).collect();
    if rows.is_empty() {
        return "no previews\n".to_owned();
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEADS.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |cells: [&str; 6]| {
        let shown = cells.iter().zip(&widths).zip(HEADS).filter(|((_, width), _)| **width > 0);
        let cell = |((cell, width), head): ((&&str, &usize), &str)| {
            format!("{cell:<width$}", width = (*width).max(head.len()))
        };
        shown.map(cell).collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let body = rows.iter().map(|row| line(row.each_ref().map(String::as_str)));
    std::iter::once(line(HEADS)).chain(body).collect()
}

/// The last part of a repository's URL, and the number.
fn short_change(change: &Change) -> String {
    let repository = change.repository.trim_end_matches('/').trim_end_matches(".git");
    let last = repository.rsplit('/').next().unwrap_or(repository);
    format!("{last}#{}", change.number)
}

/// The images that a service of a preview gets, with what each is for.
fn images(service: &ServiceChange) -> Vec<(String, &str)> {
    let main = (!service.image.is_empty()).then_some((String::new(), service.image.as_str()));
    let containers = service.containers.iter().map(|one| (one.name.to_string(), &*one.image));
    let workloads = service.workloads.iter().map(|one| (one.name.to_string(), &*one.image));
    main.into_iter().chain(containers).chain(workloads).collect()
}

fn in_full(config: &Config, preview: &Preview, known: &Known) -> String {
    let namespaces = known.namespaces(config, preview);
    let mut lines = vec![("name", preview.name.to_string())];
    lines.extend(namespaces.iter().map(|one| ("namespace", one.name.clone())));
    lines.extend(known.urls(preview).iter().map(|url| ("url", url.clone())));
    lines
        .extend(links(config, preview, known).map(|(name, url)| ("link", format!("{name} {url}"))));
    if !preview.expires.is_empty() {
        lines.push(("expires", preview.expires.clone()));
    }
    for change in &preview.changes {
        let Change { repository, number, commit, .. } = change;
        let age = known.since(change).map(|since| format!(", {} old", known.age(since)));
        let age = age.unwrap_or_default();
        let from = if change.trust == Trust::Fork { ", from a fork" } else { "" };
        lines.push(("change", format!("{repository}#{number} at {commit}{age}{from}")));
    }
    for service in &preview.services {
        lines.push(("service", service_name(service)));
        for (what, image) in images(service) {
            lines.push(("  image", format!("{what} {image}").trim_start().to_owned()));
        }
        let env = service.env.iter().map(|variable| variable.name.as_str()).collect::<Vec<_>>();
        let counts = [
            ("  env", (!env.is_empty()).then(|| env.join(", "))),
            ("  patches", (!service.patches.is_empty()).then(|| service.patches.len().to_string())),
            ("  replicas", (service.replicas != 1).then(|| service.replicas.to_string())),
        ];
        lines.extend(counts.into_iter().filter_map(|(head, text)| Some((head, text?))));
    }
    lines.iter().map(|(head, text)| format!("{head:<10}  {}\n", prose(text))).collect()
}

/// Pages about a preview, with their names.
fn links<'c>(
    config: &'c Config,
    preview: &Preview,
    known: &Known,
) -> impl Iterator<Item = (&'c str, String)> + use<'c> {
    let spec = &config.previews.spec;
    let (name, first) = (preview.name.to_string(), known.namespaces(config, preview));
    let url = move |link: &Link| {
        let [namespace, baseline] = match first.first() {
            Some(first) => [first.name.as_str(), first.baseline.as_str()],
            None => ["", ""],
        };
        link.url(&name, namespace, baseline)
    };
    spec.links.iter().map(move |link| (link.name.as_str(), url(link)))
}

/// A preview as JSON. Without a baseline `urls` is null and, if the baseline has several namespaces, `namespaces`
/// too.
fn as_json(config: &Config, preview: &Preview, known: &Known) -> Value {
    let service = |service: &ServiceChange| {
        let images = images(service).into_iter();
        let images = images
            .map(|(what, image)| json!({"of": (!what.is_empty()).then_some(what), "image": image}));
        json!({
            "name": service.name.as_str(),
            "namespace": (!service.namespace.is_empty()).then_some(service.namespace.as_str()),
            "images": images.collect::<Vec<_>>(),
            "env": service.env.iter().map(|variable| variable.name.as_str()).collect::<Vec<_>>(),
            "patches": service.patches.len(),
            "replicas": service.replicas,
        })
    };
    let change = |change: &Change| {
        let Change { repository, number, commit, .. } = change;
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        json!({
            "repository": repository,
            "number": number,
            "commit": commit,
            "trust": change.trust,
            "updated": text(time(&change.updated)),
            "committed": text(known.committed(change)),
        })
    };
    let is_known = known.made.is_some() || config.previews.spec.baseline.only().is_some();
    let namespaces = known.namespaces(config, preview);
    let namespaces: Vec<&str> = namespaces.iter().map(|one| one.name.as_str()).collect();
    json!({
        "name": preview.name.as_str(),
        "namespace": namespaces.first().filter(|_| is_known),
        "namespaces": is_known.then_some(&namespaces),
        "services": preview.services.iter().map(service).collect::<Vec<_>>(),
        "changes": preview.changes.iter().map(change).collect::<Vec<_>>(),
        "expires": (!preview.expires.is_empty()).then_some(&preview.expires),
        "links": ordered(links(config, preview, known)),
        "urls": known.made.as_ref().map(|_| known.urls(preview)),
    })
}
