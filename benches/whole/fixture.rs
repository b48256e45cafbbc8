//! Baselines and previews of any size, the same on every machine.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// What a shop and its previews may have besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    /// A variable for each service of a preview.
    Variables,
    /// An HTTPRoute for each service, of two rules, one of them with a rewrite.
    Routes,
    /// The same as VirtualServices.
    VirtualServices,
    /// Twenty routes of a Gateway.
    WaysIn,
    /// A Role for each service.
    Roles,
    /// Two policies, an autoscaler and a disruption budget for each service.
    Policies,
    /// A suite, and a repository that is told of it.
    Suite,
    /// A patch for each service of a preview, always the same.
    Patches,
    /// A patch for each service of a preview, each another.
    OwnPatches,
}

/// The objects that a service has besides.
fn extra_objects(extra: Extra, number: usize, name: &str) -> String {
    let selector = format!("matchLabels: {{app.kubernetes.io/name: {name}}}");
    match extra {
        Extra::Routes => format!(
            "---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: shop}}
spec:
  parentRefs: [{{group: \"\", kind: Service, name: {name}}}]
  rules:
    - matches: [{{path: {{type: PathPrefix, value: /v1}}}}]
      filters: [{{type: URLRewrite, urlRewrite: {{path: {{type: ReplacePrefixMatch, replacePrefixMatch: /}}}}}}]
      backendRefs: [{{name: {name}, port: 8080}}]
    - backendRefs: [{{name: {name}, port: 8080}}]
"
        ),
        Extra::VirtualServices => format!(
            "---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: shop}}
spec:
  hosts: [{name}]
  http:
    - match: [{{uri: {{prefix: /v1}}}}]
      rewrite: {{uri: /}}
      route: [{{destination: {{host: {name}}}}}]
    - route: [{{destination: {{host: {name}}}}}]
"
        ),
        Extra::WaysIn if number < 20 => format!(
            "---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}.public, namespace: shop}}
spec:
  parentRefs: [{{name: public, namespace: infra}}]
  hostnames: [{name}.example.com]
  rules:
    - backendRefs: [{{name: {name}, port: 8080}}]
"
        ),
        Extra::Roles => format!(
            "---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: {name}, namespace: shop}}
rules: [{{apiGroups: [\"\"], resources: [configmaps], verbs: [get]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: {name}, namespace: shop}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {name}}}
subjects: [{{kind: ServiceAccount, name: {name}, namespace: shop}}]
"
        ),
        Extra::Policies => format!(
            "---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: shop}}
spec: {{podSelector: {{{selector}}}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: shop}}
spec: {{selector: {{{selector}}}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: {name}, namespace: shop}}
spec: {{maxUnavailable: 1, selector: {{{selector}}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: {name}, namespace: shop}}
spec: {{maxReplicas: 9, scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}}}
"
        ),
        _ => String::new(),
    }
}

/// What previews.yaml says besides of all previews.
fn extra_settings(extra: Extra) -> &'static str {
    match extra {
        // A VirtualService is extended, and so has to be delivered.
        Extra::VirtualServices => "    delivery: include\n",
        Extra::WaysIn => {
            "  routing:
    entries:
      - gateway: {namespace: infra, name: preview, sectionName: https}
        host: \"{preview}-{host}.preview.example.com\"
"
        }
        Extra::Suite => {
            "  tests:
    - {name: e2e, path: ./e2e, report: \"https://reports.example.com/{preview}/{commit}/\"}
  notify:
    - {repository: https://github.com/shop/shop, provider: github, secretRef: {name: app}}
"
        }
        _ => "",
    }
}

/// What previews.yaml says besides of a service in a preview.
fn extra_changes(extra: Extra, preview: usize) -> String {
    match extra {
        Extra::Variables => {
            format!("          env: [{{name: FEATURE, value: \"on-{preview}\"}}]\n")
        }
        Extra::Patches => patch(256),
        Extra::OwnPatches => patch(preview),
        _ => String::new(),
    }
}

/// A patch of so much memory.
fn patch(memory: usize) -> String {
    format!(
        "          patches:
            - target: {{kind: Deployment}}
              patch: |
                spec:
                  template:
                    spec:
                      containers:
                        - name: server
                          resources: {{limits: {{memory: {memory}Mi}}}}
"
    )
}

/// A shop of this many services, each with a Deployment, a Service, a ServiceAccount and a ConfigMap,
/// and calls to three others.
pub(crate) fn baseline(services: usize, extras: &[Extra]) -> String {
    let mut text = String::from(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n    istio-injection: enabled\n",
    );
    for number in 0..services {
        let name = format!("service-{number}");
        let calls: Vec<String> =
            (1..=3).map(|step| format!("service-{}", (number + step * 7) % services)).collect();
        let _ = write!(
            text,
            "---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
  namespace: shop
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  namespace: shop
data:
  LOG_LEVEL: info
  PAGE_SIZE: \"24\"
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: shop
  labels:
    app.kubernetes.io/name: {name}
spec:
  selector:
    app.kubernetes.io/name: {name}
  ports:
    - name: http
      port: 8080
      targetPort: http
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: shop
  labels:
    app.kubernetes.io/name: {name}
spec:
  replicas: 3
  selector:
    matchLabels:
      app.kubernetes.io/name: {name}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: {name}
    spec:
      serviceAccountName: {name}
      containers:
        - name: server
          image: registry.example.com/shop/{name}:v1
          ports:
            - name: http
              containerPort: 8080
          envFrom:
            - configMapRef:
                name: {name}
          env:
            - name: FIRST_URL
              value: http://{}:8080
            - name: SECOND_URL
              value: http://{}:8080
            - name: THIRD_URL
              value: http://{}:8080
          readinessProbe:
            httpGet:
              path: /healthz
              port: http
          resources:
            requests:
              cpu: 50m
              memory: 64Mi
            limits:
              memory: 128Mi
",
            calls[0], calls[1], calls[2]
        );
        extras.iter().for_each(|&extra| text += &extra_objects(extra, number, &name));
    }
    text
}

/// This many previews, each of five services.
pub(crate) fn previews(previews: usize, services: usize, extras: &[Extra]) -> String {
    let settings: String = extras.iter().map(|&extra| extra_settings(extra)).collect();
    let mut text = format!(
        "apiVersion: anabranch.dev/v1alpha1
kind: Previews
metadata:
  name: shop
spec:
  baseline:
    namespace: shop
{settings}  dependencies: found
  limits:
    previews: {previews}
  previews:
"
    );
    for number in 0..previews {
        let _ = write!(
            text,
            "    - name: pr-{number}
      changes:
        - repository: https://github.com/shop/shop
          number: {}
          commit: \"{number:040x}\"
      services:
",
            number + 1
        );
        for step in 0..5 {
            let service = (number * 31 + step * 41) % services;
            let _ = write!(
                text,
                "        - name: service-{service}
          image: registry.example.com/shop/service-{service}:pr-{number}
"
            );
            extras.iter().for_each(|&extra| text += &extra_changes(extra, number));
        }
    }
    text
}

/// Writes baseline.yaml and previews.yaml.
pub(crate) fn write(
    folder: &Path,
    services: usize,
    count: usize,
    extras: &[Extra],
) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("baseline.yaml"), baseline(services, extras))?;
    fs::write(folder.join("previews.yaml"), previews(count, services, extras))
}

/// A ResourceList of this many items, and a configuration without previews.
pub(crate) fn resource_list(items: usize) -> String {
    let mut text = String::from(
        "apiVersion: config.kubernetes.io/v1
kind: ResourceList
functionConfig:
  apiVersion: anabranch.dev/v1alpha1
  kind: Previews
  metadata:
    name: shop
  spec:
    baseline:
      namespace: shop
    previews: []
items:
",
    );
    for document in baseline(items.div_ceil(4), &[]).split("---\n").take(items) {
        for (index, line) in document.lines().enumerate() {
            let _ = writeln!(text, "{}{line}", if index == 0 { "- " } else { "  " });
        }
    }
    text
}
