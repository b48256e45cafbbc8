//! Patches against objects: what Kubernetes does, in the order that kustomize 5.8 gives.
//!
//! The vectors marked `kustomize` were compared with `kustomize build` by hand, and so were 450 random
//! patches of a Deployment: they differ only where kustomize leaves a `$patch` in the object. Those
//! marked `kubernetes` are the two places where kustomize loses what the patch says (see
//! [`super::merge`]).

use super::*;
use crate::limits::{OutputLimits, WorkBudget};
use crate::yaml::write_document;

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
  labels: {a: '1', b: '2'}
  finalizers: [x, y]
spec:
  replicas: 3
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}
  template:
    spec:
      unknownToUs: 0444
      tolerations: [{key: a, operator: Exists}]
      topologySpreadConstraints:
      - {topologyKey: zone, maxSkew: 1, whenUnsatisfiable: DoNotSchedule}
      containers:
      - name: server
        image: cart:1
        args: [a, b]
        env:
        - {name: A, value: '1'}
        - {name: B, valueFrom: {secretKeyRef: {name: s, key: k}}}
        - {name: C, value: '3'}
        ports:
        - {containerPort: 8080, name: http}
        - {containerPort: 53, protocol: UDP, name: dns}
        - {containerPort: 53, protocol: TCP, name: dnst}
      - name: proxy
        image: envoy:1
      volumes:
      - {name: cfg, configMap: {name: c}}
      - {name: tmp, emptyDir: {}}
";

const OTHERS: [&str; 3] = [
    "{apiVersion: v1, kind: Service, metadata: {name: cart}, spec: {ports: [{name: http, port: 80}, {name: grpc, port: 90}]}}",
    "{apiVersion: v1, kind: ServiceAccount, metadata: {name: cart}, secrets: [{name: a}], imagePullSecrets: [{name: b}]}",
    "{apiVersion: x.example.com/v1, kind: Thing, metadata: {name: cart, finalizers: [a]}, spec: {list: [{name: a, v: 1}, {name: b}], map: {a: 1, b: {c: 2}}}}",
];

fn node(text: &str) -> Node {
    let mut sources = Sources::default();
    let file = sources.add("a.yaml", text);
    parse_documents(&sources, file, &InputLimits::default()).expect("YAML").remove(0)
}

fn place() -> Place {
    let mut sources = Sources::default();
    Place::new(sources.add("previews.yaml", "0123456789"), 3, 7)
}

fn parse(text: &str, target: Option<PatchTarget>) -> Result<Patch<'static>, Problem> {
    let patch = text.to_owned();
    let patch = Box::leak(Box::new(spec::Patch { patch, target }));
    budget(usize::MAX).allow(|all| Patch::parse(patch, place(), all))
}

fn kind(kind: &str) -> Option<PatchTarget> {
    Some(PatchTarget { kind: kind.to_owned(), ..Default::default() })
}

/// A patch of the Deployment's pod spec.
fn pod(fields: &str) -> String {
    let indented = fields.replace('\n', "\n      ");
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: cart}}\nspec:\n  template:\n    spec:\n      {indented}\n"
    )
}

#[track_caller]
fn patched(object: &str, patch: &str) -> Node {
    let mut object = node(object);
    let patch = parse(patch, None).expect("a patch");
    assert!(patch.applies_to(&identity(&object)));
    patch.apply(&mut object, &mut { WorkShare::UNLIMITED }).expect("applies");
    object
}

/// What a pod spec has behind a path after a patch of it.
#[track_caller]
fn check_pod(fields: &str, path: &str, wanted: &str) {
    let object = patched(DEPLOYMENT, &pod(fields));
    let value = object.at_path(&format!("spec.template.spec.{path}"));
    let value = value.cloned().unwrap_or_else(|| Node::string("absent"));
    let mut text = String::new();
    write_document(&mut text, &value);
    assert_eq!(value, node(wanted), "{text}");
}

