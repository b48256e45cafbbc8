//! Many previews of one service at once: each reaches its own copy.

use crate::books::{BASELINE, Books};
use crate::evaluator::{Request, fqdn};
use crate::lab::{Outcome, ensure, list, wait};
use crate::traffic::{Envoy, Pod, Probe, Question, SETTLING, endpoints};

const PREVIEWS: usize = 50;

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    super::clear(books)?;
    let names: Vec<String> = (0..PREVIEWS).map(|number| format!("pr-{}", 200 + number)).collect();
    for name in &names {
        books.set(name, &["catalog"])?;
    }
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    books.deliver(&all)?;
    let pod = Pod::of(BASELINE, "app.kubernetes.io/name=storefront")?;
    let mut probe = Probe::new()?;
    let _envoy = Envoy::sidecar(&pod, &mut probe)?;
    let endpoints = endpoints()?;
    let mut ask = |preview: &str, wanted: &str| {
        let request = Request::new("GET", "/v1/books/7").header("x-preview-id", preview);
        let told = probe.ask(&Question::new("127.0.0.1:8080", "catalog:8080", &request, false))?;
        let echo = told.echo()?;
        let own = endpoints.get(&fqdn("catalog", wanted));
        ensure(own.is_some_and(|own| own.contains(&echo.pod)) && echo.path == "/books/7", || {
            format!("{preview} was answered by {} as {}", echo.pod, echo.path)
        })
    };
    for name in &names {
        wait(name, SETTLING, || ask(name, name))?;
    }
    for name in &names {
        ask(name, name)?;
        ask(&format!("{name}0"), BASELINE)?;
    }
    let rules: usize = list(&["-n", BASELINE, "httproutes"])?
        .iter()
        .map(|route| route["spec"]["rules"].as_array().map_or(0, Vec::len))
        .sum();
    Ok(format!(
        "{PREVIEWS} previews of catalog, {rules} rules in its HTTPRoutes: each key reaches its own copy, \
         and each key with one more digit the baseline"
    ))
}
