#!/usr/bin/env bash
# Runs a command in the lab: starts all engines in a network namespace and a process namespace of
# their own, waits until they answer, and runs the command there.
#
# Whatever happens, nothing stays: both namespaces have no name and end with their first process,
# which the kernel kills together with this script. Needs root.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" != 0 ]; then
  echo "make e2e needs root: it makes a network namespace (try: sudo -E make e2e)" >&2
  exit 1
fi
# A job in the background does not get the terminal's Ctrl-C; this script does, and ends it.
setpriv --pdeathsig KILL unshare --net --pid --mount-proc --fork --kill-child=KILL \
  "$here/up.sh" "$@" </dev/null &
lab=$!
trap 'kill -KILL $lab 2>/dev/null || true; wait $lab 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
wait $lab
