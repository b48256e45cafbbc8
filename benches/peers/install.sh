#!/usr/bin/env bash
# Builds what `make bench` measures beside anabranch, pinned, into the git-ignored folder .tools/bench.
set -euo pipefail

HELM=v3.22.0
FLUX_OPERATOR=v0.58.0

here=$(cd "$(dirname "$0")" && pwd)
bench=$(cd "$here/../.." && pwd)/.tools/bench
mkdir -p "$bench"

# A stamp names the version, so that a change of version builds anew.
installed() { [ "$(cat "$bench/$1.version" 2>/dev/null)" = "$2" ]; }
stamp() { printf '%s\n' "$2" >"$bench/$1.version"; echo "installed $1 $2"; }

if ! installed helm "$HELM"; then
  GOBIN="$bench" GOFLAGS=-trimpath go install "helm.sh/helm/v3/cmd/helm@$HELM"
  stamp helm "$HELM"
fi
if ! installed flux-operator "$FLUX_OPERATOR"; then
  GOBIN="$bench" GOFLAGS=-trimpath go install \
    "github.com/controlplaneio-fluxcd/flux-operator/cmd/cli@$FLUX_OPERATOR"
  mv "$bench/cli" "$bench/flux-operator"
  stamp flux-operator "$FLUX_OPERATOR"
fi
(cd "$here/passthrough" && go build -trimpath -o "$bench/passthrough" .)
