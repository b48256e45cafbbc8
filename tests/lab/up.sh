#!/usr/bin/env bash
# Starts the engines and then the command given; run.sh calls it inside fresh namespaces.
#
# Every address of 10.244.0.0/16 is local here, so that one probe answers for every pod.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
LAB=$(cd "$here/../.." && pwd)/.lab
export LAB RUN=$LAB/run
export PATH=$LAB/bin:$PATH KUBECONFIG=$RUN/kubeconfig
ip link set lo up
ip route replace local 10.244.0.0/16 dev lo
# Nothing here forwards from a Service to its pods: istiod has the address of its Service itself.
istiod=10.96.0.15
ip route replace local $istiod dev lo
rm -rf "$RUN"
mkdir -p "$RUN/registry" "$RUN/sources" "$RUN/artifacts" "$RUN/tmp"
# Not among the files of others.
export TMPDIR=$RUN/tmp
command=("$@")
origin=$PWD
cd "$RUN"

start() { # NAME COMMAND...: in the background, with a log of its own
  local name=$1
  shift
  "$@" >"$name.log" 2>&1 &
}
await() { # WHAT COMMAND...: until it succeeds, a minute at most
  local what=$1
  shift
  for _ in $(seq 300); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.2
  done
  echo "$what does not answer; the logs are in $RUN" >&2
  exit 1
}
folder() { # MODULE PATH-OF-MODULE: where Go keeps its files
  (cd "$here/modules/$1" && go list -m -f '{{.Dir}}' "$2")
}

source "$here/names.sh"

openssl genrsa -out sa.key 2048 2>/dev/null
echo 'admintoken,admin,admin,system:masters' >tokens.csv
cat >kubeconfig <<'EOM'
apiVersion: v1
kind: Config
clusters: [{name: lab, cluster: {server: "https://127.0.0.1:6443", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: admintoken}}]
contexts: [{name: lab, context: {cluster: lab, user: admin}}]
current-context: lab
EOM

# No fsync: the lab lives for minutes.
start etcd etcd --data-dir etcd --unsafe-no-fsync --log-level error --listen-peer-urls http://127.0.0.1:2380 \
  --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379
# Without a default route the server cannot guess the address that it advertises.
start kube-apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --cert-dir=certs \
  --secure-port=6443 --bind-address=127.0.0.1 --advertise-address=10.244.255.254 \
  --service-cluster-ip-range=10.96.0.0/16 --endpoint-reconciler-type=none \
  --service-account-key-file=sa.key --service-account-signing-key-file=sa.key \
  --service-account-issuer=https://kubernetes.default.svc --token-auth-file=tokens.csv --authorization-mode=RBAC
printf '%s\n' 'version: 0.1' 'storage: {filesystem: {rootdirectory: registry}, delete: {enabled: true}}' \
  'http: {addr: "127.0.0.1:5000"}' 'log: {level: warn}' >registry.yaml
start registry registry serve registry.yaml
start answer probe answer 80 8080 8081 50051
start front envoy -c "$here/front.yaml" --use-dynamic-base-id --concurrency 1 --log-level warn
"$here/gitea.sh" &
await kube-apiserver kubectl get --raw /readyz

start kube-controller-manager kube-controller-manager --kubeconfig=kubeconfig \
  --service-account-private-key-file=sa.key --root-ca-file=certs/apiserver.crt --leader-elect=false \
  --controllers='*,-nodeipam,-cloud-node-lifecycle'
start kube-scheduler kube-scheduler --kubeconfig=kubeconfig --leader-elect=false --secure-port=0

# The definitions of the very versions that run.
for crds in "$(folder istio sigs.k8s.io/gateway-api)/config/crd/standard" \
  "$(folder istio istio.io/istio)/manifests/charts/base/files/crd-all.gen.yaml" \
  "$(folder source-controller github.com/fluxcd/source-controller)/config/crd/bases" \
  "$(folder kustomize-controller github.com/fluxcd/kustomize-controller)/config/crd/bases" \
  "$(folder notification-controller github.com/fluxcd/notification-controller)/config/crd/bases"; do
  kubectl apply --server-side -f "$crds" >>crds.log
done
# Kinds that gitops-template has, and whose controllers are not here: `make tools` takes their definitions from modules.
for kind in helm-controller source-watcher flux-operator certificates clusterissuers clusterexternalsecrets \
  clustersecretstores podmonitors servicemonitors prometheusrules; do
  kubectl apply --server-side -f "$here/../../.tools/schemas/$kind.yaml" >>crds.log
