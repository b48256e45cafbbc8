//! Estates in the style of families of real ones: every call that one names finds its service, with the key
//! the copy, without it the baseline.
//!
//! `make estates` applies them in the lab, too.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::estate::{Entry, Estate};
use super::evaluator::{Answer, Call, Mesh, Request, Share, fqdn};
use super::orchestrator::{ANABRANCH, Answer as Output, kustomize, root, run};
use super::schema::documents;

const KEY: &str = "x-preview-id";

/// A rendered estate.
struct Judged {
    estate: Estate,
    stream: Vec<Value>,
    /// Those of the baseline.
    services: Vec<Service>,
    mesh: Mesh,
    problems: Vec<String>,
}

/// A service of the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Service {
    name: String,
    namespace: String,
}

impl Service {
    /// A service as somebody in this namespace writes it: `cart`, `cart.shop`, `cart.shop.svc`.
    fn read(text: &str, namespace: &str) -> Self {
        let mut labels = text.split('.');
        let name = labels.next().unwrap_or_default().to_owned();
        Self { name, namespace: labels.next().unwrap_or(namespace).to_owned() }
    }
}

fn render(estate: &Estate, previews: &str) -> Output {
    let mut command = Command::new(ANABRANCH);
    command.current_dir(&estate.folder);
    run(command.args(["render", previews, "--baseline", "baseline"]), "")
}

impl Judged {
    fn new(estate: Estate) -> Self {
        let rendered = render(&estate, "previews.yaml");
        assert_eq!(rendered.code, Some(0), "{}: {}", estate.name(), rendered.stderr);
        let stream = documents(&estate.filled(&rendered.stdout));
        // The later of two is what the cluster has in the end.
        let mut objects = BTreeMap::new();
        let beneath = format!("{}\n---\n{}", estate.baseline(kustomize()), estate.made());
        let beneath = documents(&estate.filled(&beneath));
        let services = beneath.iter().map(identity).filter(|[_, kind, ..]| kind == "Service");
        let services =
            services.map(|[_, _, namespace, name]| Service { name, namespace }).collect();
        for object in beneath.into_iter().chain(stream.clone()) {
            objects.insert(identity(&object), object);
        }
        let objects: Vec<Value> = objects.into_values().collect();
        let mesh = Mesh::new(&objects);
        Self { estate, stream, services, mesh, problems: Vec::new() }
    }

    /// Where the baseline is alone; a caller is written with its namespace where there are several.
    fn home(&self) -> &str {
        self.estate.namespaces()[0]
    }

    /// Whether a preview changes a service.
    fn changes(&self, preview: &Value, service: &Service) -> bool {
        let mut changed = preview["services"].as_array().into_iter().flatten();
        changed.any(|one| {
            let elsewhere = |namespace: &str| namespace != service.namespace;
            one["name"] == service.name && !one["namespace"].as_str().is_some_and(elsewhere)
        }) && self.services.contains(service)
    }

    /// The host of a service, or of its copy.
    fn host(&self, service: &Service, copied_by: Option<&str>) -> String {
        match copied_by {
            Some(preview) => fqdn(&service.name, &self.estate.copies(preview, &service.namespace)),
            None => fqdn(&service.name, &service.namespace),
        }
    }

    /// One call, which has to reach this host.
    fn call(&mut self, from: &str, target: &str, key: Option<&str>, wanted: &str) {
        let (authority, path) = target.split_at(target.find('/').unwrap_or(target.len()));
        let (host, port) = authority.split_once(':').expect("a call names a port");
        let mut request = Request::new("GET", if path.is_empty() { "/" } else { path });
        if let Some(key) = key {
            request = request.header(KEY, key);
        }
        let port = port.parse().expect("a port is a number");
        let (from, host) = (from.to_owned(), host.to_owned());
        let what = format!("{from} asks {target} with the key {key:?}");
        let answer = self.mesh.call(&Call { from, host, port, request });
        self.reaches(&what, &answer, wanted);
    }

    fn reaches(&mut self, what: &str, answer: &Answer, wanted: &str) {
        let right = match answer.clone().normal() {
            Answer::Backends { destinations, .. } => destinations
                .iter()
                .filter(|(_, Share(part, _))| *part > 0)
                .all(|(destination, _)| destination.host == wanted && destination.exists),
            _ => false,
        };
        if !right {
            let name = self.estate.name();
            self.problems.push(format!("{name}: {what}, and reaches not {wanted}: {answer:?}"));
        }
    }

    /// The calls of one service, from its pods in the baseline and from those of each preview.
    fn calls(&mut self, caller: &str, targets: &[String]) {
        let caller = Service::read(caller, self.home());
        let previews: Vec<(String, Value)> = self
            .estate
            .previews()
            .map(|(name, preview)| (name.to_owned(), preview.clone()))
            .collect();
        for target in targets {
            let called = target.split(':').next().unwrap_or_default();
            let called = Service::read(called, &caller.namespace);
            let original = self.host(&called, None);
            self.call(&caller.namespace, target, None, &original);
            self.call(&caller.namespace, target, Some("pr-nobody"), &original);
            for (name, preview) in &previews {
                let changed = self.changes(preview, &called);
                let copy = self.host(&called, changed.then_some(name));
                self.call(&caller.namespace, target, Some(name), &copy);
                if self.changes(preview, &caller) {
                    let inside = self.estate.copies(name, &caller.namespace);
                    self.call(&inside, target, Some(name), &copy);
                    if !changed {
                        self.call(&inside, target, None, &original);
                    }
                }
            }
        }
    }

