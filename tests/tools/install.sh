#!/usr/bin/env bash
# Installs what the tests need, pinned, into the git-ignored folder .tools at the repository's root:
# kustomize, the YAML readers of kubectl and kustomize, the schemas of every API that anabranch writes
# for, and YAML files of the projects that these come from. Done once; then it costs nothing. Names as
# arguments install more: browser, deny, kpt, lint.
set -euo pipefail

KUSTOMIZE=v5.8.1
CARGO_DENY=0.20.2
ACTIONLINT=v1.7.12
KUBERNETES=v1.34.2
GATEWAY_API=v1.6.1
ISTIO=v1.30.3
KUSTOMIZE_CONTROLLER=v1.9.4
NOTIFICATION_CONTROLLER=v1.9.3
SOURCE_CONTROLLER=v1.9.5
HELM_CONTROLLER=v1.6.3
SOURCE_WATCHER=v2.2.2
FLUX_OPERATOR=v0.58.0
CERT_MANAGER=v1.21.2
PROMETHEUS_OPERATOR=v0.93.0
EXTERNAL_SECRETS=v1.3.2 # the newest that is a Go module; v2 has the same kinds
CLOUDNATIVE_PG=v1.28.0
OPENSHIFT=v0.0.0-20260501191448-a49973eaef53 # as Istio pins it
KUBECONFORM=v0.8.0
KYAML=v0.21.1

wanted=$*
here=$(cd "$(dirname "$0")" && pwd)
tools=$(cd "$here/../.." && pwd)/.tools
mkdir -p "$tools/bin" "$tools/schemas"
command -v go >/dev/null || { echo "Go is needed to install the tools of the tests" >&2; exit 1; }
command -v npm >/dev/null || { echo "Node.js 20 or newer, with npm, is needed for the suites of gitops-template" >&2; exit 1; }

# A stamp names the version, so that a change of version installs anew.
installed() { [ "$(cat "$tools/$1.version" 2>/dev/null)" = "$2" ]; }
stamp() { printf '%s\n' "$2" >"$tools/$1.version"; echo "installed $1 $2"; }

if ! installed kustomize "$KUSTOMIZE"; then
  GOBIN="$tools/bin" GOFLAGS=-trimpath go install "sigs.k8s.io/kustomize/kustomize/v5@$KUSTOMIZE"
  stamp kustomize "$KUSTOMIZE"
fi

if ! installed kubeconform "$KUBECONFORM"; then
  GOBIN="$tools/bin" GOFLAGS=-trimpath go install "github.com/yannh/kubeconform/cmd/kubeconform@$KUBECONFORM"
  stamp kubeconform "$KUBECONFORM"
fi

asked() { case " $wanted " in *" $1 "*) true ;; *) false ;; esac; }

# Some four minutes of compiling, so only where it is asked for.
if asked deny && ! installed cargo-deny "$CARGO_DENY"; then
  cargo install --quiet --locked --root "$tools" --target-dir "$tools/build" "cargo-deny@$CARGO_DENY"
  rm -rf "$tools/build"
  stamp cargo-deny "$CARGO_DENY"
fi

# The linters of .github, in seconds.
if asked lint && ! installed actionlint "$ACTIONLINT"; then
  GOBIN="$tools/bin" GOFLAGS=-trimpath go install "github.com/rhysd/actionlint/cmd/actionlint@$ACTIONLINT"
  stamp actionlint "$ACTIONLINT"
fi
requirements=$here/requirements.txt
version=$(sha256sum <"$requirements" | cut -c1-16)
if asked lint && ! installed zizmor "$version"; then
  rm -rf "$tools/zizmor"
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
    --root-user-action ignore --target "$tools/zizmor" --requirement "$requirements"
  mv "$tools/zizmor/bin/zizmor" "$tools/bin/zizmor"
  rm -rf "$tools/zizmor"
  stamp zizmor "$version"
fi

