//! The cluster that Flux fills from the GitOps repository.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::forge::{Clone, Forge};
use crate::lab::{Outcome, apply, ensure, get, kubectl, list, ready, run, wait};
use crate::traffic::{Envoy, Pod, Probe, SETTLING};

/// How long Flux may take to fill an empty cluster, and to empty it.
const BOOTSTRAP: Duration = Duration::from_secs(120);
/// Where the Flux objects of previews are.
const PREVIEWS: &str = "previews";
/// The namespace of the baseline.
pub(crate) const BASELINE: &str = "shop";
/// The token of Flux's receiver.
pub(crate) const RECEIVER_TOKEN: &str = "known-to-the-workflow-and-to-flux";
/// The lab's own objects, in place of what Istio and Flux install.
const PROXIES: &str = include_str!("cluster.yaml");
const KUSTOMIZATIONS: &str = "kustomizations.kustomize.toolkit.fluxcd.io";

/// The proxies of both Gateways.
pub(crate) struct Cluster {
    _public: Envoy,
    _preview: Envoy,
}

impl Cluster {
    /// What `flux bootstrap` does, and everything that follows from it.
    pub(crate) fn bootstrap(forge: &Forge, gitops: &Clone) -> Outcome<Self> {
        apply(PROXIES)?;
        let folder = gitops.folder.join("clusters/staging/flux-system");
        let sync = include_str!("sync.yaml");
        fs::write(folder.join("gotk-sync.yaml"), sync).map_err(|error| error.to_string())?;
        gitops.commit("Add Flux sync manifests")?;
        gitops.git(&["push", "--quiet", "origin", "main"])?;
        let password = format!("--from-literal=password={}", forge.gitea.token());
        let secret = ["-n", "flux-system", "create", "secret", "generic", "flux-system"];
        kubectl(&[&secret[..], &["--from-literal=username=bot", &password]].concat())?;
        apply(sync)?;
        for name in [
            "flux-system",
            "infra-controllers",
            "secrets",
            "infra-configs",
            "monitoring",
            "apps",
            "previews",
        ] {
            wait(name, BOOTSTRAP, || ready(name))?;
        }
        let mut probe = Probe::new()?;
        let mut proxy = |name: &str, admin: &str| {
            let label = format!("gateway.networking.k8s.io/gateway-name={name}");
            Envoy::router(&Pod::of("infra", &label)?, admin, &mut probe)
        };
        let (public, preview) =
            (proxy("public", "127.0.0.1:15101")?, proxy("preview", "127.0.0.1:15102")?);
        Ok(Self { _public: public, _preview: preview })
    }

    /// The address that tells Flux of a push.
    pub(crate) fn receiver(&self) -> Outcome<String> {
        wait("the address of the Receiver", BOOTSTRAP, || {
            let receiver = get(&["-n", PREVIEWS, "receiver", "shop.artifacts"])?;
            let path = receiver["status"]["webhookPath"].as_str();
            let path = path.ok_or_else(|| format!("its status is {}", receiver["status"]))?;
            Ok(format!("https://flux.staging.lab.test{path}"))
        })
    }

    /// Asks a URL as a browser does, until a pod of this service in this namespace answers, three times in a row.
    pub(crate) fn answers(&self, url: &str, service: &str, namespace: &str) -> Outcome {
        let pods =
            list(&["-n", namespace, "pods", "-l", &format!("app.kubernetes.io/name={service}")])?;
        let wanted: Vec<&str> =
            pods.iter().filter_map(|pod| pod["status"]["podIP"].as_str()).collect();
        let mut right = 0;
        wait(&format!("{url} by {service} of {namespace}"), SETTLING, || {
            let curl = ["--silent", "--show-error", "--fail", "--max-time", "10", url];
            let text = run(Command::new("curl").args(curl), "")?;
            let told: Value =
                serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
            let pod = told["pod"].as_str().unwrap_or_default();
            right = if wanted.contains(&pod) { right + 1 } else { 0 };
            ensure(right >= 3, || format!("{pod} answered, and {wanted:?} are the right ones"))
        })
    }
}

/// Takes everything out of the cluster again, however much of it is there.
pub(crate) fn empty() -> Outcome {
    let delete = |namespace: &str, objects: &[&str]| {
        let how = ["-n", namespace, "delete", "--ignore-not-found", "--wait=false"];
        kubectl(&[&how[..], objects].concat()).map(drop)
    };
    delete("flux-system", &[KUSTOMIZATIONS, "flux-system"])?;
    wait("Flux to take away what it applied", BOOTSTRAP, || {
        let left = kubectl(&["get", "-A", KUSTOMIZATIONS, "-o", "name"])?;
        ensure(left.is_empty(), || left)
    })?;
    let mut proxies = Command::new("kubectl");
    run(proxies.args(["delete", "--ignore-not-found", "--wait=false", "-f", "-"]), PROXIES)?;
    delete("flux-system", &["gitrepository", "flux-system"])?;
    delete("flux-system", &["secret", "flux-system", "sops-age"])?;
    let namespaces = [BASELINE, PREVIEWS, "infra"];
    delete("default", &[&["namespace"], &namespaces[..]].concat())?;
    wait("the namespaces to be gone", BOOTSTRAP, || {
        let all = kubectl(&["get", "namespaces", "-o", "name"])?;
        let left: Vec<&str> = all
            .lines()
            .filter(|line| namespaces.iter().any(|name| line.ends_with(&format!("/{name}"))))
            .collect();
        ensure(left.is_empty(), || left.join(", "))
    })
}

/// What the cluster has of a preview.
pub(crate) fn left_of(preview: &str) -> Outcome<String> {
    let kinds = format!(
        "namespaces,{KUSTOMIZATIONS},ocirepositories,httproutes,referencegrants,deployments,services,jobs,configmaps"
    );
    let selector = format!("anabranch.dev/preview={preview}");
    kubectl(&["get", "-A", "-l", &selector, "-o", "name", &kinds])
}