#[track_caller]
fn problem(object: &str, patch: &str) -> Problem {
    let patch = parse(patch, None).expect("a patch");
    patch.apply(&mut node(object), &mut { WorkShare::UNLIMITED }).expect_err("does not fit")
}

#[test]
fn kustomize_items_of_the_patch_come_first() {
    check_pod(
        "containers:\n- name: server\n  env:\n  - {name: Z, value: z}\n  - {name: B, $patch: delete}\n  - {name: C, value: '33'}\n- {name: new, image: n}",
        "containers[0].env",
        "[{name: Z, value: z}, {name: C, value: '33'}, {name: A, value: '1'}]",
    );
    check_pod(
        "containers:\n- {name: proxy, image: e}\n- {name: new, image: n}",
        "containers[2].name",
        "server",
    );
    check_pod("containers: [{name: new, image: n}]", "containers[0]", "{name: new, image: n}");
}

#[test]
fn kustomize_null_deletes_and_empty_stays() {
    check_pod(
        "containers:\n- {name: server, image: null, env: null, ports: null, args: null, resources: {limits: {cpu: 1, memory: null}}, securityContext: {}}",
        "containers[0]",
        "{name: server, resources: {limits: {cpu: 1}}, securityContext: {}}",
    );
    check_pod(
        "volumes:\n- {name: cfg, configMap: null, emptyDir: {}}",
        "volumes[0]",
        "{name: cfg, emptyDir: {}}",
    );
    check_pod(
        "volumes: [{name: tmp, $patch: delete}]",
        "volumes",
        "[{name: cfg, configMap: {name: c}}]",
    );
    check_pod("volumes: [{$patch: delete}]", "volumes", "absent");
    check_pod("volumes: []", "volumes[1].name", "tmp");
    check_pod("tolerations: []", "tolerations", "[]");
}

#[test]
fn kustomize_lists_without_key_are_replaced() {
    check_pod("tolerations: [{key: b}]", "tolerations", "[{key: b}]");
    check_pod("containers: [{name: server, args: [c]}]", "containers[0].args", "[c]");
    check_pod(
        "containers:\n- name: server\n  env:\n  - $patch: replace\n  - {name: ONLY, value: x}",
        "containers[0].env",
        "[{name: ONLY, value: x}]",
    );
    check_pod(
        "topologySpreadConstraints: [{topologyKey: zone, maxSkew: 2, whenUnsatisfiable: ScheduleAnyway}]",
        "topologySpreadConstraints[1].maxSkew",
        "1",
    );
}

#[test]
fn kubernetes_replace_of_one_item_and_ports_with_half_a_key() {
    check_pod(
        "volumes: [{$patch: replace, name: cfg, emptyDir: {}}]",
        "volumes[0]",
        "{name: cfg, emptyDir: {}}",
    );
    check_pod(
        "containers: [{name: server, ports: [{containerPort: 8080, protocol: TCP, hostPort: 1}]}]",
        "containers[0].ports[0]",
        "{containerPort: 8080, name: http, protocol: TCP, hostPort: 1}",
    );
    check_pod(
        "containers: [{name: server, ports: [{containerPort: 53, hostPort: 2}]}]",
        "containers[0].ports[0]",
        "{containerPort: 53, protocol: TCP, name: dnst, hostPort: 2}",
    );
    // The other protocol of the number is another port.
    check_pod(
        "containers: [{name: server, ports: [{containerPort: 53, hostPort: 2}]}]",
        "containers[0].ports[2]",
        "{containerPort: 53, protocol: UDP, name: dns}",
    );
    let service = patched(
        OTHERS[0],
        "{apiVersion: v1, kind: Service, metadata: {name: cart}, spec: {ports: [{port: 90, protocol: TCP, appProtocol: grpc}]}}",
    );
    let wanted = "{ports: [{name: grpc, port: 90, protocol: TCP, appProtocol: grpc}, {name: http, port: 80}]}";
    assert_eq!(service.get("spec"), Some(&node(wanted)));
}

