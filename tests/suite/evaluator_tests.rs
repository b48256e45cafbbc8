//! Vectors for the judge itself: from the specifications, and from what Envoy, configured by istiod, was
//! seen to do.

use serde_json::Value;

use crate::evaluator::{Answer, Call, Mesh, Request, Share};
use crate::objects::documents;

/// Two services with one port and one with two, and a copy of the first in pr-1.
const SERVICES: &str = "
{apiVersion: v1, kind: Service, metadata: {name: cart, namespace: shop}, spec: {ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: two, namespace: shop}, spec: {ports: [{port: 80}, {port: 81}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: cart, namespace: pr-1}, spec: {ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: pr-1}, spec: {type: ExternalName, externalName: web.shop.svc.cluster.local}}
";
const BAGGAGE: &str = r"(?:.*,)?\s*preview\s*=\s*pr-1\s*(?:[,;].*)?";

fn mesh(more: &str) -> Mesh {
    let objects: Vec<Value> = documents(&format!("{SERVICES}---\n{more}"))
        .iter()
        .map(|object| serde_json::to_value(object).expect("YAML is JSON here"))
        .collect();
    Mesh::new(&objects)
}

/// An HTTPRoute of the namespace `shop` at the Service cart.
fn route(name: &str, rules: &str) -> String {
    object(
        "HTTPRoute",
        name,
        "shop",
        &format!("parentRefs: [{{kind: Service, group: '', name: cart}}], rules: {rules}"),
    )
}

fn grpc(rules: &str) -> String {
    object(
        "GRPCRoute",
        "grpc",
        "shop",
        &format!("parentRefs: [{{kind: Service, group: '', name: cart}}], rules: {rules}"),
    )
}

fn object(kind: &str, name: &str, namespace: &str, spec: &str) -> String {
    let group = match kind {
        "VirtualService" => "networking.istio.io/v1",
        _ => "gateway.networking.k8s.io/v1",
    };
    format!(
        "{{apiVersion: {group}, kind: {kind}, metadata: {{name: {name}, namespace: {namespace}}}, spec: {{{spec}}}}}\n---\n"
    )
}

/// A VirtualService of the namespace `shop` for cart.
fn virtual_service(http: &str) -> String {
    object("VirtualService", "cart", "shop", &format!("hosts: [cart], http: {http}"))
}

fn get(path: &str) -> Request {
    Request::new("GET", path)
}

fn key(path: &str) -> Request {
    get(path).header("X-Key", "pr-1")
}

fn call(mesh: &Mesh, from: &str, host: &str, port: u16, request: Request) -> Answer {
    let (from, host) = (from.to_owned(), host.to_owned());
    mesh.call(&Call { from, host, port, request })
}

/// An answer in short: destinations with their shares, or the kind of answer.
fn short(answer: &Answer) -> String {
    let host = |host: &str| host.replace(".svc.cluster.local", "");
    match answer {
        Answer::Default(one) => format!("default {}:{}", host(&one.host), one.port),
        Answer::NotFound => "404".to_owned(),
        Answer::Direct(_) => "direct".to_owned(),
        Answer::Failed(_) => "failed".to_owned(),
        Answer::Undefined(_) => "undefined".to_owned(),
        Answer::Backends { destinations, .. } => {
            let one = |(one, Share(part, whole)): (&crate::evaluator::Destination, &Share)| {
                let subset = one.subset.as_ref().map(|subset| format!("/{subset}"));
                let missing = if one.exists { "" } else { "?" };
                let subset = subset.unwrap_or_default();
                format!("{}:{}{subset}{missing} {part}/{whole}", host(&one.host), one.port)
            };
            destinations.iter().map(one).collect::<Vec<_>>().join(", ")
        }
    }
}

/// Judges requests to cart from the namespace `shop`.
#[track_caller]
fn judge(objects: &str, vectors: &[(Request, &str)]) {
    let mesh = mesh(objects);
    for (request, expected) in vectors {
        let answer = call(&mesh, "shop", "cart", 80, request.clone());
        assert_eq!(short(&answer), *expected, "{request:?}\n{objects}");
    }
}

const TO_CART: &str = "backendRefs: [{name: cart, port: 80}]";
const TO_WEB: &str = "backendRefs: [{name: web, port: 80}]";
const TO_COPY: &str = "backendRefs: [{name: cart, namespace: pr-1, port: 80}]";

#[test]
fn hosts_resolve_from_the_callers_namespace() {
    let mesh = mesh("");
    for (from, host, port, expected) in [
        ("shop", "cart", 80, "default cart.shop:80"),
        ("pr-1", "cart", 80, "default cart.pr-1:80"),
        ("pr-1", "cart.shop", 80, "default cart.shop:80"),
        ("pr-1", "cart.shop.svc", 80, "default cart.shop:80"),
        ("pr-1", "cart.shop.svc.cluster.local", 80, "default cart.shop:80"),
        ("pr-1", "web", 80, "default web.shop:80"),
        ("pr-1", "two", 80, "failed"),
        ("shop", "two", 81, "default two.shop:81"),
        ("shop", "two", 82, "failed"),
    ] {
        let answer = call(&mesh, from, host, port, get("/"));
        assert_eq!(short(&answer), expected, "{host}:{port} from {from}");
    }
}

#[test]
fn an_alias_leads_to_its_targets_routes() {
    let parent = "parentRefs: [{kind: Service, group: '', name: web}]";
    let objects = object("HTTPRoute", "web", "shop", &format!("{parent}, rules: [{{{TO_CART}}}]"));
    let answer = call(&mesh(&objects), "pr-1", "web", 80, get("/"));
    assert_eq!(short(&answer), "cart.shop:80 1/1");
}

#[test]
fn a_prefix_matches_path_elements() {
    let rule = format!("[{{matches: [{{path: {{type: PathPrefix, value: /api}}}}], {TO_WEB}}}]");
    judge(
        &route("cart", &rule),
        &[
            (get("/api"), "web.shop:80 1/1"),
            (get("/api/"), "web.shop:80 1/1"),
            (get("/api/v1"), "web.shop:80 1/1"),
            (get("/apiv1"), "404"),
            (get("/"), "404"),
        ],
    );
    let slash = rule.replace("value: /api", "value: /api/");
    judge(&route("cart", &slash), &[(get("/api"), "web.shop:80 1/1"), (get("/apis"), "404")]);
}

#[test]
fn a_rule_without_matches_and_a_match_without_path_take_every_path() {
    judge(&route("cart", &format!("[{{{TO_WEB}}}]")), &[(get("/x"), "web.shop:80 1/1")]);
    let post = format!("[{{matches: [{{method: POST}}], {TO_WEB}}}]");
    judge(
        &route("cart", &post),
        &[(Request::new("POST", "/x"), "web.shop:80 1/1"), (get("/x"), "404")],
    );
}

/// Rules of which the first outranks the second, wherever they stand.
#[test]
fn precedence_is_path_then_method_then_headers_then_query() {
    for (first, second) in [
        (
            "{path: {type: Exact, value: /a}}",
            "{path: {value: /a}, method: GET, headers: [{name: x-key, value: pr-1}]}",
        ),
        (
            "{path: {value: /a}}",
            "{path: {value: /}, method: GET, headers: [{name: x-key, value: pr-1}]}",
        ),
        ("{path: {value: /}}", "{path: {type: RegularExpression, value: '/.*'}, method: GET}"),
        ("{method: GET}", "{headers: [{name: x-key, value: pr-1}, {name: y, value: z}]}"),
        (
            "{headers: [{name: x-key, value: pr-1}]}",
            "{queryParams: [{name: q, value: '1'}, {name: r, value: '2'}]}",
        ),
        (
            "{headers: [{name: x-key, value: pr-1}, {name: y, value: z}]}",
            "{headers: [{name: x-key, value: pr-1}]}",
        ),
        ("{queryParams: [{name: q, value: '1'}]}", "{}"),
    ] {
        let request = key("/a").header("y", "z").param("q", "1").param("r", "2");
        let first = format!("{{matches: [{first}], {TO_CART}}}");
        let second = format!("{{matches: [{second}], {TO_WEB}}}");
        let expected = [(request, "cart.shop:80 1/1")];
        judge(&route("a", &format!("[{first}, {second}]")), &expected);
        judge(&route("a", &format!("[{second}, {first}]")), &expected);
        let (one, other) = (format!("[{second}]"), format!("[{first}]"));
        judge(&(route("a", &one) + &route("b", &other)), &expected);
    }
}

#[test]
fn ties_go_to_the_name_and_then_to_the_order_of_rules() {
    let rules = format!("[{{{TO_CART}}}, {{{TO_WEB}}}]");
    judge(&route("a", &rules), &[(get("/"), "cart.shop:80 1/1")]);
    let (web, cart) = (format!("[{{{TO_WEB}}}]"), format!("[{{{TO_CART}}}]"));
    judge(&(route("b", &web) + &route("a", &cart)), &[(get("/"), "cart.shop:80 1/1")]);
}

#[test]
fn header_names_ignore_case_and_lines_are_joined() {
    let rule = |kind: &str, value: &str| {
        let header = format!("{{type: {kind}, name: X-Key, value: '{value}'}}");
        route("cart", &format!("[{{matches: [{{headers: [{header}]}}], {TO_WEB}}}]"))
    };
    let twice = get("/").header("x-key", "a").header("x-KEY", "b");
    judge(
        &rule("Exact", "pr-1"),
        &[
            (get("/").header("x-key", "pr-1"), "web.shop:80 1/1"),
            (get("/").header("x-key", "PR-1"), "404"),
            (get("/").header("x-key", "pr-1").header("x-key", "pr-1"), "404"),
            (get("/"), "404"),
        ],
    );
    judge(&rule("Exact", "a,b"), &[(twice.clone(), "web.shop:80 1/1")]);
    judge(
        &rule("RegularExpression", "a,."),
        &[(twice, "web.shop:80 1/1"), (get("/").header("x-key", "a,bc"), "404")],
    );
}

#[test]
fn one_member_of_baggage() {
    let rule = format!(
        "[{{matches: [{{headers: [{{type: RegularExpression, name: baggage, value: '{BAGGAGE}'}}]}}], {TO_WEB}}}]"
    );
    let hit = "web.shop:80 1/1";
    for (value, expected) in [
        ("preview=pr-1", hit),
        ("a=1,preview=pr-1", hit),
        ("a=1, preview=pr-1 ;ttl=3", hit),
        ("preview = pr-1 , b=2", hit),
        ("a=b,\tpreview=pr-1", hit),
        ("preview=pr-12", "404"),
        ("preview=pr-1x", "404"),
        ("xpreview=pr-1", "404"),
        ("a=1;preview=pr-1", "404"),
        ("a=preview=pr-1", "404"),
        ("Preview=pr-1", "404"),
        ("preview=pr%2D1", "404"),
        ("", "404"),
    ] {
        judge(&route("cart", &rule), &[(get("/").header("baggage", value), expected)]);
        let http = format!(
            "[{{match: [{{headers: {{baggage: {{regex: '{BAGGAGE}'}}}}}}], route: [{{destination: {{host: web}}}}]}}]"
        );
        judge(&virtual_service(&http), &[(get("/").header("baggage", value), expected)]);
    }
    let split = get("/").header("baggage", "a=1").header("baggage", "preview=pr-1");
    judge(&route("cart", &rule), &[(split, hit)]);
}

#[test]
fn query_parameters_must_all_hold() {
    let rule = format!(
        "[{{matches: [{{queryParams: [{{name: a, value: '1'}}, {{type: RegularExpression, name: b, value: '[0-9]'}}]}}], {TO_WEB}}}]"
    );
    judge(
        &route("cart", &rule),
        &[
            (get("/").param("a", "1").param("b", "2"), "web.shop:80 1/1"),
            (get("/").param("a", "1").param("b", "22"), "404"),
            (get("/").param("a", "1"), "404"),
            (get("/").param("A", "1").param("b", "2"), "404"),
        ],
    );
}

/// Seen: a bare rule for the key loses to a path, its product with that path wins.
#[test]
fn a_bare_header_rule_loses_to_a_path() {
    let own = format!("[{{matches: [{{path: {{value: /api}}}}], {TO_CART}}}, {{{TO_WEB}}}]");
    let bare = format!("[{{matches: [{{headers: [{{name: x-key, value: pr-1}}]}}], {TO_COPY}}}]");
    let objects = route("cart", &own) + &route("cart.pr-1", &bare);
    judge(&objects, &[(key("/api/x"), "cart.shop:80 1/1"), (key("/"), "cart.pr-1:80 1/1")]);
    let full = format!(
        "[{{matches: [{{path: {{value: /api}}, headers: [{{name: x-key, value: pr-1}}]}}], {TO_COPY}}}]"
    );
    judge(
        &(objects + &route("cart.pr-1.2", &full)),
        &[
            (key("/api/x"), "cart.pr-1:80 1/1"),
            (get("/api/x"), "cart.shop:80 1/1"),
            (get("/"), "web.shop:80 1/1"),
        ],
    );
}

#[test]
fn weights_are_one_unless_said_and_zero_answers_nothing() {
    let split = "[{backendRefs: [{name: cart, port: 80, weight: 4}, {name: web, port: 80, weight: 2}, {name: two, port: 80, weight: 0}]}]";
    judge(
        &route("cart", split),
        &[(get("/"), "cart.shop:80 2/3, two.shop:80 0/1, web.shop:80 1/3")],
    );
    let halves = "[{backendRefs: [{name: cart, port: 80}, {name: web, port: 80}]}]";
    judge(&route("cart", halves), &[(get("/"), "cart.shop:80 1/2, web.shop:80 1/2")]);
    let none = "[{backendRefs: [{name: cart, port: 80, weight: 0}]}]";
    judge(&route("cart", none), &[(get("/"), "cart.shop:80 0/1")]);
}

#[test]
fn backends_must_exist() {
    judge(
        &route("cart", "[{backendRefs: [{name: cart, port: 81}, {name: gone, port: 80}]}]"),
        &[(get("/"), "cart.shop:81? 1/2, gone.shop:80? 1/2")],
    );
}

#[test]
fn a_port_in_parent_refs_limits_a_route() {
    let parent = "parentRefs: [{kind: Service, group: '', name: two, port: 81}]";
    let scoped = object("HTTPRoute", "two", "shop", &format!("{parent}, rules: [{{{TO_WEB}}}]"));
    let one = mesh(&scoped);
    assert_eq!(short(&call(&one, "shop", "two", 80, get("/"))), "default two.shop:80");
    assert_eq!(short(&call(&one, "shop", "two", 81, get("/"))), "web.shop:80 1/1");
    let parent = "parentRefs: [{kind: Service, group: '', name: two}]";
    let portless = object("HTTPRoute", "all", "shop", &format!("{parent}, rules: [{{{TO_CART}}}]"));
    let both = mesh(&(scoped + &portless));
    assert_eq!(short(&call(&both, "shop", "two", 80, get("/"))), "cart.shop:80 1/1");
    assert_eq!(short(&call(&both, "shop", "two", 81, get("/"))), "undefined");
}

#[test]
fn a_route_that_istio_does_not_follow_is_not_there() {
    let sound = route("cart", &format!("[{{{TO_WEB}}}]"));
    judge(&sound, &[(get("/"), "web.shop:80 1/1")]);
    judge(
        &sound.replace("kind: Service, group: ''", "kind: Service"),
        &[(get("/"), "default cart.shop:80")],
    );
    judge(&sound.replace("group: ''", "group: core"), &[(get("/"), "default cart.shop:80")]);
    judge(
        &sound.replace("name: cart}]", "name: cart, port: 81}]"),
        &[(get("/"), "default cart.shop:80")],
    );
    for broken in [
        "filters: [{type: ExtensionRef}], backendRefs: [{name: web, port: 80}]",
        "backendRefs: [{name: web}]",
        "backendRefs: [{name: web.shop, port: 80}]",
        "backendRefs: [{group: networking.istio.io, kind: Hostname, name: a.b, namespace: shop, port: 80}]",
        "backendRefs: [{group: multicluster.x-k8s.io, kind: ServiceImport, name: a}]",
        r#"filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: "b\n"}]}}]"#,
        r#"backendRefs: [{name: web, port: 80, filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: a, value: "\x7f"}]}}]}]"#,
    ] {
        let route = route("cart", &format!("[{{{TO_WEB}}}, {{{broken}}}]"));
        judge(&route, &[(get("/"), "default cart.shop:80")]);
    }
    // A backend of an unknown kind needs no port, and one that gets nothing is not looked at.
    for sound in [
        "backendRefs: [{group: example.com, kind: Store, name: a}]",
        "backendRefs: [{name: web, weight: 0}]",
        r#"filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: "b\tc"}]}}]"#,
    ] {
        let matches = "matches: [{path: {type: PathPrefix, value: /no}}]";
        let route = route("cart", &format!("[{{{TO_WEB}}}, {{{matches}, {sound}}}]"));
        judge(&route, &[(get("/"), "web.shop:80 1/1")]);
    }
}

#[test]
fn a_mirror_that_leads_nowhere_drops_a_grpc_route() {
    for (target, expected) in [
        ("{name: web, port: 80}", "web.shop:80 1/1"),
        ("{name: web, namespace: pr-1, port: 80}", "web.shop:80 1/1"),
        ("{name: web}", "default cart.shop:80"),
        ("{name: shadow, port: 80}", "default cart.shop:80"),
        ("{group: example.com, kind: Recorder, name: r}", "default cart.shop:80"),
        (
            "{group: networking.istio.io, kind: Hostname, name: web.shop.svc.cluster.local, port: 80}",
            "web.shop:80 1/1",
        ),
        (
            "{group: multicluster.x-k8s.io, kind: ServiceImport, name: web, port: 80}",
            "web.shop:80 1/1",
        ),
    ] {
        let filter = format!("{{type: RequestMirror, requestMirror: {{backendRef: {target}}}}}");
        let mirrored =
            format!("{{matches: [{{method: {{service: x.Y}}}}], filters: [{filter}], {TO_CART}}}");
        judge(&grpc(&format!("[{mirrored}, {{{TO_WEB}}}]")), &[(get("/"), expected)]);
        let http = mirrored.replace("method: {service: x.Y}", "path: {type: Exact, value: /x}");
        judge(&route("cart", &format!("[{http}, {{{TO_WEB}}}]")), &[(get("/"), "web.shop:80 1/1")]);
    }
}

#[test]
#[should_panic(expected = "two parentRefs to cart")]
fn parent_refs_to_one_parent_have_sections_of_their_own() {
    mesh(
        &route("cart", "[]").replace(
            "name: cart}]",
            "name: cart}, {kind: Service, group: '', name: cart, port: 80}]",
        ),
    );
}

#[test]
#[should_panic(expected = "17 set, 16 are possible")]
fn lists_have_limits() {
    let headers: Vec<String> = (0..17).map(|one| format!("{{name: a{one}, value: b}}")).collect();
    let set = format!("requestHeaderModifier: {{set: [{}]}}", headers.join(", "));
    mesh(&route(
        "cart",
        &format!("[{{filters: [{{type: RequestHeaderModifier, {set}}}], {TO_WEB}}}]"),
    ));
}

#[test]
fn hostnames_of_a_mesh_route_mean_nothing() {
    let named = |name: &str, to: &str| {
        route(name, &format!("[{{{to}}}]"))
            .replace("rules:", &format!("hostnames: [{name}.org], rules:"))
    };
    judge(&(named("a", TO_WEB) + &named("b", TO_CART)), &[(get("/"), "web.shop:80 1/1")]);
}

#[test]
fn a_hostname_is_a_backend_too() {
    let rules = "[{backendRefs: [{group: networking.istio.io, kind: Hostname, name: web.shop.svc.cluster.local, port: 80}]}]";
    judge(&route("cart", rules), &[(get("/"), "web.shop:80 1/1")]);
}

#[test]
fn a_virtual_service_counts_for_those_who_see_it() {
    let seen_by = |name: &str, to: &str, export: &str| {
        let spec = format!(
            "hosts: [cart.shop.svc.cluster.local], exportTo: {export}, http: [{{route: [{{destination: {{host: {to}.shop.svc.cluster.local}}}}]}}]"
        );
        object("VirtualService", name, "shop", &spec)
    };
    let (all, private, exported) =
        (seen_by("a", "web", "['*']"), seen_by("b", "two", "['.']"), seen_by("c", "two", "[pr-1]"));
    let asks =
        |objects: &str, from: &str| short(&call(&mesh(objects), from, "cart.shop", 80, get("/")));
    let both = all.clone() + &private;
    assert_eq!(asks(&both, "shop"), "two.shop:80 1/1");
    assert_eq!(asks(&both, "pr-1"), "web.shop:80 1/1");
    assert_eq!(asks(&(all + &exported), "pr-1"), "two.shop:80 1/1");
    assert_eq!(asks(&private, "pr-1"), "default cart.shop:80");
    assert_eq!(asks(&(exported + &seen_by("d", "web", "[pr-1]")), "pr-1"), "undefined");
}

#[test]
fn who_calls_is_looked_at_only_where_no_gateway_is_named() {
    let one = |more: &str| {
        virtual_service(&format!(
            "[{{match: [{{sourceNamespace: web{more}}}], route: [{{destination: {{host: web}}}}]}}]"
        ))
    };
    judge(&one(""), &[(get("/"), "default cart.shop:80")]);
    judge(&one(", gateways: [mesh]"), &[(get("/"), "web.shop:80 1/1")]);
}

#[test]
fn a_request_that_is_led_to_a_headless_service_goes_astray() {
    let headless = object("Service", "bare", "shop", "clusterIP: None, ports: [{port: 80}]")
        .replace("gateway.networking.k8s.io/v1", "v1");
    let hidden = headless.replace("clusterIP: None, ", "").replace(
        "bare, namespace: shop",
        "hidden, namespace: shop, annotations: {networking.istio.io/exportTo: 'x'}",
    );
    let to =
        |name: &str| route("cart", &format!("[{{backendRefs: [{{name: {name}, port: 80}}]}}]"));
    judge(&(headless.clone() + &to("bare")), &[(get("/"), "bare.shop:80? 1/1")]);
    // A copy with a cluster IP is reached.
    let own = object(
        "HTTPRoute",
        "own",
        "shop",
        &format!("parentRefs: [{{kind: Service, group: '', name: bare}}], rules: [{{{TO_COPY}}}]"),
    );
    let answer = call(&mesh(&(headless.clone() + &own)), "shop", "bare", 80, get("/"));
    assert_eq!(short(&answer), "cart.pr-1:80 1/1");
    judge(&(hidden + &to("hidden")), &[(get("/"), "hidden.shop:80? 1/1")]);
    let mesh = mesh(&headless);
    assert_eq!(short(&call(&mesh, "shop", "bare", 80, get("/"))), "default bare.shop:80");
}

#[test]
fn of_three_spellings_of_a_host_the_mesh_knows_two() {
    let http = "http: [{route: [{destination: {host: web}}]}]";
    let spelled =
        |hosts: &str| object("VirtualService", "cart", "shop", &format!("hosts: {hosts}, {http}"));
    for (hosts, expected) in [
        ("[cart, cart.shop, cart.shop.svc.cluster.local]", "web.shop:80 1/1"),
        ("[cart.shop.svc.cluster.local]", "web.shop:80 1/1"),
        ("[cart.shop]", "default cart.shop:80"),
    ] {
        let mesh = mesh(&spelled(hosts));
        for host in ["cart", "cart.shop", "cart.shop.svc.cluster.local"] {
            let answer = call(&mesh, "shop", host, 80, get("/"));
            assert_eq!(short(&answer), expected, "{host} with {hosts}");
        }
    }
}

#[test]
#[should_panic(expected = "duplicate hosts")]
fn hosts_that_meet_are_not_admitted() {
    let twice = virtual_service("[{redirect: {uri: /}}]").replace("[cart]", "[a.org, '*.org']");
    mesh(&twice);
}

#[test]
#[should_panic(expected = "http, tcp or tls must be provided")]
fn a_virtual_service_without_rules_is_not_admitted() {
    mesh(&virtual_service("[]"));
}

#[test]
fn what_the_specifications_leave_open_is_undefined() {
    let http = route("cart", &format!("[{{{TO_WEB}}}]"));
    let istio = virtual_service("[{route: [{destination: {host: web}}]}]");
    let second = istio.replace("name: cart,", "name: cart2,");
    for objects in
        [http.clone() + &istio, http + &grpc(&format!("[{{{TO_WEB}}}]")), istio + &second]
    {
        judge(&objects, &[(get("/"), "undefined")]);
    }
}

#[test]
fn a_consumers_routes_replace_the_producers_for_its_namespace() {
    let consumer = object(
        "HTTPRoute",
        "mine",
        "pr-1",
        &format!(
            "parentRefs: [{{kind: Service, group: '', name: cart, namespace: shop}}], rules: [{{{TO_CART}}}]"
        ),
    );
    let mesh = mesh(&(route("cart", &format!("[{{{TO_WEB}}}]")) + &consumer));
    assert_eq!(short(&call(&mesh, "shop", "cart", 80, get("/"))), "web.shop:80 1/1");
    assert_eq!(short(&call(&mesh, "pr-1", "cart.shop", 80, get("/"))), "cart.pr-1:80 1/1");
}

#[test]
fn grpc_methods_are_paths() {
    let rules = format!(
        "[{{{TO_WEB}}}, {{matches: [{{method: {{service: a.B}}}}], {TO_CART}}}, {{matches: [{{method: {{service: a.B, method: C}}}}], {TO_COPY}}}]"
    );
    judge(
        &grpc(&rules),
        &[
            (Request::new("POST", "/a.B/C"), "cart.pr-1:80 1/1"),
            (Request::new("POST", "/a.B/D"), "cart.shop:80 1/1"),
            (Request::new("POST", "/a.Bx/C"), "web.shop:80 1/1"),
        ],
    );
}

#[test]
fn a_grpc_methods_rule_outranks_a_header() {
    let rules = format!(
        "[{{matches: [{{headers: [{{name: x-key, value: pr-1}}]}}], {TO_COPY}}}, {{matches: [{{method: {{method: C}}}}], {TO_WEB}}}]"
    );
    judge(
        &grpc(&rules),
        &[(Request::new("POST", "/a.B/C").header("x-key", "pr-1"), "web.shop:80 1/1")],
    );
}

#[test]
fn filters_and_timeouts_are_effects() {
    let effects = |rule: &str, path: &str| {
        let answer = call(&mesh(&route("cart", rule)), "shop", "cart", 80, get(path));
        match answer {
            Answer::Backends { effects, .. } | Answer::Direct(effects) => effects,
            other => panic!("{other:?}"),
        }
    };
    let rewrite = |new: &str| {
        format!(
            "[{{matches: [{{path: {{value: /api}}}}], filters: [{{type: URLRewrite, urlRewrite: {{path: {{type: ReplacePrefixMatch, replacePrefixMatch: {new}}}}}}}], {TO_WEB}}}]"
        )
    };
    for (new, path, expected) in [
        ("/x", "/api/v1", "/x/v1"),
        ("/x/", "/api/v1", "/x/v1"),
        ("/x", "/api", "/x"),
        ("/", "/api/v1", "/v1"),
        ("/", "/api", "/"),
    ] {
        let found = effects(&rewrite(new), path);
        assert!(found.contains(&format!("\"URLRewrite.path\":\"{expected}\"")), "{found}");
    }
    let modifiers = |first: &str, second: &str| {
        format!(
            "[{{filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {first}}}{second}], {TO_WEB}}}]"
        )
    };
    let two = modifiers(
        "{set: [{name: A, value: b}]}",
        ", {type: RequestHeaderModifier, requestHeaderModifier: {remove: [C]}}",
    );
    let one = modifiers("{remove: [c], set: [{name: a, value: b}]}", "");
    assert_eq!(effects(&two, "/"), effects(&one, "/"));
    let slow = effects(&format!("[{{timeouts: {{request: 3s}}, {TO_WEB}}}]"), "/");
    assert_ne!(slow, effects(&format!("[{{{TO_WEB}}}]"), "/"));
}

#[test]
fn a_redirect_is_answered_by_the_rule() {
    let rule = "[{filters: [{type: RequestRedirect, requestRedirect: {hostname: x.example.com}}]}]";
    judge(&route("cart", rule), &[(get("/"), "direct")]);
    judge(&virtual_service("[{redirect: {authority: x.example.com}}]"), &[(get("/"), "direct")]);
}

#[test]
fn a_redirect_keeps_what_it_does_not_say() {
    let leads = |objects: &str| {
        let answer = call(&mesh(objects), "shop", "cart", 80, get("/old/x"));
        answer.leads_to("cart", "/old/x").map(|(host, path)| format!("{host}{path}"))
    };
    let filter = |redirect: &str| {
        let matches = "matches: [{path: {type: PathPrefix, value: /old}}]";
        let filters = format!("filters: [{{type: RequestRedirect, requestRedirect: {redirect}}}]");
        route("cart", &format!("[{{{matches}, {filters}}}]"))
    };
    let entry = |redirect: &str| virtual_service(&format!("[{{redirect: {redirect}}}]"));
    for (objects, expected) in [
        (filter("{hostname: x.org}"), "x.org/old/x"),
        (filter("{path: {type: ReplaceFullPath, replaceFullPath: /new}}"), "cart/new"),
        (filter("{path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}"), "cart/new/x"),
        (filter("{scheme: https}"), "cart/old/x"),
        (entry("{authority: x.org}"), "x.org/old/x"),
        (entry("{uri: /new}"), "cart/new"),
    ] {
        assert_eq!(leads(&objects).as_deref(), Some(expected), "{objects}");
    }
    assert_eq!(leads(&virtual_service("[{directResponse: {status: 503}}]")), None);
    assert_eq!(leads(&route("cart", &format!("[{{{TO_WEB}}}]"))), None);
}

#[test]
fn the_first_entry_of_a_virtual_service_that_holds() {
    let http = "[{match: [{headers: {x-key: {exact: pr-1}}}], route: [{destination: {host: cart.pr-1.svc.cluster.local}}]},
        {match: [{uri: {prefix: /api}}, {uri: {exact: /b}}], route: [{destination: {host: web}}]},
        {match: [{uri: {regex: '/c+'}, method: {exact: POST}}], route: [{destination: {host: two, port: {number: 81}}}]}]";
    judge(
        &virtual_service(http),
        &[
            (key("/api"), "cart.pr-1:80 1/1"),
            (get("/apix"), "web.shop:80 1/1"),
            (get("/b"), "web.shop:80 1/1"),
            (get("/b/"), "404"),
            (Request::new("POST", "/ccc"), "two.shop:81 1/1"),
            (Request::new("POST", "/cccd"), "404"),
            (get("/ccc"), "404"),
        ],
    );
}

