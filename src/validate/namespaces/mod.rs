//! Namespaces that no preview may have: the Namespace would be overwritten, and deleted with everything in it when
//! the preview ends.

mod named;
mod patterns;

use std::borrow::Cow;
use std::collections::BTreeMap;

use self::named::{NamedNamespace, is_grant, named_by, namespace_of_host};
use self::patterns::NamespacePattern;
use super::Input;
use super::names::name_problem;
use crate::diagnostic::text::short;
use crate::diagnostic::{Diagnostic, Place, Report, code, first_of};
use crate::kube::istio::ROOT_NAMESPACE;
use crate::kube::secret::is_secret;
use crate::kube::{Object, RouteApi, gateway, marks};
use crate::ordered::ordered;
use crate::spec::{Baseline, Spec};
use crate::yaml::Node;

/// Namespaces that every cluster has, or that contain what previews need.
const RESERVED: [&str; 6] =
    ["default", "kube-system", "kube-public", "kube-node-lease", ROOT_NAMESPACE, "flux-system"];

/// The owner of a namespace, in words that follow its name, and the place that shows it.
pub(super) type Owner = (String, Option<Place>);

/// The namespaces of others, as far as configuration and input show them.
pub(super) struct Namespaces<'a> {
    taken: BTreeMap<&'a str, Owner>,
    /// Those that only grants and policies name, and where: a preview may be meant.
    granted: BTreeMap<&'a str, Place>,
    /// Those that get something by a list or a pattern, and where it is written.
    patterns: BTreeMap<NamespacePattern<'a>, (&'a Object, Place)>,
}

/// How many patterns for namespaces are evaluated: more than any cluster has.
const MOST_PATTERNS: usize = 1_000;

/// Hands over a namespace of others. The first owner counts, and only its words are made.
type Add<'f, 'a> = &'f mut dyn FnMut(&'a str, &dyn Fn() -> Owner);

