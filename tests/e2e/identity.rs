//! Mutual TLS as the mesh has it: istiod signs what each pod proves itself by.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::lab::{Outcome, PATIENCE, ensure, kubectl, wait};
use crate::traffic::{Pod, Probe, Question};

/// Where istiod signs: the address of its Service.
const AUTHORITY: &str = "10.96.0.15:15012";
/// istiod's own pages.
const PAGES: &str = "127.0.0.1:18080";

/// The mesh with automatic mutual TLS; without it again when this is dropped.
pub(crate) struct MutualTls(PathBuf);

impl MutualTls {
    pub(crate) fn on(probe: &mut Probe) -> Outcome<Self> {
        let mesh = Self(run_folder()?.join("mesh.yaml"));
        mesh.switch("false", "true")?;
        wait("istiod to have read mesh.yaml", PATIENCE, || {
            let told = probe.ask(&Question::plain(PAGES, "/debug/mesh"))?;
            let words: String = told.body.split_whitespace().collect();
            ensure(words.contains("\"enableAutoMtls\":true"), || words.clone())
        })?;
        Ok(mesh)
    }

    fn switch(&self, from: &str, to: &str) -> Outcome {
        let text = fs::read_to_string(&self.0).map_err(|error| error.to_string())?;
        let [old, new] = [from, to].map(|value| format!("enableAutoMtls: {value}"));
        ensure(text.contains(&old), || format!("mesh.yaml does not say {old}"))?;
        fs::write(&self.0, text.replace(&old, &new)).map_err(|error| error.to_string())
    }
}

impl Drop for MutualTls {
    fn drop(&mut self) {
        drop(self.switch("true", "false"));
    }
}

/// The agent of a pod, which has its certificate; it ends when this is dropped.
pub(crate) struct Identity {
    agent: Child,
    /// Where the pod's proxy asks for it.
    pub(crate) socket: PathBuf,
}

impl Identity {
    /// Has istiod sign a certificate for a pod, by the token that a kubelet would give it.
    pub(crate) fn of(pod: &Pod) -> Outcome<Self> {
        let folder = run_folder()?.join("identities").join(&pod.namespace).join(&pod.name);
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let write = |name: &str, text: String| {
            let file = folder.join(name);
            fs::write(&file, text).map(|()| file).map_err(|error| error.to_string())
        };
        let bound = ["--bound-object-kind=Pod", "--bound-object-name", &pod.name];
        let what = ["-n", &pod.namespace, "create", "token", &pod.account, "--audience=istio-ca"];
        let token = write("token", kubectl(&[what.as_slice(), &bound].concat())?)?;
        // istiod writes it into every namespace.
        let path = r"jsonpath={.data.root-cert\.pem}";
        let root = ["-n", &pod.namespace, "get", "configmap", "istio-ca-root-cert", "-o", path];
        let root = wait("istiod's root", PATIENCE, || kubectl(&root))?;
        let root = write("root.pem", root)?;
        let socket = folder.join("socket");
        let log = fs::File::create(folder.join("log")).map_err(|error| error.to_string())?;
        let agent = Command::new("agent")
            .args([token.as_path(), &root, Path::new(AUTHORITY), &socket])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("agent: {error}"))?;
        Ok(Self { agent, socket })
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        drop(self.agent.kill());
        drop(self.agent.wait());
    }
}

/// Where the lab keeps its files.
fn run_folder() -> Outcome<PathBuf> {
    env::var_os("RUN").map(PathBuf::from).ok_or_else(|| "RUN is not set".to_owned())
}
