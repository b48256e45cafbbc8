#!/usr/bin/env bash
# Removes previews that have expired, and those whose pull request is not open, from previews.yaml in a GitOps repository.
#
# GITHUB_REPOSITORY, GITHUB_SERVER_URL
#                       whose pull requests, as the runner gives it
# GITOPS_REPOSITORY, GITOPS_BRANCH, GITOPS_FILE, GITOPS_TOKEN
#                       see ../gitops.sh
#
# Needs anabranch, git, jq, GNU date, and gh with a token in GH_TOKEN that may read pull requests.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=actions/gitops.sh
. "$here/../gitops.sh"
repository=${GITHUB_SERVER_URL:-https://github.com}/${GITHUB_REPOSITORY:?}
most=5000

# Before the list: a pull request that is opened meanwhile is later.
now=$(date --utc +%Y-%m-%dT%H:%M:%SZ)
# What the list lacks counts as closed, so it must be whole.
gh pr list --repo "$repository" --state open --limit "$most" --json number --jq '.[].number' >"$scratch/numbers"
[ "$(wc -l <"$scratch/numbers")" -lt "$most" ] || fail "$repository has too many open pull requests to list them all"
sed "s|^|$repository#|" "$scratch/numbers" >"$scratch/open"
echo "$repository" >>"$scratch/open"

edit() { anabranch prune --open "$scratch/open" --now "$now" --file "$1"; }
edit_gitops "Prune previews"
