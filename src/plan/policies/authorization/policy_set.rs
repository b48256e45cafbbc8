//! What several AuthorizationPolicies together allow a caller.

use super::clauses::{Caller, Clauses};
use super::{Action, is_dry_run, rules_of};
use crate::diagnostic::{Place, first_of};
use crate::kube::Object;
use crate::model::AccountName;

/// How much a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan::policies) enum Access {
    /// Every request.
    Full,
    /// Requests that match something besides the caller.
    Partial,
    /// No request.
    Denied,
}

/// The policies with the actions ALLOW and DENY that are enforced at one place.
pub(in crate::plan::policies) struct PolicySet<'p>(Vec<(&'p Object, Action, Clauses<'p>)>);

impl<'p> PolicySet<'p> {
    /// The set of those policies that `applies` holds for.
    pub(in crate::plan::policies) fn of(
        policies: &[&'p Object],
        applies: impl Fn(&Object) -> bool,
    ) -> Self {
        let applied = policies.iter().filter(|policy| applies(policy)).map(|&policy| {
            (policy, Action::of(policy), Clauses::of(rules_of(policy), &policy.id.namespace))
        });
        let decides = |(policy, action, _): &(&Object, Action, _)| {
            matches!(action, Action::Allow | Action::Deny) && !is_dry_run(policy)
        };
        Self(applied.filter(decides).collect())
    }

    /// How much a service account may do.
    pub(in crate::plan::policies) fn access_of(&self, account: AccountName<'_>) -> Access {
        let caller = Caller::new("cluster.local", account.namespace, account.name);
        let some = |wanted: Action, matches: &dyn Fn(&Clauses<'_>) -> bool| {
            self.0.iter().any(|(_, action, clauses)| *action == wanted && matches(clauses))
        };
        let any_request = |clauses: &Clauses<'_>| clauses.match_any_request(&caller);
        let some_request = |clauses: &Clauses<'_>| clauses.match_some_request(&caller);
        // Without a policy that allows, everything is allowed that is not denied.
        let is_limited = some(Action::Allow, &|_| true);
        if some(Action::Deny, &any_request) || is_limited && !some(Action::Allow, &some_request) {
            return Access::Denied;
        }
        if some(Action::Deny, &some_request) || is_limited && !some(Action::Allow, &any_request) {
            return Access::Partial;
        }
        Access::Full
    }

    /// The names of the policies.
    pub(in crate::plan::policies) fn names(&self) -> String {
        first_of(5, ", ", self.0.iter().map(|(policy, ..)| policy.id.to_string()))
    }

    /// The place of the first policy.
    pub(in crate::plan::policies) fn place(&self) -> Place {
        self.0.first().map(|(policy, ..)| policy.place()).unwrap_or_default()
    }
}
