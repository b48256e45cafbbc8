//! The function over bases whose names kustomize changes: it runs before kustomize mends references, and has to give
//! what `render` gives for the finished build.

use std::process::Command;

use tempfile::TempDir;

use super::expected::files;
use super::objects::{Objects, assert_same, by_id, documents, objects};
use super::orchestrator::{ANABRANCH, Answer, CART, exec_annotation, kustomize, run, write_text};

/// A service that names objects in every way, and kustomize's generators.
const SHOP: &[(&str, &str)] = &[
    (
        "shop/kustomization.yaml",
        "\
resources: [all.yaml]
configMapGenerator:
  - {name: settings, literals: [LEVEL=info]}
  - {name: fixed, literals: [A=b], options: {disableNameSuffixHash: true}}
secretGenerator: [{name: creds, literals: [TOKEN=t]}]
",
    ),
    (
        "shop/all.yaml",
        "\
apiVersion: v1
kind: Service
metadata: {name: cart}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      serviceAccountName: cart
      imagePullSecrets: [{name: pull}]
      initContainers:
        - name: init
          image: cart:1
          envFrom: [{configMapRef: {name: fixed}}, {secretRef: {name: creds}}]
      containers:
        - name: server
          image: cart:1
          envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: plain, optional: true}}]
          env:
            - {name: A, valueFrom: {configMapKeyRef: {name: plain, key: from}}}
            - {name: B, valueFrom: {secretKeyRef: {name: creds, key: TOKEN}}}
      volumes:
        - {name: a, configMap: {name: settings}}
        - {name: b, secret: {secretName: creds}}
        - name: c
          projected: {sources: [{configMap: {name: plain}}, {secret: {name: plain}}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: plain}
data: {from: FROM}
---
apiVersion: v1
kind: Secret
metadata: {name: plain}
stringData: {from: FROM}
---
apiVersion: v1
kind: Secret
metadata: {name: pull}
type: kubernetes.io/dockerconfigjson
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: cart}
imagePullSecrets: [{name: plain}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: cart}
rules: [{apiGroups: [''], resources: [configmaps], resourceNames: [settings], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: cart}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: cart}
subjects: [{kind: ServiceAccount, name: cart, namespace: default}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: cart}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: cart, namespace: default}]
",
    ),
];

/// An estate of kustomizations below `apps`, and previews of its services.
struct Estate(TempDir);

impl Estate {
    fn new(files: &[(&str, &str)]) -> Self {
        let estate = Self(tempfile::tempdir().expect("a temporary folder"));
        for (path, text) in SHOP.iter().chain(files) {
            estate.write(path, text);
        }
        estate.write("kustomization.yaml", "resources: [apps]\ntransformers: [previews.yaml]\n");
        estate
    }

    fn write(&self, path: &str, text: &str) {
        write_text(&self.0.path().join(path), text);
    }

    /// Previews, each of one service with further fields.
    fn previews(&self, services: &[(&str, &str)]) {
        let mut text = format!(
            "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nmetadata:\n  name: x\n  annotations:\n    \
             config.kubernetes.io/local-config: \"true\"\n    {}\nspec:\n  baseline: {{namespace: base, \
             delivery: include}}\n  previews:\n",
            exec_annotation()
        );
        for (number, (service, more)) in services.iter().enumerate() {
            let entry = format!(
                "    - name: pr-{number}\n      services:\n        - name: {service}\n          image: \
                 cart:2\n{more}"
            );
            text.push_str(&entry);
        }
        self.write("previews.yaml", &text);
    }

    fn build(&self, folder: &str) -> Answer {
        let mut command = kustomize();
        command.args(["build", "--enable-alpha-plugins", "--enable-exec", folder]);
        run(command.current_dir(self.0.path()), "")
    }

    /// What `render` makes of the finished build.
    fn rendered(&self) -> Answer {
        let mut command = Command::new(ANABRANCH);
        command.args(["render", "previews.yaml", "--baseline", "-"]).current_dir(self.0.path());
        run(&mut command, &self.build("apps").ok())
    }

    /// The function gives what `render` gives.
    #[track_caller]
    fn assert_alike(&self) -> Objects {
        let built = self.build(".").ok();
        assert!(!built.contains("internal.config.kubernetes.io"), "{built}");
        let built = objects(&built);
        assert_same(&built, &by_id(documents(&self.rendered().ok())));
        built
    }
}

const LABELS: &str = "labels: [{pairs: {app: LABEL}, includeSelectors: true}]\n";

