#!/usr/bin/env bash
# Gives a pull request its preview, or takes it away, by an edit of previews.yaml in a GitOps repository.
#
# The event of the workflow says what to do: opened, reopened and synchronize set the preview to the images that were
# built; closed removes it, and so does a push after which no service is affected. Runs may end in any order and at once:
# what is about an earlier state of the pull request changes nothing, and a push that meets a moved branch starts over.
# A pull request of a fork is refused, since this script has a token that writes.
#
# GITHUB_EVENT_PATH     the event, as the runner gives it
# GITOPS_REPOSITORY, GITOPS_BRANCH, GITOPS_FILE
#                       where previews.yaml is
# GITOPS_TOKEN          pushes to that branch; empty where the URL needs none
# IMAGES                SERVICE=IMAGE, a line each
# METADATA              file of `docker buildx bake --metadata-file`; each target is the service of its name
# PREFIX, DAYS          the begin of the preview's name; days until it expires, 0 for never
#
# Needs anabranch, git, jq, GNU date.
set -euo pipefail

event() { jq -r "$1 // empty" "${GITHUB_EVENT_PATH:?}"; }
fail() { echo "$*" >&2; exit 1; }

action=$(event .action)
number=$(event .pull_request.number)
[ -n "$number" ] || fail "the event is not about a pull request: run this on pull_request"
repository=$(event .repository.html_url)
commit=$(event .pull_request.head.sha)
updated=$(event .pull_request.updated_at)
preview=${PREFIX:-pr-}$number
branch=${GITOPS_BRANCH:-main}
file=${GITOPS_FILE:-previews.yaml}
case $file in
  -* | /* | ../* | */../* | */..) fail "\`$file\` is not the path of a file in the repository" ;;
esac
if [ "$(event .pull_request.head.repo.full_name)" != "$(event .repository.full_name)" ] && [ "$action" != closed ]; then
  fail "#$number comes from a fork: its code gets no preview with this token"
fi

images=()
while IFS= read -r line; do
  if [ -n "$line" ]; then images+=(--image "$line"); fi
done <<<"${IMAGES:-}"
if [ -n "${METADATA:-}" ]; then
  # The names of an image may be many, each with a tag; the digest is what was built. Only `{}` says that nothing was: where
  # a target lacks its name or digest, as without --push, nothing is known.
  built=$(jq -rse 'if length == 1 and (.[0] | type) == "object" then .[0] else error("no object") end
    | del(.["buildx.build.warnings"]) | [to_entries[]
      | "\(.key)=\(.value["image.name"] | split(",")[0] | sub(":[^/:]*$"; ""))@\(.value["containerimage.digest"] | . // error("no digest"))"]
    | join("\n")' "$METADATA") ||
    fail "$METADATA does not say what was built; push the images with names, or leave \`metadata\` out"
  while IFS= read -r line; do
    if [ -n "$line" ]; then images+=(--image "$line"); fi
  done <<<"$built"
fi

# What this run does to the file.
edit() {
  if [ "$action" = closed ]; then
    anabranch remove "$preview" --closed "$(event .pull_request.closed_at)" --change "$repository#$number" --file "$1"
  elif [ ${#images[@]} = 0 ]; then
    # Closed as of this push: a later one may affect a service again.
    anabranch remove "$preview" --closed "$updated" --change "$repository#$number" --file "$1"
  else
    local expires=()
    if [ "${DAYS:-0}" != 0 ]; then
      expires=(--expires "$(date --utc --date "$updated + $DAYS days" +%Y-%m-%dT%H:%M:%SZ)")
    fi
    anabranch set "$preview" "${images[@]}" --change "$repository#$number@$commit" --replace \
      --if-newer "$updated" "${expires[@]}" --file "$1"
  fi
}

# The token stands in no argument, where other processes could read it, nor in the clone's configuration.
export GIT_TERMINAL_PROMPT=0
if [ -n "${GITOPS_TOKEN:-}" ]; then
  export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraHeader
  GIT_CONFIG_VALUE_0="Authorization: Basic $(printf 'x-access-token:%s' "$GITOPS_TOKEN" | base64 | tr -d '\n')"
  export GIT_CONFIG_VALUE_0
fi

clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git clone --quiet --depth 1 --branch "$branch" -- "${GITOPS_REPOSITORY:?}" "$clone/gitops"
cd "$clone/gitops"
[ -f "$file" ] && [ ! -L "$file" ] || fail "$file is no file of the GitOps repository"
state=
for attempt in $(seq 20); do
  edit "$file"
  if git diff --quiet -- "$file"; then
    state=unchanged
    break
  fi
  git -c user.name=anabranch -c user.email=anabranch@users.noreply.github.com \
    commit --quiet --message "$preview: ${action/synchronize/updated} ($repository/pull/$number)" -- "$file"
  if git push --quiet origin "HEAD:refs/heads/$branch" 2>push.log; then
    if [ "$action" = closed ] || [ ${#images[@]} = 0 ]; then state=closed; else state=set; fi
    break
  fi
  grep -qE 'non-fast-forward|fetch first|cannot lock ref|failed to update ref|incorrect old value' push.log ||
    fail "$(cat push.log)"
  # Somebody was faster: the edit is made again on what is there now.
  sleep "$((RANDOM % (attempt < 5 ? 2 : 5)))"
  git fetch --quiet --depth 1 origin "$branch"
  git reset --quiet --hard FETCH_HEAD
done
[ -n "$state" ] || fail "the branch $branch moved 20 times while $preview was written to it"
echo "$preview: $state"
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  printf 'preview=%s\nstate=%s\n' "$preview" "$state" >>"$GITHUB_OUTPUT"
fi
