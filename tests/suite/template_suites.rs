//! The suites of gitops-template, run as their Jobs run them: the commands that the manifests name, the variables of the
//! ConfigMap `anabranch`, and `fixtures/template/world.mjs` in place of the mesh, the bucket and Prometheus. What only real
//! ones can show is a scenario of the lab (tests/e2e/scenarios/observed.rs).

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::expected::{folders, name};
use super::orchestrator::{Answer, copy, kustomize, root, run, skipped, write_text};
use super::schema::{Schemas, documents};

fn suites() -> PathBuf {
    root().join("gitops-template/tests")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What a suite talks to; it ends with this.
struct World(Child, String);

impl World {
    fn new(facts: &Value) -> Self {
        let program = root().join("tests/suite/fixtures/template/world.mjs");
        let mut command = Command::new("node");
        command.arg(program).arg(facts.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("node is installed");
        let mut port = String::new();
        let output = child.stdout.take().expect("stdout is piped");
        BufReader::new(output).read_line(&mut port).expect("the world says its port");
        Self(child, port.trim().to_owned())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A run of a suite: its folder beside what it leaves.
struct Run {
    folder: TempDir,
    name: &'static str,
    world: World,
    variables: Vec<(String, String)>,
}

impl Run {
    fn new(name: &'static str, mut facts: Value) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for part in ["suite", "results", "bucket"] {
            fs::create_dir(folder.path().join(part)).expect("a folder");
        }
        copy(&suites().join(name), &folder.path().join("suite"));
        facts["bucket"] = json!(folder.path().join("bucket"));
        let world = World::new(&facts);
        let port = world.1.clone();
        let host = |host: &str| format!("http://{host}:{port}/");
        let preview = host("pr-42.preview.example.com");
        let prometheus = host("prometheus");
        // What is short here is longer in the manifests.
        let variables = [
            ("PREVIEW", "pr-42"),
            ("PREVIEW_NAMESPACE", "pr-42"),
            ("BASELINE_NAMESPACE", "shop"),
            ("PREVIEW_HEADER", "x-preview-id"),
            ("PREVIEW_BAGGAGE", "x-preview-id=pr-42"),
            ("PREVIEW_SERVICES", "cart"),
            ("PREVIEW_COMMIT", "c0ffee"),
            ("PREVIEW_URL", &preview),
            ("PREVIEW_URLS", &preview),
            ("BASELINE_URL", &host("shop.staging.example.com")),
            ("PATIENCE_SECONDS", "1"),
            ("PROMETHEUS_URL", &prometheus),
            ("WAIT_SECONDS", "1"),
            ("PAUSE_SECONDS", "0.1"),
            ("SECONDS", "1"),
        ];
        let variables = variables.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let run = Self { folder, name, world, variables };
        let services = run.path("suite/services.txt");
        if services.is_file() {
            let text = read(&services).replace(" 8080 ", &format!(" {} ", run.world.1));
            fs::write(services, text).expect("the folder can be written");
        }
        run
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn with(mut self, key: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != key);
        self.variables.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The command of a container of the suite's Job, with this run's folders in place of the mounted ones.
    fn command(&self, container: &str) -> Command {
        let pod = &job(self.name)["spec"]["template"]["spec"];
        let all = ["initContainers", "containers"]
            .into_iter()
            .flat_map(|list| pod[list].as_array().expect("a pod has containers").iter());
        let found = all.into_iter().find(|one| one["name"] == container).expect("it is there");
        let words = found["command"].as_array().expect("it has a command").iter();
        let mut words = words.map(|word| {
            let word = word.as_str().expect("a word");
            let below = |mount: &str| self.path(mount).display().to_string();
            word.replace("/suite/", &(below("suite") + "/"))
                .replace("/results/", &(below("results") + "/"))
                .replace("/packages", &below("packages"))
        });
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).env("RESULTS", self.path("results"));
        command.envs(self.variables.iter().map(|(key, value)| (key, value)));
        command
    }

    /// Runs the tests, which always end well for the pod, and says how they ended.
    fn tests(&self) -> (bool, String) {
        let here = root().join("tests/suite/fixtures/template/here.mjs");
        let mut command = self.command("tests");
        command.env("NODE_OPTIONS", format!("--import {}", here.display()));
        let log = run(&mut command, "").ok();
        assert_eq!(log, read(&self.path("results/log.txt")), "what is said is what is kept");
        (read(&self.path("results/exit-code")).trim() == "0", log)
    }

    #[track_caller]
    fn green(&self) -> String {
        let (green, log) = self.tests();
        assert!(green, "{log}");
        log
    }

    #[track_caller]
    fn red(&self) -> String {
        let (green, log) = self.tests();
        assert!(!green, "{log}");
        log
    }

    /// Uploads the report.
    fn report(&self) -> Answer {
        let mut command = self.command("report");
        command.env("REPORTS_URL", format!("http://127.0.0.1:{}", self.world.1));
        let pairs = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "not-shown")];
        command.envs(pairs).envs(self.variables.iter().map(|(key, value)| (key, value)));
        run(&mut command, "")
    }

    /// A file of the report, as it was uploaded.
    #[track_caller]
    fn uploaded(&self, file: &str) -> String {
        read(&self.path(&format!("bucket/pr-42/c0ffee/{}/{file}", self.name)))
    }
}

/// Where a program is, of those in PATH.
fn installed(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The Job of a suite, as kustomize builds it.
fn job(suite: &str) -> Value {
    let built = run(kustomize().arg("build").arg(suites().join(suite)), "").ok();
    let mut objects = documents(&built).into_iter();
    objects.find(|object| object["kind"] == "Job").expect("a suite has a Job")
}

fn names() -> Vec<String> {
    folders(&suites()).iter().map(|folder| name(folder)).collect()
}

#[test]
fn suites_are_valid_have_few_rights_and_say_the_place_of_their_reports() {
    let mut problems = Vec::new();
    let script = read(&suites().join("smoke/suite.sh"));
    for suite in names() {
        assert_eq!(read(&suites().join(&suite).join("suite.sh")), script, "{suite}");
        let built = run(kustomize().arg("build").arg(suites().join(&suite)), "").ok();
        for object in documents(&built) {
            let found = Schemas::load().violations(&object);
            problems.extend(found.into_iter().map(|one| format!("{suite}: {one}")));
        }
        let job = job(&suite);
        let pod = &job["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{suite}");
        assert_eq!(pod["automountServiceAccountToken"], false, "{suite}");
        for list in ["initContainers", "containers"] {
            for container in pod[list].as_array().expect("containers") {
                let context = &container["securityContext"];
                let restricted = json!({
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                });
                assert_eq!(*context, restricted, "{suite}");
                let image = container["image"].as_str().expect("an image");
                assert!(!image.ends_with(":latest") && image.contains(':'), "{image}");
            }
        }
        // The tests end by themselves before the Job is ended, so that there is a report.
        let words = pod["initContainers"].as_array().expect("containers").iter().rev();
        let tests = words.into_iter().next().expect("the tests")["command"].clone();
        let seconds: i64 = tests[3].as_str().and_then(|text| text.parse().ok()).expect("seconds");
        let deadline = job["spec"]["activeDeadlineSeconds"].as_i64().expect("a deadline");
        assert!(seconds + 120 <= deadline, "{suite}: {seconds} s of {deadline} s");
        assert_eq!(tests[2], json!(suite), "{suite}");
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(names(), ["browser", "exercised", "http", "load", "smoke"]);
}

#[test]
fn smoke_is_green_where_each_version_answers_for_its_own() {
    let run = Run::new("smoke", json!({"changed": ["cart", "frontend"]}));
    let run = run.with("PREVIEW_SERVICES", "cart frontend").with("PATIENCE_SECONDS", "60");
    run.green();
    let said = run.report().ok();
    assert!(said.contains("/pr-42/c0ffee/smoke/index.html"), "{said}");
    let page = run.uploaded("index.html");
    assert!(page.contains("pr-42, smoke: passed") && page.contains("href=\"junit.xml\""), "{page}");
    assert_eq!(run.uploaded("index.html.type"), "text/html; charset=utf-8");
    let junit = run.uploaded("junit.xml");
    assert!(junit.contains("with the key in baggage the preview answers"), "{junit}");
    assert_eq!(run.uploaded("junit.xml.type"), "application/xml");
}

#[test]
fn smoke_is_red_where_the_baseline_answers_for_the_preview() {
    let run = Run::new("smoke", json!({"changed": ["cart"], "astray": ["cart"]}));
    let log = run.red();
    assert!(log.contains("✖ with the key the preview answers"), "{log}");
    assert!(log.contains("✔ without it the baseline answers"), "{log}");
    assert!(log.contains("cart.shop") && log.contains("cart.pr-42"), "{log}");
    // The report is there all the same, and the pod ends as the tests did.
    let answer = run.report();
    assert_eq!(answer.code, Some(1));
    assert!(run.uploaded("index.html").contains("pr-42, smoke: failed"));
    assert_eq!(run.uploaded("log.txt"), log);
}

#[test]
fn smoke_is_red_where_the_preview_answers_for_the_baseline() {
    // A frontend that everybody gets: the public host leads into the preview.
    let run = Run::new("smoke", json!({"changed": ["cart"], "everybody": true}));
    let log = run.red();
    assert!(log.contains("✖ without it the baseline answers"), "{log}");
    assert!(log.contains("✖ with the key of no preview the baseline answers"), "{log}");
}

#[test]
fn smoke_says_how_to_name_a_service_that_it_cannot_ask() {
    let run = Run::new("smoke", json!({})).with("PREVIEW_SERVICES", "stock");
    let log = run.red();
    assert!(log.contains("add a line `stock  PORT  PATH`"), "{log}");
}

#[test]
fn http_is_as_green_as_the_answers_are_good() {
    let run = Run::new("http", json!({}));
    run.green();
    run.report().ok();
    assert!(run.uploaded("junit.xml").contains("cart answers in JSON"));
    let log = Run::new("http", json!({"changed": ["cart"], "down": ["pr-42"]})).red();
    assert!(log.contains("✖ cart answers in JSON") && log.contains("✔ catalog answers"), "{log}");
}

#[test]
fn exercised_waits_until_every_changed_service_was_asked() {
    let run = Run::new("exercised", json!({"touched": [[], ["cart"], ["catalog"]]}));
    let run = run.with("PREVIEW_SERVICES", "cart catalog").with("WAIT_SECONDS", "60");
    let log = run.green();
    assert!(log.contains("✔ cart") && log.contains("✔ catalog"), "{log}");
}

#[test]
fn exercised_is_red_where_no_test_touches_a_changed_service() {
    let run = Run::new("exercised", json!({"touched": [["cart"]]}));
    let log = run.with("PREVIEW_SERVICES", "cart catalog").red();
    assert!(log.contains("✔ cart") && log.contains("✖ catalog"), "{log}");
    let wanted = "catalog of pr-42 got no request with x-preview-id: pr-42 in 1 s. No test touches what this pull \
                  request changed";
    assert!(log.contains(wanted), "{log}");
}

#[test]
fn exercised_passes_over_what_is_exempt_and_says_why() {
    let run = Run::new("exercised", json!({"touched": [["cart"]]}));
    let run = run.with("PREVIEW_SERVICES", "cart mailer").with("WAIT_SECONDS", "60");
    let exempt = run.path("suite/exempt.txt");
    let text = read(&exempt) + "mailer  it reads a queue\n";
    fs::write(exempt, text).expect("the folder can be written");
    let log = run.green();
    assert!(log.contains("exempt: it reads a queue"), "{log}");
}

#[test]
fn exercised_is_red_where_prometheus_cannot_know() {
    let run = Run::new("exercised", json!({"scraped": false}));
    let log = run.red();
    assert!(log.contains("Prometheus scrapes no pod of pr-42"), "{log}");
    let log = Run::new("exercised", json!({"broken": "too many samples"})).red();
    assert!(
        log.contains("Prometheus cannot be asked") && log.contains("too many samples"),
        "{log}"
    );
}

#[test]
fn load_compares_the_preview_with_its_baseline() {
    let modules = root().join(".tools/suite-load");
    assert!(modules.is_dir(), "{} is missing: run `make tools`", modules.display());
    let load = |facts: Value| {
        let run = Run::new("load", facts).with("NODE_MODULES", &modules.display().to_string());
        run.with("P99_MILLISECONDS", "2000")
    };
    let run = load(json!({}));
    run.green();
    let found: Value = serde_json::from_str(&read(&run.path("results/load.json"))).expect("JSON");
    assert_eq!(found["preview"]["non2xx"], 0, "{found}");
    assert!(found["baseline"]["requests"].as_u64() > Some(0), "{found}");
    // So slow that a busy machine, which slows the baseline too, does not hide it.
    let slow = load(json!({"changed": ["frontend"], "slow": {"pr-42": 1500}}));
    let log = slow.with("SECONDS", "4").red();
    assert!(log.contains("✔ every answer is a good one"), "{log}");
    assert!(log.contains("✖ and within 3 times what the baseline takes"), "{log}");
    let log = load(json!({"changed": ["frontend"], "down": ["pr-42"]})).red();
    assert!(log.contains("✖ every answer is a good one"), "{log}");
}

/// A browser, and where Playwright is; without both a line that says that the test is skipped.
fn browser() -> Option<(PathBuf, PathBuf)> {
    let modules = root().join(".tools/suite-browser");
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(installed);
    let both = found.filter(|_| modules.is_dir()).map(|browser| (browser, modules));
    if both.is_none() {
        skipped(
            "it needs Chromium or Chrome, and Playwright from `tests/tools/install.sh browser`",
        );
    }
    both
}

/// A run of the suite for browsers.
fn browse((browser, modules): &(PathBuf, PathBuf), facts: Value) -> Run {
    let run = Run::new("browser", facts);
    fs::create_dir(run.path("packages")).expect("a folder");
    let packages = run.path("packages/node_modules");
    std::os::unix::fs::symlink(modules.join("node_modules"), packages).expect("a link");
    // A browser looks up hosts by itself; and root's has no sandbox.
    let program = run.path("browser");
    let rules = "--no-sandbox --host-resolver-rules='MAP * 127.0.0.1'";
    let script = format!("#!/bin/sh\nexec {} {rules} \"$@\"\n", browser.display());
    write_text(&program, &script);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it may run");
    run.with("CHROMIUM", &program.display().to_string())
}

/// What a person sees who opens the report of a run in a browser.
fn looked_at((browser, modules): &(PathBuf, PathBuf), run: &Run) -> Value {
    let mut node = Command::new("node");
    node.arg(root().join("tests/suite/fixtures/template/look.mjs")).arg(modules).arg(browser);
    node.arg(run.path("bucket")).arg(format!("pr-42/c0ffee/{}/index.html", run.name));
    let seen = super::orchestrator::run(&mut node, "").ok();
    serde_json::from_str(&seen).expect("it says what it sees")
}

#[test]
fn a_browser_finds_what_is_broken_on_a_page() {
    let Some(browser) = browser() else { return };
    let run = browse(&browser, json!({}));
    run.green();
    run.report().ok();
    assert!(run.uploaded("junit.xml").contains("what is put into the cart is in the cart"));
    let seen = looked_at(&browser, &run);
    let report = seen["report"].as_str().expect("Playwright's report is a page");
    assert!(report.contains("what is put into the cart is in the cart"), "{seen}");

    let run = browse(&browser, json!({"changed": ["cart"], "down": ["pr-42"]}));
    let log = run.red();
    assert!(log.contains("1 failed"), "{log}");
    run.report();
    let seen = looked_at(&browser, &run);
    // Playwright's page, and not the forty files that it is made of.
    let links = seen["links"].as_object().expect("links");
    assert!(links.contains_key("playwright/index.html") && links.len() < 8, "{links:?}");
    assert!(links.values().all(|answer| answer.as_str().is_some_and(|one| one.starts_with("200"))));
    assert_eq!(seen["picture"], true, "the report shows what the browser saw: {seen}");
    assert!(seen["failure"].as_str().is_some_and(|text| text.contains("cart-count")), "{seen}");
    assert_eq!(seen["errors"], json!([]), "{seen}");
}

#[test]
fn a_person_reads_a_report_in_a_browser() {
    let Some(browser) = browser() else { return };
    let run = Run::new("http", json!({"changed": ["cart"], "down": ["pr-42"]}));
    // Words of a service that would be markup.
    let test = run.path("suite/http.test.mjs");
    let text = read(&test) + "\ntest(\"<img src=x onerror=alert(1)> & more\", () => {});\n";
    fs::write(test, text).expect("the folder can be written");
    let log = run.red();
    run.report();
    let seen = looked_at(&browser, &run);
    assert_eq!(seen["heading"], "pr-42, http: failed");
    assert_eq!(seen["title"], seen["heading"]);
    assert_eq!(seen["colour"], "rgb(207, 34, 46)");
    let facts = seen["facts"].as_str().unwrap_or_default();
    assert!(facts.contains("Commit c0ffee") && facts.contains("exit code 1"), "{facts}");
    assert_eq!(seen["log"].as_str().unwrap_or_default().trim(), log.trim());
    assert!(log.contains("<img src=x onerror=alert(1)> & more"), "{log}");
    let links =
        json!({"junit.xml": "200 application/xml", "log.txt": "200 text/plain; charset=utf-8"});
    assert_eq!(seen["links"], links);
    assert_eq!(seen["errors"], json!([]));
}

#[test]
fn a_report_that_cannot_be_kept_is_said_and_red() {
    let run = Run::new("http", json!({}));
    run.green();
    let answer = run.with("AWS_ACCESS_KEY_ID", "another").report();
    assert_eq!(answer.code, Some(1));
    assert!(answer.stderr.contains("the tests ended with 0, but the report could not be"));
    assert!(!answer.stderr.contains("not-shown"), "{}", answer.stderr);

    let run = Run::new("http", json!({}));
    run.green();
    let told = run.with("AWS_SECRET_ACCESS_KEY", "").report().failed();
    assert!(told.contains("the Secret `reports` of this namespace needs"), "{told}");
}

#[test]
fn without_a_bucket_the_tests_alone_decide() {
    for (facts, code) in [(json!({}), 0), (json!({"changed": ["cart"], "down": ["pr-42"]}), 1)] {
        let run = Run::new("http", facts);
        run.tests();
        let answer = run.with("REPORTS_URL", "").report();
        assert_eq!(answer.code, Some(code));
        assert!(answer.stdout.contains("no report is kept"), "{}", answer.stdout);
    }
}

#[test]
fn tests_that_hang_are_ended_and_their_words_kept() {
    let run = Run::new("http", json!({}));
    let script = run.path("suite/suite.sh");
    let mut command = Command::new(script);
    command.args(["run", "http", "1", "sh", "-c", "echo begun; sleep 60"]);
    let log = super::orchestrator::run(command.env("RESULTS", run.path("results")), "").ok();
    assert!(log.contains("begun") && log.contains("still not done after 1 s"), "{log}");
    assert_ne!(read(&run.path("results/exit-code")).trim(), "0");
}

#[test]
fn what_is_watched_is_read_by_the_types_of_those_who_watch() {
    let strict = |what: &str, text: &str| {
        run(Command::new(root().join(".tools/bin/strict")).arg(what), text)
    };
    let monitoring = root().join("gitops-template/monitoring");
    let board = read(&monitoring.join("previews.json"));
    assert!(strict("dashboard", &board).ok().ends_with("panels\n"));
    strict("dashboard", &board.replacen("\"title\"", "\"titel\"", 1)).failed();
    let built = run(kustomize().arg("build").arg(&monitoring), "").ok();
    assert_eq!(strict("manifests", &built).ok(), "3 objects\n");
    strict("manifests", &built.replacen("interval: 15s", "intervall: 15s", 1)).failed();
    let mut problems = Vec::new();
    for object in documents(&built) {
        if object["apiVersion"] != "monitoring.coreos.com/v1" {
            problems.extend(Schemas::load().violations(&object));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
