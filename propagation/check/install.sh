#!/usr/bin/env bash
# Installs what the check of the propagators needs, pinned, into the git-ignored folder .tools/propagation. Done once;
# then it costs nothing.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
parts=$(cd "$here/.." && pwd)
into=$(cd "$parts/.." && pwd)/.tools/propagation

missing=""
for program in node npm python3 go java javac mvn; do
  command -v "$program" >/dev/null || missing="$missing $program"
done
if [ -n "$missing" ]; then
  echo "the check of the propagators needs$missing" >&2
  exit 1
fi
mkdir -p "$into"

# begin NAME FILE...: an empty folder NAME, where what is in it was not made from these files; done_with NAME ends it.
begin() {
  name=$1
  shift
  version=$(cat "$here/install.sh" "$@" | sha256sum | cut -c1-16)
  [ "$(cat "$into/$name.version" 2>/dev/null)" != "$version" ] || return 1
  rm -rf "${into:?}/$name" "$into/$name.version"
  mkdir "$into/$name"
}
done_with() { printf '%s\n' "$version" >"$into/$1.version"; echo "installed what $1 needs"; }

# A team's propagator lies where its application finds @opentelemetry/api, and so it does here.
if begin node "$here"/node/* "$parts"/node/*; then
  cp "$here"/node/* "$parts"/node/*.cjs "$into/node"
  (cd "$into/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel error >/dev/null)
  done_with node
fi

if begin python "$here"/python/requirements.txt "$parts"/python/*; then
  python3 -m venv "$into/python/venv"
  pip="$into/python/venv/bin/python -m pip --quiet --disable-pip-version-check install"
  $pip --require-hashes --only-binary :all: --requirement "$here/python/requirements.txt"
  # It is built in a copy: setuptools leaves files beside the source.
  cp -r "$parts/python" "$into/python/package"
  $pip --no-deps --no-build-isolation --no-index "$into/python/package"
  done_with python
fi

if begin go "$parts"/go.* "$parts"/go/* "$here"/go/*; then
  (cd "$parts" && CGO_ENABLED=0 go build -mod=readonly -o "$into/go/a" ./check/go)
  done_with go
fi

# Maven keeps what it downloads in its own folder, which pipelines know how to cache.
for stack in agent boot3 brave boot4; do
  if begin "java-$stack" "$here"/java/*; then
    mvn --quiet --batch-mode --strict-checksums --file "$here/java/pom.xml" --activate-profiles "$stack" \
      dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$into/java-$stack/lib" >&2
    program=Boot
    if [ "$stack" = agent ]; then program=Plain; fi
    javac -parameters -classpath "$into/java-$stack/lib/*" -d "$into/java-$stack" "$here/java/$program.java"
    done_with "java-$stack"
  fi
done
