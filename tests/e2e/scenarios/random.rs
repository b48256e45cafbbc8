//! Random shops: routes of both APIs that nobody wrote by hand, applied and asked. The evaluator of
//! routes, on which the property tests stand, is itself judged here.

use std::fs;

use crate::books::{Books, documents};
use crate::evaluator::{Answer, Call, Mesh, Request};
use crate::judge::agree;
use crate::lab::{Outcome, PATIENCE, anabranch, apply, kubectl, scratch, wait};
use crate::shop::{BASELINE, Shop};
use crate::traffic::{Envoy, Pod, Probe, Question, SETTLING, endpoints};

/// How many shops.
const SHOPS: usize = 4;

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    super::clear(books)?;
    let (mut shops, mut refused, mut asked) = (0, 0, 0);
    let mut seed = std::env::var("E2E_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    while shops < SHOPS {
        let shop = Shop::random(seed);
        // A baseline that the API server does not take is nobody's baseline.
        if apply(&shop.baseline()).is_ok() {
            asked += judge(&shop).map_err(|error| format!("shop {seed}: {error}"))?;
            shops += 1;
        } else {
            refused += 1;
        }
        clear(&shop)?;
        seed += 1;
    }
    Ok(format!(
        "{asked} requests in {shops} random shops, 0 disagreements with the evaluator \
         ({refused} shops more had a baseline that the API server refuses)"
    ))
}

fn judge(shop: &Shop) -> Outcome<usize> {
    let folder = scratch("random");
    fs::write(folder.join("baseline.yaml"), shop.baseline()).map_err(|error| error.to_string())?;
    fs::write(folder.join("previews.yaml"), shop.previews_yaml()).map_err(|e| e.to_string())?;
    let stream = anabranch(&folder, &["render", "--baseline", "baseline.yaml"])?;
    apply(&stream)?;
    let mesh = Mesh::new(&documents(&stream));
    for namespace in namespaces(shop) {
        wait(&namespace, PATIENCE, || {
            kubectl(&[
                "-n",
                &namespace,
                "wait",
                "--for=condition=Available",
                "--timeout=1s",
                "deployments",
                "--all",
            ])
        })?;
    }
    let pod = Pod::of(BASELINE, &format!("app={}", shop.services[0].name))?;
    let mut probe = Probe::new()?;
    let _envoy = Envoy::sidecar(&pod, &mut probe)?;
    let endpoints = endpoints()?;
    let calls = calls(shop);
    wait("every answer to be the predicted one", SETTLING, || {
        let mut asked = 0;
        for (host, port, request) in &calls {
            let call = Call {
                from: BASELINE.to_owned(),
                host: host.clone(),
                port: *port,
                request: request.clone(),
            };
            let predicted = mesh.call(&call);
            if matches!(predicted, Answer::Undefined(_) | Answer::Failed(_)) {
                continue;
            }
            let authority = format!("{host}:{port}");
            let address = format!("127.0.0.1:{port}");
            let question = Question::new(&address, &authority, request, false);
            let told = probe.ask(&question)?;
            agree(&predicted, &question, &told, &endpoints).map_err(|error| {
                format!("{authority} {request:?}: {error}; predicted {predicted:?}")
            })?;
            asked += 1;
        }
        Ok(asked)
    })
}

/// Every request to every port of every service, without a key, with that of each preview, and with
/// one that nobody has.
fn calls(shop: &Shop) -> Vec<(String, u16, Request)> {
    let names = shop.previews.iter().map(|preview| preview.name.clone());
    let keys: Vec<Option<String>> =
        [None, Some("pr-4x".to_owned())].into_iter().chain(names.map(Some)).collect();
    let mut calls = Vec::new();
    for service in &shop.services {
        for &port in &service.ports {
            for request in &shop.requests {
                for key in &keys {
                    let request = match key {
                        Some(key) => request.clone().header("x-preview-id", key),
                        None => request.clone(),
                    };
                    calls.push((service.name.clone(), port, request));
                }
            }
        }
    }
    calls
}

fn namespaces(shop: &Shop) -> Vec<String> {
    let previews = shop.previews.iter().map(|preview| preview.name.clone());
    [BASELINE.to_owned()].into_iter().chain(previews).collect()
}

fn clear(shop: &Shop) -> Outcome {
    let all = namespaces(shop);
    let mut arguments = vec!["delete", "--ignore-not-found", "--timeout=90s", "namespaces"];
    arguments.extend(all.iter().map(String::as_str));
    kubectl(&arguments).map(drop)
}