#[test]
fn headers_of_a_virtual_service() {
    let entry = |one: &str| {
        virtual_service(&format!("[{{match: [{one}], route: [{{destination: {{host: web}}}}]}}]"))
    };
    let hit = "web.shop:80 1/1";
    judge(&entry("{headers: {x-key: {}}}"), &[(key("/"), hit), (get("/"), "404")]);
    judge(&entry("{headers: {x-key: {prefix: pr}}}"), &[(key("/"), hit)]);
    judge(&entry("{headers: {x-key: {regex: '*'}}}"), &[(key("/"), hit), (get("/"), "404")]);
    judge(&entry("{headers: {x-key: {regex: 'pr'}}}"), &[(key("/"), "404")]);
    judge(
        &entry("{withoutHeaders: {x-key: {exact: pr-1}}}"),
        &[(key("/"), "404"), (get("/"), hit)],
    );
    judge(&entry("{withoutHeaders: {x-key: {}}}"), &[(key("/"), "404"), (get("/"), hit)]);
    judge(
        &entry("{queryParams: {a: {exact: b}}}"),
        &[(get("/").param("a", "b"), hit), (get("/"), "404")],
    );
}

#[test]
fn weights_of_a_virtual_service() {
    judge(
        &virtual_service("[{route: [{destination: {host: web, subset: v1}, weight: 0}]}]"),
        &[(get("/"), "web.shop:80/v1 1/1")],
    );
    judge(
        &virtual_service(
            "[{route: [{destination: {host: web}, weight: 30}, {destination: {host: two}}]}]",
        ),
        &[(get("/"), "two.shop:80 0/1, web.shop:80 1/1")],
    );
}

