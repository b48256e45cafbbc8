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

version=${1:?usage: setup.sh VERSION}
[[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || { echo "\`$version\` is not a release, such as v0.1.0" >&2; exit 1; }
repository=anabranch/anabranch
releases=${RELEASES:-https://github.com/$repository/releases/download}

case $(uname -s) in
  Linux) os=linux ;;
  Darwin) os=darwin ;;
  *) echo "there is no binary for $(uname -s)" >&2; exit 1 ;;
esac
case $(uname -m) in
  x86_64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) echo "there is no binary for $(uname -m)" >&2; exit 1 ;;
esac
name=anabranch-$os-$arch

folder=${RUNNER_TEMP:?}/anabranch-$version
rm -rf "$folder"
mkdir -p "$folder/bin"
cd "$folder"
for file in "$name" checksums.txt; do
  curl --fail --silent --show-error --location --retry 3 --max-time 120 --output "$file" "$releases/$version/$file"
done
line=$(awk -v name="$name" '$2 == name || $2 == "*" name' checksums.txt)
[ -n "$line" ] || { echo "checksums.txt of $version does not list $name" >&2; exit 1; }
if command -v sha256sum >/dev/null; then
  sha256sum --check --strict --quiet <<<"$line"
else
  shasum -a 256 --check <<<"$line"
fi
gh attestation verify "$name" --repo "$repository" \
  --signer-workflow "$repository/.github/workflows/release.yaml" --source-ref "refs/tags/$version" \
  --deny-self-hosted-runners
install -m 0755 "$name" bin/anabranch
echo "$folder/bin" >>"${GITHUB_PATH:?}"
bin/anabranch --version