    /// Names that lead out of the cluster lead there from the previews, too.
    fn outside(&mut self, caller: &str, names: &BTreeMap<String, String>) {
        let caller = Service::read(caller, self.home());
        let mut spaces = vec![caller.namespace.clone()];
        for (name, preview) in self.estate.previews() {
            if self.changes(preview, &caller) {
                spaces.push(self.estate.copies(name, &caller.namespace));
            }
        }
        for (from, (host, leads_to)) in
            spaces.iter().flat_map(|from| names.iter().map(move |name| (from, name)))
        {
            let (from, host) = (from.clone(), host.clone());
            let request = Request::new("GET", "/");
            // The evaluator follows a name as far as it can, and says where that is.
            let answer = self.mesh.call(&Call { from, host: host.clone(), port: 80, request });
            if answer != Answer::Failed(format!("no Service {leads_to}")) {
                let name = self.estate.name();
                self.problems
                    .push(format!("{name}: {host} does not lead to {leads_to}: {answer:?}"));
            }
        }
    }

    /// A request from outside: to the host of the baseline, and to that of each preview.
    fn entry(&mut self, entry: &Entry) {
        let service = Service::read(&entry.reaches, self.home());
        let request = Request::new("GET", &entry.path);
        let answer = self.mesh.enter(&entry.gateway, &entry.host, &request);
        let original = self.host(&service, None);
        self.reaches(&entry.host, &answer, &original);
        let gateway = &self.estate.config["spec"]["routing"]["entries"][0]["gateway"];
        let part = |field: &str| gateway[field].as_str().unwrap_or_default();
        let gateway = format!("{}/{}", part("namespace"), part("name"));
        let wanted: Vec<(String, String)> = self
            .estate
            .previews()
            .map(|(name, preview)| {
                let copied = self.changes(preview, &service).then_some(name);
                (name.to_owned(), self.host(&service, copied))
            })
            .collect();
        for (name, wanted) in wanted {
            let host = entry.preview.replace("{preview}", &name);
            let answer = self.mesh.enter(&gateway, &host, &request);
            self.reaches(&host, &answer, &wanted);
            let keyed = matches!(&answer, Answer::Backends { effects, .. }
                if effects.contains(KEY) && effects.contains(&format!("\"{name}\"")));
            if !keyed {
                self.problems.push(format!("{host} does not set the key: {answer:?}"));
            }
        }
    }

    /// What previews do not get, and what nothing that is written names.
    fn left_out(&mut self) {
        let name = self.estate.name();
        for object in &self.stream {
            let [api, kind, _, object_name] = identity(object);
            let preview = object["metadata"]["labels"]["anabranch.dev/preview"].is_string();
            if preview && self.estate.expected.not_copied.contains(&format!("{kind} {object_name}"))
            {
                self.problems.push(format!("{name}: {kind} {object_name} is copied"));
            }
            let group = api.split('/').next().unwrap_or_default();
            if self.estate.expected.no_group.iter().any(|suffix| group.ends_with(suffix)) {
                self.problems.push(format!("{name}: {kind} {object_name} is of {api}"));
            }
        }
    }

    fn judge(mut self) -> Vec<String> {
        let expected = std::mem::take(&mut self.estate.expected);
        for (caller, targets) in &expected.calls {
            self.calls(caller, targets);
        }
        for (caller, names) in &expected.outside {
            self.outside(caller, names);
        }
        for entry in &expected.entries {
            self.entry(entry);
        }
        self.estate.expected = expected;
        self.left_out();
        self.problems
    }
}

fn identity(object: &Value) -> [String; 4] {
    let metadata = &object["metadata"];
    let fields =
        [&object["apiVersion"], &object["kind"], &metadata["namespace"], &metadata["name"]];
    fields.map(|field| field.as_str().unwrap_or_default().to_owned())
}

#[test]
fn every_call_that_an_estate_names_finds_its_service() {
    let estates = Estate::all();
    assert!(estates.len() >= 8, "{} estates", estates.len());
    let problems: Vec<String> =
        estates.into_iter().flat_map(|estate| Judged::new(estate).judge()).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_cannot_be_previewed_is_refused_by_name() {
    for estate in Estate::all() {
        let text = fs::read_to_string(estate.folder.join("previews.yaml")).expect("it is there");
        for (service, words) in &estate.expected.refused {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let image = "registry.example.com/other:2";
            let more = format!(
                "    - name: pr-9999\n      services: [{{name: {service}, image: \"{image}\"}}]\n"
            );
            let file = folder.path().join("previews.yaml");
            fs::write(&file, text.clone() + &more).expect("the folder can be written");
            let said = render(&estate, &file.display().to_string()).failed();
            for word in words.iter().chain([service]) {
                assert!(said.contains(word), "{}: no word of {word}: {said}", estate.name());
            }
        }
    }
}

#[test]
fn every_estate_says_what_it_stands_for() {
    let list = root().join("tests/estates/README.md");
    let list = fs::read_to_string(list).expect("the list is there");
    for estate in Estate::all() {
        let text = fs::read_to_string(estate.folder.join("README.md")).unwrap_or_default();
        assert!(text.trim().len() > 40, "{} has no README.md", estate.name());
        let row = format!("| [{0}]({0}) |", estate.name());
        assert!(list.contains(&row), "tests/estates/README.md has no row {row}");
    }
}
