#!/usr/bin/env bash
# Says which image of a service an environment runs.
#
#   scripts/image.sh ENVIRONMENT SERVICE VERSION     a tag, or a digest such as sha256:...
#   scripts/image.sh production cart 2.6.0
#   scripts/image.sh production --from staging       everything that staging runs
#
# It changes the entries below `images:` in apps/ENVIRONMENT/kustomization.yaml and nothing else.
#
# Needs awk.
set -euo pipefail
cd "$(dirname "$0")/.."
usage="usage: image.sh ENVIRONMENT SERVICE VERSION | image.sh ENVIRONMENT --from ENVIRONMENT"
file=apps/${1:?$usage}/kustomization.yaml
[ -f "$file" ] || { echo "there is no $file" >&2; exit 1; }

# The versions of an environment, `SERVICE VERSION` a line.
versions() {
  awk '
    /^[^ #]/ { within = $1 == "images:" }
    within && $1 == "-" && $2 == "name:" { name = $3 }
    within && ($1 == "newTag:" || $1 == "digest:") { print name, $2 }
  ' "apps/$1/kustomization.yaml" | tr -d '"'
}

set_version() { # SERVICE VERSION
  local field=newTag version=$2
  if [[ $version == sha256:* ]]; then
    field=digest
    [[ $version =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "\`$version\` is no digest" >&2; exit 1; }
  elif ! [[ $version =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]]; then
    echo "\`$version\` is no tag" >&2
    exit 1
  fi
  awk -v service="$1" -v line="    $field: \"$version\"" '
    /^[^ #]/ { within = $1 == "images:" }
    within && $1 == "-" && $2 == "name:" { here = $3 == service }
    within && here && ($1 == "newTag:" || $1 == "digest:") { print line; found = 1; next }
    { print }
    END { exit !found }
  ' "$file" >"$file.new" || {
    rm -f "$file.new"
    echo "$file has no image \`$1\` with a newTag or a digest: add it below \`images:\`" >&2
    exit 1
  }
  cat "$file.new" >"$file"
  rm "$file.new"
}

if [ "${2:?$usage}" = --from ]; then
  from=${3:?$usage}
  [ -f "apps/$from/kustomization.yaml" ] || { echo "there is no apps/$from/kustomization.yaml" >&2; exit 1; }
  list=$(versions "$from")
  while read -r service version; do set_version "$service" "$version"; done <<<"$list"
else
  set_version "$2" "${3:?$usage}"
fi
