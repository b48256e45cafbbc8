#!/usr/bin/env bash
# What the scripts of the actions need of git. They read this file.

# Runs a command whose calls of git have a token. It stands in no argument, where other processes could read it, nor in the
# configuration of a clone.
with_token() { # TOKEN COMMAND...
  local token=$1 header
  shift
  if [ -z "$token" ]; then
    GIT_TERMINAL_PROMPT=0 "$@"
    return
  fi
  header="Authorization: Basic $(printf 'x-access-token:%s' "$token" | base64 | tr -d '\n')"
  GIT_TERMINAL_PROMPT=0 GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraHeader GIT_CONFIG_VALUE_0=$header "$@"
}
