#!/usr/bin/env bash
# Pushes what `anabranch render --artifacts each -o DIR` wrote to its registry, and tells Flux.
#
#   push.sh DIR
#
# Only what has another content than the registry is pushed: previews first, and what names them last. Then the tags
# of previews that are gone are removed. Run it in the checkout that DIR was rendered from, and log in to the registry
# before (`oras login`).
#
# Runs may overlap, though a workflow had better let them follow each other. The tag `SET._run` says which commit was
# rendered last, and a run of an earlier one stops there: the run of that commit does what is left. Where it cannot be told
# which of two commits is later, the run fails before it changes anything more.
#
# SOURCE, REVISION    where DIR comes from, as in `flux push artifact --source URL --revision main@sha1:COMMIT`;
#                     by default the remote `origin` and the commit of the checkout
# RECEIVER_URL, RECEIVER_TOKEN
#                     address and token of the Receiver; without them Flux looks once in an interval
# ORAS_FLAGS          such as --plain-http
# SIGN                see sign.sh
#
# Needs oras 1.3, jq, git, GNU tar; curl and openssl for the Receiver.
set -euo pipefail
shopt -s inherit_errexit # a command that fails inside of $(...) ends it

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CONTENT=dev.anabranch.content
REVISION_KEY=org.opencontainers.image.revision
read -ra flags <<<"${ORAS_FLAGS:-}"
dir=${1:?usage: push.sh DIR}
list=$dir/artifacts.json
[ -f "$list" ] || { echo "$list is missing: render with --artifacts each -o $dir" >&2; exit 1; }
commit=$(git rev-parse HEAD)
source=${SOURCE:-$(git remote get-url origin)}
# A clone may have its token in the URL, and this is published.
source=$(sed -E 's|^([a-z+]+://)[^/@]*@|\1|' <<<"$source")
revision=${REVISION:-$(git rev-parse --abbrev-ref HEAD)@sha1:$commit}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The annotation of an artifact; nothing where there is no such artifact or annotation.
annotation() { # REFERENCE KEY
  local answer
  if answer=$(oras manifest fetch "${flags[@]}" "$1" 2>&1 </dev/null); then
    jq -r --arg key "$2" '.annotations[$key] // empty' <<<"$answer"
  elif ! grep -qiE ': not found$|response status code 404' <<<"$answer"; then
    echo "$answer" >&2
    return 1
  fi
}

has_commit() { git cat-file -e "$1^{commit}" 2>/dev/null; }

# Ends the run where another one has pushed a later commit. A commit of another branch, whose history has nothing to do with
# ours, is not later.
stop_if_late() {
  local there
  there=$(annotation "$marker" "$REVISION_KEY") || exit 1
  there=${there##*:}
  if [ -z "$there" ] || [ "$there" = "$commit" ]; then return; fi
  if ! has_commit "$there" && ! git fetch --quiet origin 2>"$scratch/fetch"; then
    echo "commit $there was pushed last, which this clone has not: $(head -n 1 "$scratch/fetch")" >&2
    echo "let this job read the repository, or delete the tag $marker where that commit is gone" >&2
    exit 1
  fi
  if has_commit "$there" && git merge-base --is-ancestor "$commit" "$there"; then
    echo "a later commit is pushed already"
    exit 0
  fi
}

# Uploads a folder without a tag, so that a tag is moved in one request. The same files give the same artifact.
upload() { # FOLDER REPOSITORY CONTENT
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=a+rX,u+w -C "$1" -cf - . |
    gzip -n >"$scratch/layer.tar.gz"
  printf '{}' >"$scratch/config"
  (cd "$scratch" && oras push "${flags[@]}" --no-tty --format json \
    --config config:application/vnd.cncf.flux.config.v1+json \
    --annotation "$CONTENT=$3" \
    --annotation "org.opencontainers.image.source=$source" \
    --annotation "$REVISION_KEY=$revision" \
    --annotation "org.opencontainers.image.created=1970-01-01T00:00:00Z" \
    "$2" layer.tar.gz:application/vnd.cncf.flux.content.v1.tar+gzip </dev/null) | jq -r .digest
}

root=$(jq -r '.artifacts[] | select(.path == "root") | .url' "$list")
root=${root#oci://}
repository=${root%:*}
set=${root##*:}
marker=$repository:$set._run

stop_if_late
mkdir "$scratch/empty"
digest=$(upload "$scratch/empty" "$repository" run)
oras tag "${flags[@]}" "$repository@$digest" "$set._run" >/dev/null

# Which are not in the registry, asked of many at once.
is_there() { # REFERENCE CONTENT NUMBER
  if [ "$(annotation "$1" "$CONTENT" 2>&1)" != "$2" ]; then touch "$scratch/new-$3"; fi
}
jq -r '.artifacts[] | [.name, .path, .url, .source, .content] | @tsv' "$list" >"$scratch/list"
number=0
while IFS=$'\t' read -r _ _ url _ content; do
  number=$((number + 1))
  is_there "${url#oci://}" "$content" "$number" &
  if [ $((number % 16)) = 0 ]; then wait; fi
done <"$scratch/list"
wait

pushed=()
number=0
while IFS=$'\t' read -r name path url artifact content; do
  number=$((number + 1))
  if [ ! -e "$scratch/new-$number" ]; then continue; fi
  reference=${url#oci://}
  digest=$(upload "$dir/$path" "${reference%:*}" "$content")
  # Before it has a tag: Flux finds no artifact without its signature.
  "$here/sign.sh" "${reference%:*}@$digest" </dev/null
  stop_if_late
  oras tag "${flags[@]}" "${reference%:*}@$digest" "${reference##*:}" >/dev/null
  echo "$name: pushed $digest"
  pushed+=("$artifact")
done <"$scratch/list"

told=yes
if [ "${#pushed[@]}" -gt 0 ] && [ -n "${RECEIVER_URL:-}" ]; then
  body=$(jq -nc '{sources: $ARGS.positional}' --args "${pushed[@]}")
  signature=$(printf %s "$body" | openssl dgst -sha256 -hmac "${RECEIVER_TOKEN:?}" -r)
  curl --fail --silent --show-error --retry 3 --retry-all-errors --max-time 30 --output /dev/null \
    --header "Content-Type: application/json" --header "X-Signature: sha256=${signature%% *}" --data "$body" \
    "$RECEIVER_URL" || told=
fi

# What is gone: tags of this set whose preview the list does not have.
stop_if_late
tags=$(oras repo tags "${flags[@]}" "$repository")
while read -r tag; do
  [[ $tag == "$set".* && $tag != "$set._run" ]] || continue
  preview=${tag#"$set".}
  preview=${preview%%.*}
  if jq -e --arg name "$preview" 'any(.artifacts[]; .name == $name)' "$list" >/dev/null; then continue; fi
  # Some registries let nobody delete by this API. What is left then is named by nothing, so it does no harm.
  if oras manifest delete "${flags[@]}" --force "$repository:$tag" >/dev/null 2>"$scratch/error"; then
    echo "$preview: removed"
  else
    echo "$preview: its artifact $tag stays, the registry does not delete it: $(head -n 1 "$scratch/error")"
  fi
done <<<"$tags"
if [ -z "$told" ]; then
  echo "everything is pushed, and Flux could not be told: it looks by itself, once in an interval" >&2
  exit 1
fi
