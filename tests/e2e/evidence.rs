//! docs/evidence.md, written by a run that passed, so that it cannot say more than was seen.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::lab::{Outcome, run};

/// One scenario of the run.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) outcome: Outcome<String>,
    pub(crate) seconds: f64,
}

/// Engines by the module that pins them.
const ENGINES: [(&str, &str, &str); 16] = [
    ("kube-apiserver, controller manager, scheduler", "kubernetes", "k8s.io/kubernetes"),
    ("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    ("kwok, in place of kubelets", "kwok", "sigs.k8s.io/kwok"),
    ("Flux source-controller", "source-controller", "github.com/fluxcd/source-controller"),
    ("Flux kustomize-controller", "kustomize-controller", "github.com/fluxcd/kustomize-controller"),
    (
        "Flux notification-controller",
        "notification-controller",
        "github.com/fluxcd/notification-controller",
    ),
    ("Flux source-watcher", "source-watcher", "github.com/fluxcd/source-watcher/v2"),
    ("istiod, with its validation webhook", "istio", "istio.io/istio"),
    ("Gateway API's definitions", "istio", "sigs.k8s.io/gateway-api"),
    ("OCI registry (distribution)", "registry", "github.com/distribution/distribution/v3"),
    ("SOPS", "sops", "github.com/getsops/sops/v3"),
    ("age", "sops", "filippo.io/age"),
    ("cosign", "cosign", "github.com/sigstore/cosign/v3"),
    ("Gitea", "gitea", "code.gitea.io/gitea"),
    ("Gitea's act, in a runner of the lab's own", "../runner", "gitea.com/gitea/act"),
    ("act, in place of GitHub's runners", "act", "github.com/nektos/act"),
];

const NOT_PROVED: &str = "\
## What was not proved

- **No container ran.** Pods are kwok's: scheduled, with an address, ready at once; one program answers for all of them
  and says which address was asked. So nothing is known here about images, probes, or the time a pod takes to start.
- **No sidecar was injected.** A stock Envoy takes the place of one pod's proxy at a time, and gets from istiod what that
  pod's proxy would get. Istio's own filters and iptables are not involved.
- **Mutual TLS and policies ran in one scenario only**, between sidecars. All other scenarios, and the Gateways, use plain HTTP.
  No NetworkPolicy is enforced, as there is no network between pods.
- **One cluster of one node**, and one caller at a time. These are proofs of routing, not figures of performance.
- **Gitea in place of GitHub and GitLab**: Flux reports to them through other providers.
- **No image was built, and no release fetched.** Where workflows run, an image is a folder that is pushed to the registry,
  and a stand-in for gh says that the program has its provenance. Neither act nor Gitea has GitHub's permissions, concurrency
  and identities (OIDC), so these were not tried.
- **Third-party parts of gitops-template/ did not run**: Helm's charts (Istio, cert-manager, External Secrets, Prometheus'
  operator with Grafana, Kiali). The API server accepts their objects and those of their kinds, and no controller acts on them.
  `flux bootstrap` and the Flux operator did not run: the API server accepts their manifests, and the lab writes the files that
  the bootstrap would commit. Istio's Telemetry is accepted too, and no proxy gets it. Artifacts are signed with a key, not with
  an identity. A suite's Job always succeeds; the smoke suite's own commands run beside it, through the proxies.
- **No traffic in ambient mode**: no ztunnel and no waypoint ran. istiod's configuration of a waypoint was compared, request by
  request, with the predictions of the evaluator; policies of ambient mode were compared with nothing.
- **No other mesh**: neither Linkerd nor Cilium nor Kuma ran, nor a cluster without a mesh.
- **No metrics of Istio**: a stock Envoy has other metrics than Istio's proxy, and kube-state-metrics did not run. Prometheus
  parsed the queries of both, and promtool evaluated them on written series. Grafana, Kiali and the
  OpenTelemetry collector did not run; the suites ran outside of containers.
";

/// Writes the document.
pub(crate) fn write(lines: &[Line], seconds: u64) -> Outcome {
    let mut text = String::from(
        "# Evidence\n\n\
         Written by `make e2e`, which runs the real engines below, feeds them what the real program writes, and watches.\n\
         Run it yourself: it needs root for a network namespace, Rust, Go and Python, and no cluster. Only a run in which\n\
         everything passed writes this file.\n\n\
         ## What was observed\n\n| scenario | what was seen | seconds |\n|---|---|---|\n",
    );
    for line in lines {
        let observed = line.outcome.as_deref().unwrap_or_default().replace('|', "\\|");
        text.push_str(&format!("| {} | {observed} | {:.0} |\n", line.name, line.seconds));
    }
    text.push_str(&format!(
        "\nThe whole run took {seconds} s with everything built, on {} cores.\n",
        cores()
    ));
    text.push_str("\n## With what\n\n| engine | version |\n|---|---|\n");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (engine, folder, module) in ENGINES {
        let path = root.join("tests/lab/modules").join(folder).join("go.mod");
        let file =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let version =
            version(&file, module).ok_or_else(|| format!("{folder} does not pin {module}"))?;
        text.push_str(&format!("| {engine} | {version} |\n"));
    }
    let envoy = run(Command::new("envoy").arg("--version"), "")?;
    let envoy = envoy.split('/').nth(1).unwrap_or("unknown").to_owned();
    let word = |program: &str, argument: &str, index: usize| {
        let text = run(Command::new(program).arg(argument), "")?;
        Ok::<_, String>(text.split_whitespace().nth(index).unwrap_or("unknown").to_owned())
    };
    let prometheus = word("promtool", "--version", 2)?;
    let weed = word("weed", "version", 2)?;
    text.push_str(&format!(
        "| Envoy, as released | {envoy} |\n| Prometheus | {} |\n| SeaweedFS, as a bucket | {weed} |\n\n{NOT_PROVED}",
        prometheus.trim_end_matches(',')
    ));
    fs::write(root.join("docs/evidence.md"), text).map_err(|error| error.to_string())
}

/// The version of a module in a go.mod.
fn version<'a>(file: &'a str, module: &str) -> Option<&'a str> {
    // A line `tool MODULE` names it without one.
    let words: Vec<&str> = file.split_whitespace().collect();
    let mut pairs = words.windows(2).filter(|pair| pair[0] == module);
    pairs.find_map(|pair| pair[1].starts_with('v').then_some(pair[1]))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
