//! Policies under STRICT mutual TLS: whoever may ask a service in the baseline may ask its copy, and from a copy,
//! and nobody else.
//!
//! Every pod that answers has its proxy here, with a certificate that istiod signed; callers have theirs one after
//! the other, because all of them listen on one port.

mod facts;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use self::facts::{FACTS, Fact};
use crate::books::{Books, documents};
use crate::evaluator::{Request, fqdn};
use crate::identity::{Identity, MutualTls};
use crate::lab::{Outcome, PATIENCE, anabranch, apply, ensure, kubectl, scratch, stream, wait};
use crate::traffic::{
    ADMIN, Endpoints, Envoy, Pod, Probe, Question, SETTLING, Told, endpoints, live,
};

const BANK: &str = "bank";
const BASELINES: [&str; 3] = [BANK, "mint", "depot"];
/// What each preview changes.
const PREVIEWS: [(&str, &[&str]); 3] = [
    ("pr-95", &["web", "ledger", "quotes", "rates"]),
    ("pr-96", &["reports", "teller", "vault", "cards", "tokens", "status"]),
    ("dp-95", &["web", "clerk"]),
];
/// Who is asked; all others ask.
const ANSWERING: [&str; 8] =
    ["ledger", "vault", "quotes", "rates", "cards", "tokens", "status", "stamps"];
/// Marks the pods of these, for the lab's Sidecar.
const ANSWERS: &str = "lab.test/answers";
/// Where a sidecar listens on the address of its pod, and where the pod itself.
const PORT: u16 = 8080;
const BEHIND: u16 = 8081;

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    super::clear(books)?;
    let mut probe = Probe::new()?;
    let mutual_tls = MutualTls::on(&mut probe)?;
    let outcome = judge(&mut probe);
    drop(mutual_tls);
    let policy = ["-n", "istio-system", "delete", "authorizationpolicy", "no-debugging"];
    kubectl(&policy)?;
    let namespaces: Vec<&str> =
        BASELINES.into_iter().chain(PREVIEWS.map(|(name, _)| name)).collect();
    let delete = ["delete", "--ignore-not-found", "--timeout=90s", "namespaces"];
    kubectl(&[delete.as_slice(), &namespaces].concat())?;
    outcome
}

fn judge(probe: &mut Probe) -> Outcome<String> {
    let mut bank = World::default();
    for file in [include_str!("bank.yaml"), include_str!("depot.yaml")] {
        install(file, &BASELINES)?;
    }
    bank.answer(&BASELINES, probe)?;
    let mut before = 0;
    for (home, app) in callers() {
        before += bank.ask(home, home, app, &[""])?;
    }
    let plain = bank.without_identity(probe)?;

    let folder = repository()?;
    for name in ["bank", "depot"] {
        let (previews, baseline) = (format!("{name}-previews.yaml"), format!("{name}.yaml"));
        let stream = anabranch(&folder, &["render", &previews, "--baseline", &baseline])?;
        install(&stream, &PREVIEWS.map(|(preview, _)| preview))?;
    }
    follow_advice(&folder)?;
    bank.answer(&PREVIEWS.map(|(preview, _)| preview), probe)?;
    let mut after = 0;
    for (home, app) in callers() {
        after += bank.ask(home, home, app, &["", "pr-95", "pr-96", "dp-95"])?;
        for (preview, changed) in PREVIEWS {
            if changed.contains(&app) && (preview.starts_with("dp-") == (home == "depot")) {
                after += bank.ask(preview, home, app, &["pr-95", "pr-96", "dp-95"])?;
            }
        }
    }
    let plain = plain + bank.without_identity(probe)?;
    let objects = documents(include_str!("bank.yaml"));
    let policies = objects.iter().filter(|one| one["apiVersion"] == "security.istio.io/v1").count();
    Ok(format!(
        "{policies} policies: {before} requests in the baseline alone, then {after} from it and from copies to it and to copies, each \
         allowed or denied as the policies say, by certificates of istiod; {plain} requests without one, refused wherever STRICT holds"
    ))
}

