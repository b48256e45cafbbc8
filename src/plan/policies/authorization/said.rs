//! What several AuthorizationPolicies together let a caller do.

use super::clauses::{Caller, Clauses, items};
use super::{Action, Policy};
use crate::diagnostic::{Place, first_of};
use crate::kube::Object;

/// What a caller may do by some policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan::policies) enum Holds {
    /// Everything.
    Always,
    /// Some operations, or perhaps some.
    Partly,
    /// Nothing.
    Never,
}

/// Policies that are followed together.
pub(in crate::plan::policies) struct Said<'p>(Vec<(&'p Object, Action, Clauses<'p>)>);

impl<'p> Said<'p> {
    /// Of those of these that allow or deny something.
    pub(in crate::plan::policies) fn of(policies: &[&'p Object]) -> Self {
        let deciding = policies.iter().filter_map(|&policy| {
            let action = Action::of(policy);
            let decides = matches!(action, Action::Allow | Action::Deny) && !Policy::is_dry(policy);
            let rules = policy.node.get("spec").map(|spec| items(spec, "rules"));
            let clauses = Clauses::of(rules.unwrap_or_default(), &policy.id.namespace);
            decides.then_some((policy, action, clauses))
        });
        Self(deciding.collect())
    }

    /// What the account of a namespace may do.
    pub(in crate::plan::policies) fn holds(&self, (namespace, account): (&str, &str)) -> Holds {
        let caller = Caller::new("cluster.local", namespace, account);
        let means = |wanted: Action, whatever: bool| {
            let mut of = self.0.iter().filter(|(_, action, _)| *action == wanted);
            of.any(|(.., clauses)| clauses.mean(&caller, whatever))
        };
        let is_limited = self.0.iter().any(|(_, action, _)| *action == Action::Allow);
        if means(Action::Deny, true) || is_limited && !means(Action::Allow, false) {
            return Holds::Never;
        }
        let all = !means(Action::Deny, false) && (!is_limited || means(Action::Allow, true));
        if all { Holds::Always } else { Holds::Partly }
    }

    /// The policies, in words.
    pub(in crate::plan::policies) fn names(&self) -> String {
        first_of(5, ", ", self.0.iter().map(|(policy, ..)| policy.id.to_string()))
    }

    /// Where the first of them stands.
    pub(in crate::plan::policies) fn place(&self) -> Place {
        self.0.first().map(|(policy, ..)| policy.place()).unwrap_or_default()
    }
}
