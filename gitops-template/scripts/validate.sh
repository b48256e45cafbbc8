#!/usr/bin/env bash
# Finds what would fail in a cluster: values that are not written, manifests that do not build, that no kustomization names, or
# that are against the schemas of their kinds, images that no overlay chooses, paths that lead nowhere, Secrets that anybody
# can read. It also says which steps of README are not done yet.
#
#   scripts/validate.sh
#
# It works offline: schemas/ has the kinds that this repository uses. Where they are installed, anabranch, istioctl and the
# plugin `flux schema` look too; a kind that schemas/ does not have is left to the latter, and refused where it is missing.
#
# Needs kustomize and kubeconform (scripts/tools.sh kustomize kubeconform).
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."

failed=
fail() { failed=yes; printf '%s\n' "$*" >&2; }
for program in kustomize kubeconform; do
  command -v "$program" >/dev/null || { echo "$program is missing: scripts/tools.sh kustomize kubeconform" >&2; exit 1; }
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The schemas are closed: a field that no kind has is an error, as it is to Flux.
judge() { # NAME FILE
  kubeconform -strict -schema-location 'schemas/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json' \
    -skip fluxcd.controlplane.io/v1/FluxInstance -output text "$2" >"$scratch/words" 2>&1 || {
    fail "$1"
    sed -e "s|$2|$1|g" -e 's/^/  /' "$scratch/words" >&2
  }
}

echo "values"
scripts/configure.sh --check || failed=yes

echo "manifests that are applied as they are"
while read -r file; do
  judge "$file" "$file"
done < <(find clusters bootstrap -name '*.yaml' ! -path '*/flux-system/*' | sort)

echo "folders that kustomize builds"
number=0
declare -A built
while read -r file; do
  folder=${file%/kustomization.yaml}
  for manifest in "$folder"/*.yaml; do
    case ${manifest##*/} in kustomization.yaml | *_test.yaml) continue ;; esac
    if ! grep -qF "${manifest##*/}" "$file"; then fail "$file does not name ${manifest##*/}: add it to \`resources\`, or remove it"; fi
  done
  if grep -q '^kind: Component' "$file"; then continue; fi
  number=$((number + 1))
  # As Flux builds: a folder may use what lies beside it.
  if kustomize build --load-restrictor LoadRestrictionsNone "$folder" >"$scratch/$number.yaml" 2>"$scratch/words"; then
    built[$folder]=$scratch/$number.yaml
    if [ -s "$scratch/$number.yaml" ]; then judge "$folder" "$scratch/$number.yaml"; fi
  else
    fail "$folder does not build"
    sed 's/^/  /' "$scratch/words" >&2
  fi
done < <(find . -name kustomization.yaml ! -path './.git/*' ! -path './application/*' | sed 's|^\./||' | sort)

echo "paths of Flux"
while IFS=: read -r file line path; do
  path=${path#"${path%%[![:space:]]*}"}
  path=${path#path: }
  if [ ! -d "$path" ]; then fail "$file:$line: there is no folder $path"; fi
  # A base says the name of an image alone, and an overlay the rest.
  manifests=${built[${path#./}]:-/dev/null}
  while read -r image; do
    fail "$path: no entry of \`images\` says what \`$image\` is"
  done < <(sed -nE 's/^ *(- )?image: "?([^]["{}/:@]+)"?$/\2/p' "$manifests" | sort -u)
done < <(grep -rnE '^ +path: \./' clusters)

echo "secrets"
while read -r file; do
  # The name of the encrypted field is not secret; its content is.
  if ! grep -q '^sops:' "$file"; then
    fail "$file has a Secret that is not encrypted: sops encrypt --in-place $file"
  fi
done < <(grep -rlE --include='*.yaml' --exclude-dir=.git '^kind: Secret$' . | sed 's|^\./||' | sort)
while IFS=: read -r file recipient; do
  grep -qF "${recipient##* }" .sops.yaml ||
    fail "$file is encrypted for ${recipient##* }, which .sops.yaml does not name: write the Secret again, or sops updatekeys $file"
done < <(grep -roE --include='*.yaml' 'recipient: age1[a-z0-9]+' secrets | sort)

if command -v anabranch >/dev/null; then
  echo "previews"
  anabranch check previews/previews.yaml --source-root . --baseline previews/baseline >&2 || failed=yes
fi
if command -v istioctl >/dev/null; then
  echo "the mesh"
  kustomize build --load-restrictor LoadRestrictionsNone previews/baseline >"$scratch/baseline.yaml" &&
    istioctl analyze --use-kube=false --failure-threshold Error "$scratch/baseline.yaml" || failed=yes
fi
if command -v flux >/dev/null && flux schema --help >/dev/null 2>&1; then
  echo "rules that schemas do not hold"
  find "$scratch" -name '*.yaml' -size +0 -print0 |
    xargs -0 flux schema validate --skip-json-path=/sops || failed=yes
fi

# Of a copy whose values are others than the template's: what it has to replace, and no schema can refuse.
if ! grep -q '^gitops: https://github.com/acme/shop-gitops$' values.yaml; then
  if grep -rq "$(printf '0%.0s' {1..40})" .github application; then
    echo "not done yet: the workflows name actions by a commit of zeros (README, A repository of yours)"
  fi
  if grep -q age1lz9pwkpr6tuur5kevxu4zyfdtg6p59rygwxc8l6amjk263mvrvpqfhy6hg .sops.yaml; then
    echo "not done yet: secrets/ is encrypted for the template's key, which was thrown away (README, Secrets)"
  fi
fi
services='/^---/ { kind = "" } /^[a-z]/ { within = $1 == "metadata:" } /^kind: / { kind = $2 }
  kind == "Service" && within && /^  name: / { print $2 }'
while read -r service; do
  if ! grep -qE "^$service[[:space:]]" tests/smoke/services.txt; then
    echo "not done yet: tests/smoke/services.txt has no line for $service, and the suite smoke of its previews will be red"
  fi
done < <(if [ -f tests/smoke/services.txt ]; then awk "$services" "${built[previews/baseline]:-/dev/null}"; fi)
if [ -n "$failed" ]; then exit 1; fi
echo "everything is valid"