/// Who asks, each with its namespace.
fn callers() -> Vec<(&'static str, &'static str)> {
    let mut found: Vec<_> = FACTS.iter().map(|fact| home(fact.from)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The namespace and the name of a service.
fn home(service: &'static str) -> (&'static str, &'static str) {
    match service.split_once('/') {
        Some(parts) => parts,
        None if service == "stamps" => ("mint", service),
        None => (BANK, service),
    }
}

/// Both systems, as their owners keep them.
fn repository() -> Outcome<PathBuf> {
    let folder = scratch("policies");
    let files = [
        ("bank.yaml", include_str!("bank.yaml")),
        ("depot.yaml", include_str!("depot.yaml")),
        ("bank-previews.yaml", include_str!("bank-previews.yaml")),
        ("depot-previews.yaml", include_str!("depot-previews.yaml")),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).map_err(|error| error.to_string())?;
    }
    Ok(folder)
}

/// The mint's policy, to which nothing may be added from here, gets the rules that the warning about it gives.
fn follow_advice(folder: &Path) -> Outcome {
    let check = ["check", "bank-previews.yaml", "--baseline", "bank.yaml", "--format", "json"];
    let said: Value =
        serde_json::from_str(&anabranch(folder, &check)?).map_err(|error| error.to_string())?;
    let findings = said["findings"].as_array().ok_or("findings are a list")?;
    let mut findings = findings.iter().filter(|one| one["code"] == "policy-elsewhere");
    let advice = findings.next().ok_or_else(|| format!("mint/stamps is not named: {said}"))?;
    let help = advice["help"].as_str().unwrap_or_default();
    let (_, rules) = help.split_once("\nrules:\n").ok_or_else(|| format!("no rules: {help}"))?;
    let rules: Value = yaml_serde::from_str(rules).map_err(|error| error.to_string())?;
    let change = json!({"spec": {"rules": rules}}).to_string();
    let policy = ["-n", "mint", "patch", "authorizationpolicy", "stamps", "--type=merge", "-p"];
    kubectl(&[policy.as_slice(), &[&change]].concat()).map(drop)
}

/// Applies objects with what Istio's injector adds to pods, and the lab's Sidecars beside them.
fn install(text: &str, namespaces: &[&str]) -> Outcome {
    let mut objects = documents(text);
    for object in &mut objects {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let answers = ANSWERING.contains(&name.as_str());
        if object["kind"] == "Deployment" {
            let labels = &mut object["spec"]["template"]["metadata"]["labels"];
            labels["security.istio.io/tlsMode"] = json!("istio");
            if answers {
                labels[ANSWERS] = json!("yes");
            }
        }
    }
    apply(&stream(&objects))?;
    let there =
        |namespace: &&&str| objects.iter().any(|one| one["metadata"]["namespace"] == **namespace);
    for namespace in namespaces.iter().filter(there) {
        apply(&sidecar(namespace).to_string())?;
        let wanted = ["--for=condition=Available", "--timeout=20s", "deployments", "--all"];
        let arguments = [&["-n", namespace, "wait"][..], &wanted].concat();
        wait(namespace, PATIENCE, || kubectl(&arguments).map(drop))?;
    }
    Ok(())
}

/// Where iptables would lead what comes to a pod, the lab's proxies listen on the pod's address themselves.
fn sidecar(namespace: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
        "metadata": {"name": "lab-answers", "namespace": namespace},
        "spec": {
            "workloadSelector": {"labels": {ANSWERS: "yes"}},
            "ingress": [{
                "port": {"number": PORT, "protocol": "HTTP", "name": "http"},
                "defaultEndpoint": format!("0.0.0.0:{BEHIND}"),
            }],
            "egress": [{"hosts": ["~/*"]}],
        },
    })
}

/// A pod with its proxy and its identity.
struct Meshed {
    pod: Pod,
    _identity: Identity,
    _envoy: Envoy,
}

impl Meshed {
    fn new(namespace: &str, app: &str, admin: &str) -> Outcome<Self> {
        let pod = Pod::of(namespace, &format!("app={app}"))?;
        let identity = Identity::of(&pod)?;
        let envoy = Envoy::with_identity(&pod, admin, &identity)?;
        Ok(Self { pod, _identity: identity, _envoy: envoy })
    }
}

/// The pods that answer, and what the cluster knows of them.
#[derive(Default)]
struct World {
    /// By namespace and service.
    answering: BTreeMap<(String, String), Meshed>,
    endpoints: Endpoints,
}

impl World {
    /// Starts the proxies of all pods of these namespaces that answer.
    fn answer(&mut self, namespaces: &[&str], probe: &mut Probe) -> Outcome {
        self.endpoints = endpoints()?;
        let first = self.answering.len();
        let mut started = Vec::new();
        for namespace in namespaces {
            for app in ANSWERING {
                // An alias has no pods.
                let pods = self.endpoints.get(&fqdn(app, namespace));
                if pods.is_some_and(|pods| !pods.is_empty()) {
                    let admin = format!("127.0.0.1:{}", 15200 + first + started.len());
                    let meshed = Meshed::new(namespace, app, &admin)?;
                    started.push((app, admin));
                    self.answering.insert(((*namespace).to_owned(), app.to_owned()), meshed);
                }
            }
        }
        started.iter().try_for_each(|(app, admin)| live(app, admin, probe))
    }