fn labelled(text: &str, label: &str) -> String {
    format!("{text}{}", LABELS.replace("LABEL", label))
}

#[test]
fn references_to_renamed_objects_are_followed_as_kustomize_mends_them() {
    let nested = [
        ("apps/kustomization.yaml", "namespace: base\nnamePrefix: top-\nresources: [middle]\n"),
        (
            "apps/middle/kustomization.yaml",
            "namePrefix: mid-\nnameSuffix: -mid\nresources: [../../shop]\nconfigMapGenerator: [{name: settings, \
             behavior: merge, literals: [MORE=x]}]\n",
        ),
    ];
    let component = [
        (
            "apps/kustomization.yaml",
            "namespace: base\nresources: [../shop]\ncomponents: [../part]\n",
        ),
        (
            "part/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: part-\n\
             secretGenerator: [{name: creds, behavior: replace, literals: [TOKEN=u]}]\n",
        ),
    ];
    for (files, service) in [
        (&[("apps/kustomization.yaml", "namespace: base\nresources: [../shop]\n")][..], "cart"),
        (
            &[(
                "apps/kustomization.yaml",
                "namespace: base\nnamePrefix: st-\nresources: [../shop]\n",
            )],
            "st-cart",
        ),
        (
            &[(
                "apps/kustomization.yaml",
                "namespace: base\nnameSuffix: -st\nresources: [../shop]\n",
            )],
            "cart-st",
        ),
        (&nested, "top-mid-cart-mid"),
        (&component, "part-cart"),
    ] {
        let estate = Estate::new(files);
        estate.previews(&[(service, "")]);
        let built = estate.assert_alike();
        let copied = built.keys().filter(|[_, _, namespace, _]| namespace == "pr-0").count();
        assert!(copied > 10, "{service}: {copied}");
    }
}

#[test]
fn of_two_bases_with_equal_names_each_copy_gets_what_its_own_base_has() {
    for (one, other) in [("namePrefix: a-\n", "namePrefix: b-\n"), ("namePrefix: a-\n", "")] {
        let estate = Estate::new(&[
            ("apps/kustomization.yaml", "resources: [one, other]\n"),
            (
                "apps/one/kustomization.yaml",
                &labelled(&format!("namespace: base\n{one}resources: [../../shop]\n"), "one"),
            ),
            (
                "apps/other/kustomization.yaml",
                &labelled(
                    &format!(
                        "namespace: base\n{other}resources: [../../shop]\nconfigMapGenerator: [{{name: settings, \
                         behavior: merge, literals: [LEVEL=other]}}]\npatches: [{{patch: '{{apiVersion: v1, kind: \
                         ConfigMap, metadata: {{name: plain}}, data: {{from: other}}}}'}}]\n"
                    ),
                    "other",
                ),
            ),
        ]);
        let prefix = other.trim_start_matches("namePrefix: ").trim();
        estate.previews(&[("a-cart", ""), (&format!("{prefix}cart"), "")]);
        estate.assert_alike();
    }
}

/// The name that one object has now is one that another had: nothing of the other is meant.
#[test]
fn an_overlay_beside_its_own_base_is_told_from_it() {
    let merge =
        "configMapGenerator: [{name: settings, behavior: merge, literals: [LEVEL=outer]}]\n";
    let estate = Estate::new(&[
        ("apps/kustomization.yaml", "namespace: base\nresources: [inner, outer]\n"),
        (
            "apps/inner/kustomization.yaml",
            &labelled("namePrefix: a-\nresources: [../../shop]\n", "inner"),
        ),
        (
            "apps/outer/kustomization.yaml",
            &labelled(&format!("namePrefix: b-\nresources: [../../again]\n{merge}"), "outer"),
        ),
        ("again/kustomization.yaml", "namePrefix: a-\nresources: [../shop]\n"),
    ]);
    estate.previews(&[("a-cart", "")]);
    assert_eq!(levels(&estate.assert_alike(), "a-cart"), ["info", "info"]);
    estate.previews(&[("b-a-cart", "")]);
    assert_eq!(levels(&estate.assert_alike(), "b-a-cart"), ["outer", "outer"]);
    // Both in one preview.
    estate.previews(&[("a-cart", "        - {name: b-a-cart, image: 'cart:2'}\n")]);
    let built = estate.assert_alike();
    assert_eq!(levels(&built, "a-cart"), ["info", "info"]);
    assert_eq!(levels(&built, "b-a-cart"), ["outer", "outer"]);
}

