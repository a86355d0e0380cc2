#!/usr/bin/env bash
# Builds the pinned flyctl and MinIO into .tools/bin with the Go toolchain, for the tests that use the real ones.
# Where Go is absent, or a module cannot be had, it says so and exits 0: those tests then skip themselves, saying why.
set -euo pipefail

cd "$(dirname "$0")/.."
bin="$PWD/.tools/bin"
flyctl=v0.4.87
minio=v0.0.0-20260212201848-7aac2a2c5b7c

# install NAME MODULE VERSION [GO INSTALL OPTIONS...]
install() {
  local name=$1 module=$2 version=$3 log
  shift 3
  if [[ -x "$bin/$name" && "$(cat "$bin/.$name" 2>/dev/null)" == "$version" ]]; then
    echo "$bin/$name"
    return
  fi
  log=$(mktemp)
  if GOBIN="$bin" GOFLAGS=-mod=mod nice -n 10 go install "$@" "$module@$version" >"$log" 2>&1; then
    echo "$version" >"$bin/.$name"
    echo "$bin/$name"
  else
    echo "$name not installed: go install of $version failed; the tests with the real one are skipped" >&2
    tail -n 2 "$log" | sed -E 's#https?://[^ ]+##g' >&2
  fi
  rm -f "$log"
}

if ! command -v go >/dev/null; then
  echo "flyctl and minio not installed: Go is not on this machine; the tests with the real ones are skipped" >&2
  exit 0
fi
mkdir -p "$bin"
# A release build of flyctl takes its version and date from the linker; without them it would not start.
info=github.com/superfly/flyctl/internal/buildinfo
install flyctl github.com/superfly/flyctl "$flyctl" -tags production \
  -ldflags "-X $info.buildVersion=${flyctl#v} -X $info.buildDate=2026-08-21T00:00:00Z"
install minio github.com/minio/minio "$minio"
