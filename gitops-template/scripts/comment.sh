#!/usr/bin/env bash
# Says something on a pull request, in one comment that the next run replaces.
#
#   scripts/comment.sh NUMBER FILE
#
# GITHUB_API_URL, GITHUB_REPOSITORY    as a workflow has them, on GitHub and on Gitea
# TOKEN                                may write comments
#
# Needs curl, jq.
set -euo pipefail

number=${1:?usage: comment.sh NUMBER FILE}
file=${2:?usage: comment.sh NUMBER FILE}
marker='<!-- previews -->'
issues=${GITHUB_API_URL:?}/repos/${GITHUB_REPOSITORY:?}/issues

call() { # METHOD URL, and the body on stdin; the token is in no argument, where other processes could read it
  curl --config <(printf 'header = "Authorization: Bearer %s"\n' "${TOKEN:?}") \
    --fail --silent --show-error --retry 3 --max-time 30 \
    --header "Content-Type: application/json" --request "$1" --data-binary @- "$2"
}

# GitHub takes 65,536 characters.
body=$(jq -n --arg marker "$marker" --rawfile text "$file" '$text as $whole
  | (if ($whole | length) > 60000 then $whole[:60000] + "\n\n… and more: the summary of the workflow has all of it." else $whole end)
  | {body: ($marker + "\n" + .)}')

page=1
comment=
while [ -z "$comment" ]; do
  there=$(call GET "$issues/$number/comments?per_page=50&limit=50&page=$page" </dev/null)
  comment=$(jq -r --arg marker "$marker" '[.[] | select(.body | startswith($marker)) | .id] | first // empty' <<<"$there")
  # Gitea gives all of them at once, whatever the page.
  if [ "$(jq length <<<"$there")" -lt 50 ] || [ "$page" = 20 ]; then break; fi
  page=$((page + 1))
done
if [ -n "$comment" ]; then
  call PATCH "$issues/comments/$comment" <<<"$body" >/dev/null
else
  call POST "$issues/$number/comments" <<<"$body" >/dev/null
fi
