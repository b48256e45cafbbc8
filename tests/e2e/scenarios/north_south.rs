//! Requests from outside, through a real gateway proxy: a preview's host reaches the preview with the
//! key set, and the production host never does.

use crate::books::{BASELINE, Books};
use crate::dice::Dice;
use crate::evaluator::Request;
use crate::judge::agree;
use crate::lab::{Outcome, ensure, wait};
use crate::traffic::{Envoy, Pod, Probe, Question, SETTLING, endpoints};

use super::east_west::PREVIEWS;

const REQUESTS: usize = 3000;
/// The gateway's listener.
const ADDRESS: &str = "127.0.0.1:8000";
const PATHS: [&str; 5] = ["/", "/api/basket", "/api/basket/7", "/api", "/books/7"];
const PRODUCTION: &str = "shop.example.com";

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    super::east_west::deliver(books)?;
    let mesh = books.mesh()?;
    let pod = Pod::of("infra", "app.kubernetes.io/name=entry")?;
    let mut probe = Probe::new()?;
    let _envoy = Envoy::gateway(&pod, &mut probe)?;
    let endpoints = endpoints()?;
    let mut check = |host: &str, request: &Request| {
        let gateway = if host == PRODUCTION { "infra/public" } else { "infra/preview" };
        let predicted = mesh.enter(gateway, host, request);
        let question = Question::new(ADDRESS, host, request, false);
        let told = probe.ask(&question)?;
        let wrong = |error| format!("{host} {request:?}: {error}; predicted {predicted:?}");
        agree(&predicted, &question, &told, &endpoints).map_err(wrong)?;
        let Ok(echo) = told.echo() else { return Ok(()) };
        // What the pod was told of the key: on a preview's host that preview, on production's nothing.
        let key = echo.headers.get("x-preview-id").cloned().unwrap_or_default();
        let wanted: Vec<&str> = host.strip_suffix(".preview.example.com").into_iter().collect();
        ensure(key == wanted, || wrong(format!("the key is {key:?}")))
    };
    for host in hosts() {
        for path in PATHS {
            let request = Request::new("GET", path);
            wait(&format!("{host}{path}"), SETTLING, || check(&host, &request))?;
        }
    }
    let mut dice = Dice(1);
    let hosts: Vec<String> = hosts().collect();
    let mut production = 0;
    for _ in 0..REQUESTS {
        let host = &hosts[dice.roll(hosts.len())];
        let mut request = Request::new(dice.pick(&["GET", "POST"]), dice.pick(&PATHS));
        let (preview, _) = PREVIEWS[dice.roll(PREVIEWS.len())];
        match dice.roll(4) {
            0 => request = request.header("x-preview-id", preview),
            1 => request = request.header("baggage", &format!("a=1,preview={preview}")),
            _ => {}
        }
        production += usize::from(host == PRODUCTION);
        check(host, &request)?;
    }
    let baseline = endpoints.keys().filter(|host| host.contains(&format!(".{BASELINE}."))).count();
    Ok(format!(
        "{REQUESTS} random requests to {} hosts, 0 disagreements; {production} of them to the production \
         host, keys sent along, all answered by the {baseline} services of the baseline, which saw no key",
        hosts.len()
    ))
}

fn hosts() -> impl Iterator<Item = String> {
    let previews =
        PREVIEWS.into_iter().map(|(preview, _)| format!("{preview}.preview.example.com"));
    [PRODUCTION.to_owned(), "pr-99.preview.example.com".to_owned()].into_iter().chain(previews)
}