#[test]
fn directives_act_and_leave_nothing_behind() {
    check_pod(
        "$setElementOrder/containers: [{name: proxy}, {name: server}]\ncontainers: [{name: server, image: s}]",
        "containers[0].name",
        "proxy",
    );
    check_pod(
        "volumes: [{name: cfg, $retainKeys: [name, emptyDir], emptyDir: {}}]",
        "volumes[0]",
        "{name: cfg, emptyDir: {}}",
    );
    let object = patched(
        DEPLOYMENT,
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: cart\n  labels: {$patch: merge, a: null, c: '3'}\n  $deleteFromPrimitiveList/finalizers: [x]\n  finalizers: [z]\nspec:\n  strategy: {$patch: replace, type: Recreate}\n",
    );
    assert_eq!(object.at_path("metadata.labels"), Some(&node("{b: '2', c: '3'}")));
    assert_eq!(object.at_path("metadata.finalizers"), Some(&node("[z, y]")));
    assert_eq!(object.at_path("spec.strategy"), Some(&node("{type: Recreate}")));
    let mut text = String::new();
    write_document(&mut text, &object);
    assert!(!text.contains('$'), "{text}");
}

#[test]
fn kustomize_other_kinds() {
    let account = patched(
        OTHERS[1],
        "{apiVersion: v1, kind: ServiceAccount, metadata: {name: cart}, secrets: [{name: x}], imagePullSecrets: [{name: y}]}",
    );
    assert_eq!(account.get("secrets"), Some(&node("[{name: x}, {name: a}]")));
    assert_eq!(account.get("imagePullSecrets"), Some(&node("[{name: y}]")));
    let thing = patched(
        OTHERS[2],
        "{apiVersion: x.example.com/v1, kind: Thing, metadata: {name: cart, finalizers: [b]}, spec: {list: [{name: c, v: null}], map: {a: null, b: {d: 4}}}}",
    );
    assert_eq!(thing.at_path("metadata.finalizers"), Some(&node("[b]")));
    assert_eq!(
        thing.get("spec"),
        Some(&node("{list: [{name: c, v: null}], map: {b: {c: 2, d: 4}}}"))
    );
}

#[test]
fn the_source_text_and_the_places_survive() {
    let mut object = node(DEPLOYMENT);
    let patches = [
        pod("containers: [{name: server, image: x}]"),
        "[{op: replace, path: /spec/template/spec/containers/0/image, value: y}, {op: add, path: /spec/template/spec/containers/0/args/0, value: '0'}]".to_owned(),
    ];
    for patch in patches {
        parse(&patch, None)
            .expect("a patch")
            .apply(&mut object, &mut { WorkShare::UNLIMITED })
            .expect("applies");
    }
    let pod = object.at(&["spec", "template", "spec"]).expect("a pod");
    assert_eq!(pod.text_at(&["unknownToUs"]), Some("0444"));
    let container = &pod.get("containers").expect("a list").items()[0];
    assert_eq!(container.get("image").expect("an image").place, place());
    assert_eq!(container.get("args"), Some(&node("['0', a, b]")));
    let secret =
        object.at_path("spec.template.spec.containers[0].env[1].valueFrom.secretKeyRef.name");
    assert_ne!(secret.expect("a reference").place, place());
    assert_eq!(
        object.at_path("spec.replicas").expect("replicas").place,
        node(DEPLOYMENT).at_path("spec.replicas").expect("replicas").place
    );
}

#[test]
fn targets_choose_objects() {
    let strategic = parse("spec: {replicas: 2}\nmetadata: {name: not-used}\n", kind("Deployment"));
    let strategic = strategic.expect("a patch");
    let mut deployment = node(DEPLOYMENT);
    assert!(
        strategic.applies_to(&identity(&deployment))
            && !strategic.applies_to(&identity(&node(OTHERS[0])))
    );
    strategic.apply(&mut deployment, &mut { WorkShare::UNLIMITED }).expect("applies");
    assert_eq!(deployment.text_at(&["spec", "replicas"]), Some("2"));
    let json = parse("- {op: remove, path: /spec/replicas}", None).expect("a patch");
    assert!(
        json.applies_to(&identity(&deployment)) && !json.applies_to(&identity(&node(OTHERS[2])))
    );
    let objects = [node(DEPLOYMENT), node(OTHERS[0])];
    let patch = parse("- {op: remove, path: /spec/ports/0}", kind("Servce")).expect("a patch");
    let objects = objects.map(|object| Object::from_node(object).expect("an object"));
    let errors = patch.unmatched(&objects.each_ref());
    assert_eq!(errors.len(), 1);
    assert!(errors[0].help.contains("Deployment cart, Service cart"), "{}", errors[0].help);
}

