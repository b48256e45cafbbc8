//! Previews come and go while the baseline is asked without pause: nobody notices.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::books::{BASELINE, Books};
use crate::evaluator::{Request, fqdn};
use crate::lab::{Outcome, ensure, wait};
use crate::traffic::{Envoy, Pod, Probe, Question, SETTLING, endpoints};

/// Previews that come and go.
const PREVIEWS: usize = 20;
/// How many come, and go, with one push.
const AT_ONCE: usize = 10;

/// Services by the way they are routed: not at all, by an HTTPRoute, by a VirtualService.
const SERVICES: [&str; 3] = ["checkout", "catalog", "basket"];

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    super::clear(books)?;
    let pod = Pod::of(BASELINE, "app.kubernetes.io/name=storefront")?;
    let mut probe = Probe::new()?;
    let _envoy = Envoy::sidecar(&pod, &mut probe)?;
    let endpoints = endpoints()?;
    let mut ask = |service: &str, preview: &str| {
        let host = format!("{service}:8080");
        let request = Request::new("GET", "/").header("x-preview-id", preview);
        let told = probe.ask(&Question::new("127.0.0.1:8080", &host, &request, false))?;
        let pod = told.echo()?.pod;
        ensure(endpoints[&fqdn(service, BASELINE)].contains(&pod), || {
            format!("{service} for `{preview}` was answered by {pod}, status {}", told.status)
        })
    };
    for service in SERVICES {
        wait(service, SETTLING, || ask(service, "nobody"))?;
    }
    let over = AtomicBool::new(false);
    let names: Vec<String> = (0..PREVIEWS).map(|number| format!("pr-{}", 100 + number)).collect();
    let (changed, asked) = thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut asked = 0_u64;
            while !over.load(Ordering::Relaxed) {
                for service in SERVICES {
                    ask(service, "nobody")?;
                    asked += 1;
                }
            }
            Ok::<u64, String>(asked)
        });
        let changed = come_and_go(books, &names);
        over.store(true, Ordering::Relaxed);
        (changed, load.join())
    });
    let pushes = changed?;
    let asked = asked.map_err(|_| "the load broke".to_owned())??;
    Ok(format!(
        "{asked} requests without a key to 3 services (without routes, HTTPRoute, VirtualService) while \
         {PREVIEWS} previews of them came and went in {pushes} pushes: all answered 200 by the baseline"
    ))
}

/// Adds and removes the previews in batches, and waits each time until the routes are there, or gone.
fn come_and_go(books: &mut Books, names: &[String]) -> Outcome<usize> {
    let mut pushes = 0;
    for batch in names.chunks(AT_ONCE) {
        for name in batch {
            books.set(name, &SERVICES)?;
        }
        let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
        books.deliver(&batch)?;
        pushes += 1;
    }
    for batch in names.chunks(AT_ONCE) {
        let mut arguments = vec!["remove"];
        arguments.extend(batch.iter().map(String::as_str));
        books.edit(&arguments)?;
        books.deliver(&[])?;
        pushes += 1;
    }
    super::await_gone(names)?;
    Ok(pushes)
}
