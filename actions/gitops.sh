#!/usr/bin/env bash
# Edits previews.yaml in a GitOps repository, also while others push to it. preview.sh and prune.sh read this file.
#
# GITOPS_REPOSITORY, GITOPS_BRANCH, GITOPS_FILE
#                 where previews.yaml is
# GITOPS_TOKEN    pushes to that branch; empty where the URL needs none

fail() { echo "$*" >&2; exit 1; }
# shellcheck source=actions/git.sh
. "$(dirname "${BASH_SOURCE[0]}")/git.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
branch=${GITOPS_BRANCH:-main}
file=${GITOPS_FILE:-previews.yaml}
case $file in
  -* | /* | ../* | */../* | */..) fail "\`$file\` is not the path of a file in the repository" ;;
esac

# Runs `edit FILE` in a clone and pushes what it changed. A push that meets a branch that has moved is no failure: the edit is
# made again on what is there now. `changed` says whether there was anything to push.
edit_gitops() { # MESSAGE
  if [ -z "${GITOPS_TOKEN:-}" ] && [[ ${GITOPS_REPOSITORY:?} == https://* ]]; then
    echo "GITOPS_TOKEN is empty, as it is for pull requests of forks and of Dependabot" >&2
  fi
  with_token "${GITOPS_TOKEN:-}" "$GITOPS_REPOSITORY" \
    git clone --quiet --depth 1 --branch "$branch" -- "$GITOPS_REPOSITORY" "$scratch/gitops"
  cd "$scratch/gitops"
  [ -f "$file" ] && [ ! -L "$file" ] || fail "$file is no file of the GitOps repository"
  for attempt in $(seq 20); do
    edit "$file"
    if git diff --quiet -- "$file"; then
      changed=
      return
    fi
    git -c user.name=anabranch -c user.email=anabranch@users.noreply.github.com \
      commit --quiet --message "$1" -- "$file"
    if with_token "${GITOPS_TOKEN:-}" "$GITOPS_REPOSITORY" git push --quiet origin "HEAD:refs/heads/$branch" 2>"$scratch/push.log"; then
      changed=yes
      return
    fi
    grep -qE 'non-fast-forward|fetch first|cannot lock ref|failed to update ref|incorrect old value' "$scratch/push.log" ||
      fail "$(cat "$scratch/push.log")"
    sleep "$((RANDOM % (attempt < 5 ? 2 : 5)))"
    with_token "${GITOPS_TOKEN:-}" "$GITOPS_REPOSITORY" git fetch --quiet --depth 1 origin "$branch"
    git reset --quiet --hard FETCH_HEAD
  done
  fail "the branch $branch moved 20 times while $file was edited"
}
