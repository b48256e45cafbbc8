#!/usr/bin/env bash
# Checks the five values of values.yaml and writes them where they belong.
#
#   scripts/configure.sh            writes, and lists the files that changed
#   scripts/configure.sh --check    writes nothing; fails where something would change
#   scripts/configure.sh --shell    prints the values as assignments, for `eval` in a shell
#
# A place for a value is a line that ends in a comment such as `# value: oci://${registry}/previews`: what stands between
# the key and that comment is replaced. So the script may run again, with the same values or others. Wrong values are
# refused, all at once, before anything is written.
#
# Needs bash 4.4 or newer, awk, grep.
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "$0")/.." && pwd)
file=$root/values.yaml
mode=${1:-}
case $mode in
  "" | --check | --shell) ;;
  *) echo "usage: scripts/configure.sh [--check | --shell]" >&2; exit 2 ;;
esac
[ -f "$file" ] || { echo "$file is missing" >&2; exit 1; }

problems=()
problem() { problems+=("values.yaml${1:+:$1}: $2"); }

names=(gitops application registry domain reports)
declare -A value=() line=()

# One `name: value` a line, with or without quotes: nothing more of YAML, so that nothing can be read in two ways.
read_values() {
  local text name content number=0 quoted='^(["'\''])(.*)(["'\''])$'
  while IFS= read -r text || [ -n "$text" ]; do
    number=$((number + 1))
    text=${text%$'\r'}
    if [[ $text =~ ^[[:space:]]*(#|$) || $text == --- ]]; then continue; fi
    if ! [[ $text =~ ^([A-Za-z_]+):([[:space:]]+(.*))?$ ]]; then
      problem "$number" "\`$text\` is no line of the form \`name: value\`"
      continue
    fi
    name=${BASH_REMATCH[1]}
    content=${BASH_REMATCH[3]}
    content=${content%%[[:space:]]#*}
    if [[ $content == '#'* ]]; then content=; fi
    content=${content%"${content##*[![:space:]]}"}
    if [[ $content =~ $quoted && ${BASH_REMATCH[1]} == "${BASH_REMATCH[3]}" ]]; then content=${BASH_REMATCH[2]}; fi
    if [[ " ${names[*]} " != *" $name "* ]]; then
      problem "$number" "\`$name\` is none of the values: ${names[*]}"
    elif [ -n "${line[$name]:-}" ]; then
      problem "$number" "\`$name\` stands in line ${line[$name]} too"
    else
      value[$name]=$content
      line[$name]=$number
    fi
  done <"$file"
  for name in "${names[@]}"; do
    if [ -z "${line[$name]:-}" ]; then
      problem "" "\`$name\` is missing"
    elif [ -z "${value[$name]}" ]; then
      problem "${line[$name]}" "\`$name\` is empty"
    fi
  done
}

label='[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'
port='(:[0-9]{1,5})?'
here='^(localhost|127\.0\.0\.1)(:[0-9]+)?$'

# What is wrong with a host that may have a port; nothing where it is fine.
wrong_host() {
  if [[ $1 =~ $here ]]; then return; fi
  if [[ $1 =~ [A-Z] ]]; then
    echo "\`$1\` has capital letters: write it in small ones"
  elif ! [[ $1 =~ ^($label\.)+$label$port$ ]]; then
    echo "\`$1\` is no name of a host"
  elif [[ ${1%%:*} =~ \.[0-9]+$ ]]; then
    echo "\`$1\` is an address: certificates are for names"
  fi
}

# What is wrong with a URL: it is one over https, of a host and a path, and nothing else.
wrong_url() {
  local rest=${1#*://} wrong
  case $1 in
    http://*) if ! [[ ${rest%%/*} =~ $here ]]; then echo "plain http is for localhost alone: write https://$rest"; return; fi ;;
    https://*) ;;
    *://*) echo "it begins with \`${1%%://*}://\`, and https is meant"; return ;;
    git@*:*) rest=${1#git@}; echo "that is an address of SSH: write https://${rest/:/\/}"; return ;;
    *) echo "it does not begin with https://"; return ;;
  esac
  case $rest in
    *[[:space:]]*) echo "there is a space in it" ;;
    *@*) echo "there is a user or a password in it, which everybody reads here: leave it out" ;;
    *[\?\#]*) echo "leave out what follows \`?\` or \`#\`" ;;
    */) echo "leave out the last slash" ;;
    *//*) echo "there are two slashes in a row" ;;
    *)
      wrong=$(wrong_host "${rest%%/*}")
      if [ -n "$wrong" ]; then
        echo "$wrong"
      elif ! [[ $rest =~ ^[A-Za-z0-9._:/~-]+$ ]]; then
        echo "there are characters in it that such a URL does not have"
      elif [[ /${rest#*/}/ == */./* || /${rest#*/}/ == */../* ]]; then
        echo "\`.\` and \`..\` are no parts of a path here"
      fi
      ;;
  esac
}

wrong_repository() {
  local wrong path
  wrong=$(wrong_url "$1")
  path=${1#*://}
  if [ -n "$wrong" ]; then
    echo "$wrong"
  elif [[ $1 == *.git ]]; then
    echo "leave out the \`.git\` at its end"
  elif ! [[ ${path#*/} == */* ]] || [ "${path#*/}" = "$path" ]; then
    echo "a repository has an owner and a name: https://${path%%/*}/OWNER/NAME"
  elif [[ $path =~ ^github\.com/.*/.*/ ]]; then
    echo "GitHub's repositories are https://github.com/OWNER/NAME, and nothing follows"
  fi
}

wrong_registry() {
  local host=${1%%/*} path wrong
  path=${1#"$host"}
  case $1 in
    *://*) echo "leave out \`${1%%://*}://\`: names of images begin with the host"; return ;;
    */) echo "leave out the last slash"; return ;;
    *@*) echo "that is an image with a digest: name the part of a registry that images and artifacts lie in"; return ;;
  esac
  if [[ $host != *[.:]* && $host != localhost ]]; then
    echo "\`$host\` is no host of a registry: for Docker Hub write docker.io/$1"
    return
  fi
  wrong=$(wrong_host "$host")
  if [ -n "$wrong" ]; then
    echo "$wrong"
  elif [[ $path == *:* ]]; then
    echo "that is an image with a tag: name the part of a registry that images and artifacts lie in"
  elif [[ $path =~ [A-Z] ]]; then
    echo "names of images have no capital letters"
  elif ! [[ $path =~ ^(/[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*)*$ ]]; then
    echo "\`${path#/}\` is not how names of images are written"
  fi
}

wrong_domain() {
  case $1 in
    *://* | */*) echo "it is a domain, not a URL: write it without \`https://\` and slashes" ;;
    \**) echo "leave out the \`*.\`: the hosts of previews are made from it" ;;
    .* | *.) echo "leave out the dot at its end or beginning" ;;
    *:*) echo "a domain has no port" ;;
    *_*) echo "an underscore is in no name of a host" ;;
    *.*)
      # `pr-`, 37 more characters and `.preview.` come before it.
      if [ ${#1} -gt 200 ]; then echo "it has ${#1} characters, and 200 leave room for the name of a preview"; else wrong_host "$1"; fi
      ;;
    *) echo "\`$1\` is not a domain of yours: it has no dot" ;;
  esac
}

check_values() {
  local name kind wrong
  for name in "${names[@]}"; do
    if [ -z "${value[$name]:-}" ]; then continue; fi
    case $name in
      gitops | application) kind=repository ;;
      reports) kind=url ;;
      *) kind=$name ;;
    esac
    wrong=$("wrong_$kind" "${value[$name]}")
    if [ -n "$wrong" ]; then problem "${line[$name]}" "\`$name\`: $wrong"; fi
  done
  if [ -n "${value[gitops]:-}" ] && [ "${value[gitops]:-}" = "${value[application]:-}" ]; then
    problem "${line[application]}" "\`application\` is the repository of \`gitops\`: code and manifests have one each"
  fi
}

read_values
check_values
if [ ${#problems[@]} -gt 0 ]; then
  printf '%s\n' "${problems[@]}" >&2
  exit 1
fi

# What follows from the values. One that is empty is not known, and its places stay as they are.
derive() {
  local host=${value[application]#*://}
  case ${host%%/*} in
    github.com | github.*) value[provider]=github ;;
    gitlab.com | gitlab.*) value[provider]=gitlab ;;
    gitea.* | forgejo.* | codeberg.org | localhost* | 127.0.0.1*) value[provider]=gitea ;;
    *)
      value[provider]=
      echo "\`${host%%/*}\` does not say what kind of server it is: set \`provider\` in previews/previews.yaml" >&2
      ;;
  esac
  # Who signs artifacts, and without any key: the workflows of GitHub, by an identity that Sigstore knows.
  case ${value[gitops]} in
    https://github.com/*) value[verify]=keyless ;;
    *) value[verify]=none ;;
  esac
  value[gitops_expression]=${value[gitops]//./\\.}
  value[plain_http]=false
  if [[ ${value[registry]%%/*} =~ $here ]]; then value[plain_http]=true; fi
}
derive

if [ "$mode" = --shell ]; then
  for name in "${names[@]}"; do printf '%s=%q\n' "$name" "${value[$name]}"; done
  exit
fi

for name in "${!value[@]}"; do export "VALUE_$name=${value[$name]}"; done
# Replaces what stands before each comment.
write='
  function filled(text,   out, name, at) {
    while (match(text, /\$\{[a-z_]+\}/)) {
      name = substr(text, RSTART + 2, RLENGTH - 3)
      if (!(("VALUE_" name) in ENVIRON)) {
        printf "%s:%d: there is no value `%s`\n", FILENAME, FNR, name >"/dev/stderr"
        failed = 1
      }
      if (ENVIRON["VALUE_" name] == "") return ""
      out = out substr(text, 1, RSTART - 1) ENVIRON["VALUE_" name]
      text = substr(text, RSTART + RLENGTH)
    }
    return out text
  }
  {
    at = index($0, " # value: ")
    if (at > 0 && $0 !~ /^[ \t]*#/) {
      head = substr($0, 1, at - 1)
      match(head, /^[ \t]*(- +)*([A-Za-z_][A-Za-z0-9_.\/-]*(:| =) +)?/)
      key = substr(head, 1, RLENGTH)
      old = substr(head, RLENGTH + 1)
      new = filled(substr($0, at + 10))
      if (new != "") {
        if (old ~ /^"/) new = "\"" new "\""
        $0 = key new substr($0, at)
      }
    }
    print
  }
  END { exit failed }
'
cd "$root"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
changed=()
while IFS= read -r place; do
  awk "$write" "$place" >"$scratch/new"
  if ! cmp -s "$scratch/new" "$place"; then
    mkdir -p "$scratch/files/$(dirname "$place")"
    mv "$scratch/new" "$scratch/files/$place"
    changed+=("$place")
  fi
done < <(grep -rlI --exclude-dir=.git --exclude-dir=scripts --exclude='*.md' -e ' # value: ' . | sed 's|^\./||' | sort)
if [ "$mode" = --check ] && [ ${#changed[@]} -gt 0 ]; then
  printf '%s: not as values.yaml says\n' "${changed[@]}" >&2
  echo "run scripts/configure.sh" >&2
  exit 1
fi
for place in "${changed[@]}"; do
  cat "$scratch/files/$place" >"$place" # keeps its mode
  echo "$place"
done
