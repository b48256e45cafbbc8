//! Whether what came back is what the evaluator of routes predicts.

use serde_json::Value;

use crate::evaluator::{Answer, Destination, Share};
use crate::lab::{Outcome, ensure};
use crate::traffic::{Endpoints, Question, Told};

/// gRPC's word for a 404 of a proxy.
const UNIMPLEMENTED: u16 = 12;

/// Compares an answer with its prediction: who answered, under which path, with which headers set, or
/// where it leads to.
pub(crate) fn agree(
    predicted: &Answer,
    question: &Question,
    told: &Told,
    endpoints: &Endpoints,
) -> Outcome {
    let status = |wanted: u16| {
        ensure(told.status == wanted, || format!("status {} instead of {wanted}", told.status))
    };
    match predicted {
        Answer::Backends { destinations, effects } => {
            let live = || destinations.iter().filter(|(_, Share(part, _))| *part > 0);
            // No DestinationRule of the lab defines subsets, so nobody stands behind one.
            let nobody =
                |destination: &Destination| !destination.exists || destination.subset.is_some();
            if live().all(|(destination, _)| nobody(destination))
                || told.status >= 500 && live().any(|(destination, _)| nobody(destination))
            {
                return ensure(told.status >= 500, || {
                    format!("status {} where nobody can answer", told.status)
                });
            }
            let hosts: Vec<&str> =
                live().map(|(destination, _)| destination.host.as_str()).collect();
            let effects: Value =
                serde_json::from_str(effects).map_err(|error| error.to_string())?;
            from_pod_of(&hosts, told, endpoints)?;
            keeps(&effects, told)
        }
        Answer::Default(destination) => from_pod_of(&[&destination.host], told, endpoints),
        Answer::NotFound => status(if question.is_grpc() { UNIMPLEMENTED } else { 404 }),
        Answer::Direct(effects) => {
            let effects: Value =
                serde_json::from_str(effects).map_err(|error| error.to_string())?;
            let code = match &effects["redirect"] {
                Value::Null => effects["RequestRedirect"]["statusCode"].as_u64().unwrap_or(302),
                redirect => redirect["redirectCode"].as_u64().unwrap_or(301),
            };
            status(u16::try_from(code).unwrap_or_default())?;
            let wanted = predicted.leads_to(question.host(), question.path());
            ensure(told.leads_to() == wanted, || {
                format!("it leads to {:?} instead of {wanted:?}", told.leads_to())
            })
        }
        Answer::Failed(reason) | Answer::Undefined(reason) => {
            Err(format!("the evaluator has no prediction: {reason}"))
        }
    }
}

fn from_pod_of(hosts: &[&str], told: &Told, endpoints: &Endpoints) -> Outcome {
    let echo = told.echo()?;
    let right = hosts
        .iter()
        .any(|host| endpoints.get(*host).is_some_and(|addresses| addresses.contains(&echo.pod)));
    ensure(right, || {
        let owners: Vec<&String> = endpoints
            .iter()
            .filter(|(_, addresses)| addresses.contains(&echo.pod))
            .map(|(host, _)| host)
            .collect();
        format!("{} ({owners:?}) answered instead of {hosts:?}", echo.pod)
    })
}

/// Rewrites and headers, as the pod saw them.
fn keeps(effects: &Value, told: &Told) -> Outcome {
    let echo = told.echo()?;
    let rewritten = effects["URLRewrite.path"].as_str().or_else(|| effects["path"].as_str());
    if let Some(path) = rewritten {
        let found = echo.path.split('?').next().unwrap_or_default();
        ensure(found == path, || format!("the path is {found} instead of {path}"))?;
    }
    let has = |name: &str, value: &str| {
        let values = echo.headers.get(&name.to_ascii_lowercase());
        ensure(values.is_some_and(|values| values.iter().any(|one| one == value)), || {
            format!("the header {name} is {values:?} instead of {value}")
        })
    };
    for header in effects["RequestHeaderModifier"]["set"].as_array().unwrap_or(&Vec::new()) {
        has(
            header["name"].as_str().unwrap_or_default(),
            header["value"].as_str().unwrap_or_default(),
        )?;
    }
    if let Some(set) = effects["headers"]["request"]["set"].as_object() {
        for (name, value) in set {
            has(name, value.as_str().unwrap_or_default())?;
        }
    }
    Ok(())
}
