//! Who may call whom by Istio's AuthorizationPolicies, from their documentation alone: a judge that shares no code with
//! the program.
//! See <https://istio.io/latest/docs/reference/config/security/authorization-policy/>.

use serde_json::Value;

/// A caller in the mesh: its trust domain, namespace and account. None comes in plain text.
pub(crate) type Caller<'c> = Option<[&'c str; 3]>;

/// What is called: the namespace and the label `app` of a pod.
pub(crate) type Target<'t> = [&'t str; 2];

/// A request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'r> {
    pub(crate) method: &'r str,
    pub(crate) path: &'r str,
    pub(crate) host: &'r str,
    /// The value of the header `x-tier`.
    pub(crate) tier: Option<&'r str>,
}

/// All objects of a cluster.
pub(crate) struct World(pub(crate) Vec<Value>);

impl World {
    /// Whether a request arrives.
    pub(crate) fn allows(
        &self,
        caller: Caller<'_>,
        target: Target<'_>,
        request: &Request<'_>,
    ) -> bool {
        let followed = |action: &str| -> Vec<&Value> {
            self.0.iter().filter(|one| follows(one, target) && action_of(one) == action).collect()
        };
        let says = |policy: &&Value| matches(policy, caller, request);
        let allowing = followed("ALLOW");
        !followed("DENY").iter().any(says) && (allowing.is_empty() || allowing.iter().any(says))
    }
}

fn action_of(policy: &Value) -> &str {
    policy["spec"]["action"].as_str().unwrap_or("ALLOW")
}

/// Whether a pod follows a policy: one of its namespace or of the root namespace, by the labels of the pod.
fn follows(policy: &Value, [namespace, app]: Target<'_>) -> bool {
    let own = policy["metadata"]["namespace"].as_str().unwrap_or_default();
    let labels = policy["spec"]["selector"]["matchLabels"].as_object();
    policy["kind"] == "AuthorizationPolicy"
        && policy["spec"].get("targetRefs").is_none()
        && [namespace, "istio-system"].contains(&own)
        && labels
            .is_none_or(|labels| labels.iter().all(|(key, value)| key == "app" && value == app))
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn matches(policy: &Value, caller: Caller<'_>, request: &Request<'_>) -> bool {
    let home = policy["metadata"]["namespace"].as_str().unwrap_or_default();
    list(&policy["spec"], "rules").iter().any(|rule| {
        let from = list(rule, "from");
        let to = list(rule, "to");
        (from.is_empty() || from.iter().any(|one| is_from(&one["source"], home, caller)))
            && (to.is_empty() || to.iter().any(|one| is_to(&one["operation"], request)))
            && list(rule, "when").iter().all(|one| is_when(one, home, caller, request))
    })
}

/// Whether a list and its opposite hold of something.
fn field(node: &Value, key: &str, not: &str, is: impl Fn(&str) -> bool) -> bool {
    let any = |key: &str| list(node, key).iter().any(|one| one.as_str().is_some_and(&is));
    (list(node, key).is_empty() || any(key)) && !any(not)
}

fn is_from(source: &Value, home: &str, caller: Caller<'_>) -> bool {
    field(source, "principals", "notPrincipals", |one| principal(one, caller))
        && field(source, "namespaces", "notNamespaces", |one| namespace(one, caller))
        && field(source, "serviceAccounts", "notServiceAccounts", |one| account(one, home, caller))
        && field(source, "trustDomains", "notTrustDomains", |one| {
            caller.is_some_and(|[trust, ..]| glob(one, trust))
        })
}

fn is_to(operation: &Value, request: &Request<'_>) -> bool {
    field(operation, "methods", "notMethods", |one| text(one, request.method))
        && field(operation, "paths", "notPaths", |one| text(one, request.path))
        && field(operation, "hosts", "notHosts", |one| text(one, request.host))
}

fn is_when(condition: &Value, home: &str, caller: Caller<'_>, request: &Request<'_>) -> bool {
    let key = condition["key"].as_str().unwrap_or_default();
    field(condition, "values", "notValues", |one| match key {
        "source.principal" => principal(one, caller),
        "source.namespace" => namespace(one, caller),
        "source.serviceAccount" => account(one, home, caller),
        "request.headers[x-tier]" => request.tier.is_some_and(|tier| text(one, tier)),
        other => panic!("a condition that the judge does not know: {other}"),
    })
}

fn text(pattern: &str, value: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => value.ends_with(end),
        (_, Some(beginning)) => value.starts_with(beginning),
        _ => pattern == value,
    }
}

fn principal(pattern: &str, caller: Caller<'_>) -> bool {
    let Some([trust, namespace, account]) = caller else { return false };
    // With five parts this trust domain means that of the mesh, whatever it is called.
    let own = pattern.split('/').count() == 5 && pattern.starts_with("cluster.local/");
    let trust = if own { "cluster.local" } else { trust };
    text(pattern, &format!("{trust}/ns/{namespace}/sa/{account}"))
}

fn namespace(pattern: &str, caller: Caller<'_>) -> bool {
    caller.is_some_and(|[_, namespace, _]| glob(pattern, namespace))
}

/// Whether a text fits a pattern with `*` anywhere.
fn glob(pattern: &str, text: &str) -> bool {
    let pattern = regex::escape(pattern).replace("\\*", ".*");
    regex::Regex::new(&format!("^(?:{pattern})$")).expect("escaped").is_match(text)
}

fn account(pattern: &str, home: &str, caller: Caller<'_>) -> bool {
    let pattern =
        if pattern.contains('/') { pattern.to_owned() } else { format!("{home}/{pattern}") };
    caller.is_some_and(|[_, namespace, account]| pattern == format!("{namespace}/{account}"))
}
