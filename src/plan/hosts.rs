//! Finds host names in texts of objects: previews need an alias for each service of the baseline that copies call.
//!
//! The texts are values of variables and commands of pods, with those of probes and hooks, and the data of ConfigMaps and
//! Secrets. Every word that is the name of a Service counts: an alias too many does no harm, one too few breaks a call.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::diagnostic::{Diagnostic, Place, code};
use crate::kube::decoded;
use crate::model::{Catalog, Service, ServiceName, pod_spec};
use crate::yaml::{Data, Node};

/// A host in the cluster, as a pod of some namespace of the baseline resolves it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Host<'a> {
    /// A service of that namespace.
    Service(&'a Service<'a>),
    /// A service of that namespace that an object of the input makes in the cluster.
    Made(ServiceName<'a>),
    /// A host in this other namespace.
    Namespace(String),
    /// A single pod behind a headless service of that namespace, and where the text is.
    Pod { pod: String, service: ServiceName<'a>, place: Place },
}

impl<'a> Host<'a> {
    /// Resolves a word for a pod of the namespace `home`; `None` if it is no host in the cluster. Of an unknown word with
    /// two labels, the second is a namespace if `is_host`.
    pub(super) fn of(
        catalog: &'a Catalog<'a>,
        namespaces: &BTreeSet<&str>,
        home: &str,
        (word, is_host): (&str, bool),
        place: Place,
    ) -> Option<Self> {
        let labels: SmallVec<[&str; 4]> = word.trim_end_matches('.').split('.').collect();
        if let [name] = labels[..] {
            let name = ServiceName { name, namespace: home };
            let made = || catalog.made(name).filter(|_| is_host).map(Self::Made);
            return catalog.service(name).map(Self::Service).or_else(made);
        }
        let elsewhere =
            |namespace: &str| (namespace != home).then(|| Self::Namespace(namespace.to_owned()));
        // `service.namespace.svc`, or `pod.service.namespace.svc`.
        let full = labels[2..].iter().take(2).position(|label| *label == "svc");
        match (full, &labels[..]) {
            (Some(index), _) => elsewhere(labels[index + 1]),
            (None, [_, namespace, ..]) if namespaces.contains(namespace) => elsewhere(namespace),
            (None, [_, _, namespace]) if namespaces.contains(namespace) => elsewhere(namespace),
            (None, [pod, name]) => {
                let service = catalog.service(ServiceName { name, namespace: home });
                match service.filter(|service| service.headless) {
                    Some(service) => {
                        Some(Self::Pod { pod: (*pod).to_owned(), service: service.id(), place })
                    }
                    None => is_host.then(|| elsewhere(name)).flatten(),
                }
            }
            _ => None,
        }
    }
}

/// The finding that a pod of the baseline is called by a name that does not resolve in a preview.
pub(super) fn pod_host(pod: &str, service: ServiceName<'_>, place: Place) -> Diagnostic {
    let home = service.namespace;
    let message =
        format!("`{pod}.{service}` names a single pod behind the headless Service {service}");
    let help = format!("write `{pod}.{service}.{home}`, which resolves everywhere");
    Diagnostic::new(&code::POD_HOST, message, help).at(place, "resolves only in the baseline")
}

/// A word of a text that could be a host name, in lower case.
#[derive(Debug, Clone, Copy)]
pub(super) struct PossibleHost<'w> {
    pub(super) text: &'w str,
    /// Whether it is where a host can be: it is no key and no part of a path.
    pub(super) is_host: bool,
    /// Whether it is part of a Secret and must not be shown.
    pub(super) is_secret: bool,
}

/// The fields of a container with commands that run in it. For other probes and hooks the kubelet makes a request.
pub(super) const RUN_INSIDE: [&[&str]; 7] = [
    &["args"],
    &["command"],
    &["livenessProbe", "exec", "command"],
    &["readinessProbe", "exec", "command"],
    &["startupProbe", "exec", "command"],
    &["lifecycle", "postStart", "exec", "command"],
    &["lifecycle", "preStop", "exec", "command"],
];

