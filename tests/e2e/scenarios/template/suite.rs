//! A suite's own commands, taken from its Job and run here: nobody runs containers in the lab.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::cluster::BASELINE;
use crate::lab::{Outcome, get, list, run, scratch};
use crate::traffic::{Envoy, Pod, Probe};

/// Runs the tests of a suite as the pod of its Job would: with its environment and its files, and behind its proxy. Returns
/// what they wrote.
pub(crate) fn tests(preview: &str, suite: &str) -> Outcome<String> {
    let jobs = list(&["-n", preview, "jobs"])?;
    let job = jobs
        .iter()
        .find(|job| job["metadata"]["name"].as_str().is_some_and(|name| name.starts_with(suite)));
    let job = job.ok_or_else(|| format!("{preview} has no Job of {suite}"))?;
    let pod = &job["spec"]["template"];
    // A suite that uploads its report does so in a container after that of the tests.
    let containers =
        pod["spec"]["initContainers"].as_array().or(pod["spec"]["containers"].as_array());
    let tests = containers.and_then(|all| all.first()).ok_or("a Job has a container")?;
    let folders = folders(preview, &pod["spec"], tests)?;
    let here = |text: &str| {
        let found = folders.iter().find(|(place, _)| text.starts_with(place.as_str()));
        found.map_or(text.to_owned(), |(place, folder)| {
            format!("{}{}", folder.display(), &text[place.len()..])
        })
    };
    let words: Vec<String> = ["command", "args"]
        .iter()
        .flat_map(|field| tests[field].as_array().cloned().unwrap_or_default())
        .filter_map(|word| word.as_str().map(&here))
        .collect();
    let (program, arguments) = words.split_first().ok_or("the container has no command")?;
    let mut probe = Probe::new()?;
    let name = job["metadata"]["name"].as_str().unwrap_or_default();
    let pod = Pod::past(preview, name, pod["metadata"]["labels"].clone());
    let _proxy = Envoy::sidecar(&pod, &mut probe)?;
    names()?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear();
    for name in ["PATH", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] {
        command.env(name, env::var(name).map_err(|error| format!("{name}: {error}"))?);
    }
    for (name, value) in variables(preview, tests)? {
        command.env(name, here(&value));
    }
    run(&mut command, "")
}

/// The folders of a container's volumes: place and where its files are here.
fn folders(namespace: &str, pod: &Value, container: &Value) -> Outcome<Vec<(String, PathBuf)>> {
    let root = scratch("suite");
    let volumes = pod["volumes"].as_array().cloned().unwrap_or_default();
    let mut folders = Vec::new();
    for mount in container["volumeMounts"].as_array().unwrap_or(&Vec::new()) {
        let (Some(name), Some(place)) = (mount["name"].as_str(), mount["mountPath"].as_str())
        else {
            continue;
        };
        let folder = root.join(name);
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let volume = volumes.iter().find(|volume| volume["name"] == name);
        if let Some(map) = volume.and_then(|volume| volume["configMap"]["name"].as_str()) {
            for (file, text) in data(namespace, map)? {
                write_program(&folder.join(file), &text)?;
            }
        }
        folders.push((place.to_owned(), folder));
    }
    Ok(folders)
}

fn write_program(path: &Path, text: &str) -> Outcome {
    fs::write(path, text).map_err(|error| error.to_string())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o555)).map_err(|error| error.to_string())
}

/// The variables of a container, from ConfigMaps and from itself.
fn variables(namespace: &str, container: &Value) -> Outcome<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for source in container["envFrom"].as_array().unwrap_or(&Vec::new()) {
        if let Some(map) = source["configMapRef"]["name"].as_str() {
            all.extend(data(namespace, map)?);
        }
    }
    for variable in container["env"].as_array().unwrap_or(&Vec::new()) {
        if let (Some(name), Some(value)) = (variable["name"].as_str(), variable["value"].as_str()) {
            all.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok(all)
}

fn data(namespace: &str, map: &str) -> Outcome<BTreeMap<String, String>> {
    let found = get(&["-n", namespace, "configmap", map])?;
    let data = found["data"].as_object().cloned().unwrap_or_default();
    let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
    Ok(data.into_iter().filter_map(text).collect())
}

/// Gives the services of the baseline their names here, where the proxy listens. The file is the lab's own, mounted over
/// /etc/hosts.
fn names() -> Outcome {
    let run = env::var("RUN").map_err(|error| error.to_string())?;
    let path = Path::new(&run).join("hosts");
    let mut text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    for service in list(&["-n", BASELINE, "services"])? {
        let name = service["metadata"]["name"].as_str().unwrap_or_default();
        text.push_str(&format!("127.0.0.1 {name}.{BASELINE}.svc.cluster.local\n"));
    }
    fs::write(&path, text).map_err(|error| error.to_string())
}