#[test]
fn a_patch_of_several_documents_must_use_them_all() {
    let text = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: cart}, spec: {replicas: 2}}\n---\n{apiVersion: v1, kind: Service, metadata: {name: crt}, spec: {type: ClusterIP}}\n";
    let mut objects = [node(DEPLOYMENT), node(OTHERS[0])];
    let patch = parse(text, None).expect("a patch");
    let read = |node: &Node| Object::from_node(node.clone()).expect("an object");
    let errors = patch.unmatched(&objects.each_ref().map(read).each_ref());
    objects
        .iter_mut()
        .for_each(|object| patch.apply(object, &mut { WorkShare::UNLIMITED }).expect("fits"));
    assert_eq!(objects[0].text_at(&["spec", "replicas"]), Some("2"));
    assert_eq!(errors.len(), 1);
    assert!(errors[0].help.starts_with("did you mean Service cart?"), "{}", errors[0].help);
}

#[test]
fn identity_stays() {
    for (path, field) in [
        ("/apiVersion", "apiVersion"),
        ("/kind", "kind"),
        ("/metadata/name", "metadata.name"),
        ("/metadata/namespace", "metadata.namespace"),
    ] {
        let error = problem(DEPLOYMENT, &format!("- {{op: add, path: {path}, value: other}}"));
        assert!(error.message.contains(&format!("changes {field} of")), "{}", error.message);
    }
    let moved = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: cart, namespace: x}}";
    assert!(problem(DEPLOYMENT, moved).message.contains("metadata.namespace"));
}

#[test]
fn what_does_not_fit_is_said() {
    let cases = [
        (
            pod("containers: {name: server}"),
            "`spec.template.spec.containers` is a list, and the patch gives a mapping",
        ),
        (
            pod("containers: [{image: x}]"),
            "an item of `spec.template.spec.containers` has no `name`",
        ),
        (pod("containers: [server]"), "has no `name`"),
        (pod("tolerations: [{$patch: replace}]"), "is replaced as a whole"),
        (pod("$patch: remove"), "`spec.template.spec.$patch` cannot be `remove`"),
        (pod("$replace: true"), "`spec.template.spec.$replace` is not a directive"),
        (pod("tolerations: none"), "is a list, and the patch gives a single value"),
        (
            "{$patch: delete, apiVersion: apps/v1, kind: Deployment, metadata: {name: cart}}"
                .to_owned(),
            "deletes the whole object",
        ),
        (
            "- {op: test, path: /spec/replicas, value: 4}".to_owned(),
            "operation 1 (test /spec/replicas): the value there is another",
        ),
        (
            "- {op: remove, path: /spec/nothing}".to_owned(),
            "operation 1 (remove /spec/nothing): the object has nothing there",
        ),
    ];
    for (patch, wanted) in cases {
        let error = problem(DEPLOYMENT, &patch);
        assert!(error.message.contains(wanted), "{}", error.message);
    }
}