#[test]
fn ports_gateways_and_sources_are_decided_before_the_request() {
    let two = |http: &str| {
        mesh(&object("VirtualService", "two", "shop", &format!("hosts: [two], http: {http}")))
    };
    let scoped =
        two("[{match: [{port: 81}], route: [{destination: {host: web, port: {number: 80}}}]}]");
    assert_eq!(short(&call(&scoped, "shop", "two", 81, get("/"))), "web.shop:80 1/1");
    assert_eq!(short(&call(&scoped, "shop", "two", 80, get("/"))), "default two.shop:80");
    let sourced = two(
        "[{match: [{sourceNamespace: pr-1}], route: [{destination: {host: two}}]}, {match: [{uri: {exact: /x}}], route: [{destination: {host: two}}]}]",
    );
    assert_eq!(short(&call(&sourced, "pr-1", "two.shop", 81, get("/"))), "two.shop:81 1/1");
    assert_eq!(short(&call(&sourced, "shop", "two", 81, get("/"))), "404");
    let outside = two(
        "[{match: [{gateways: [infra/public]}], route: [{destination: {host: web}}]}, {route: [{destination: {host: two}}]}]",
    );
    assert_eq!(short(&call(&outside, "shop", "two", 80, get("/"))), "two.shop:80 1/1");
}

