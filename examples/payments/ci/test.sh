#!/bin/sh
# Runs the tests offline and writes a JUnit report: ci/test.sh REPORT.xml
# Exits as `cargo test` does.
set -eu
report=${1:?usage: ci/test.sh REPORT.xml}
case $report in /*) ;; *) report=$(pwd)/$report ;; esac
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

{
    code=0
    cargo test --release --locked --offline --no-fail-fast 2>&1 || code=$?
    echo "$code" >"$scratch/code"
} | tee "$scratch/output"
code=$(cat "$scratch/code")

cargo run --quiet --release --locked --offline --package junit -- "$code" \
    <"$scratch/output" >"$report"
exit "$code"