impl<'a> Namespaces<'a> {
    pub(super) fn new(input: &Input<'a>) -> Self {
        let mut taken = BTreeMap::new();
        let mut add = |namespace: &'a str, owner: &dyn Fn() -> Owner| {
            if !namespace.is_empty() && !taken.contains_key(namespace) {
                taken.insert(namespace, owner());
            }
        };
        let spec = &input.config.previews.spec;
        of_baseline(&spec.baseline, &mut add);
        of_objects(input, &mut add);
        of_fields(spec, &mut add);
        of_gateways(input, &mut add);
        RESERVED.iter().for_each(|name| add(name, &|| ("is reserved".to_owned(), None)));
        let (grants, others): (Vec<_>, Vec<_>) =
            input.objects.iter().partition(|object| is_grant(object));
        let mut patterns = BTreeMap::new();
        for object in others {
            named_by(object, &mut |named, place| match named {
                NamedNamespace::Namespace(namespace) => {
                    add(namespace, &|| (format!("is named in {}", object.id), Some(place)));
                }
                NamedNamespace::Like(pattern) => {
                    patterns.entry(pattern).or_insert((object, place));
                }
            });
        }
        let mut granted = BTreeMap::new();
        for object in grants {
            named_by(object, &mut |named, place| match named {
                NamedNamespace::Namespace(namespace) if taken.contains_key(namespace) => {}
                NamedNamespace::Namespace(namespace) => {
                    granted.entry(namespace).or_insert(place);
                }
                NamedNamespace::Like(pattern) => {
                    patterns.entry(pattern).or_insert((object, place));
                }
            });
        }
        Self { taken, granted, patterns }
    }

    /// The owner of this namespace, if it is not a preview.
    pub(super) fn owner(&self, namespace: &str) -> Option<Owner> {
        // Kubernetes reserves this prefix.
        let reserved = || namespace.starts_with("kube-").then(|| ("is reserved".to_owned(), None));
        self.taken.get(namespace).cloned().or_else(reserved)
    }

    /// Reports those that begin with the prefix, so that a preview could get them.
    pub(super) fn check_prefix(&self, input: &Input<'_>, report: &mut Report) {
        let spec = &input.config.previews.spec;
        let templates: Vec<String> =
            spec.baseline.all().iter().map(|one| spec.namespace_of(PREVIEW, one)).collect();
        report.extend(alike(input, &templates));
        let around: Vec<(String, &str)> = templates
            .iter()
            .filter_map(|one| one.split_once(PREVIEW))
            .map(|(before, behind)| (format!("{before}{}", spec.prefix), behind))
            .collect();
        let could_be = |namespace: &str| {
            around.iter().any(|(before, behind)| {
                let rest = before.strip_suffix(spec.prefix.as_str());
                let rest = rest.and_then(|before| namespace.strip_prefix(before));
                let name = rest.and_then(|rest| rest.strip_suffix(behind));
                name.is_some_and(|name| name_problem(name, &spec.prefix).is_none())
            })
        };
        let mut evaluated = 0;
        let mut is_hit = |pattern: &NamespacePattern<'_>| match pattern.is_name() {
            true => could_be(pattern.text),
            false => around.iter().any(|(before, behind)| {
                let may_match = pattern.may_begin_with(before);
                evaluated += usize::from(may_match);
                // A pattern beyond those that are evaluated may match.
                may_match && (evaluated > MOST_PATTERNS || !pattern.takes_all(before, behind))
            }),
        };
        let taken = self.taken.iter().map(|(name, (_, place))| (*name, *place));
        let granted = self.granted.iter().map(|(name, place)| (*name, Some(*place)));
        let names = taken.chain(granted).filter(|(name, _)| could_be(name));
        let names = names.map(|(name, place)| (Cow::Borrowed(name), place));
        let patterns = self.patterns.iter().filter(|(pattern, _)| is_hit(pattern));
        let patterns = patterns.map(|(pattern, (object, place))| {
            let words = match pattern.is_name() {
                true => pattern.text.into(),
                // What is no name may be anything.
                false if is_secret(&object.id) => {
                    format!("what annotations of {} match", object.id).into()
                }
                false => format!("`{}` of {}", short(pattern.text), object.id).into(),
            };
            (words, Some(*place))
        });
        let hit: BTreeMap<Cow<'_, str>, Option<Place>> = ordered(names.chain(patterns));
        if !hit.is_empty() {
            let message = format!(
                "a preview whose name begins with `{}` could get the namespace of something else: {}",
                spec.prefix,
                first_of(5, ", ", hit.keys())
            );
            let help = "choose a prefix, or a template in spec.namespace, that no other namespace of the cluster fits";
            let finding = input.config.finding(&code::WIDE_PREFIX, "spec.prefix", message, help);
            let places = hit.values().flatten().take(5);
            report.push(places.fold(finding, |finding, place| finding.also(*place, "named here")));
        }
    }
}

fn said(field: &str) -> Owner {
    (format!("is {field}"), None)
}

fn of_baseline<'a>(baseline: &'a Baseline, add: Add<'_, 'a>) {
    for namespace in baseline.all() {
        add(namespace, &|| match baseline.only() {
            Some(_) => said(baseline.field()),
            None => said(&format!("one of {}", baseline.field())),
        });
    }
}

/// Those that objects are in.
fn of_objects<'a>(input: &Input<'a>, add: Add<'_, 'a>) {
    for object in input.objects.iter().chain(input.others) {
        let namespace = match object.is("", "Namespace") {
            true => object.id.name.as_str(),
            false => object.id.namespace.as_str(),
        };
        let words = || match marks::set_of(object) {
            Some(set) => format!("belongs to a preview of the set `{set}`"),
            None => format!("is used by {}", object.id),
        };
        add(namespace, &|| (words(), Some(object.place())));
    }
}