#[test]
fn no_operation_makes_more_levels_than_a_text_may_have() {
    let levels = |count: usize| "/a".repeat(count);
    let limits = OutputLimits { depth: 10, ..OutputLimits::default() };
    let apply = |operations: &str| {
        let (work, source) = (WorkBudget::new(&limits), parse(operations, None).expect("a patch"));
        work.allow(|all| source.apply(&mut node(DEPLOYMENT), all))
    };
    let start = "{op: add, path: /a, value: {a: {a: {a: {}}}}}";
    let copy = |to| format!("[{start}, {{op: copy, from: /a, path: {}}}]", levels(to));
    assert!(apply(&copy(5)).is_ok());
    for over in [
        format!(
            "[{start}, {{op: copy, from: /a, path: {0}}}, {{op: copy, from: /a, path: {0}}}]",
            levels(5)
        ),
        format!("[{start}, {{op: add, path: {}, value: {{a: [{{a: [[[[1]]]]}}]}}}}]", levels(4)),
        format!("[{start}, {{op: replace, path: {}, value: [[[[[[[1]]]]]]]}}]", levels(4)),
        format!(
            "[{start}, {{op: copy, from: /a, path: /b}}, {{op: move, from: /b, path: {0}}}, {{op: copy, from: /a, path: /b}}, {{op: move, from: /b, path: {0}/b}}]",
            levels(5)
        ),
    ] {
        let error = apply(&over).expect_err("too deep");
        assert!(
            error.message.contains("makes more levels than the limit of 10"),
            "{}",
            error.message
        );
        assert!(error.help.contains("--max-depth"), "{}", error.help);
    }
    let long = format!("[{{op: remove, path: {}}}]", levels(11));
    let source = spec::Patch { patch: long, target: None };
    let read = WorkBudget::new(&limits).allow(|all| Patch::parse(&source, place(), all).map(drop));
    assert!(read.expect_err("too deep").message.contains("more levels"));
}

#[test]
fn texts_that_are_no_patch_are_refused() {
    let cases = [
        ("", "is empty"),
        ("[]", "has no operations"),
        ("a: [", "cannot be read, line 1"),
        ("just words", "is neither a strategic merge patch nor"),
        ("{op: remove, path: /a}", "is neither"),
        ("spec: {replicas: 2}", "it has no apiVersion, kind, metadata.name"),
        ("- {op: delete, path: /a}", "has a malformed operation (number 1)"),
        ("- {op: add, path: a}", "has a malformed operation"),
        ("- {op: add, path: /spec/<<, value: {a: b}}", "loses the key `<<`"),
        ("spec: {\"<<\": {a: b}}", "loses the key `<<`"),
        ("- {op: remove, path: /a}\n---\na: 1\n", "mixes a list of operations"),
    ];
    for (text, wanted) in cases {
        let error = parse(text, None).expect_err("no patch");
        assert!(error.message.contains(wanted), "{}", error.message);
    }
    let two = parse("a: 1\n---\nb: 1\n", kind("Deployment")).expect_err("two documents");
    assert!(two.message.contains("several documents and a target"));
}

fn budget(patch_nodes: usize) -> WorkBudget {
    WorkBudget::new(&OutputLimits { patch_nodes, ..OutputLimits::default() })
}

#[test]
fn patches_that_multiply_are_refused() {
    let work = budget(100_000);
    let copy = |number| format!("- {{op: copy, from: /spec, path: /spec/x{number}}}\n");
    let copies = parse(&(0..40).map(copy).collect::<String>(), None).expect("a patch");
    let error = work.allow(|all| copies.apply(&mut node(DEPLOYMENT), all)).expect_err("too many");
    assert!(error.message.contains("goes through more than 10000 values"), "{}", error.message);
    let again = parse(&pod("hostNetwork: true"), None).expect("a patch");
    let mut object = node(DEPLOYMENT);
    let apply = |all: &mut _| (0..1_000).find_map(|_| again.apply(&mut object, all).err());
    let error = work.allow(apply).expect("too many");
    assert!(error.message.contains("goes through more than"), "{}", error.message);
}

#[test]
fn what_patches_of_all_objects_go_through_is_counted_together() {
    let work = budget(1_000);
    let patch = parse(&pod("hostNetwork: true"), None).expect("a patch");
    let weight = node(DEPLOYMENT).weight();
    let apply = || work.allow(|all| patch.apply(&mut node(DEPLOYMENT), all)).is_ok();
    let applied = (0..1_000).take_while(|_| apply()).count();
    assert_eq!(applied, 1_000 / weight);
    assert!(work.is_over());
}
