#!/usr/bin/env bash
# Prints the life of pods for kwok, from its own stages in folder $1: pods are ready at once, unless
# their image says `never-ready`; pods of Jobs end after 3 s, and badly where they carry the label
# `lab-fail`.
set -euo pipefail

where() { # KEY OPERATOR: one more condition of a stage's selector
  sed "s|^    matchExpressions:\$|&\n    - key: '$1'\n      operator: '$2'|"
}
delay() { sed 's|^  next:$|  delay:\n    durationMilliseconds: 3000\n&|'; }

cd "$1"
cat node/fast/node-initialize.yaml
echo ---
cat node/heartbeat-with-lease/node-heartbeat-with-lease.yaml
echo ---
cat pod/fast/pod-delete.yaml
echo ---
where '.spec.containers.[].image \| select( contains("never-ready") )' DoesNotExist <pod/fast/pod-ready.yaml
echo ---
where '.metadata.labels.["lab-fail"]' DoesNotExist <pod/fast/pod-complete.yaml | delay
echo ---
where '.metadata.labels.["lab-fail"]' Exists <pod/fast/pod-complete.yaml | delay |
  sed 's/name: pod-complete/name: pod-fail/; s/exitCode: 0/exitCode: 1/; s/reason: Completed/reason: Error/
    s/phase: Succeeded/phase: Failed/'
