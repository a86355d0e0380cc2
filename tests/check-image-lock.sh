#!/usr/bin/env bash
# The gateway's locks install from binary wheels alone wherever they must: in the image (Alpine, so musl) and in the
# rehearsal (glibc), on x86_64 and on arm64. Only resolved against the package index; nothing is installed.
set -euo pipefail

cd "$(dirname "$0")/../fly/hotdash-llm-gateway"
uv=../../.venv-dev/bin/uv
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for libc in musl gnu; do
  for machine in x86_64 aarch64; do
    # Alpine's Python, as Langfuse's image and the next one have it.
    for python in 3.12 3.13; do
      if ! said=$("$uv" pip install --dry-run --no-config --target "$folder" --python-version "$python" \
        --python-platform "$machine-unknown-linux-$libc" \
        --only-binary :all: --require-hashes -r requirements.lock -r edge.lock 2>&1); then
        echo "the gateway's locks do not install on $machine with $libc, Python $python:" >&2
        echo "$said" >&2
        exit 1
      fi
      echo "$machine, $libc, Python $python: $(grep -o 'Would install [0-9]* packages' <<<"$said")"
    done
  done
done
