//! The inn from outside: what an internal Gateway serves is on no preview host, and a redirect on a
//! preview host leads to a preview host.

use super::{BASELINE, Endpoints};
use crate::books::documents;
use crate::evaluator::{Mesh, Request, fqdn};
use crate::judge::agree;
use crate::lab::{Outcome, ensure, kubectl, wait};
use crate::traffic::{Envoy, Pod, Probe, Question, SETTLING, Told, endpoints};

/// What a request comes to.
enum End {
    /// A pod of this service in this namespace.
    At(&'static str, &'static str),
    /// Nobody.
    Nowhere,
    /// This host.
    Led(&'static str),
}
use End::{At, Led, Nowhere};

/// A Gateway with its port, a host and a path, and what a request for them comes to.
type Fact = (&'static str, u16, &'static str, &'static str, End);

const FACTS: [Fact; 10] = [
    ("inn-public", 8000, "inn.example.com", "/menu", At("menu", BASELINE)),
    ("inn-public", 8000, "inn.example.com", "/admin", Nowhere),
    ("inn-public", 8000, "apex.example.com", "/x", Led("inn.example.com")),
    ("inn-internal", 8001, "inn.example.com", "/admin", At("bills", BASELINE)),
    ("preview", 8000, "pr-90-inn.preview.example.com", "/menu", At("menu", "pr-90")),
    ("preview", 8000, "pr-90-inn.preview.example.com", "/bill", At("bills", BASELINE)),
    ("preview", 8000, "pr-91-inn.preview.example.com", "/bill", At("bills", "pr-91")),
    ("preview", 8000, "pr-90-inn.preview.example.com", "/admin", Nowhere),
    ("preview", 8000, "pr-91-inn.preview.example.com", "/admin", Nowhere),
    ("preview", 8000, "pr-90-apex.preview.example.com", "/x", Led("pr-90-inn.preview.example.com")),
];

/// Asks the proxy of the Gateways, and returns how many requests were right.
pub(super) fn expect(objects: &str) -> Outcome<usize> {
    let (mesh, endpoints) = (Mesh::new(&documents(objects)), endpoints()?);
    let pod = Pod::of("infra", "app.kubernetes.io/name=entry")?;
    let mut probe = Probe::new()?;
    let _envoy = Envoy::gateway(&pod, &mut probe)?;
    let mut check = |(gateway, port, host, path, end): &Fact| {
        let request = Request::new("GET", path);
        // Plain HTTP in the lab, where no certificate is.
        let gateway = format!("infra/{gateway}");
        let predicted = mesh.enter_by(&gateway, "http", *port, host, &request);
        let question = Question::new(&format!("127.0.0.1:{port}"), host, &request, false);
        let told = probe.ask(&question)?;
        agree(&predicted, &question, &told, &endpoints)
            .and_then(|()| ends(&told, end, &endpoints))
            .map_err(|error| format!("{error}; predicted {predicted:?}"))
    };
    for fact in &FACTS {
        let (gateway, _, host, path, _) = fact;
        wait(&format!("{host}{path} at {gateway}"), SETTLING, || check(fact))?;
    }
    FACTS.iter().try_for_each(&mut check)?;
    told_to_tests()?;
    Ok(FACTS.len())
}

fn ends(told: &Told, end: &End, endpoints: &Endpoints) -> Outcome {
    match end {
        Nowhere => ensure(told.status == 404, || format!("status {}", told.status)),
        Led(wanted) => {
            let host = told.leads_to().map(|(host, _)| host);
            ensure(host.as_deref() == Some(wanted), || format!("it leads to {host:?}"))
        }
        At(service, namespace) => {
            let pods = endpoints.get(&fqdn(service, namespace));
            let pod = told.echo()?.pod;
            ensure(pods.is_some_and(|pods| pods.contains(&pod)), || format!("{pod} answered"))
        }
    }
}

/// A host that only redirects is not the one that tests are told.
fn told_to_tests() -> Outcome {
    let url =
        ["-n", "pr-90", "get", "configmap", "anabranch", "-o", "jsonpath={.data.PREVIEW_URL}"];
    let url = kubectl(&url)?;
    ensure(url.contains("pr-90-inn.preview.example.com"), || format!("PREVIEW_URL is {url}"))
}
