//! What a push of one preview costs beside others that stand, where each is an artifact of its own.
//!
//! It writes its part of docs/scale.md, which the measurement of routes leaves alone.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::fleet::{Fleet, SET, left_of, metric, name};
use crate::books::Books;
use crate::lab::{Outcome, ensure, kubectl, wait};

/// How many previews stand.
const STANDING: [usize; 3] = [10, 100, 300];
const PATIENCE: Duration = Duration::from_secs(120);
/// Long enough for the controllers to have finished what went before.
const CALM: Duration = Duration::from_secs(10);
/// The metrics of source-controller, kustomize-controller and notification-controller.
const CONTROLLERS: [u16; 3] = [8181, 8182, 8183];
const KUSTOMIZE_CONTROLLER: u16 = 8182;

/// The heading of this part of docs/scale.md, which is its last.
pub(crate) const HEADING: &str = "## A push of one preview\n";

/// What somebody did, and what it cost.
struct Cost {
    what: &'static str,
    standing: usize,
    suite: bool,
    /// What CI does itself: finding what is new, and uploading it.
    script: Duration,
    /// From the end of the script.
    image: Option<Duration>,
    all: Duration,
    requests: f64,
    processor: f64,
}

pub(crate) fn run(_: &mut Books) -> Outcome<String> {
    let mut costs = Vec::new();
    let mut fleet = Fleet::new(false, 0)?;
    for suite in [false, true] {
        fleet.suite = suite;
        for standing in STANDING {
            fleet.previews = (0..standing).map(|number| (name(number), 1)).collect();
            fleet.push()?;
            fleet.introduce()?;
            fleet.settle_all()?;
            thread::sleep(CALM);
            let middle = standing / 2;
            costs.push(measure("a new image", suite, &mut fleet, |fleet| {
                fleet.previews[middle].1 += 1;
                Some(name(middle))
            })?);
            costs.push(measure("one more", suite, &mut fleet, |fleet| {
                fleet.previews.push((name(standing), 1));
                Some(name(standing))
            })?);
            costs.push(measure("one less", suite, &mut fleet, |fleet| {
                fleet.previews.pop();
                None
            })?);
        }
    }
    fleet.end()?;
    write(&costs)?;
    let most = costs.iter().rfind(|cost| cost.what == "a new image" && !cost.suite);
    let most = most.map_or(String::new(), Cost::row);
    Ok(format!("a push among {} previews: {most}", STANDING[STANDING.len() - 1]))
}

/// Changes what is wanted, pushes, and watches. What is changed may name the preview whose new image is
/// awaited.
fn measure(
    what: &'static str,
    suite: bool,
    fleet: &mut Fleet,
    change: impl FnOnce(&mut Fleet) -> Option<String>,
) -> Outcome<Cost> {
    let standing = fleet.previews.len();
    let (requests, processor) = (requests()?, processor()?);
    let preview = change(fleet);
    let begun = Instant::now();
    fleet.push()?;
    let script = begun.elapsed();
    let pushed = Instant::now();
    let image = match &preview {
        Some(preview) => {
            wait(preview, PATIENCE, || fleet.runs(preview))?;
            let image = pushed.elapsed();
            fleet.settle(&[preview])?;
            Some(image)
        }
        None => {
            let gone = name(standing - 1);
            wait(&gone, PATIENCE, || {
                let left = left_of(&gone)?;
                ensure(left.is_empty(), || format!("{} objects", left.len()))
            })?;
            None
        }
    };
    let all = pushed.elapsed();
    let cost = Cost {
        what,
        standing,
        suite,
        script,
        image,
        all,
        requests: self::requests()? - requests,
        processor: self::processor()? - processor,
    };
    thread::sleep(CALM);
    Ok(cost)
}

/// Requests that Flux's controllers made.
fn requests() -> Outcome<f64> {
    CONTROLLERS.iter().map(|port| metric(*port, "rest_client_requests_total")).sum()
}

/// Seconds of processor that kustomize-controller has used.
fn processor() -> Outcome<f64> {
    metric(KUSTOMIZE_CONTROLLER, "process_cpu_seconds_total")
}

impl Cost {
    fn row(&self) -> String {
        let image = self.image.map_or(String::new(), |it| format!("{:.1} s", it.as_secs_f64()));
        format!(
            "| {} | {} | {} | {:.1} s | {image} | {:.1} s | {:.0} | {:.2} s |",
            self.what,
            self.standing,
            if self.suite { "one" } else { "none" },
            self.script.as_secs_f64(),
            self.all.as_secs_f64(),
            self.requests,
            self.processor
        )
    }
}

/// Puts the table where it belongs.
fn write(costs: &[Cost]) -> Outcome {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scale.md");
    let old = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let mut text = old.split(HEADING).next().unwrap_or_default().trim_end().to_owned();
    text.push_str("\n\n");
    text.push_str(HEADING);
    text.push_str(
        "\nEach preview is an artifact of its own (`render --artifacts each`, fixed tags), of one service. `actions/push/push.sh`\n\
         finds what is new, uploads it and calls the Receiver: `script`. From its end on: until the Deployment has the new image,\n\
         and until everything is healthy, or gone, and the suite's Job has ended. Requests are those of Flux's three controllers\n\
         to the API server, processor time that of kustomize-controller.\n\n\
         | what | previews | suites | script | image | all | requests | processor |\n|---|---:|---|---:|---:|---:|---:|---:|\n",
    );
    for cost in costs {
        let _ = writeln!(text, "{}", cost.row());
    }
    fs::write(path, text).map_err(|error| error.to_string())
}

impl Fleet {
    /// Removes everything of the fleet from the cluster.
    pub(crate) fn end(&self) -> Outcome {
        kubectl(&["-n", "flux-system", "delete", "kustomization,ocirepository", SET])?;
        wait("the fleet to be gone", Duration::from_secs(600), || {
            let left = kubectl(&[
                "get",
                "namespaces",
                "-l",
                "anabranch.dev/previews=fleet",
                "-o",
                "name",
            ])?;
            ensure(left.is_empty(), || format!("{} namespaces", left.lines().count()))
        })?;
        kubectl(&["delete", "namespace", SET]).map(drop)
    }
}
