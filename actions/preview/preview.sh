#!/usr/bin/env bash
# Adds, changes or removes the preview of a pull request, by an edit of previews.yaml in a GitOps repository.
#
# The event of the workflow says what to do: opened, reopened and synchronize set the preview to the images that were
# built; closed removes it, and so does a push after which no service is affected. Runs may end in any order and at once:
# what is about an earlier state of the pull request changes nothing, and a push that meets a moved branch starts over.
# A pull request of a fork is refused, since this script has a token that writes.
#
# GITHUB_EVENT_PATH     the event, as the runner gives it
# GITOPS_REPOSITORY, GITOPS_BRANCH, GITOPS_FILE, GITOPS_TOKEN
#                       see ../gitops.sh
# AFFECTED              file of `anabranch affected --format json`: of those to build there must be an image, the others come
#                       along with that of the baseline
# METADATA              file of `docker buildx bake --metadata-file`; each target is the service of its name
# IMAGES                SERVICE=IMAGE, a line each
# PREFIX, DAYS          the begin of the preview's name; days until it expires, 0 for never
#
# Needs anabranch, git, jq, GNU date.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=actions/gitops.sh
. "$here/../gitops.sh"
event() { jq -r "$1 // empty" "${GITHUB_EVENT_PATH:?}"; }

action=$(event .action)
number=$(event .pull_request.number)
[ -n "$number" ] || fail "the event is not about a pull request: run this on pull_request"
repository=$(event .repository.html_url)
commit=$(event .pull_request.head.sha)
updated=$(event .pull_request.updated_at)
preview=${PREFIX:-pr-}$number
if [ "$(event .pull_request.head.repo.full_name)" != "$(event .repository.full_name)" ] && [ "$action" != closed ]; then
  fail "#$number comes from a fork: its code gets no preview with this token"
fi

[[ ${DAYS:-0} =~ ^[0-9]+$ ]] || fail "\`$DAYS\` is no number of days"

services=()
add() { # OPTION LINES
  while IFS= read -r line; do
    if [ -n "$line" ]; then services+=("$1" "$line"); fi
  done <<<"$2"
}
wanted=null
if [ "$action" != closed ]; then
  if [ -n "${AFFECTED:-}" ]; then
    wanted=$(jq -ce '[.services[] | select(.build) | .name]' "$AFFECTED") &&
      along=$(jq -r '.services[] | select(.build | not) | .name' "$AFFECTED") ||
      fail "$AFFECTED does not say what is affected; write it with anabranch affected --format json"
    add --service "$along"
  fi
  images=${IMAGES:-}
  if [ -n "${METADATA:-}" ]; then
    # The names of an image may be many, each with a tag; the digest is what was built. Only `{}` says that nothing was: where
    # a target lacks its name or digest, as without --push, nothing is known.
    built=$(jq -rse --argjson wanted "$wanted" 'if length == 1 and (.[0] | type) == "object" then .[0] else error("no object") end
      | del(.["buildx.build.warnings"]) | [to_entries[] | select($wanted == null or IN(.key; $wanted[]))
        | "\(.key)=\(.value["image.name"] | split(",")[0] | sub(":[^/:]*$"; ""))@\(.value["containerimage.digest"] | . // error("no digest"))"]
      | join("\n")' "$METADATA") ||
      fail "$METADATA does not say what was built; push the images with names, or leave \`metadata\` out"
    images+=$'\n'$built
  fi
  missing=$(jq -rn --argjson wanted "$wanted" --arg images "$images" \
    '($wanted // []) - [$images | split("\n")[] | sub("=.*"; "")] | join(", ")')
  [ -z "$missing" ] || fail "affected, and without an image: $missing; a target of docker bake has the name of its service"
  add --image "$images"
fi

# What this run does to the file.
edit() {
  if [ "$action" = closed ]; then
    anabranch remove "$preview" --closed "$(event .pull_request.closed_at)" --change "$repository#$number" --file "$1"
  elif [ ${#services[@]} = 0 ]; then
    # There was nothing before, and nothing can come late.
    if [ "$action" = opened ]; then return; fi
    # Closed as of this push: a later one may affect a service again.
    anabranch remove "$preview" --closed "$updated" --change "$repository#$number" --file "$1"
  else
    local expires=()
    if [ "${DAYS:-0}" != 0 ]; then
      expires=(--expires "$(date --utc --date "$updated + $DAYS days" +%Y-%m-%dT%H:%M:%SZ)")
    fi
    anabranch set "$preview" "${services[@]}" --change "$repository#$number@$commit" --replace \
      --if-newer "$updated" "${expires[@]}" --file "$1"
  fi
}

edit_gitops "$preview: ${action/synchronize/updated} ($repository/pull/$number)"
if [ -z "$changed" ]; then
  state=unchanged
elif [ "$action" = closed ] || [ ${#services[@]} = 0 ]; then
  state=closed
else
  state=set
fi
echo "$preview: $state"
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  printf 'preview=%s\nstate=%s\n' "$preview" "$state" >>"$GITHUB_OUTPUT"
fi