#[test]
fn a_layer_above_gives_previews_its_prefix_with_all_that_they_name() {
    let estate = Estate::new(&[(
        "apps/kustomization.yaml",
        "namespace: base\nnamePrefix: st-\nresources: [../shop]\n",
    )]);
    estate.write(
        "layer/kustomization.yaml",
        "resources: [../apps]\ntransformers: [../previews.yaml]\n",
    );
    estate.write("above/kustomization.yaml", "namePrefix: up-\nresources: [../layer]\n");
    estate.previews(&[("st-cart", "")]);
    let mut command = kustomize();
    command.args(["build", "--enable-alpha-plugins", "--enable-exec", "above"]);
    command.args(["--load-restrictor", "LoadRestrictionsNone"]);
    let built = objects(&run(command.current_dir(estate.0.path()), "").ok());
    for namespace in ["base", "pr-0"] {
        let id = ["apps/v1", "Deployment", namespace, "up-st-cart"].map(str::to_owned);
        let Some(deployment) = built.get(&id) else { panic!("{:?}", built.keys()) };
        let pod = &deployment["spec"]["template"]["spec"];
        let named = pod["volumes"][0]["configMap"]["name"].as_str().expect("a name");
        assert!(named.starts_with("up-st-settings-"), "{named}");
        let id = ["v1", "ConfigMap", namespace, named].map(str::to_owned);
        assert!(built.contains_key(&id), "{id:?}");
    }
}

#[test]
fn references_that_kustomize_may_or_may_not_mend_are_refused_by_both_names_once_for_each_object() {
    let route = |kind: &str, spec: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: r}}\nspec: {spec}\n"
        )
    };
    for object in [
        route("HTTPRoute", "{parentRefs: [{name: x}], rules: [{backendRefs: [{name: cart, port: 80}]}]}"),
        route("HTTPRoute", "{parentRefs: [{group: '', kind: Service, name: cart}], rules: [{backendRefs: [{name: cart}]}]}"),
        route("GRPCRoute", "{parentRefs: [{group: '', kind: Service, name: cart}]}"),
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec: {hosts: [cart]}\n"
            .to_owned(),
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec: {hosts: [x], http: \
         [{route: [{destination: {host: cart}}]}]}\n"
            .to_owned(),
    ] {
        let estate = Estate::new(&[
            ("apps/kustomization.yaml", "namespace: base\nnamePrefix: st-\nresources: [../shop, r.yaml]\n"),
            ("apps/r.yaml", &object),
        ]);
        estate.previews(&[("st-cart", "")]);
        let words = estate.build(".").failed();
        assert!(words.contains("error[renamed-reference]"), "{words}");
        assert!(words.contains("st-r names Service `cart`, which kustomize has renamed to `st-cart`"), "{words}");
        assert_eq!(words.matches("names Service `cart`").count(), 1, "{words}");
        // The new name, written behind the prefix, is a name like any other.
        let mended = object.replace("cart", "st-cart").replace("name: r}", "name: st-r, namespace: base}");
        estate.write("apps/r.yaml", &mended);
        estate.write("middle/kustomization.yaml", "namespace: base\nnamePrefix: st-\nresources: [../shop]\n");
        estate.write("apps/kustomization.yaml", "resources: [../middle, r.yaml]\n");
        estate.assert_alike();
    }
}

/// The value of a ConfigMap that a copy and its original read.
#[track_caller]
fn levels(built: &Objects, service: &str) -> [String; 2] {
    ["pr-0", "base"].map(|namespace| {
        let id = ["apps/v1", "Deployment", namespace, service].map(str::to_owned);
        let container = &built[&id]["spec"]["template"]["spec"]["containers"][0];
        let name = container["envFrom"][0]["configMapRef"]["name"].as_str().expect("a name");
        let id = ["v1", "ConfigMap", namespace, name].map(str::to_owned);
        built[&id]["data"]["LEVEL"].as_str().expect("a text").to_owned()
    })
}

