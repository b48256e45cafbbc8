//! What an earlier run made, and other sets still need.

use crate::kube::istio::GROUP;
use crate::kube::{Object, marks};
use crate::model::route::istio::hosts;
use crate::plan::Plan;
use crate::yaml::Data;

/// VirtualServices of an earlier run that this one has no use for, and that other sets have added to: they
/// stay with what is not ours, or the other sets' previews would be left without rules.
pub(in crate::emit) fn left_to_others(plan: &Plan<'_>) -> Vec<Object> {
    let (set, home) = (plan.config.set(), plan.catalog.home);
    let is_made = |object: &Object| {
        let mut tables = plan.routing.istio.iter();
        tables.any(|table| marks::virtual_service(set, table.service) == object.id.name.as_str())
    };
    let is_free = |object: &Object| {
        let mut users = plan.catalog.objects().filter(|one| one.is(GROUP, "VirtualService"));
        let of = |one: &Object| -> Vec<String> {
            hosts(one).map(|host| home.full_host(host, &one.id.namespace)).collect()
        };
        let taken = of(object);
        !users.any(|one| of(one).iter().any(|host| taken.contains(host)))
    };
    let earlier = plan.catalog.extended().iter();
    let left = earlier.filter(|one| marks::is_changed(&one.node, marks::HTTP));
    let left = left.filter(|one| !is_made(one) && is_free(one)).cloned();
    left.map(|mut object| {
        if let Some(Data::List(http)) =
            object.node.at_mut(&["spec", "http"]).map(|http| &mut http.data)
        {
            http.retain(|entry| !marks::is_entry(entry, set));
        }
        object
    })
    .collect()
}
