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

/// The objects of one preview.
#[derive(Debug)]
pub struct Preview {
    /// Its name.
    pub name: String,
    /// Its environment, by the file of the tree, each file in order.
    pub files: BTreeMap<String, Vec<Object>>,
    /// Its Flux objects.
    pub flux: Vec<Object>,
}

/// What belongs to no single preview.
#[derive(Debug, Default)]
pub struct Common {
    /// New objects.
    pub shared: Vec<Object>,
    /// Objects of the baseline that change, by their identity.
    pub changed: BTreeMap<Id, Object>,
    /// Flux Kustomizations and notifications, by the file of the tree.
    pub flux: BTreeMap<&'static str, Vec<Object>>,
}

/// A plan on its way to objects, one preview at a time: all of them together need many times the
/// memory of their text.
#[derive(Debug)]
pub struct Emission<'p> {
    plan: &'p Plan<'p>,
    routes: routing::ByPreview<'p>,
    flux: flux::Flux<'p>,
    /// What belongs to no single preview.
    pub common: Common,
}

impl<'p> Emission<'p> {
    /// Prepares the objects of a plan for one shape of output.
    #[must_use]
    pub fn new(plan: &'p Plan<'p>, shape: &Shape<'p>) -> Self {
        let (mut shared, changed) = routing::of_all(plan);
        sort(&mut shared);
        let flux = flux::Flux::new(plan, *shape, !shared.is_empty(), !changed.is_empty());
        let common = Common { shared, changed, flux: flux.common() };
        Self { plan, routes: routing::ByPreview::new(plan), flux, common }
    }

    /// How many previews there are.
    #[must_use]
    pub fn previews(&self) -> usize {
        self.plan.environments.len()
    }

    /// The objects of the preview with this index, in the order of names.
    #[must_use]
    pub fn preview(&self, index: usize) -> Preview {
        let plan = self.plan;
        let env = &plan.environments[index];
        let mut files = copy::emit(plan, env);
        files.insert("namespace.yaml".to_owned(), environment::emit(plan, index));
        let aliases = environment::aliases(plan, env);
        if !aliases.is_empty() {
            files.insert("aliases.yaml".to_owned(), aliases);
        }
        let routes = routing::of_preview(plan, &self.routes, index);
        if !routes.is_empty() {
            files.insert("routes.yaml".to_owned(), routes);
        }
        files.insert("policies.yaml".to_owned(), vec![environment::sidecar(plan, env)]);
        files.values_mut().for_each(|objects| sort(objects));
        Preview { name: env.name.to_owned(), files, flux: self.flux.preview(index) }
    }
}
