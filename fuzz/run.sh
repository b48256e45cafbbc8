#!/usr/bin/env bash
# Builds the fuzz targets and runs each for FUZZ_SECONDS (30), two at a time: first the inputs in
# corpus/, then what grows out of them. Names of targets as arguments run those alone. With FUZZ_SEED=1 the same
# inputs are tried each time, so that a change is judged by what it does; without it every run explores others.
#
# A finding ends the run; its input is then in fuzz/artifacts. Stable Rust will do: the instrumentation
# is in every compiler, and only sanitizers need another one. This code has no unsafe block for them.
set -euo pipefail

CARGO_FUZZ=0.13.2

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
tools=$root/.tools
built=${CARGO_TARGET_DIR:-$root/target}/fuzz
# Inputs found here grow from run to run; corpus/ holds those that are worth a review.
found=$built/corpus
export PATH="$tools/bin:$PATH"

if [ "$(cat "$tools/cargo-fuzz.version" 2>/dev/null)" != "$CARGO_FUZZ" ]; then
  cargo install --quiet --locked --root "$tools" --target-dir "$built/tool" "cargo-fuzz@$CARGO_FUZZ"
  printf '%s\n' "$CARGO_FUZZ" >"$tools/cargo-fuzz.version"
fi

# cargo-fuzz itself would mend a lock file that is out of date and say nothing.
cargo metadata --locked --quiet --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
cargo fuzz build --sanitizer none --target-dir "$built"

# Per input a second and 256 MB, which is what hostile input may cost.
run() {
  mkdir -p "$found/$1"
  log=$found/$1.log
  if cargo fuzz run --sanitizer none --target-dir "$built" "$1" "$found/$1" "fuzz/corpus/$1" -- \
    "-max_total_time=${FUZZ_SECONDS:-30}" "-seed=${FUZZ_SEED:-0}" -timeout=1 -rss_limit_mb=256 >"$log" 2>&1; then
    echo "fuzz $1: $(grep '^Done ' "$log")"
  else
    tail -n 60 "$log"
    echo "fuzz $1: FOUND something, see fuzz/README.md" >&2
    return 1
  fi
}
export -f run
export found built

# shellcheck disable=SC2046 # names without spaces
[ $# -gt 0 ] || set -- $(cd fuzz/corpus && ls)
printf '%s\n' "$@" | xargs -P 2 -I NAME bash -euo pipefail -c 'run NAME'
