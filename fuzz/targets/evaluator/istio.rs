//! VirtualService, as <https://istio.io/latest/docs/reference/config/networking/virtual-service/>
//! words it: "the first rule matching an incoming request is used".

use arbitrary::Arbitrary;
use serde_json::{Map, Value, json};

use crate::evaluator::{Call, Mesh};
use crate::world::{Ask, Method, Name, Path, Word, chosen, service};

#[derive(Debug, Clone, Arbitrary)]
enum Wanted {
    Exact(Word),
    Prefix(Word),
    /// What ends in the word.
    Regex(Word),
    Present,
}

impl Wanted {
    fn json(&self) -> Value {
        match self {
            Self::Exact(word) => json!({"exact": word.text()}),
            Self::Prefix(word) => json!({"prefix": word.text()}),
            Self::Regex(word) => json!({"regex": format!(".*{}", word.text())}),
            Self::Present => json!({}),
        }
    }

    fn holds(&self, found: Option<&str>) -> bool {
        found.is_some_and(|found| match self {
            Self::Exact(word) => found == word.text(),
            Self::Prefix(word) => found.starts_with(word.text()),
            Self::Regex(word) => found.ends_with(word.text()),
            Self::Present => true,
        })
    }
}

/// All conditions of one must hold.
#[derive(Debug, Clone, Arbitrary)]
struct Match {
    /// The path, and whether it must be exactly this one.
    uri: Option<(Path, bool)>,
    method: Option<Method>,
    headers: Vec<(Name, Wanted)>,
    without: Vec<(Name, Wanted)>,
    params: Vec<(Name, Wanted)>,
    /// 80, which is called, or another.
    port: Option<bool>,
    /// The caller's namespace, or another.
    from: Option<bool>,
}

#[derive(Debug, Arbitrary)]
pub(crate) struct Case {
    /// An entry holds where one of its matches does, or where it has none.
    entries: Vec<Vec<Match>>,
    ask: Ask,
    /// Where to put an entry that never holds.
    idle: u8,
}

/// Names with what is wanted of them; of several for one name the last counts.
fn fields(entries: &[(Name, Wanted)], upper: bool) -> Map<String, Value> {
    let name = |name: Name| if upper { name.text().to_uppercase() } else { name.text().to_owned() };
    entries.iter().map(|(found, wanted)| (name(*found), wanted.json())).collect()
}

fn last(entries: &[(Name, Wanted)]) -> impl Iterator<Item = &(Name, Wanted)> {
    let is_last = |index: usize, name: Name| !entries[index + 1..].iter().any(|(n, _)| *n == name);
    entries.iter().enumerate().filter(move |(i, (name, _))| is_last(*i, *name)).map(|(_, one)| one)
}

impl Match {
    fn json(&self, upper: bool) -> Value {
        let mut one = json!({});
        if let Some((path, exact)) = &self.uri {
            let kind = if *exact { "exact" } else { "prefix" };
            one["uri"] = json!({kind: path.text()});
        }
        if let Some(method) = self.method {
            one["method"] = json!({"exact": method.text()});
        }
        for (field, entries, upper) in [
            ("headers", &self.headers, upper),
            ("withoutHeaders", &self.without, upper),
            ("queryParams", &self.params, false),
        ] {
            if !entries.is_empty() {
                one[field] = Value::Object(fields(entries, upper));
            }
        }
        if let Some(called) = self.port {
            one["port"] = json!(if called { 80 } else { 81 });
        }
        if let Some(own) = self.from {
            one["sourceNamespace"] = json!(if own { "caller" } else { "other" });
        }
        one
    }

    /// What depends on the caller alone.
    fn is_for_the_caller(&self) -> bool {
        self.port != Some(false) && self.from != Some(false)
    }

    fn holds(&self, ask: &Ask) -> bool {
        let path = ask.path.text();
        let uri = self.uri.as_ref().is_none_or(|(wanted, exact)| {
            if *exact { path == wanted.text() } else { path.starts_with(&wanted.text()) }
        });
        uri && self.is_for_the_caller()
            && self.method.is_none_or(|method| method == ask.method)
            && last(&self.headers).all(|(name, wanted)| wanted.holds(ask.header(*name).as_deref()))
            && !last(&self.without).any(|(name, bad)| bad.holds(ask.header(*name).as_deref()))
            && last(&self.params).all(|(name, wanted)| wanted.holds(ask.param(*name)))
    }
}

impl Case {
    fn entries(&self, upper: bool) -> Vec<Value> {
        let entry = |(index, matches): (usize, &Vec<Match>)| {
            let host = format!("r{index}");
            let mut entry = json!({"route": [{"destination": {"host": host}}]});
            if !matches.is_empty() {
                entry["match"] = matches.iter().map(|one| one.json(upper)).collect();
            }
            entry
        };
        self.entries.iter().enumerate().map(entry).collect()
    }

    fn ask(&self, entries: &[Value], upper: bool) -> Option<String> {
        let objects = [
            json!({
                "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
                "metadata": {"name": "cart", "namespace": "shop"},
                // One without any rules would not be admitted.
                "spec": {"hosts": ["cart"], "http": entries, "tcp": [{}]},
            }),
            service("cart", "shop"),
        ];
        let request = self.ask.request(upper);
        let host = "cart.shop".to_owned();
        let call = Call { from: "caller".to_owned(), host, port: 80, request };
        chosen(&Mesh::new(&objects).call(&call).normal())
    }

    /// The entry that the specification gives the request. Where no entry is for the caller at all,
    /// Istio passes the VirtualService over, and the service itself answers.
    fn expected(&self) -> Option<String> {
        let for_caller = |matches: &Vec<Match>| {
            matches.is_empty() || matches.iter().any(Match::is_for_the_caller)
        };
        if !self.entries.iter().any(for_caller) {
            return Some("cart".to_owned());
        }
        let holds = |matches: &Vec<Match>| {
            matches.is_empty() || matches.iter().any(|one| one.holds(&self.ask))
        };
        self.entries.iter().position(holds).map(|index| format!("r{index}"))
    }

    pub(crate) fn check(&self) {
        let mut entries = self.entries(false);
        let answer = self.ask(&entries, false);
        assert_eq!(answer, self.expected(), "by the specification");
        assert_eq!(answer, self.ask(&entries, true), "names of headers have no case");
        assert_eq!(answer, self.ask(&self.entries(true), false), "names of headers have no case");
        let idle = json!({
            "match": [{"method": {"exact": "NEVER"}, "sourceNamespace": "other"}],
            "route": [{"destination": {"host": "idle"}}],
        });
        entries.insert(usize::from(self.idle) % (entries.len() + 1), idle);
        assert_eq!(answer, self.ask(&entries, false), "an entry that never holds changes nothing");
    }
}
