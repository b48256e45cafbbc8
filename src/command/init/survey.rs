//! What the manifests of a folder suggest for a first previews.yaml: the baseline's namespace, the folder that holds
//! it, a Gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::diagnostic::{Origin, Report, Sources};
use crate::kube::kinds::is_cluster_scoped;
use crate::kube::{Object, RouteApi};
use crate::limits::InputLimits;
use crate::read::{built_upon, open_baseline, parse_baseline, source_root};
use crate::validate::{is_dns_label, is_dns_subdomain};
use crate::yaml::Node;

/// The objects of a folder, without those of kustomizations that others of the folder build upon: a base is part of
/// its overlays.
#[derive(Default)]
pub(super) struct Survey {
    /// The Services of each namespace.
    services: BTreeMap<String, BTreeSet<String>>,
    /// For each namespace the folders with objects of it, and the Services in each.
    folders: BTreeMap<String, BTreeMap<PathBuf, BTreeSet<String>>>,
    pub(super) gateway: Option<Listener>,
}

/// A listener that serves every host below a domain.
pub(super) struct Listener {
    /// Namespace and name of its Gateway.
    pub(super) gateway: (String, String),
    pub(super) name: String,
    pub(super) domain: String,
}

impl Survey {
    pub(super) fn in_folder(folder: &Path) -> Self {
        let mut survey = Self::default();
        if !folder.is_dir() {
            return survey;
        }
        let (objects, sources, _) = read(folder);
        let folders = objects.iter().map(|object| {
            let source = sources.get(object.place().file());
            match &source.origin {
                Origin::Build(folder) => Some(folder.clone()),
                Origin::File | Origin::Stdin => {
                    Path::new(&source.name).parent().map(Path::to_owned)
                }
            }
        });
        let folders: Vec<Option<PathBuf>> = folders.collect();
        let bases = bases(folders.iter().flatten().collect(), folder);
        for (object, folder) in objects.iter().zip(&folders) {
            if !folder.as_ref().is_some_and(|folder| bases.contains(folder)) {
                survey.add(object, folder.clone());
            }
        }
        survey
    }

    fn add(&mut self, object: &Object, folder: Option<PathBuf>) {
        let listener = match RouteApi::of_gateway(object) {
            Some(RouteApi::GatewayApi) => wildcard(object),
            // An entry cannot name one of its servers.
            Some(RouteApi::Istio) | None => None,
        };
        self.gateway = self.gateway.take().or(listener);
        let namespace = match object.is("", "Namespace") {
            true => object.id.name.to_string(),
            // A cluster-scoped object belongs to no namespace more than to another.
            false if is_cluster_scoped(&object.id.group, &object.id.kind) => return,
            false => object.id.namespace.to_string(),
        };
        let folders = self.folders.entry(namespace.clone()).or_default();
        let in_folder = folder.map(|folder| folders.entry(folder).or_default());
        if object.is("", "Service") && is_dns_label(&object.id.name) {
            let name = object.id.name.to_string();
            if let Some(services) = in_folder {
                services.insert(name.clone());
            }
            self.services.entry(namespace).or_default().insert(name);
        }
    }

    /// The namespace with the most Services. Of several, one that does not look like production, where nobody runs
    /// previews; then the first.
    pub(super) fn namespace(&self) -> Option<&str> {
        let named = self.services.iter().filter(|(name, _)| is_dns_label(name));
        let most =
            named.rev().max_by_key(|(name, services)| (services.len(), !is_production(name)))?;
        Some(most.0)
    }

    /// The Services of a namespace, or else those without a namespace.
    pub(super) fn services_of(&self, namespace: &str) -> Option<&BTreeSet<String>> {
        self.services.get(namespace).or_else(|| self.services.get(""))
    }

    /// The other namespaces with Services.
    pub(super) fn beside(&self, namespace: &str) -> Vec<&str> {
        let names = self.services.keys().map(String::as_str);
        names.filter(|name| is_dns_label(name) && *name != namespace).collect()
    }

    /// The innermost folder that holds all objects of this namespace, or without one.
    pub(super) fn folder_of(&self, namespace: &str) -> Option<PathBuf> {
        let names = [namespace, ""].into_iter().filter_map(|name| self.folders.get(name));
        let mut folders = names.flat_map(BTreeMap::keys);
        let first = folders.next()?.clone();
        Some(folders.fold(first, |common, folder| {
            let alike = common.components().zip(folder.components());
            alike.take_while(|(a, b)| a == b).map(|(part, _)| part).collect()
        }))
    }

    /// The folders that each hold all Services of this namespace, such as overlays for several clusters. That of
    /// production comes last.
    pub(super) fn whole_folders_of(&self, namespace: &str) -> Vec<&Path> {
        let (Some(all), Some(folders)) =
            (self.services.get(namespace), self.folders.get(namespace))
        else {
            return Vec::new();
        };
        let whole = folders.iter().filter(|(_, services)| *services == all);
        let mut whole: Vec<&Path> = whole.map(|(folder, _)| folder.as_path()).collect();
        let name =
            |folder: &Path| folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        whole.sort_by_key(|folder| is_production(&name(folder)));
        whole
    }
}

/// The folders that a kustomization of another folder builds upon.
fn bases<'f>(folders: BTreeSet<&'f PathBuf>, around: &Path) -> BTreeSet<&'f PathBuf> {
    let root = source_root(&around.join("previews.yaml"));
    let built: BTreeSet<PathBuf> =
        folders.iter().flat_map(|folder| built_upon(folder, &root)).collect();
    let is_base = |folder: &&PathBuf| folder.canonicalize().is_ok_and(|real| built.contains(&real));
    folders.into_iter().filter(is_base).collect()
}

/// Why a folder cannot be read as the baseline of a namespace, if it cannot.
pub(super) fn fault(folder: &Path, namespace: &str) -> Option<String> {
    let (objects, _, report) = read(folder);
    if let Some(first) = report.sorted().first() {
        return Some(first.message.clone());
    }
    let mut seen = BTreeSet::new();
    let twice = objects.iter().find(|object| {
        let mut id = object.id.clone();
        if id.namespace.is_empty() {
            id.namespace = namespace.into();
        }
        !seen.insert(id)
    })?;
    Some(format!("it holds {} {} twice", twice.id.kind, twice.id.name))
}

/// The objects of a folder, and the findings of reading it.
fn read(folder: &Path) -> (Vec<Object>, Sources, Report) {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let limits = InputLimits::default();
    let files = open_baseline(&[folder], folder, &mut sources, &limits, &mut report);
    let objects = parse_baseline(&sources, &files, &limits, &mut report);
    (objects, sources, report)
}

fn is_production(name: &str) -> bool {
    name.split('-').any(|word| ["live", "prod", "production"].contains(&word))
}

/// The first listener of a Gateway that serves every host below a domain.
fn wildcard(gateway: &Object) -> Option<Listener> {
    let listeners = gateway.node.at(&["spec", "listeners"]).map(Node::items)?;
    listeners.iter().find_map(|listener| {
        let domain = listener.text_at(&["hostname"])?.strip_prefix("*.")?;
        let name = listener.text_at(&["name"])?;
        let (namespace, gateway) = (gateway.id.namespace.as_str(), gateway.id.name.as_str());
        let fits = is_dns_label(namespace)
            && [gateway, name, domain].iter().all(|text| is_dns_subdomain(text));
        fits.then(|| Listener {
            gateway: (namespace.to_owned(), gateway.to_owned()),
            name: name.to_owned(),
            domain: domain.to_owned(),
        })
    })
}
