#!/usr/bin/env bash
# Installs a release of anabranch into the PATH of the job's next steps.
#
#   setup.sh VERSION
#
# The binary must have the checksum that the release lists, and a provenance that says that the release workflow of
# anabranch/anabranch made it from the tag of that version.
#
# Needs gh with a token in GH_TOKEN, curl, sha256sum or shasum.
set -euo pipefail

fail() { echo "$*; nothing was installed" >&2; exit 1; }

version=${1:?usage: setup.sh VERSION}
[[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || fail "\`$version\` is not a release, such as v0.1.0"
command -v gh >/dev/null || fail "gh is needed, which verifies the provenance: https://cli.github.com"
repository=anabranch/anabranch
releases=${RELEASES:-https://github.com/$repository/releases/download}

case $(uname -s) in
  Linux) os=linux ;;
  Darwin) os=darwin ;;
  *) fail "there is no binary for $(uname -s)" ;;
esac
case $(uname -m) in
  x86_64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) fail "there is no binary for $(uname -m)" ;;
esac
name=anabranch-$os-$arch

folder=${RUNNER_TEMP:?}/anabranch-$version
rm -rf "$folder"
mkdir -p "$folder/bin"
cd "$folder"
for file in "$name" checksums.txt; do
  curl --fail --silent --show-error --location --retry 3 --max-time 120 --output "$file" "$releases/$version/$file" ||
    fail "$releases/$version/$file cannot be fetched: is there such a release?"
done
line=$(awk -v name="$name" '$2 == name || $2 == "*" name' checksums.txt)
[ -n "$line" ] || fail "checksums.txt of $version does not list $name"
if command -v sha256sum >/dev/null; then sum=(sha256sum); else sum=(shasum -a 256); fi
"${sum[@]}" --check --strict --quiet <<<"$line" || fail "$name is not the file whose checksum $version lists"
# The checksum is from where the binary is. This is what only the release workflow could have signed.
gh attestation verify "$name" --repo "$repository" \
  --signer-workflow "$repository/.github/workflows/release.yaml" --source-ref "refs/tags/$version" \
  --deny-self-hosted-runners ||
  fail "$name has no provenance of the release workflow of $repository at $version"
install -m 0755 "$name" bin/anabranch
echo "$folder/bin" >>"${GITHUB_PATH:?}"
bin/anabranch --version
