//! Baselines and previews of any size, the same on every machine.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// A shop of this many services, each with a Deployment, a Service, a ServiceAccount and a ConfigMap,
/// and calls to three others.
pub(crate) fn baseline(services: usize) -> String {
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
    }
    text
}

/// This many previews, each of five services.
pub(crate) fn previews(previews: usize, services: usize) -> String {
    let mut text = format!(
        "apiVersion: anabranch.dev/v1alpha1
kind: Previews
metadata:
  name: shop
spec:
  baseline:
    namespace: shop
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
        }
    }
    text
}

/// Writes baseline.yaml and previews.yaml.
pub(crate) fn write(folder: &Path, services: usize, count: usize) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("baseline.yaml"), baseline(services))?;
    fs::write(folder.join("previews.yaml"), previews(count, services))
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
    for document in baseline(items.div_ceil(4)).split("---\n").take(items) {
        for (index, line) in document.lines().enumerate() {
            let _ = writeln!(text, "{}{line}", if index == 0 { "- " } else { "  " });
        }
    }
    text
}