/// Calls `take` with each word that could be a host name in a workload, ConfigMap or Secret, or in an object for which an
/// operator injects programs.
pub(super) fn find(body: &Node, mut take: impl FnMut(PossibleHost<'_>, Place)) {
    let Some(pod) = pod_spec(body) else {
        let data = |field| body.get(field).map(Node::entries).unwrap_or_default().iter();
        match body.text_at(&["kind"]) {
            Some("ConfigMap") => {
                data("data").for_each(|(_, node)| possible_hosts_of(node, &mut take))
            }
            Some("Secret") if body.get("sops").is_none() => {
                for (_, node) in data("stringData") {
                    possible_hosts(node.text().unwrap_or_default(), true, |word| {
                        take(word, node.place)
                    });
                }
                for (_, node) in data("data") {
                    let text = decoded(node).unwrap_or_default();
                    possible_hosts(&text, true, |word| take(word, node.place));
                }
            }
            _ if is_injected(body) => {
                body.get("spec").into_iter().for_each(|spec| possible_hosts_of(spec, &mut take));
            }
            _ => {}
        }
        return;
    };
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in pod.items_at(&[list]) {
            let fields = RUN_INSIDE.iter().filter_map(|path| container.at(path));
            // Values only: the name of a variable may contain that of a service without a call to it.
            let env = container.items_at(&["env"]).iter();
            let values = env.filter_map(|variable| variable.get("value"));
            fields.chain(values).for_each(|node| possible_hosts_of(node, &mut take));
        }
    }
}

/// Whether an object is of Dapr or OpenTelemetry, whose operators put programs into pods and tell them hosts to call.
fn is_injected(body: &Node) -> bool {
    let version = body.text_at(&["apiVersion"]).unwrap_or_default();
    ["dapr.io/", "opentelemetry.io/"].iter().any(|group| version.starts_with(group))
}

fn possible_hosts_of(node: &Node, take: &mut impl FnMut(PossibleHost<'_>, Place)) {
    match &node.data {
        Data::Scalar { text, .. } => possible_hosts(text, false, |word| take(word, node.place)),
        Data::List(items) => items.iter().for_each(|item| possible_hosts_of(item, take)),
        Data::Map(entries) => entries.iter().for_each(|(_, value)| possible_hosts_of(value, take)),
    }
}

/// Calls `take` with each word of a text that could be a host name.
pub(super) fn possible_hosts(text: &str, is_secret: bool, mut take: impl FnMut(PossibleHost<'_>)) {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let mut rest = text;
    while let Some(start) = rest.find(fits) {
        let length = rest[start..].find(|c| !fits(c)).unwrap_or(rest.len() - start);
        let at = text.len() - rest.len() + start;
        rest = &rest[start + length..];
        let word = text[at..at + length].trim_matches(['.', '-']);
        if word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.len() <= 253 {
            let is_host = !word.contains(|c: char| c.is_ascii_uppercase())
                && stands_as_host(&text[..at], rest, is_secret);
            take(PossibleHost { text: &word.to_ascii_lowercase(), is_host, is_secret });
        }
    }
}

/// Whether the text around a word shows that a host stands there. In a Secret this must be certain: the word could be a
/// password, and hosts are written into a Sidecar.
fn stands_as_host(before: &str, behind: &str, is_secret: bool) -> bool {
    let in_url = before.ends_with("//") || before.ends_with('@');
    if is_secret {
        let authority = behind.split(|c: char| c == '/' || c.is_whitespace()).next();
        return in_url && !authority.is_some_and(|rest| rest.contains('@'));
    }
    let mut behind = behind.chars();
    let is_key = match behind.next() {
        Some('=') => true,
        Some(':') => !behind.next().is_some_and(|c| c.is_ascii_digit()),
        _ => false,
    };
    !is_key && (in_url || !before.ends_with(['/', '_', '\\', '$']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str, is_secret: bool) -> Vec<String> {
        let mut hosts = Vec::new();
        possible_hosts(text, is_secret, |word| {
            if word.is_host && word.text.contains('.') {
                hosts.push(word.text.to_owned());
            }
        });
        hosts
    }

    #[test]
    fn words_are_hosts_where_hosts_stand() {
        assert_eq!(hosts("otel.tracing:4317", false), ["otel.tracing"]);
        assert_eq!(hosts("http://u:p@a.b/c.d?e=f.g", false), ["a.b", "f.g"]);
        assert_eq!(hosts("server.port=80\ndb.host: redis.infra", false), ["redis.infra"]);
        assert_eq!(hosts("--config=/etc/app.yaml", false), [""; 0]);
    }

    #[test]
    fn no_word_of_a_secret_is_taken_for_a_host_but_in_a_url() {
        assert_eq!(hosts("pass.word", true), [""; 0]);
        assert_eq!(hosts("redis://us.er:p@ss.word@redis.infra:6379/0", true), ["redis.infra"]);
    }
}
