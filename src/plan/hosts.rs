//! Host names that copies call: which services of the baseline need an alias in the preview.
//!
//! Looked for in env values, args and command of the copied pods and in the data of copied ConfigMaps. A
//! bare word that happens to be a Service's name counts: one alias too many does no harm, one too few
//! breaks a call.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Place, code};
use crate::model::{Catalog, Service, pod_spec};
use crate::yaml::{Data, Node};

/// What a word means as a host in the baseline's namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Host<'a> {
    /// A service of the baseline, by its short name.
    Service(&'a Service<'a>),
    /// Something in another namespace.
    Namespace(String),
    /// A single pod behind a headless service.
    Pod {
        /// The pod's name.
        pod: String,
        /// The service.
        service: &'a str,
        /// Where it is named.
        place: Place,
    },
}

impl<'a> Host<'a> {
    /// What a word means; none where it is no host of the cluster.
    pub(super) fn of(
        catalog: &'a Catalog<'a>,
        namespaces: &BTreeSet<&str>,
        word: &str,
        place: Place,
    ) -> Option<Self> {
        let mut labels = word.trim_end_matches('.').split('.');
        let first = labels.next()?;
        let Some(second) = labels.next() else {
            return catalog.service(first).map(Self::Service);
        };
        let third = labels.next();
        if namespaces.contains(second) || third == Some("svc") {
            return (second != catalog.namespace).then(|| Self::Namespace(second.to_owned()));
        }
        let service = catalog.service(second).filter(|s| s.headless && third.is_none())?;
        Some(Self::Pod { pod: first.to_owned(), service: service.name(), place })
    }
}

/// The finding that a pod of the baseline is called by a name that a preview does not know.
pub(super) fn pod_host(pod: &str, service: &str, home: &str, place: Place) -> Diagnostic {
    let message =
        format!("`{pod}.{service}` names a single pod behind the headless Service {service}");
    let help = format!("write `{pod}.{service}.{home}`, which resolves everywhere");
    Diagnostic::new(&code::POD_HOST, message, help).at(place, "resolves only in the baseline")
}

/// Hands over every word of a workload or ConfigMap that could be a host name, in lower case.
pub(super) fn find(body: &Node, mut take: impl FnMut(&str, Place)) {
    let Some(pod) = pod_spec(body) else {
        if body.text_at(&["kind"]) == Some("ConfigMap") {
            body.get("data").into_iter().for_each(|node| words_of(node, &mut take));
        }
        return;
    };
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in pod.get(list).map(Node::items).unwrap_or_default() {
            let fields = ["args", "command"].into_iter().filter_map(|field| container.get(field));
            // Values only: a variable may well be named after a service that it does not call.
            let env = container.get("env").map(Node::items).unwrap_or_default();
            let values = env.iter().filter_map(|variable| variable.get("value"));
            fields.chain(values).for_each(|node| words_of(node, &mut take));
        }
    }
}

fn words_of(node: &Node, take: &mut impl FnMut(&str, Place)) {
    match &node.data {
        Data::Scalar { text, .. } => words(text, |word| take(word, node.place)),
        Data::List(items) => items.iter().for_each(|item| words_of(item, take)),
        Data::Map(entries) => entries.iter().for_each(|(_, value)| words_of(value, take)),
    }
}

/// Hands over every word of a text that could be a host name, in lower case.
pub(super) fn words(text: &str, mut take: impl FnMut(&str)) {
    let host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    for word in text.split(|c: char| !host(c)) {
        let word = word.trim_matches(['.', '-']);
        let starts = word.starts_with(|c: char| c.is_ascii_alphabetic());
        if starts && word.len() <= 253 {
            take(&word.to_ascii_lowercase());
        }
    }
}
