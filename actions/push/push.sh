#!/usr/bin/env bash
# Pushes what `anabranch render --artifacts each -o DIR` wrote to its registry, and tells Flux.
#
#   push.sh DIR
#
# Only artifacts whose content differs from the registry are pushed: previews first, and the root, which names them, last.
# Then the tags of removed previews are deleted, and with `tags: content` those that neither this nor the last push names.
# Run it in the checkout that DIR was rendered from, with the whole history.
#
# Runs may overlap, though a workflow had better run them one after the other. A run of an earlier commit stops if one of a
# later commit is at work or has ended, and leaves nothing of its own behind (see marks.sh). If it cannot tell which of two
# commits is later, it fails before it changes anything more.
#
# SOURCE, REVISION    where DIR comes from, as in `flux push artifact --source URL --revision main@sha1:COMMIT`;
#                     by default the remote `origin` and the commit of the checkout
# GIT_TOKEN           reads the remote where a commit that is not in the checkout was pushed; empty where that needs none
# RECEIVER_URL, RECEIVER_TOKEN
#                     address and token of the Receiver; without them Flux looks once in an interval
# REGISTRY_USER, REGISTRY_PASSWORD
#                     log in to the registry; without them whoever calls has done so (`oras login`)
# ORAS_VERSION        the release of oras to install with Go where there is none
# ORAS_FLAGS          such as --plain-http
# SIGN                see sign.sh
#
# Needs oras 1.3, jq, git, GNU tar; curl and python3 for the Receiver.
set -euo pipefail
shopt -s inherit_errexit # a command that fails inside of $(...) ends it

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CONTENT=dev.anabranch.content
fail() { echo "$*" >&2; exit 1; }
# shellcheck source=actions/git.sh
. "$here/../git.sh"
# shellcheck source=actions/push/marks.sh
. "$here/marks.sh"

read -ra flags <<<"${ORAS_FLAGS:-}"
dir=${1:?usage: push.sh DIR}
list=$dir/artifacts.json
[ -f "$list" ] || fail "$list is missing: render with --artifacts each -o $dir"
commit=$(git rev-parse HEAD)
[ "$(git rev-parse --is-shallow-repository)" = false ] ||
  fail "this clone is shallow, so it cannot be told which of two commits is later: run git fetch --unshallow, or check out with fetch-depth: 0"
source=${SOURCE:-$(git remote get-url origin)}
# A clone may have its token in the URL, and this is published.
source=$(sed -E 's|^([A-Za-z][A-Za-z0-9+.-]*://)[^/]*@|\1|' <<<"$source")
revision=${REVISION:-$(git rev-parse --abbrev-ref HEAD)@sha1:$commit}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

root=$(jq -r '.artifacts[] | select(.path == "root") | .url' "$list")
root=${root#oci://}
repository=${root%:*}
set=${root##*:}
jq -r '.artifacts[] | [.name, .path, .url, .source, .content] | @tsv' "$list" >"$scratch/list"
jq -r '.artifacts[].url | sub(".*:"; "")' "$list" >"$scratch/tags"

if [ -n "${ORAS_VERSION:-}" ] && ! command -v oras >/dev/null; then
  GOBIN=$scratch/bin go install "oras.land/oras/cmd/oras@$ORAS_VERSION"
  PATH=$scratch/bin:$PATH
fi
if [ -n "${REGISTRY_PASSWORD:-}" ]; then
  oras login "${flags[@]}" "${repository%%/*}" --username "${REGISTRY_USER:?}" --password-stdin <<<"$REGISTRY_PASSWORD" >/dev/null
fi

# Uploads a folder without a tag, so that a tag is moved in one request. The same files give the same artifact.
upload() { # FOLDER ANNOTATIONS
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=a+rX,u+w -C "$1" -cf - . |
    gzip -n >"$scratch/layer.tar.gz"
  printf '{}' >"$scratch/config"
  jq -n --argjson own "$2" --arg source "$source" --arg revision "$revision" '{"$manifest": ($own + {
    "org.opencontainers.image.source": $source,
    "org.opencontainers.image.revision": $revision,
    "org.opencontainers.image.created": "1970-01-01T00:00:00Z"})}' >"$scratch/annotations"
  (cd "$scratch" && oras push "${flags[@]}" --no-tty --format json \
    --config config:application/vnd.cncf.flux.config.v1+json --annotation-file annotations \
    "$repository" layer.tar.gz:application/vnd.cncf.flux.content.v1.tar+gzip </dev/null) | jq -r .digest
}

