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

/// Runs a suite as the pod of its Job would: its containers one after the other, with their environment and their files,
/// and behind the pod's proxy. Only its report goes nowhere. Returns what it wrote.
pub(crate) fn passes(preview: &str, suite: &str) -> Outcome<String> {
    let jobs = list(&["-n", preview, "jobs"])?;
    let name = |job: &Value| job["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let job = jobs.iter().find(|job| name(job).starts_with(suite));
    let job = job.ok_or_else(|| format!("{preview} has no Job of {suite}"))?;
    let template = &job["spec"]["template"];
    let pod = Pod::past(preview, &name(job), template["metadata"]["labels"].clone());
    let mut probe = Probe::new()?;
    let _proxy = Envoy::sidecar(&pod, &mut probe)?;
    names()?;
    let mut written = String::new();
    let volumes = volumes(preview, &template["spec"])?;
    for containers in ["initContainers", "containers"] {
        for container in template["spec"][containers].as_array().unwrap_or(&Vec::new()) {
            let ended = run(&mut command(preview, container, &volumes)?, "");
            let ended = ended.map_err(|error| format!("{suite} is red: {error}\n{written}"))?;
            written.push_str(&ended);
        }
    }
    Ok(written)
}

/// The command of a container.
fn command(
    namespace: &str,
    container: &Value,
    volumes: &BTreeMap<String, PathBuf>,
) -> Outcome<Command> {
    let mounts = container["volumeMounts"].as_array().cloned().unwrap_or_default();
    // A folder may itself begin like the path of another mount, such as `/tmp`, so only one is put in.
    let place = |word: &str| {
        let mounted = mounts.iter().find_map(|mount| {
            let folder = volumes.get(mount["name"].as_str()?)?;
            let rest = word.strip_prefix(mount["mountPath"].as_str()?)?;
            Some(format!("{}{rest}", folder.display()))
        });
        mounted.unwrap_or_else(|| word.to_owned())
    };
    // Paths of a container are words, or what is behind a `=` in one.
    let here = |text: &str| text.split('=').map(place).collect::<Vec<_>>().join("=");
    let words: Vec<String> = ["command", "args"]
        .iter()
        .flat_map(|field| container[field].as_array().cloned().unwrap_or_default())
        .filter_map(|word| word.as_str().map(here))
        .collect();
    let (program, arguments) = words.split_first().ok_or("the container has no command")?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear();
    for name in ["PATH", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] {
        command.env(name, env::var(name).map_err(|error| format!("{name}: {error}"))?);
    }
    for (name, value) in variables(namespace, container)? {
        if name != "REPORTS_URL" {
            command.env(name, here(&value));
        }
    }
    Ok(command)
}

/// The volumes of a pod as folders, by their names.
fn volumes(namespace: &str, pod: &Value) -> Outcome<BTreeMap<String, PathBuf>> {
    let root = scratch("suite");
    let mut folders = BTreeMap::new();
    for volume in pod["volumes"].as_array().unwrap_or(&Vec::new()) {
        let name = volume["name"].as_str().unwrap_or_default().to_owned();
        let folder = root.join(&name);
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        if let Some(map) = volume["configMap"]["name"].as_str() {
            for (file, text) in data(namespace, map)? {
                write_program(&folder.join(file), &text)?;
            }
        }
        folders.insert(name, folder);
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
