//! The routes that istiod has computed for a waypoint, read as Envoy reads them: the first route whose match holds decides.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::evaluator::Request;
use crate::lab::Outcome;

/// Where a request is led.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Led {
    /// To ports of these hosts, each with its share as a reduced fraction; a host without name is nobody.
    To(BTreeMap<(String, u16), [u64; 2]>),
    /// A rule answers itself.
    Answered,
    /// No rule is for it.
    NotFound,
}

impl Led {
    /// To these hosts. Who gets nothing is left out.
    pub(super) fn to(all: impl Iterator<Item = (String, u16, [u64; 2])>) -> Self {
        let some = all.filter(|(.., share)| share[0] > 0);
        let to: BTreeMap<(String, u16), [u64; 2]> = some
            .map(|(host, port, share)| match host.is_empty() {
                true => ((host, 0), share),
                false => ((host, port), share),
            })
            .collect();
        // Where nobody gets anything, Envoy answers itself.
        if to.is_empty() { Self::Answered } else { Self::To(to) }
    }
}

/// Routes by the host and port of a Service.
pub(super) struct Table(BTreeMap<(String, u16), Vec<Value>>);

impl Table {
    /// Of what istiod shows of a waypoint.
    pub(super) fn read(dump: &Value) -> Outcome<Self> {
        let mut chains = Vec::new();
        find(dump, "filterChains", &mut chains);
        let mut table = BTreeMap::new();
        for chain in chains.iter().flat_map(|list| list.as_array().into_iter().flatten()) {
            let name = chain["name"].as_str().unwrap_or_default();
            let parts: Vec<&str> = name.split('|').collect();
            let ["inbound-vip", port, "http", host] = parts[..] else { continue };
            let port: u16 = port.parse().map_err(|_| format!("a chain is called {name}"))?;
            let mut routes = Vec::new();
            find(chain, "routes", &mut routes);
            let routes = routes.first().and_then(|routes| routes.as_array()).cloned();
            table.insert((host.to_owned(), port), routes.unwrap_or_default());
        }
        if table.is_empty() {
            Err("the waypoint has no services".to_owned())
        } else {
            Ok(Self(table))
        }
    }

    /// Where a request for a port of a Service is led.
    pub(super) fn answer(&self, host: &str, port: u16, request: &Request) -> Outcome<Led> {
        let routes = self.0.get(&(host.to_owned(), port));
        let routes = routes.ok_or_else(|| format!("the waypoint does not know {host}:{port}"))?;
        for route in routes {
            if matches(&route["match"], request)? {
                return led(route);
            }
        }
        Ok(Led::NotFound)
    }
}

/// Every value behind a key, however deep.
fn find<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if name == key { found.push(field) } else { find(field, key, found) }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| find(item, key, found)),
        _ => {}
    }
}

fn matches(rule: &Value, request: &Request) -> Outcome<bool> {
    let mut holds = true;
    for (field, wanted) in rule.as_object().into_iter().flatten() {
        let text = wanted.as_str().unwrap_or_default();
        holds &= match field.as_str() {
            "prefix" => request.path.starts_with(text),
            "path" => request.path == text,
            "pathSeparatedPrefix" => {
                let rest = request.path.strip_prefix(text);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            "safeRegex" => is_like(wanted, &request.path)?,
            "headers" => all(wanted, |one| header(one, request))?,
            "queryParameters" => all(wanted, |one| {
                let name = one["name"].as_str().unwrap_or_default();
                let mut params = request.query.iter();
                let value = params.find(|(key, _)| key == name).map(|(_, value)| value.as_str());
                value.map_or(Ok(false), |value| text_fits(&one["stringMatch"], value))
            })?,
            "caseSensitive" => true,
            // What metadata and gRPC say of a request is not judged.
            other => return Err(format!("a match has {other}, which is not judged")),
        };
    }
    Ok(holds)
}

fn all(list: &Value, holds: impl Fn(&Value) -> Outcome<bool>) -> Outcome<bool> {
    for one in list.as_array().into_iter().flatten() {
        if !holds(one)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn header(one: &Value, request: &Request) -> Outcome<bool> {
    let name = one["name"].as_str().unwrap_or_default();
    let lines = request.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let lines: Vec<&str> = lines.map(|(_, value)| value.as_str()).collect();
    let value = match name {
        ":method" => Some(request.method.clone()),
        _ => (!lines.is_empty()).then(|| lines.join(",")),
    };
    let holds = match (&value, one.get("presentMatch")) {
        (value, Some(present)) => Some(value.is_some()) == present.as_bool(),
        (Some(value), None) => text_fits(&one["stringMatch"], value)?,
        (None, None) => false,
    };
    Ok(holds != one["invertMatch"].as_bool().unwrap_or_default())
}

fn text_fits(wanted: &Value, value: &str) -> Outcome<bool> {
    if let Some(exact) = wanted["exact"].as_str() {
        return Ok(exact == value);
    }
    if let Some(prefix) = wanted["prefix"].as_str() {
        return Ok(value.starts_with(prefix));
    }
    match wanted.get("safeRegex") {
        Some(regex) => is_like(regex, value),
        None => Err(format!("a text is matched by {wanted}, which is not judged")),
    }
}

fn is_like(pattern: &Value, value: &str) -> Outcome<bool> {
    let text = pattern["regex"].as_str().unwrap_or_default();
    let regex = Regex::new(&format!("^(?:{text})$")).map_err(|error| error.to_string())?;
    Ok(regex.is_match(value))
}

fn led(route: &Value) -> Outcome<Led> {
    if route.get("redirect").is_some() || route.get("directResponse").is_some() {
        return Ok(Led::Answered);
    }
    let to = &route["route"];
    let weighted = to["weightedClusters"]["clusters"].as_array().cloned().unwrap_or_default();
    let weights: Vec<(String, u64)> = match to["cluster"].as_str() {
        Some(cluster) => vec![(cluster.to_owned(), 1)],
        None => weighted
            .iter()
            .map(|one| {
                let name = one["name"].as_str().unwrap_or_default().to_owned();
                (name, one["weight"].as_u64().unwrap_or_default())
            })
            .collect(),
    };
    let mut sums: BTreeMap<(String, u16), u64> = BTreeMap::new();
    for (cluster, weight) in weights {
        *sums.entry(destination(&cluster)?).or_default() += weight;
    }
    let total: u64 = sums.values().sum();
    let share = |weight: u64| {
        let divisor = gcd(weight, total).max(1);
        [weight / divisor, total / divisor]
    };
    Ok(Led::to(sums.into_iter().map(|((host, port), weight)| (host, port, share(weight)))))
}

/// The host and port of a cluster: `inbound-vip|80|http|HOST` or `outbound|80||HOST`. One without a Service is nobody's.
fn destination(cluster: &str) -> Outcome<(String, u16)> {
    let parts: Vec<&str> = cluster.split('|').collect();
    match parts[..] {
        ["inbound-vip" | "outbound", port, _, host] => Ok((
            host.to_owned(),
            port.parse().map_err(|_| format!("a cluster is called {cluster}"))?,
        )),
        ["BlackHoleCluster"] => Ok((String::new(), 0)),
        _ => Err(format!("a cluster is called {cluster}")),
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
