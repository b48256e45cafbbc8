//! A baseline of three namespaces, delivered by Flux: what one team calls of another's reaches the copy with the
//! key, and the baseline without it.

use crate::books::{Books, copy, documents};
use crate::delivery::root_kustomization;
use crate::estate::Estate;
use crate::evaluator::{Call, Mesh, Request};
use crate::judge::agree;
use crate::lab::{Outcome, anabranch, apply, ensure, kubectl, list, push, ready, scratch, wait};
use crate::traffic::{Endpoints, Envoy, Pod, Probe, Question, SETTLING, endpoints};

/// The estate, and its set.
const ESTATE: &str = "teams";
const SET: &str = "theatre";
const PREVIEWS: [&str; 2] = ["pr-2001", "pr-2002"];
/// Who asks: pods of the baseline, then copies.
const CALLERS: [(&str, &str, &str); 6] = [
    ("foyer", "foyer", "web"),
    ("boxoffice", "boxoffice", "seats"),
    ("archive", "archive", "api"),
    ("pr-2001-foyer", "foyer", "web"),
    ("pr-2001-archive", "archive", "api"),
    ("pr-2002-boxoffice", "boxoffice", "seats"),
];

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    super::clear(books)?;
    let estate = Estate::all().into_iter().find(|estate| estate.name() == ESTATE);
    let estate = estate.ok_or("no estate of teams")?;
    let render = ["render", "previews.yaml", "--baseline", "baseline"];
    let mesh = Mesh::new(&documents(&anabranch(&estate.folder, &render)?));
    deliver(&estate)?;
    let endpoints = endpoints()?;
    let mut asked = 0;
    for (namespace, home, app) in CALLERS {
        let targets =
            estate.expected.calls.get(&format!("{app}.{home}")).ok_or("it calls nobody")?;
        asked += ask(namespace, app, targets, &mesh, &endpoints)?;
    }
    remove()?;
    Ok(format!(
        "three namespaces and two previews of them in four more, each preview by one Kustomization: {asked} calls from {} sidecars, most of them \
         across namespaces, each answered as the evaluator predicts; removed, nothing was left",
        CALLERS.len()
    ))
}

/// Pushes the estate as CI would, and waits until Flux has applied it.
fn deliver(estate: &Estate) -> Outcome {
    let folder = scratch(SET);
    copy(&estate.folder, &folder)?;
    anabranch(&folder, &["render", "previews.yaml", "--baseline", "baseline", "-o", "out"])?;
    apply(&root_kustomization(SET)?)?;
    push(&folder.join("out"), SET, &"7".repeat(40))?;
    for preview in PREVIEWS {
        let name = format!("{SET}.{preview}");
        wait(&name, SETTLING * 2, || ready(&name))?;
    }
    Ok(())
}

/// Has a pod ask everything that its service calls, with each key and without one.
fn ask(
    namespace: &str,
    app: &str,
    targets: &[String],
    mesh: &Mesh,
    endpoints: &Endpoints,
) -> Outcome<usize> {
    let pod = Pod::of(namespace, &format!("app={app}"))?;
    let mut probe = Probe::new()?;
    let _envoy = Envoy::sidecar(&pod, &mut probe)?;
    let keys = [None, Some("pr-200"), Some(PREVIEWS[0]), Some(PREVIEWS[1])];
    for target in targets {
        let (authority, path) = target.split_at(target.find('/').unwrap_or(target.len()));
        let (host, _) = authority.split_once(':').ok_or("a call names a port")?;
        for key in keys {
            let request = Request::new("GET", if path.is_empty() { "/" } else { path });
            let request = match key {
                Some(key) => request.header("x-preview-id", key),
                None => request,
            };
            let (from, host) = (namespace.to_owned(), host.to_owned());
            let predicted = mesh.call(&Call { from, host, port: 8080, request: request.clone() });
            let question = Question::new("127.0.0.1:8080", authority, &request, false);
            wait(&format!("{target} with {key:?} from {namespace}/{app}"), SETTLING, || {
                let told = probe.ask(&question)?;
                agree(&predicted, &question, &told, endpoints)
                    .map_err(|error| format!("{error}; predicted {predicted:?}"))
            })?;
        }
    }
    Ok(targets.len() * keys.len())
}

/// Removes the root, with which all that Flux made goes.
fn remove() -> Outcome {
    let kustomization = ["-n", "flux-system", "delete", "kustomization", SET, "--timeout=120s"];
    kubectl(&kustomization)?;
    kubectl(&["-n", "flux-system", "delete", "ocirepository", SET])?;
    wait("the namespaces to be gone", SETTLING * 4, || {
        let label = format!("anabranch.dev/previews={SET}");
        let left = list(&["namespaces", "-l", &label])?;
        ensure(left.is_empty(), || format!("{} are left", left.len()))
    })
}
