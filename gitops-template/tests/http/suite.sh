#!/bin/sh
# What every suite does around its tests. The same file lies in the folder of each: a suite is carried alone.
#
#   suite.sh run SUITE SECONDS COMMAND...   runs the tests; what they say and how they ended stays in $RESULTS
#   suite.sh report SUITE                   uploads $RESULTS, and ends as the tests did
#
# The tests run in an init container, so that the report is uploaded whether they are green or red. The place is known
# before the first test runs, and `spec.tests[].report` in previews.yaml links there:
# $REPORTS_URL/$PREVIEW/$PREVIEW_COMMIT/SUITE/index.html. Without REPORTS_URL nothing is uploaded.
set -eu
umask 022
export FORCE_COLOR=0    # a log is no terminal
action=$1
suite=$2
shift 2

run() {
  seconds=$1
  shift
  began=$(date +%s)
  # The exit code through a file: a pipe has the code of `tee`.
  {
    code=0
    timeout "$seconds" "$@" 2>&1 || code=$?
    # busybox and coreutils have words of their own for a command that ran out of time.
    case $code in 124 | 143) echo "$suite: still not done after $seconds s, so it was ended" ;; esac
    echo "$code" >"$RESULTS/exit-code"
  } | tee "$RESULTS/log.txt"
  echo "$(($(date +%s) - began))" >"$RESULTS/seconds"
}

# Text for a page: no colours, and nothing that is markup.
harmless() { sed "s/$(printf '\033')\[[0-9;]*m//g; s/&/\\&amp;/g; s/</\\&lt;/g; s/>/\\&gt;/g; s/\"/\\&quot;/g"; }

# A page with the verdict, a link to everything else, and the log.
page() {
  verdict=passed
  [ "$code" = 0 ] || verdict=failed
  title=$(printf '%s, %s: %s' "$PREVIEW" "$suite" "$verdict" | harmless)
  printf '<!doctype html><html lang="en"><meta charset="utf-8"><title>%s</title>\n' "$title"
  printf '<style>body{font:16px/1.5 sans-serif;margin:2em;max-width:60em}pre{background:#f4f4f4;padding:1em;overflow:auto}'
  printf '.passed{color:#1a7f37}.failed{color:#cf222e}</style>\n<h1 class="%s">%s</h1>\n' "$verdict" "$title"
  printf '<p>Commit %s, services %s, %s s, exit code %s.</p>\n<ul>\n' "$(printf %s "${PREVIEW_COMMIT:-none}" | harmless)" \
    "$(printf %s "${PREVIEW_SERVICES:-none}" | harmless)" "$(cat "$RESULTS/seconds")" "$code"
  shown | while read -r file; do
    name=$(printf %s "$file" | harmless)
    printf '<li><a href="%s">%s</a>\n' "$name" "$name"
  done
  printf '</ul>\n<pre>'
  harmless <"$RESULTS/log.txt"
  printf '</pre></html>\n'
}

# What is worth a look: of a folder with a page of its own, such as Playwright's report, that page.
shown() {
  files | while read -r file; do
    folder=${file%%/*}
    case $file in
      .* | */.*) ;;
      "$folder/index.html") echo "$file" ;;
      *) [ -f "$RESULTS/$folder/index.html" ] || echo "$file" ;;
    esac
  done
}

files() { (cd "$RESULTS" && find . -type f ! -name exit-code ! -name seconds ! -path ./index.html | sed 's|^\./||' | sort); }

type_of() {
  case $1 in
    *.html) echo 'text/html; charset=utf-8' ;;
    *.xml) echo application/xml ;;
    *.json) echo application/json ;;
    *.txt | *.md) echo 'text/plain; charset=utf-8' ;;
    *.js | *.mjs) echo text/javascript ;;
    *.css) echo text/css ;;
    *.svg) echo image/svg+xml ;;
    *.png) echo image/png ;;
    *.zip) echo application/zip ;;
    *) echo application/octet-stream ;;
  esac
}

upload() { # FILE: the credentials through stdin, where no list of processes shows them
  printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" |
    curl --config - --fail --silent --show-error --max-time 120 --retry 4 --retry-delay 2 --retry-all-errors \
      --aws-sigv4 "aws:amz:${AWS_REGION:-us-east-1}:s3" --header "content-type: $(type_of "$1")" \
      --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --upload-file "$RESULTS/$1" --output /dev/null "$place/$1"
}

report() {
  code=$(cat "$RESULTS/exit-code")
  if [ -z "${REPORTS_URL:-}" ]; then
    echo "$suite: no REPORTS_URL, so no report is kept; the tests ended with $code"
    exit "$code"
  fi
  if [ -z "${PREVIEW_COMMIT:-}" ]; then
    echo "$suite: the preview names no commit, so there is no place for a report; the tests ended with $code"
    exit "$code"
  fi
  place=${REPORTS_URL%/}/$PREVIEW/$PREVIEW_COMMIT/$suite
  if [ -z "${AWS_ACCESS_KEY_ID:-}" ] || [ -z "${AWS_SECRET_ACCESS_KEY:-}" ]; then
    echo "$suite: the tests ended with $code, but the report cannot be uploaded to $place: the Secret \`reports\` of this" \
      "namespace needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" >&2
    exit 1
  fi
  page >"$RESULTS/index.html"
  # The page last: what it links to is there already.
  for file in $(files) index.html; do
    upload "$file" || {
      echo "$suite: the tests ended with $code, but the report could not be uploaded to $place" >&2
      exit 1
    }
  done
  echo "$suite: $place/index.html"
  exit "$code"
}

case $action in
  run) run "$@" ;;
  report) report ;;
  *) echo "usage: suite.sh run SUITE SECONDS COMMAND... | suite.sh report SUITE" >&2; exit 2 ;;
esac
