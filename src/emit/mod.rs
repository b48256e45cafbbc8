//! The plan as objects. Each kind has one home:
//!
//! | objects | file |
//! |---|---|
//! | Namespace, ConfigMap `anabranch`, aliases, Sidecar | `environment.rs` |
//! | everything copied from the baseline | `copy.rs` |
//! | HTTPRoute, GRPCRoute, ReferenceGrant | `routing/gateway_api.rs` |
//! | VirtualService | `routing/istio.rs` |
//! | clones of entry routes | `routing/entries.rs` |
//! | Flux Kustomizations | `flux.rs` |
//! | Provider, Alert | `notification.rs` |

mod copy;
mod environment;
mod flux;
mod meta;
mod notification;
mod routing;

use std::collections::BTreeMap;

pub use flux::{Shape, Suites};

use crate::kube::{Id, Object, sort};
use crate::plan::Plan;

/// All objects of a plan, by the place where they are written.
#[derive(Debug, Default)]
pub struct Output {
    /// One per preview, in the order of their names.
    pub environments: Vec<Environment>,
    /// Objects that belong to no single preview.
    pub shared: Vec<Object>,
    /// Objects of the baseline that change, by their identity.
    pub changed: BTreeMap<Id, Object>,
    /// Flux Kustomizations by preview, in the order of their names.
    pub flux: Vec<(String, Vec<Object>)>,
    /// Flux Kustomizations and notifications that belong to no single preview, by file.
    pub flux_shared: BTreeMap<&'static str, Vec<Object>>,
}

/// The objects of one preview, by the file of the tree they are written to.
#[derive(Debug)]
pub struct Environment {
    /// The preview's name.
    pub name: String,
    /// Objects by file name.
    pub files: BTreeMap<String, Vec<Object>>,
}

/// Turns a plan into objects for one shape of output.
#[must_use]
pub fn emit(plan: &Plan<'_>, shape: &Shape<'_>) -> Output {
    let mut output = Output::default();
    let mut routes = routing::emit(plan);
    for (index, env) in plan.environments.iter().enumerate() {
        let mut files = copy::emit(plan, env);
        files.insert("namespace.yaml".to_owned(), environment::emit(plan, index));
        let aliases = environment::aliases(plan, env);
        if !aliases.is_empty() {
            files.insert("aliases.yaml".to_owned(), aliases);
        }
        let routes = routes.by_environment.remove(&index).unwrap_or_default();
        if !routes.is_empty() {
            files.insert("routes.yaml".to_owned(), routes);
        }
        files.insert("policies.yaml".to_owned(), vec![environment::sidecar(plan, env)]);
        files.values_mut().for_each(|objects| sort(objects));
        output.environments.push(Environment { name: env.name().to_owned(), files });
    }
    output.shared = routes.shared;
    sort(&mut output.shared);
    output.changed = routes.changed;
    flux::emit(plan, shape, &mut output);
    output
}
