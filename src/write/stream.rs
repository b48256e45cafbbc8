//! Everything that one Flux Kustomization can apply, in an order that people can read: the baseline
//! where it is delivered, each preview, what they share, and the Flux objects.

use crate::emit::Output;
use crate::kube::{Object, sort};

/// The objects of a stream, in order. `baseline` are the objects to deliver with it.
#[must_use]
pub fn stream(output: Output, baseline: Vec<Object>) -> Vec<Object> {
    let mut objects = baseline;
    sort(&mut objects);
    for environment in output.environments {
        let mut own: Vec<Object> = environment.files.into_values().flatten().collect();
        sort(&mut own);
        objects.extend(own);
    }
    objects.extend(output.shared);
    objects.extend(output.flux.into_iter().flat_map(|(_, own)| own));
    objects.extend(output.flux_shared.into_values().flatten());
    objects
}