/// Those in fields of previews.yaml.
fn of_fields<'a>(spec: &'a Spec, add: Add<'_, 'a>) {
    add(&spec.flux.namespace, &|| said("spec.flux.namespace"));
    add(&spec.flux.source_ref.namespace, &|| said("spec.flux.sourceRef.namespace"));
    for (index, entry) in spec.routing.entries.iter().enumerate() {
        let field = |rest: &str| said(&format!("spec.routing.entries[{index}].{rest}.namespace"));
        add(&entry.gateway.namespace, &|| field("gateway"));
        for (number, of) in entry.of.iter().enumerate() {
            add(&of.namespace, &|| field(&format!("of[{number}]")));
        }
    }
    for (index, facts) in spec.services.iter().enumerate() {
        for (number, host) in facts.dependencies.iter().enumerate() {
            let field = format_args!("spec.services[{index}].dependencies[{number}]");
            let owner = || said(&format!("that of {field}"));
            namespace_of_host(host).into_iter().for_each(|namespace| add(namespace, &owner));
        }
    }
}

/// Those of the Gateways that routes are attached to.
fn of_gateways<'a>(input: &Input<'a>, add: Add<'_, 'a>) {
    for object in input.objects {
        let gateways = match RouteApi::of(object) {
            Some(RouteApi::GatewayApi) => namespaces_of_parents(&object.node),
            Some(RouteApi::Istio) => namespaces_of_gateways(&object.node),
            // TCP and TLS routes have parents too.
            None if object.id.group == gateway::GROUP => namespaces_of_parents(&object.node),
            None => continue,
        };
        for namespace in gateways {
            let owner = || (format!("has a Gateway of {}", object.id), Some(object.place()));
            add(namespace, &owner);
        }
    }
}

/// The placeholder for the name of a preview in the template of a namespace.
const PREVIEW: &str = "{preview}";

/// The finding that two previews can get the same namespace for two namespaces of the baseline: `pr-1-a-shop` is that of
/// `pr-1` for `a-shop`, and of `pr-1-a` for `shop`. Policies could not tell them apart.
fn alike(input: &Input<'_>, templates: &[String]) -> Option<Diagnostic> {
    let spec = &input.config.previews.spec;
    let is_like = |one: &str, other: &str| {
        let (before, behind) = one.split_once(PREVIEW)?;
        let between = other.strip_prefix(before)?.strip_suffix(behind)?;
        between.contains(PREVIEW).then_some(())
    };
    let (one, other) = (0..templates.len()).find_map(|one| {
        let mut others = (0..templates.len()).filter(|other| *other != one);
        let other = others.find(|&it| {
            templates[one] != templates[it] && is_like(&templates[one], &templates[it]).is_some()
        })?;
        Some((one, other))
    })?;
    let all = spec.baseline.all();
    let message = format!(
        "namespaces of previews for `{}` look like those for `{}`: both are `{}`",
        all[other],
        all[one],
        templates[one].replace(PREVIEW, &format!("{}*", spec.prefix))
    );
    let help =
        "write a template in spec.namespace that keeps them apart, such as `{baseline}-{preview}`";
    Some(input.config.finding(&code::WIDE_PREFIX, "spec.namespace", message, help))
}

fn items<'n>(node: &'n Node, field: &str) -> impl Iterator<Item = &'n Node> {
    node.at(&["spec", field]).map(Node::items).unwrap_or_default().iter()
}

/// The namespaces of a route's Gateways.
fn namespaces_of_parents(route: &Node) -> Vec<&str> {
    items(route, "parentRefs").filter_map(|parent| parent.text_at(&["namespace"])).collect()
}

fn namespaces_of_gateways(virtual_service: &Node) -> Vec<&str> {
    let gateways = items(virtual_service, "gateways").filter_map(Node::text);
    gateways.filter_map(|gateway| Some(gateway.split_once('/')?.0)).collect()
}