move() { oras tag "${flags[@]}" "$repository@$2" "$1" >/dev/null; } # TAG DIGEST

# Whether the registry has an artifact: its digest is then in digest-NUMBER.
find_one() { # TAG CONTENT NUMBER
  rm -f "$scratch/digest-$3"
  manifest "$1" "$scratch/have-$3" || { touch "$scratch/unknown"; return; }
  if [ "$(annotation "$scratch/have-$3" "$CONTENT")" = "$2" ]; then
    digest "$scratch/have-$3" >"$scratch/digest-$3"
  fi
}

# Pushes what the registry does not have. Ends early where another run was at work meanwhile; what this one found is then
# out of date.
pass() {
  local number=0 name path url artifact content reached
  while IFS=$'\t' read -r _ _ url _ content; do
    number=$((number + 1))
    find_one "${url##*:}" "$content" "$number" &
    if [ $((number % 16)) = 0 ]; then wait; fi
  done <"$scratch/list"
  wait
  [ ! -e "$scratch/unknown" ] || fail "the registry does not say what it has"
  number=0
  while IFS=$'\t' read -r name path url artifact content; do
    number=$((number + 1))
    if [ -s "$scratch/digest-$number" ]; then continue; fi
    reached=$(upload "$dir/$path" "$(jq -nc --arg key "$CONTENT" --arg content "$content" '{($key): $content}')")
    # Before it has a tag: Flux finds no artifact without its signature.
    "$here/sign.sh" "$repository@$reached" </dev/null
    look
    if [ "$state" = free ]; then return; fi
    move "${url##*:}" "$reached"
    pushed+=("$artifact")
    echo "$reached" >"$scratch/digest-$number"
    echo "$name: pushed $reached"
    look "${url##*:}"
    if [ "$state" = free ]; then return; fi
  done <"$scratch/list"
  look
}

pushed=()
state=
for _ in $(seq 20); do
  claim
  pass
  if [ "$state" = ours ]; then end; fi
  if [ "$state" = ours ]; then break; fi
done
if [ "$state" != ours ]; then
  fail "another run, of a commit that is neither earlier nor later, pushes to $root all the time"
fi

told=yes
if [ "${#pushed[@]}" -gt 0 ] && [ -n "${RECEIVER_URL:-}" ]; then
  body=$(jq -nc '{sources: $ARGS.positional | unique}' --args "${pushed[@]}")
  # Arguments can be read by every process of the machine, so neither the token nor the address is one.
  signature=$(printf %s "$body" | RECEIVER_TOKEN=${RECEIVER_TOKEN:?} python3 -c '
import hmac, os, sys
print(hmac.new(os.environb[b"RECEIVER_TOKEN"], sys.stdin.buffer.read(), "sha256").hexdigest())')
  printf 'url = "%s"\n' "$RECEIVER_URL" |
    curl --fail --silent --show-error --retry 3 --retry-all-errors --max-time 30 --output /dev/null --config - \
      --header "Content-Type: application/json" --header "X-Signature: sha256=$signature" --data "$body" || told=
fi

# What is gone: tags of this set whose preview the list does not have, and what was pushed of another content before. What the
# last push named stays, since Flux may be about to look for it.
tags=$(oras repo tags "${flags[@]}" "$repository")
while read -r tag; do
  [[ $tag == "$set".* ]] && ! is_mark "$tag" || continue
  if grep -qxF "$tag" "$scratch/tags"; then continue; fi
  preview=${tag#"$set".}
  preview=${preview%%.*}
  words="$preview: removed"
  if jq -e --arg name "$preview" 'any(.artifacts[]; .name == $name)' "$list" >/dev/null; then
    if grep -qxF "$tag" "$scratch/before"; then continue; fi
    words="$preview: removed $tag"
  fi
  manifest "$tag" "$scratch/gone"
  if is_later "$(commit_of "$scratch/gone")"; then continue; fi
  look
  remove "$(digest "$scratch/gone")" && echo "$words" || echo "$preview: its artifact $tag stays, $(cat "$scratch/error")"
  look "$tag"
done <<<"$tags"
if [ -z "$told" ]; then
  fail "everything is pushed, and Flux could not be told: it looks by itself, once in an interval"
fi
