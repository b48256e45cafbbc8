//! What an alias costs: a sidecar that imports a service answers to the names of its aliases too,
//! in whatever namespace these are.

use serde_json::Value;

use super::wide::{self, Objects, Shape};
use super::{Proxy, fewer_clusters, restricted, unrestricted};
use crate::lab::{Outcome, ensure, kubectl};
use crate::traffic::{Pod, Probe};

/// How many aliases one service has: one of each preview.
pub(super) const ALIASES: [usize; 3] = [0, 100, 1_000];
/// What the Sidecar of the caller imports; nothing: there is none.
pub(super) const IMPORTS: [Option<&str>; 3] =
    [None, Some("./*"), Some("./*.wide.svc.cluster.local")];
/// An alias is known by its full name, by that with a dot behind it, and by two shorter ones.
const NAMES: usize = 4;

/// The sidecar of a caller in the baseline.
pub(super) struct Cost {
    pub(super) aliases: usize,
    pub(super) imports: Option<&'static str>,
    pub(super) proxy: Proxy,
}

/// Measures with the aliases that the program writes, and with nothing else of the previews.
pub(super) fn measure(pod: &Pod, probe: &mut Probe) -> Outcome<Vec<Cost>> {
    let most = Objects::of(&wide::render(ALIASES[2], Shape::ALL[0])?);
    let mut costs: Vec<Cost> = Vec::new();
    let mut there = 0;
    for aliases in ALIASES {
        let mut fresh = most.of_previews(there..aliases);
        fresh.retain(|one| one["kind"] == "Namespace" || is_alias(one));
        wide::apply_all(&fresh)?;
        there = aliases;
        for imports in IMPORTS {
            // A pattern that does not cover the aliases leaves them out.
            let covered = imports.is_none_or(|pattern| pattern.ends_with("/*"));
            let first = costs.first().map(|cost| (cost.proxy.names, cost.proxy.clusters));
            let expected = |proxy: &Proxy| {
                let Some((names, clusters)) = first else { return Ok(()) };
                let names = names + if covered { NAMES * aliases } else { 0 };
                ensure(proxy.names == names, || format!("{} names, not {names}", proxy.names))?;
                if imports.is_some() { fewer_clusters(clusters)(proxy) } else { Ok(()) }
            };
            let proxy = match imports {
                None => unrestricted("plain", pod, probe, expected)?,
                Some(hosts) => restricted(hosts, "plain", pod, probe, expected)?,
            };
            costs.push(Cost { aliases, imports, proxy });
        }
    }
    kubectl(&["delete", "services", "-A", "-l", "anabranch.dev/preview", "--wait=false"])?;
    Ok(costs)
}

fn is_alias(object: &Value) -> bool {
    object["spec"]["type"] == "ExternalName"
}
