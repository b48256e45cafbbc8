//! One file per scenario.

pub(crate) mod account;
pub(crate) mod ambient;
pub(crate) mod artifacts;
pub(crate) mod broken;
pub(crate) mod east_west;
pub(crate) mod estates;
pub(crate) mod fleet;
pub(crate) mod followed;
pub(crate) mod function;
pub(crate) mod hand_over;
pub(crate) mod life;
pub(crate) mod many;
pub(crate) mod namespaces;
pub(crate) mod north_south;
pub(crate) mod observed;
pub(crate) mod policies;
pub(crate) mod push_cost;
pub(crate) mod random;
pub(crate) mod reserved;
pub(crate) mod scale;
pub(crate) mod template;
pub(crate) mod under_load;
pub(crate) mod workflows;

use std::time::Duration;

use crate::books::Books;
use crate::lab::{Outcome, ensure, kubectl, wait};

/// How long a namespace may take to go.
const REMOVAL: Duration = Duration::from_secs(120);

/// Removes every preview and waits until nothing is left of them.
fn clear(books: &mut Books) -> Outcome {
    let names = books.names()?;
    if names.is_empty() {
        return Ok(());
    }
    let mut arguments = vec!["remove"];
    arguments.extend(names.iter().map(String::as_str));
    books.edit(&arguments)?;
    books.deliver(&[])?;
    await_gone(&names)
}

/// Waits until the namespaces and Kustomizations of previews are gone.
fn await_gone(names: &[String]) -> Outcome {
    wait("the previews to be gone", REMOVAL, || {
        let kinds = "namespaces,kustomizations.kustomize.toolkit.fluxcd.io,httproutes,grpcroutes";
        let left = kubectl(&["get", "-A", "-l", "anabranch.dev/preview", "-o", "name", kinds])?;
        let of_these = |line: &&str| names.iter().any(|name| line.ends_with(name.as_str()));
        let left: Vec<&str> = left.lines().filter(of_these).collect();
        ensure(left.is_empty(), || left.join(", "))
    })
}
