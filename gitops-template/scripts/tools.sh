#!/usr/bin/env bash
# Installs the programs that the scripts and workflows of this repository use, in the versions that are written here.
#
#   scripts/tools.sh NAME...
#
# A program that is there in its version is left alone. The others are compiled from their released source, whose checksum
# Go's checksum database knows, into TOOLS (default ~/.cache/gitops-tools), which a workflow keeps from run to run.
#
# Needs Go.
set -euo pipefail

tool() { # prints module, version, and where in the module the program is
  case $1 in
    kustomize) echo sigs.k8s.io/kustomize/kustomize/v5 v5.8.1 ;; # what Flux 2.9 has in it
    kubeconform) echo github.com/yannh/kubeconform v0.8.0 /cmd/kubeconform ;;
    oras) echo oras.land/oras v1.3.6 /cmd/oras ;;
    cosign) echo github.com/sigstore/cosign/v3 v3.1.3 /cmd/cosign ;;
    sops) echo github.com/getsops/sops/v3 v3.13.2 /cmd/sops ;;
    age) echo filippo.io/age v1.3.1 /cmd/... ;;
    *) echo "$1 is none of kustomize, kubeconform, oras, cosign, sops, age" >&2; return 1 ;;
  esac
}

folder=${TOOLS:-$HOME/.cache/gitops-tools}
mkdir -p "$folder"
export PATH=$folder:$PATH
for name; do
  wanted=$(tool "$name")
  read -r module version package <<<"$wanted"
  # Every Go program says which modules it is made of.
  if program=$(command -v "$name") && go version -m "$program" 2>/dev/null |
    awk -v module="$module" -v version="$version" '$2 == module && $3 == version { found = 1 } END { exit !found }'; then
    echo "$name $version is there: $program"
  else
    GOBIN=$folder go install "$module$package@$version"
    echo "$name $version is installed"
  fi
done
if [ -n "${GITHUB_PATH:-}" ]; then echo "$folder" >>"$GITHUB_PATH"; fi
