#!/usr/bin/env bash
# How runs of push.sh that overlap keep out of each other's way, with nothing but tags that the last writer moves. push.sh
# reads this file.
#
# SET._run names the commit that is at work, SET._end the one whose run ended last, with the tags that it left and their
# digests. A run claims SET._run, and looks at both before and after each tag that it moves or removes.
#
# - A later commit in either: this run is late and stops. The one tag that it may have moved or removed after the later run had
#   looked gets back what that run says when it ends.
# - An earlier commit in SET._run although this run had claimed it: somebody late did not see the claim. This run claims again,
#   and finds out anew what there is to push.
#
# So a run has ended well only when nobody else wrote between its claim and its last look, and whoever wrote before is
# overwritten by what it found to push.

RUN=_run END=_end
TAGS=dev.anabranch.tags

is_mark() { [ "$1" = "$set.$RUN" ] || [ "$1" = "$set.$END" ]; } # TAG

# The manifest of an artifact; an empty file where there is no such artifact.
manifest() { # TAG FILE
  if ! oras manifest fetch "${flags[@]}" "$repository:$1" >"$2" 2>"$2.error" </dev/null; then
    : >"$2"
    if ! grep -qiE ': not found$|response status code 404' "$2.error"; then
      cat "$2.error" >&2
      return 1
    fi
  fi
}

annotation() { jq -r --arg key "$2" '.annotations[$key] // empty' "$1"; } # FILE KEY

digest() { # FILE: that of the manifest in it
  local sum
  if [ -s "$1" ]; then
    sum=$(sha256sum "$1")
    echo "sha256:${sum%% *}"
  fi
}

commit_of() { # FILE
  local revision
  revision=$(annotation "$1" org.opencontainers.image.revision)
  echo "${revision##*:}"
}

# Whether a commit is later than that of this run: it has this one in its history, or the branch was rewritten and now has it
# instead of this one.
is_later() { # COMMIT
  if [ -z "$1" ] || [ "$1" = "$commit" ]; then return 1; fi
  if has_commit "$1"; then
    if git merge-base --is-ancestor "$1" "$commit"; then return 1; fi
    if git merge-base --is-ancestor "$commit" "$1"; then return 0; fi
  fi
  if ! with_token "${GIT_TOKEN:-}" "$(git remote get-url origin)" git fetch --quiet origin 2>"$scratch/fetch"; then
    echo "commit $1 was pushed too, and it cannot be told whether it is later: $(head -n 1 "$scratch/fetch")" >&2
    fail "let this job read the repository, or delete the tags $set.$RUN and $set.$END where that commit is gone"
  fi
  if ! has_commit "$1"; then return 1; fi
  if git merge-base --is-ancestor "$commit" "$1"; then return 0; fi
  on_branch "$1" && ! on_branch "$commit"
}

has_commit() { git cat-file -e "$1^{commit}" 2>/dev/null; }

on_branch() { [ -n "$(git branch --remotes --contains "$1")" ]; }

# Finds out who is at work: this run (`ours`) or nobody who knows of it (`free`). Where it is one of a later commit, this one ends.
look() { # [TAG]: that this run has just moved or removed
  find_marks
  if is_later "$at_work" || is_later "$ended"; then
    if [ -n "${1:-}" ]; then undo "$1"; fi
    echo "a later commit is pushed already"
    exit 0
  fi
  if [ "$at_work" = "$commit" ]; then state=ours; else state=free; fi
}

find_marks() {
  manifest "$set.$RUN" "$scratch/run"
  manifest "$set.$END" "$scratch/end"
  at_work=$(commit_of "$scratch/run")
  ended=$(commit_of "$scratch/end")
}

# Says that this run is at work.
claim() {
  local mark
  mkdir -p "$scratch/empty"
  for _ in $(seq 20); do
    look
    if [ "$state" = ours ]; then break; fi
    mark=$(upload "$scratch/empty" '{}')
    move "$set.$RUN" "$mark"
  done
  if [ ! -e "$scratch/before" ]; then
    annotation "$scratch/end" "$TAGS" | sed 's/ .*//' >"$scratch/before"
  fi
}

# Says that this run has ended, and what is there now. From here on whoever is late knows it; the look shows whether somebody
# wrote before.
end() {
  local tags mark
  tags=$(number=0; while read -r tag; do
    number=$((number + 1))
    echo "$tag $(cat "$scratch/digest-$number")"
  done <"$scratch/tags")
  mark=$(upload "$scratch/empty" "$(jq -nc --arg key "$TAGS" --arg tags "$tags" '{($key): $tags}')")
  move "$set.$END" "$mark"
  look
}

# Deletes a manifest with its tags. Some registries let nobody do so by this API; what is left then is named by nothing, so it
# does no harm.
remove() { # DIGEST
  if ! oras manifest delete "${flags[@]}" --force "$repository@$1" >/dev/null 2>"$scratch/deleted"; then
    echo "the registry does not delete it: $(head -n 1 "$scratch/deleted")" >"$scratch/error"
    return 1
  fi
}

# Gives a tag what the later run says, when that has ended.
undo() { # TAG
  local wanted found
  for _ in $(seq "${PATIENCE:-300}"); do
    # This run may have overwritten the claim of one that has ended meanwhile.
    if is_later "$ended" && { [ "$at_work" = "$ended" ] || [ "$at_work" = "$commit" ]; }; then
      wanted=$(annotation "$scratch/end" "$TAGS" | awk -v tag="$1" '$1 == tag { print $2 }')
      manifest "$1" "$scratch/found"
      found=$(digest "$scratch/found")
      if [ "$found" = "$wanted" ]; then return; fi
      if [ -z "$wanted" ]; then
        remove "$found" || return 0
      elif [ "$(digest "$scratch/gone")" = "$wanted" ]; then
        oras manifest push "${flags[@]}" "$repository:$1" "$scratch/gone" >/dev/null
      else
        move "$1" "$wanted"
      fi
    else
      sleep 1
    fi
    find_marks
  done
  fail "a later commit is being pushed, and its run does not end: $repository:$1 is of this commit until somebody runs that again"
}