#[test]
fn an_exact_host_beats_a_wildcard() {
    let wildcard = object(
        "VirtualService",
        "all",
        "shop",
        "hosts: ['*.shop.svc.cluster.local'], http: [{route: [{destination: {host: web}}]}]",
    );
    judge(&wildcard, &[(get("/"), "web.shop:80 1/1")]);
    let exact = virtual_service("[{route: [{destination: {host: two}}]}]");
    judge(&(wildcard + &exact), &[(get("/"), "two.shop:80 1/1")]);
}

#[test]
fn a_virtual_service_may_be_private_to_its_namespace() {
    let private = object(
        "VirtualService",
        "mine",
        "pr-1",
        "hosts: [cart.shop.svc.cluster.local], exportTo: ['.'], http: [{route: [{destination: {host: cart}}]}]",
    );
    let mesh = mesh(&private);
    assert_eq!(short(&call(&mesh, "shop", "cart", 80, get("/"))), "default cart.shop:80");
    assert_eq!(short(&call(&mesh, "pr-1", "cart.shop", 80, get("/"))), "cart.pr-1:80 1/1");
}

#[test]
fn a_virtual_service_of_a_gateway_is_none_of_the_mesh() {
    let http = "http: [{match: [{uri: {prefix: /api}}], rewrite: {uri: /v1}, route: [{destination: {host: web}}]}]";
    let mesh = mesh(&object(
        "VirtualService",
        "cart",
        "shop",
        &format!("hosts: [cart, '*.example.com'], gateways: [infra/public], {http}"),
    ));
    assert_eq!(short(&call(&mesh, "shop", "cart", 80, get("/api"))), "default cart.shop:80");
    let enter = |host: &str, path: &str| mesh.enter("infra/public", host, &get(path));
    assert_eq!(short(&enter("a.example.com", "/api")), "web.shop:80 1/1");
    assert_eq!(short(&enter("a.example.com", "/")), "404");
    assert_eq!(short(&enter("example.com", "/api")), "404");
    let Answer::Backends { effects, .. } = enter("a.example.com", "/api/x") else {
        panic!("a rule holds");
    };
    assert!(effects.contains("\"path\":\"/v1/x\""), "{effects}");
}

