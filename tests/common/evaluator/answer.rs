//! What becomes of a request, in a form in which two answers can be compared.

use std::collections::BTreeMap;

use serde_json::Value;

/// What else happens to a request and its response, by kind: rewrites, headers, mirrors, timeouts.
pub(crate) type Effects = BTreeMap<String, Value>;

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    /// A rule sends it to these destinations. Where all shares are zero, nobody answers.
    Backends { destinations: BTreeMap<Destination, Share>, effects: String },
    /// A rule answers itself: a redirect, or a response of its own.
    Direct(String),
    /// There are routes, but no rule for this request.
    NotFound,
    /// There are no routes: the service itself answers.
    Default(Destination),
    /// The host cannot be called.
    Failed(String),
    /// The specifications do not say.
    Undefined(String),
}

/// A Service's port, and what happens to requests that go there only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Destination {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) subset: Option<String>,
    pub(crate) effects: String,
    /// Whether there is such a Service with such a port, and it may be referred to.
    pub(crate) exists: bool,
}

impl Destination {
    /// A port of a service that exists.
    pub(crate) fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port, subset: None, effects: String::new(), exists: true }
    }
}

/// A share of the requests, as a reduced fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Share(pub(crate) u64, pub(crate) u64);

/// Shares by weight. Weights of equal destinations are added.
pub(crate) fn shares(
    weights: impl IntoIterator<Item = (Destination, u64)>,
) -> BTreeMap<Destination, Share> {
    let mut sums: BTreeMap<Destination, u64> = BTreeMap::new();
    for (destination, weight) in weights {
        *sums.entry(destination).or_default() += weight;
    }
    let total: u64 = sums.values().sum();
    sums.into_iter()
        .map(|(destination, weight)| {
            let divisor = gcd(weight, total).max(1);
            let share =
                if weight == 0 { Share(0, 1) } else { Share(weight / divisor, total / divisor) };
            (destination, share)
        })
        .collect()
}

impl Answer {
    /// The host and the path to which a redirect leads a request for these; none where it is none.
    pub(crate) fn leads_to(&self, host: &str, path: &str) -> Option<(String, String)> {
        let Self::Direct(effects) = self else { return None };
        let effects: Value = serde_json::from_str(effects).expect("effects are JSON");
        let text = |value: &Value, otherwise: &str| value.as_str().unwrap_or(otherwise).to_owned();
        if let Some(redirect) = effects.get("RequestRedirect") {
            let path = text(&effects["RequestRedirect.path"], path);
            return Some((text(&redirect["hostname"], host), path));
        }
        let redirect = effects.get("redirect")?;
        Some((text(&redirect["authority"], host), text(&redirect["uri"], path)))
    }

    /// The answer with a service that answers by itself written as a rule without effects.
    pub(crate) fn normal(self) -> Self {
        match self {
            Self::Default(destination) => Self::Backends {
                destinations: shares([(destination, 1)]),
                effects: canonical(&Effects::new()),
            },
            other => other,
        }
    }

    /// The answer with every destination for which `to` has another host swapped. Such a destination
    /// has no subset. Where a rule splits between swapped and other destinations, the swapped ones get
    /// everything in their proportion, or equal shares where they had nothing.
    pub(crate) fn swapped(self, to: impl Fn(&str) -> Option<String>) -> Self {
        let (destinations, effects) = match self.normal() {
            Self::Backends { destinations, effects } => (destinations, effects),
            other => return other,
        };
        let swapped: Vec<(Destination, Share)> = destinations
            .iter()
            .filter_map(|(destination, share)| {
                let host = to(&destination.host)?;
                let copy = Destination { host, subset: None, ..destination.clone() };
                Some((copy, *share))
            })
            .collect();
        if swapped.is_empty() {
            return Self::Backends { destinations, effects };
        }
        // Where nothing is split off, a rule that sends nothing anywhere goes on doing so.
        let split = swapped.len() < destinations.len();
        let silent = split && swapped.iter().all(|(_, share)| share.0 == 0);
        let common = swapped.iter().fold(1, |all, (_, share)| all / gcd(all, share.1) * share.1);
        let weights = swapped.into_iter().map(|(destination, share)| {
            let weight = if silent { 1 } else { share.0 * (common / share.1) };
            (destination, weight)
        });
        Self::Backends { destinations: shares(weights), effects }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// JSON with sorted keys.
pub(crate) fn canonical<T: serde::Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).expect("effects are JSON");
    sorted(&value).to_string()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            fields.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
