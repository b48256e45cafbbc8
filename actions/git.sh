#!/usr/bin/env bash
# What the scripts of the actions need of git. They read this file.

# Runs a command whose calls of git have a token for one URL. It stands in no argument, where other processes could read it, nor
# in the configuration of a clone, and no other server is shown it.
with_token() { # TOKEN URL COMMAND...
  local token=$1 url=$2 header
  shift 2
  if [ -z "$token" ]; then
    GIT_TERMINAL_PROMPT=0 "$@"
    return
  fi
  header="Authorization: Basic $(printf 'x-access-token:%s' "$token" | base64 | tr -d '\n')"
  GIT_TERMINAL_PROMPT=0 GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.$url.extraHeader GIT_CONFIG_VALUE_0=$header "$@"
}
