#!/usr/bin/env bash
# Signs an artifact with cosign, where that is wanted.
#
#   sign.sh REPOSITORY@DIGEST
#
# SIGN    none (the default); keyless: with the identity of the workflow, which needs `id-token: write`;
#         key: with COSIGN_PRIVATE_KEY and COSIGN_PASSWORD, and without a public log
# ORAS_FLAGS
#         --plain-http holds for cosign too
#
# Needs cosign 3, logged in to the registry as oras is.
set -euo pipefail

artifact=${1:?usage: sign.sh REPOSITORY@DIGEST}
flags=(--yes)
case " ${ORAS_FLAGS:-} " in *" --plain-http "*) flags+=(--allow-http-registry) ;; esac
case ${SIGN:-none} in
  none) exit ;;
  keyless) ;;
  key)
    : "${COSIGN_PRIVATE_KEY:?sign: key needs the private key}"
    flags+=(--key env://COSIGN_PRIVATE_KEY --use-signing-config=false --tlog-upload=false)
    ;;
  *) echo "sign: \`$SIGN\` is none of none, keyless, key" >&2; exit 1 ;;
esac
cosign sign "${flags[@]}" "$artifact" >/dev/null