#[test]
fn hostnames_and_grants_of_a_gateway() {
    let entry = |hosts: &str, backend: &str| {
        object(
            "HTTPRoute",
            "entry",
            "shop",
            &format!(
                "parentRefs: [{{namespace: infra, name: public}}], hostnames: {hosts}, rules: [{{{backend}}}]"
            ),
        )
    };
    let enter =
        |objects: &str, host: &str| short(&mesh(objects).enter("infra/public", host, &get("/")));
    let web = "web.shop:80 1/1";
    assert_eq!(enter(&entry("[a.example.com]", TO_WEB), "a.example.com"), web);
    assert_eq!(enter(&entry("[a.example.com]", TO_WEB), "b.example.com"), "404");
    assert_eq!(enter(&entry("['*.example.com']", TO_WEB), "b.c.example.com"), web);
    assert_eq!(enter(&entry("['*.example.com']", TO_WEB), "example.com"), "404");
    assert_eq!(enter(&entry("[]", TO_WEB), "any.example.com"), web);
    // What Istio cannot convert is not there, other rules of it among it.
    let dropped = format!("{TO_WEB}}}, {{filters: [{{type: ExtensionRef}}], {TO_WEB}");
    assert_eq!(enter(&entry("[a.example.com]", &dropped), "a.example.com"), "404");
    let foreign = entry("[]", TO_COPY);
    assert_eq!(enter(&foreign, "x"), "cart.pr-1:80? 1/1");
    let grant = object(
        "ReferenceGrant",
        "grant",
        "pr-1",
        "from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}], to: [{group: '', kind: Service}]",
    );
    assert_eq!(enter(&(foreign + &grant), "x"), "cart.pr-1:80 1/1");
}