    /// Has a service ask everything that there are facts about, with each of these keys, from a namespace that may be
    /// that of a copy; returns how many answers were right.
    fn ask(&self, from: &str, home_of: &str, app: &str, keys: &[&str]) -> Outcome<usize> {
        let mut probe = Probe::new()?;
        let caller = Meshed::new(from, app, ADMIN)?;
        live(&caller.pod.name, ADMIN, &mut probe)?;
        let facts = FACTS.iter().filter(|fact| home(fact.from) == (home_of, app));
        let questions: Vec<(&Fact, &str)> =
            facts.flat_map(|fact| keys.iter().map(move |key| (fact, *key))).collect();
        for (fact, key) in &questions {
            let what = format!("{from}/{app} with the key `{key}`: {fact:?}");
            wait(&what, SETTLING, || self.check(&caller.pod, fact, key, &mut probe))?;
        }
        // Once more, now that nothing changes any longer.
        for (fact, key) in &questions {
            self.check(&caller.pod, fact, key, &mut probe)?;
        }
        Ok(questions.len())
    }

    fn check(&self, caller: &Pod, fact: &Fact, key: &str, probe: &mut Probe) -> Outcome {
        let (service, path) = fact.what.split_at(fact.what.find('/').unwrap_or_default());
        let (namespace, _) = home(service);
        let mut request = Request::new(fact.method, path);
        request = fact.header.map_or(request.clone(), |(name, value)| request.header(name, value));
        if !key.is_empty() {
            request = request.header("x-preview-id", key);
        }
        // The short name, where it is one: an alias or the copy itself in a preview.
        let short = namespace == BANK && !fact.from.starts_with("depot/");
        let host = if short { service.to_owned() } else { format!("{service}.{namespace}") };
        let question =
            Question::new(&format!("127.0.0.1:{PORT}"), &format!("{host}:{PORT}"), &request, false);
        let told = probe.ask(&question)?;
        if !fact.allowed {
            return denied(&told);
        }
        let changes = |preview: &str| {
            let mut previews = PREVIEWS.iter().filter(|(name, _)| *name == preview);
            preview.starts_with("pr-") && previews.any(|(_, changed)| changed.contains(&service))
        };
        // A short name is in a preview that of its own copy, whatever the key.
        let reached = match (caller.namespace.as_str(), key) {
            (own, _) if short && changes(own) => own,
            (_, key) if changes(key) => key,
            _ => namespace,
        };
        self.reached(&told, caller, service, reached)
    }

    /// The right pod answered, and was told by both certificates who asks whom.
    fn reached(&self, told: &Told, caller: &Pod, service: &str, namespace: &str) -> Outcome {
        let echo = told.echo()?;
        let pods = self.endpoints.get(&fqdn(service, namespace));
        ensure(pods.is_some_and(|pods| pods.contains(&echo.pod)), || {
            format!("{} answered instead of {service} in {namespace}", echo.pod)
        })?;
        let seen =
            echo.headers.get("x-forwarded-client-cert").cloned().unwrap_or_default().join(";");
        let identity = |namespace: &str, account: &str| {
            format!("spiffe://cluster.local/ns/{namespace}/sa/{account}")
        };
        let by = format!("By={}", identity(namespace, service));
        let of = format!("URI={}", identity(&caller.namespace, &caller.account));
        ensure(seen.contains(&by) && seen.contains(&of), || {
            format!("the certificates say {seen} and not {by}, {of}")
        })
    }

    /// Whoever has no certificate is refused, but where the baseline makes an exception.
    fn without_identity(&self, probe: &mut Probe) -> Outcome<usize> {
        for ((namespace, service), meshed) in &self.answering {
            let path = if service == "status" { "/status" } else { "/quotes/eur" };
            let address = format!("{}:{PORT}", meshed.pod.ip);
            let answer = probe.ask(&Question::plain(&address, path));
            match (service.as_str(), answer) {
                ("status", Ok(told)) if told.status == 200 => {}
                ("status", other) => return Err(format!("{namespace}/status answers {other:?}")),
                (_, Err(_)) => {}
                (_, Ok(told)) => {
                    return Err(format!("{namespace}/{service} answers in plain text: {told:?}"));
                }
            }
        }
        Ok(self.answering.len())
    }
}

/// A policy says no: to an identity, or to a token.
fn denied(told: &Told) -> Outcome {
    ensure(matches!(told.status, 401 | 403) && told.echo().is_err(), || {
        format!("status {} instead of a refusal: {}", told.status, told.body.trim())
    })
}
