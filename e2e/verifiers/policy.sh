#!/usr/bin/env bash
# Decisions that Sluss recorded, decided again by rego-cpp, and edited copies rejected. A verifier
# that cannot be had is red, not skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check regopy==1.5.2
cargo run --quiet -p sluss-policy --example corpus -- "$scratch/corpus"
"$scratch/venv/bin/python" e2e/verifiers/policy.py --corpus "$scratch/corpus"
