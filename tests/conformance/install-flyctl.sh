#!/usr/bin/env bash
# Installs the pinned flyctl into .tools/bin with the Go toolchain and prints its path.
# Where Go is absent, or the module cannot be had, it says so and exits 0: the tests that need
# the real binary then skip themselves with this reason.
set -euo pipefail

version=v0.4.87
cd "$(dirname "$0")/../.."
target="$PWD/.tools/bin"

if [[ -x "$target/flyctl" ]] && "$target/flyctl" version 2>/dev/null | grep -qF "${version}"; then
  echo "$target/flyctl"
  exit 0
fi
if ! command -v go >/dev/null; then
  echo "flyctl not installed: Go is not on this machine; tests with the real flyctl are skipped" >&2
  exit 0
fi
mkdir -p "$target"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A release build takes its version and date from the linker; without them it would not start.
info=github.com/superfly/flyctl/internal/buildinfo
flags="-X $info.buildVersion=${version#v} -X $info.buildDate=2026-08-21T00:00:00Z"
if ! GOBIN="$target" GOFLAGS=-mod=mod nice -n 10 go install -tags production -ldflags "$flags" \
    "github.com/superfly/flyctl@${version}" >"$log" 2>&1; then
  echo "flyctl not installed: go install of ${version} failed; tests with the real flyctl are skipped" >&2
  tail -n 2 "$log" | sed -E 's#https?://[^ ]+##g' >&2
  exit 0
fi
echo "$target/flyctl"