done
for namespace in flux-system istio-system; do kubectl create namespace "$namespace" >>crds.log; done
# As Istio's chart writes it. istiod adds its authority, and sets Fail when its webhook refuses what it should.
kubectl apply -f - >>crds.log <<EOM
apiVersion: v1
kind: Service
metadata: {name: istiod, namespace: istio-system}
spec: {clusterIP: $istiod, ports: [{name: https-webhook, port: 443, protocol: TCP}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: istiod-default-validator, labels: {app: istiod, istio: istiod, istio.io/rev: default}}
webhooks:
  - name: validation.istio.io
    clientConfig: {service: {name: istiod, namespace: istio-system, path: /validate}}
    rules:
      - operations: [CREATE, UPDATE]
        apiGroups: [security.istio.io, networking.istio.io, telemetry.istio.io, extensions.istio.io]
        apiVersions: ["*"]
        resources: ["*"]
    failurePolicy: Ignore
    sideEffects: None
    admissionReviewVersions: [v1]
EOM

"$here/stages.sh" "$(folder kwok sigs.k8s.io/kwok)/kustomize/stage" >kwok.yaml
start kwok kwok --kubeconfig=kubeconfig --config=kwok.yaml --manage-all-nodes=true --cidr=10.244.0.0/16 \
  --node-ip=127.0.0.1 --node-lease-duration-seconds=40
kubectl apply -f - >>crds.log <<'EOM'
apiVersion: v1
kind: Node
metadata: {name: node, labels: {kubernetes.io/hostname: node, kubernetes.io/os: linux}}
status:
  allocatable: {cpu: "64", memory: 256Gi, pods: "2000"}
  capacity: {cpu: "64", memory: 256Gi, pods: "2000"}
EOM

export RUNTIME_NAMESPACE=flux-system
start source-controller source-controller --storage-path="$RUN/sources" --storage-addr=127.0.0.1:9790 \
  --storage-adv-addr=127.0.0.1:9790 --events-addr=http://127.0.0.1:9292/ --metrics-addr=127.0.0.1:8181 \
  --health-addr=127.0.0.1:9440
# Flux's own way with shards: this one leaves to others what has their label. The first gate is what `flux bootstrap
# --components-extra=source-watcher` sets, the second one what gitops-template adds.
start kustomize-controller kustomize-controller '--watch-label-selector=!sharding.fluxcd.io/key' --events-addr=http://127.0.0.1:9292/ \
  --metrics-addr=127.0.0.1:8182 --health-addr=127.0.0.1:9441 --requeue-dependency=2s --concurrent=10 \
  --feature-gates=ExternalArtifact=true --feature-gates=CancelHealthCheckOnNewRevision=true
start source-watcher source-watcher --storage-path="$RUN/artifacts" --storage-addr=127.0.0.1:9791 \
  --storage-adv-addr=127.0.0.1:9791 --events-addr=http://127.0.0.1:9292/ --metrics-addr=127.0.0.1:8184 \
  --health-addr=127.0.0.1:9443
start notification-controller notification-controller --events-addr=127.0.0.1:9292 \
  --receiverAddr=:9293 --metrics-addr=127.0.0.1:8183 --health-addr=127.0.0.1:9442 --rate-limit-interval=1s

# A stock Envoy lacks Istio's own filters, so istiod is told not to send them. Mutual TLS is off, until a scenario writes into
# mesh.yaml, which istiod watches. It is the certificate authority, too.
printf '%s\n' 'enablePrometheusMerge: false' 'enableAutoMtls: false' \
  'outboundTrafficPolicy: {mode: REGISTRY_ONLY}' >mesh.yaml
start istiod env PILOT_ENABLE_METADATA_EXCHANGE=false PILOT_ENABLE_ALPN_FILTER=false \
  PILOT_ENABLE_AMBIENT=false PILOT_ENABLE_SENDING_HBONE=false PILOT_ENABLE_HBONE=false \
  POD_NAMESPACE=istio-system POD_NAME=istiod-0 REVISION=default CLUSTER_ID=Kubernetes PILOT_CERT_PROVIDER=istiod \
  INJECTION_WEBHOOK_CONFIG_NAME= VALIDATION_WEBHOOK_CONFIG_NAME=istiod-default-validator \
  pilot-discovery discovery --kubeconfig=kubeconfig --httpAddr=127.0.0.1:18080 --httpsAddr=$istiod:443 \
  --grpcAddr=127.0.0.1:15010 --secureGRPCAddr=$istiod:15012 --monitoringAddr=127.0.0.1:15014 --ctrlz_port=0 --meshConfig=mesh.yaml

ready() { exec 3<>"/dev/tcp/127.0.0.1/$1"; }
for port in 443 5000 9790 9791 9440 9441 9442 9443 18080 15010; do await "port $port" ready "$port"; done
await gitea test -s gitea.token
validates() {
  local policy=jsonpath='{.webhooks[*].failurePolicy}'
  [ "$(kubectl get validatingwebhookconfiguration istiod-default-validator -o "$policy")" = Fail ]
}
await "istiod's webhook" validates
cd "$origin"
"${command[@]}"
