//! `make e2e`: real engines judge what anabranch writes. Runs inside the lab that tests/lab/run.sh
//! starts.
//!
//! Scenarios run one after another on one cluster, and each leaves it as the next one expects it: the first
//! ones with nothing in it, the others with the shop's baseline, delivered by Flux, and no preview. `E2E_ONLY=name,name` runs some of them, and with the
//! name of a measurement that one;
//! `E2E_WRONG_ROUTE=1` spoils a route on its way to the cluster, which must turn the run red.

mod books;
mod delivery;
#[allow(dead_code, reason = "shared with the other tests")]
#[path = "../common/dice.rs"]
mod dice;
#[allow(dead_code, reason = "shared with the other tests")]
#[path = "../common/estate.rs"]
mod estate;
#[allow(dead_code, reason = "shared with the other tests")]
#[path = "../common/evaluator/mod.rs"]
mod evaluator;
mod evidence;
mod gitea;
mod identity;
mod judge;
mod lab;
mod scenarios;
#[allow(dead_code, reason = "shared with the other tests")]
#[path = "../common/shop.rs"]
mod shop;
mod traffic;

use std::env;
use std::io::{Write, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use books::Books;
use evidence::Line;
use lab::Outcome;

/// A scenario: what it is called, and what it observed.
type Scenario = (&'static str, fn(&mut Books) -> Outcome<String>);
/// One that begins without the shop.
type Beginning = fn() -> Outcome<String>;

/// These fill an empty cluster themselves, and empty it again.
const FROM_NOTHING: &[(&str, Beginning)] =
    &[("from a push to a preview and back", scenarios::template::run)];

const SCENARIOS: &[Scenario] = &[
    ("life of a pull request", scenarios::life::run),
    ("routing, east-west", scenarios::east_west::run),
    ("routing, north-south", scenarios::north_south::run),
    ("routing, between namespaces", scenarios::namespaces::run),
    ("routes as the mesh follows them", scenarios::followed::run),
    ("adding and removing under load", scenarios::under_load::run),
    ("handing over the baseline", scenarios::hand_over::run),
    ("an artifact of each preview", scenarios::artifacts::run),
    ("the account of the template", scenarios::account::run),
    ("the reserved prefix", scenarios::reserved::run),
    ("one broken preview", scenarios::broken::run),
    ("many previews of one service", scenarios::many::run),
    ("suites and what is watched", scenarios::observed::run),
    ("the function", scenarios::function::run),
    ("workflows", scenarios::workflows::run),
    ("policies under mutual TLS", scenarios::policies::run),
    ("random shops", scenarios::random::run),
    ("what a waypoint is told", scenarios::ambient::run),
    ("estates", scenarios::estates::run),
];

/// Run only when E2E_ONLY names them: they take minutes, and a machine with nothing else to do.
const ON_DEMAND: &[Scenario] =
    &[("scale", scenarios::scale::run), ("push-cost", scenarios::push_cost::run)];

fn main() -> ExitCode {
    if env::var_os("RUN").is_none() {
        say("the lab is not running: use `make e2e`\n");
        return ExitCode::FAILURE;
    }
    let start = Instant::now();
    let only = env::var("E2E_ONLY").unwrap_or_default();
    let chosen = |name: &str| only.is_empty() || only.split(',').any(|part| name.contains(part));
    let first = FROM_NOTHING.iter().filter(|(name, _)| chosen(name));
    let mut lines: Vec<Line> = first.map(|(name, scenario)| watch(name, scenario)).collect();
    let ordinary = SCENARIOS.iter().filter(|(name, _)| chosen(name));
    let demanded = ON_DEMAND.iter().filter(|(name, _)| only.split(',').any(|part| part == *name));
    let mut others = ordinary.chain(demanded).peekable();
    if others.peek().is_some() {
        match Books::new().and_then(|mut books| books.deliver(&[]).map(|()| books)) {
            Ok(mut books) => {
                lines.extend(others.map(|(name, scenario)| watch(name, || scenario(&mut books))));
            }
            Err(error) => lines.push(watch("the baseline", || Err(error))),
        }
    }
    let failed = lines.iter().filter(|line| line.outcome.is_err()).count();
    let whole = lines.len() == FROM_NOTHING.len() + SCENARIOS.len();
    if failed == 0
        && whole
        && let Err(error) = evidence::write(&lines, start.elapsed().as_secs())
    {
        say(&format!("docs/evidence.md is not written: {error}\n"));
        return ExitCode::FAILURE;
    }
    say(&format!("{} passed, {failed} failed\n", lines.len() - failed));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a scenario and says how it went.
fn watch(name: &'static str, scenario: impl FnOnce() -> Outcome<String>) -> Line {
    let begun = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(scenario))
        .unwrap_or_else(|_| Err("the scenario itself broke, see above".to_owned()));
    let seconds = begun.elapsed().as_secs_f64();
    let (word, observed) = match &outcome {
        Ok(observed) => ("ok  ", observed),
        Err(error) => ("FAIL", error),
    };
    say(&format!("{word} {name} ({seconds:.0} s)\n     {observed}\n"));
    Line { name, outcome, seconds }
}

fn say(text: &str) {
    let mut out = stdout().lock();
    drop(out.write_all(text.as_bytes()));
    drop(out.flush());
}
