#!/usr/bin/env bash
# Checks a repository out as actions/checkout does: a branch by its name, anything else detached.
set -euo pipefail

git init --quiet --initial-branch=none "$FOLDER"
cd "$FOLDER"
git remote add origin "$URL"
header="Authorization: Basic $(printf 'x-access-token:%s' "$TOKEN" | base64 --wrap 0)"
[ "$PERSIST" != true ] || git config "http.$URL.extraHeader" "$header"

wanted=$REF
if [ -z "$wanted" ] && [ "$OTHER" = true ]; then wanted=HEAD; fi
specs=("${wanted:-$GITHUB_SHA}:refs/checkout")
depth=(--depth "$DEPTH")
if [ "$DEPTH" = 0 ]; then
  depth=()
  specs+=("+refs/heads/*:refs/remotes/origin/*")
fi
GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraHeader GIT_CONFIG_VALUE_0=$header \
  git fetch --quiet --tags "${depth[@]}" origin "${specs[@]}"
if [ -z "$wanted" ] && [[ $GITHUB_REF == refs/heads/* ]]; then
  git checkout --quiet -B "${GITHUB_REF#refs/heads/}" refs/checkout
elif git show-ref --quiet --verify "refs/remotes/origin/$wanted"; then
  git checkout --quiet -B "$wanted" refs/checkout
else
  git checkout --quiet --detach refs/checkout
fi
git log -1 --format='%H %s'