#[test]
fn a_route_counts_at_its_own_gateway_alone() {
    let internal = "parentRefs: [{namespace: infra, name: internal}], hostnames: [a.example.com]";
    let route = object("HTTPRoute", "entry", "shop", &format!("{internal}, rules: [{{{TO_WEB}}}]"));
    let gateways = "hosts: [a.example.com], gateways: [infra/internal]";
    let http = "http: [{route: [{destination: {host: web, port: {number: 80}}}]}]";
    let entry = object("VirtualService", "entry", "shop", &format!("{gateways}, {http}"));
    for objects in [route, entry] {
        let enter = |gateway| short(&mesh(&objects).enter(gateway, "a.example.com", &get("/")));
        assert_eq!(enter("infra/internal"), "web.shop:80 1/1");
        assert_eq!(enter("infra/public"), "404");
    }
}

#[test]
fn the_swap_keeps_proportions_and_drops_subsets() {
    let http = |weights: [u8; 3]| {
        let [a, b, c] = weights;
        virtual_service(&format!(
            "[{{route: [{{destination: {{host: cart, subset: a}}, weight: {a}}}, {{destination: {{host: two}}, weight: {b}}}, {{destination: {{host: web}}, weight: {c}}}]}}]"
        ))
    };
    let copy = |host: &str| {
        ["cart", "two"]
            .into_iter()
            .find(|name| host.starts_with(name))
            .map(|name| crate::evaluator::fqdn(name, "pr-1"))
    };
    for (weights, expected) in [
        ([20, 10, 70], "cart.pr-1:80 2/3, two.pr-1:80 1/3"),
        ([0, 10, 90], "cart.pr-1:80 0/1, two.pr-1:80 1/1"),
        ([0, 0, 100], "cart.pr-1:80 1/2, two.pr-1:80 1/2"),
    ] {
        let answer = call(&mesh(&http(weights)), "shop", "cart", 80, get("/"));
        assert_eq!(short(&answer.clone().swapped(copy)), expected);
        assert_eq!(answer.clone().swapped(|_| None), answer);
    }
    let subsets = virtual_service(
        "[{route: [{destination: {host: cart, subset: a}, weight: 20}, {destination: {host: cart, subset: b}, weight: 80}]}]",
    );
    let answer = call(&mesh(&subsets), "shop", "cart", 80, get("/"));
    assert_eq!(short(&answer.swapped(copy)), "cart.pr-1:80 1/1");
    assert_eq!(Answer::NotFound.swapped(copy), Answer::NotFound);
}

#[test]
#[should_panic(expected = "has a field sectionNames that is not judged")]
fn unknown_fields_are_refused() {
    judge(&route("cart", "[]").replace("name: cart}]", "name: cart, sectionNames: x}]"), &[]);
}

#[test]
#[should_panic(expected = "has a field delegate that is not judged")]
fn unknown_fields_of_entries_are_refused() {
    judge(&virtual_service("[{delegate: {name: x}}]"), &[(get("/"), "")]);
}
