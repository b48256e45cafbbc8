//! `anabranch list` and `show`: the previews of a file, at a glance or one in full.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::load::{Loaded, Needs, load};
use super::voice::Voice;
use super::write_out;
use crate::cli::{Input, List, ListFormat, Show, ShowFormat};
use crate::diagnostic::text::{json as harmless_json, prose};
use crate::diagnostic::{Diagnostic, Report, code, nearest, without_userinfo};
use crate::emit::Shape;
use crate::pipeline::{Request, compile};
use crate::spec::{Change, Config, Link, Preview, ServiceChange};

/// The URLs of previews by their names.
type Urls = BTreeMap<String, Vec<String>>;

pub(super) fn list(options: &List, voice: &Voice) -> ExitCode {
    let Some((config, urls)) = read(&options.input, voice) else {
        return ExitCode::FAILURE;
    };
    let mut previews: Vec<&Preview> = config.previews.spec.previews.iter().collect();
    previews.sort_by_key(|preview| &preview.name);
    let text = match options.format {
        ListFormat::Table => table(&previews, urls.as_ref()),
        ListFormat::Json => {
            let all = previews.iter().map(|preview| as_json(&config, preview, urls.as_ref()));
            harmless_json(&json!({"version": 1, "previews": all.collect::<Vec<_>>()}))
        }
        ListFormat::Names => {
            previews.iter().flat_map(|preview| [prose(&preview.name), "\n".into()]).collect()
        }
    };
    write_out(without_userinfo(&text).as_bytes())
}

pub(super) fn show(options: &Show, voice: &Voice) -> ExitCode {
    let Some((config, urls)) = read(&options.input, voice) else {
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
        voice.one(Diagnostic::new(&code::UNKNOWN_PREVIEW, message, help));
        return ExitCode::FAILURE;
    };
    let text = match options.format {
        ShowFormat::Text => in_full(&config, preview, urls.as_ref()),
        ShowFormat::Json => harmless_json(&as_json(&config, preview, urls.as_ref())),
    };
    write_out(without_userinfo(&text).as_bytes())
}

/// The file and, where the baseline is known and nothing is wrong, the URLs of its previews.
fn read(input: &Input, voice: &Voice) -> Option<(Config, Option<Urls>)> {
    let mut loaded = load(input, Needs::Previews);
    let config = loaded.config.take().filter(|_| !loaded.report.has_errors());
    let Some(config) = config else {
        voice.report(&loaded.sources, &loaded.report);
        return None;
    };
    let is_known = !loaded.input.users.is_empty();
    let urls = is_known.then(|| urls(&config, &mut loaded, input)).flatten();
    if is_known && urls.is_none() {
        voice.tell("URLs are not known: `anabranch check` finds errors\n");
    }
    Some((config, urls))
}

fn urls(config: &Config, loaded: &mut Loaded, input: &Input) -> Option<Urls> {
    let request = Request { shape: Shape::Stream, limits: input.limits.output(), only: &[] };
    compile(config, &mut loaded.input, &request, &mut Report::default(), |compiled| {
        let all = (0..compiled.emission.previews()).map(|index| compiled.emission.urls(index));
        all.map(|(name, urls)| (name.to_owned(), urls)).collect()
    })
}

/// A line for each preview; columns that no preview fills are left out.
fn table(previews: &[&Preview], urls: Option<&Urls>) -> String {
    const HEADS: [&str; 5] = ["NAME", "SERVICES", "CHANGES", "EXPIRES", "URL"];
    let row = |preview: &&Preview| {
        let services = preview.services.iter().map(|service| service.name.as_str());
        let changes: Vec<String> = preview.changes.iter().map(short_change).collect();
        let url = urls.and_then(|urls| urls.get(preview.name.as_str())?.first());
        [
            preview.name.to_string(),
            services.collect::<Vec<_>>().join(", "),
            changes.join(", "),
            preview.expires.clone(),
            url.cloned().unwrap_or_default(),
        ]
        .map(|cell| prose(&cell).into_owned())
    };
    let rows: Vec<[String; 5]> = previews.iter().map(row).collect();
    if rows.is_empty() {
        return "no previews\n".to_owned();
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEADS.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |cells: [&str; 5]| {
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

fn in_full(config: &Config, preview: &Preview, urls: Option<&Urls>) -> String {
    let mut lines =
        vec![("name", preview.name.to_string()), ("namespace", namespace(config, preview))];
    let urls = urls.and_then(|urls| urls.get(preview.name.as_str())).into_iter().flatten();
    lines.extend(urls.map(|url| ("url", url.clone())));
    lines.extend(links(config, preview).map(|(name, url)| ("link", format!("{name} {url}"))));
    if !preview.expires.is_empty() {
        lines.push(("expires", preview.expires.clone()));
    }
    for change in &preview.changes {
        let Change { repository, number, commit, .. } = change;
        lines.push(("change", format!("{repository}#{number} at {commit}")));
    }
    for service in &preview.services {
        lines.push(("service", service.name.to_string()));
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
) -> impl Iterator<Item = (&'c str, String)> + use<'c> {
    let spec = &config.previews.spec;
    let (name, namespace) = (preview.name.to_string(), namespace(config, preview));
    let url = move |link: &Link| link.url(&name, &namespace, &spec.baseline.namespace);
    spec.links.iter().map(move |link| (link.name.as_str(), url(link)))
}

fn namespace(config: &Config, preview: &Preview) -> String {
    config.previews.spec.namespace.replace("{preview}", &preview.name)
}

/// A preview for tools; `urls` is null where they are not known.
fn as_json(config: &Config, preview: &Preview, urls: Option<&Urls>) -> Value {
    let service = |service: &ServiceChange| {
        let images = images(service).into_iter();
        let images = images
            .map(|(what, image)| json!({"of": (!what.is_empty()).then_some(what), "image": image}));
        json!({
            "name": service.name.as_str(),
            "images": images.collect::<Vec<_>>(),
            "env": service.env.iter().map(|variable| variable.name.as_str()).collect::<Vec<_>>(),
            "patches": service.patches.len(),
            "replicas": service.replicas,
        })
    };
    let change = |change: &Change| {
        let Change { repository, number, commit, .. } = change;
        json!({"repository": repository, "number": number, "commit": commit})
    };
    json!({
        "name": preview.name.as_str(),
        "namespace": namespace(config, preview),
        "services": preview.services.iter().map(service).collect::<Vec<_>>(),
        "changes": preview.changes.iter().map(change).collect::<Vec<_>>(),
        "expires": (!preview.expires.is_empty()).then_some(&preview.expires),
        "links": links(config, preview).collect::<BTreeMap<_, _>>(),
        "urls": urls.map(|urls| urls.get(preview.name.as_str()).cloned().unwrap_or_default()),
    })
}