# build NAME: a program of a folder beside this script, pinned by its go.mod.
build() {
  local version
  version=$(cat "$here/$1"/* | sha256sum | cut -c1-16)
  installed "$1" "$version" && return
  (cd "$here/$1" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$tools/bin/$1" .)
  stamp "$1" "$version"
}
# The readers of kubectl and kustomize by themselves: quicker than the programs.
build yaml2json
# Grafana's and the Prometheus operator's own types, which refuse what they do not know.
build strict
# Three minutes of compiling.
if asked kpt; then build kpt; fi

# packages SUITE: what a suite of gitops-template takes from npm, as its lock file pins it.
packages() {
  local version suite=$here/../../gitops-template/tests/$1
  version=$(sha256sum <"$suite/package-lock.json" | cut -c1-16)
  installed "suite-$1" "$version" && return
  rm -rf "$tools/suite-$1"
  mkdir "$tools/suite-$1"
  cp "$suite"/package*.json "$tools/suite-$1"
  (cd "$tools/suite-$1" && npm ci --ignore-scripts --no-audit --no-fund --silent)
  stamp "suite-$1" "$version"
}
packages load
# It is of use where there is a browser.
if asked browser; then packages browser; fi

# The folder of a module in Go's module cache.
module() {
  (cd "$tools" && GOFLAGS=-mod=mod go mod download -json "$1") |
    sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p'
}

# schema NAME MODULE@VERSION PATH: files below PATH of a module, one after the other.
schema() {
  installed "$1" "$2" && return
  local dir
  dir=$(module "$2")
  rm -f "$tools/schemas/$1"
  find "$dir/$3" -type f \( -name '*.yaml' -o -name '*.json' \) ! -name 'kustomization.yaml' |
    LC_ALL=C sort | while read -r file; do
      case $1 in *.yaml) echo '---' ;; esac
      cat "$file"
    done >"$tools/schemas/$1"
  stamp "$1" "$2"
}
schema kubernetes.json "k8s.io/kubernetes@$KUBERNETES" api/openapi-spec/swagger.json
schema gateway-api.yaml "sigs.k8s.io/gateway-api@$GATEWAY_API" config/crd/standard
schema istio.yaml "istio.io/api@$ISTIO" kubernetes/customresourcedefinitions.gen.yaml
schema kustomize-controller.yaml \
  "github.com/fluxcd/kustomize-controller@$KUSTOMIZE_CONTROLLER" config/crd/bases
schema notification-controller.yaml \
  "github.com/fluxcd/notification-controller@$NOTIFICATION_CONTROLLER" config/crd/bases
schema source-controller.yaml "github.com/fluxcd/source-controller@$SOURCE_CONTROLLER" config/crd/bases
schema helm-controller.yaml "github.com/fluxcd/helm-controller@$HELM_CONTROLLER" config/crd/bases
schema source-watcher.yaml "github.com/fluxcd/source-watcher/v2@$SOURCE_WATCHER" config/crd/bases
schema flux-operator.yaml "github.com/controlplaneio-fluxcd/flux-operator@$FLUX_OPERATOR" config/crd/bases
for kind in certificates clusterissuers; do
  schema $kind.yaml "github.com/cert-manager/cert-manager@$CERT_MANAGER" deploy/crds/cert-manager.io_$kind.yaml
done
for kind in clusterexternalsecrets clustersecretstores externalsecrets; do
  schema $kind.yaml "github.com/external-secrets/external-secrets@$EXTERNAL_SECRETS" \
    config/crds/bases/external-secrets.io_$kind.yaml
done
for kind in podmonitors servicemonitors prometheusrules; do
  schema $kind.yaml "github.com/prometheus-operator/prometheus-operator@$PROMETHEUS_OPERATOR" \
    example/prometheus-operator-crd/monitoring.coreos.com_$kind.yaml
done
schema clusters.yaml "github.com/cloudnative-pg/cloudnative-pg@$CLOUDNATIVE_PG" \
  config/crd/bases/postgresql.cnpg.io_clusters.yaml
schema routes.yaml "github.com/openshift/api@$OPENSHIFT" route/v1/zz_generated.crd-manifests/routes.crd.yaml

# corpus MODULE@VERSION: the YAML files of a module, for the tests of the reader.
corpus() {
  local name=${1%@*}
  name=${name//\//-}
  installed "corpus-$name" "${1#*@}" && return
  local dir folder=$tools/corpora/$name
  dir=$(module "$1")
  rm -rf "$folder"
  mkdir -p "$folder"
  (cd "$dir" && find . -type f \( -name '*.yaml' -o -name '*.yml' \) -print0 | tar -cf - --null -T -) |
    tar -xf - -C "$folder" --no-same-permissions
  chmod -R u+w "$folder"
  stamp "corpus-$name" "${1#*@}"
}
corpus "k8s.io/kubernetes@$KUBERNETES"
corpus "sigs.k8s.io/gateway-api@$GATEWAY_API"
corpus "istio.io/api@$ISTIO"
corpus "github.com/fluxcd/kustomize-controller@$KUSTOMIZE_CONTROLLER"
corpus "github.com/fluxcd/notification-controller@$NOTIFICATION_CONTROLLER"
corpus "sigs.k8s.io/kustomize/kyaml@$KYAML"