#[test]
fn patches_mean_what_kustomize_generates_by_every_name_that_it_has_or_had() {
    let layer = |text: &str| format!("namespace: base\n{text}resources: [../shop]\n");
    let nested = [
        ("apps/kustomization.yaml", "namespace: base\nnamePrefix: top-\nresources: [mid]\n"),
        (
            "apps/mid/kustomization.yaml",
            "nameSuffix: -mid\nresources: [../../shop]\nconfigMapGenerator: [{name: settings, behavior: merge, \
             literals: [MORE=x]}]\n",
        ),
    ];
    for (files, service, names) in [
        (
            &[("apps/kustomization.yaml", &*layer(""))][..],
            "cart",
            &["settings", "settings-2748f727mg"][..],
        ),
        (
            &[("apps/kustomization.yaml", &*layer("namePrefix: st-\n"))],
            "st-cart",
            &["settings", "st-settings", "st-settings-2748f727mg"],
        ),
        (&nested, "top-cart-mid", &["settings", "settings-mid", "top-settings-mid"]),
    ] {
        let estate = Estate::new(files);
        for name in names {
            let strategic = format!(
                "            - patch: '{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}, data: \
                 {{LEVEL: debug}}}}'\n"
            );
            let json = format!(
                "            - target: {{kind: ConfigMap, name: {name}}}\n              patch: '[{{op: replace, \
                 path: /data/LEVEL, value: debug}}]'\n"
            );
            for patch in [strategic, json] {
                estate.previews(&[(service, &format!("          patches:\n{patch}"))]);
                let built = objects(&estate.build(".").ok());
                assert_eq!(levels(&built, service), ["debug", "info"], "{name}");
                let mut render = Command::new(ANABRANCH);
                render.args(["render", "previews.yaml", "--baseline", "apps"]);
                let rendered = objects(&run(render.current_dir(estate.0.path()), "").ok());
                assert_eq!(levels(&rendered, service), ["debug", "info"], "{name}, rendered");
            }
        }
    }
}

#[test]
fn a_patch_names_nothing_of_another_base() {
    let estate = Estate::new(&[
        ("apps/kustomization.yaml", "namespace: base\nresources: [st, other.yaml]\n"),
        ("apps/st/kustomization.yaml", "namePrefix: st-\nresources: [../../shop]\n"),
        ("apps/other.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n"),
    ]);
    let patch = |name: &str| {
        format!(
            "          patches:\n            - patch: '{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: \
             st-cart}}, spec: {{template: {{spec: {{containers: [{{name: server, envFrom: [{{configMapRef: {{name: \
             {name}}}}}]}}]}}}}}}}}'\n"
        )
    };
    estate.previews(&[("st-cart", &patch("plain"))]);
    let words = estate.build(".").failed();
    assert!(
        words.contains("error[renamed-reference]: a patch lets Deployment base/st-cart"),
        "{words}"
    );
    assert!(words.contains("`plain`") && words.contains("`st-plain`"), "{words}");
    estate.previews(&[("st-cart", &patch("settings"))]);
    let words = estate.build(".").failed();
    assert!(words.contains("did you mean st-settings"), "{words}");
    estate.previews(&[("st-cart", &patch("st-plain"))]);
    estate.build(".").ok();
    estate.previews(&[("cart", "")]);
    let words = estate.build(".").failed();
    assert!(words.contains("did you mean `st-cart`?"), "{words}");
}

#[test]
fn what_kustomize_notes_while_it_builds_is_no_part_of_the_output() {
    let estate = Estate::new(&[]);
    estate.previews(&[("cart", "")]);
    let notes = "annotations: {internal.config.kubernetes.io/previousNames: cart, \
                 internal.config.kubernetes.io/needsHashSuffix: enabled, config.kubernetes.io/path: a.yaml, \
                 config.kubernetes.io/index: '0', config.k8s.io/id: '1'}";
    let baseline = CART
        .replace("namespace: shop}", &format!("namespace: base, {notes}}}"))
        .replace("labels: {app: cart}}", &format!("labels: {{app: cart}}, {notes}}}"));
    assert_eq!(baseline.matches("previousNames").count(), 3);
    estate.write("baseline.yaml", &baseline);
    for more in [&[][..], &["-o", "out"]] {
        let mut command = Command::new(ANABRANCH);
        command.args(["render", "previews.yaml", "-b", "baseline.yaml"]).args(more);
        let stream = run(command.current_dir(estate.0.path()), "").ok();
        let mut texts: Vec<Vec<u8>> = files(&estate.0.path().join("out")).into_values().collect();
        texts.push(stream.into());
        for text in texts {
            let text = String::from_utf8(text).expect("text");
            // Those of pods are the user's own.
            let notes =
                text.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
            for line in notes {
                assert!(!line.contains("config.k"), "{line}");
            }
        }
    }
}
