#!/usr/bin/env bash
# Brings the servers and tools that no Python package has, for the tests that use the real ones: flyctl and MinIO,
# pinned, built with the Go toolchain into .tools/bin; pgbouncer, OpenSSH's server and Chromium from Debian, as root; likewise podman
# with runc, and in .tools/image-parts what test images are made of: Debian's files, Node 24, the packages of both locks.
# What cannot be had is said, and the exit code is 0 all the same: those tests then skip themselves, saying why.
set -euo pipefail

cd "$(dirname "$0")/.."
bin="$PWD/.tools/bin"
parts=${TEST_IMAGE_PARTS:-$PWD/.tools/image-parts}
node=24.22.3
flyctl=v0.4.87
minio=v0.0.0-20260212201848-7aac2a2c5b7c
log=$(mktemp)
trap 'rm -f "$log"; kill %% 2>/dev/null || :' EXIT

# watched WHAT COMMAND...: run a command that takes minutes, its output in $log, and say every 15 s that it still runs.
watched() {
  local what=$1 started=$SECONDS said=$SECONDS
  shift
  echo "$what ..."
  "$@" >"$log" 2>&1 &
  while kill -0 $! 2>/dev/null; do
    sleep 1
    if ((SECONDS - said >= 15)); then
      said=$SECONDS
      echo "$what: $((SECONDS - started)) s, $(wc -l <"$log") lines of output so far"
    fi
  done
  wait $!
}

# missing NAME WHY
missing() {
  echo "$1 not installed: $2; the tests with the real one are skipped" >&2
}

# The last words of what has just failed, without addresses.
last_words() {
  tail -n 2 "$log" | sed -E 's#https?://[^ ]+##g' >&2
}

# built NAME MODULE VERSION [GO INSTALL OPTIONS...]
built() {
  local name=$1 module=$2 version=$3
  shift 3
  if [[ -x "$bin/$name" && "$(cat "$bin/.$name" 2>/dev/null)" == "$version" ]]; then
    echo "$name $version is there: $bin/$name"
  elif ! command -v go >/dev/null; then
    missing "$name" "Go is not on this machine"
  elif watched "building $name $version with Go (takes minutes)" \
    env GOBIN="$bin" GOFLAGS=-mod=mod nice -n 10 go install -v "$@" "$module@$version"; then
    echo "$version" >"$bin/.$name"
    echo "$name $version built: $bin/$name"
  else
    missing "$name" "go install of $version failed"
    last_words
  fi
}

apt() {
  # In this runlevel a package starts nothing.
  env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive timeout 300 \
    apt-get -q -y -o Acquire::Retries=2 -o Acquire::http::Timeout=20 "$@"
}

installed() {
  apt install --no-install-recommends "$@" || { apt update && apt install --no-install-recommends "$@"; }
}

# from_debian PROGRAM PACKAGE SERVICE [MORE PACKAGES...]
from_debian() {
  local program=$1 package=$2 service=$3
  shift 3
  if command -v "$program" >/dev/null; then
    echo "$program is there: $(command -v "$program")"
  elif ! command -v apt-get >/dev/null || [[ $EUID != 0 ]]; then
    missing "$program" "that takes Debian's apt-get and root (or have it on PATH)"
  elif watched "installing $package with apt-get" installed "$package" "$@"; then
    # The package may start a server of its own; the tests start theirs.
    service "$service" stop >/dev/null 2>&1 || :
    echo "$program installed: $(command -v "$program")"
  else
    missing "$program" "apt-get could not bring $package"
    last_words
  fi
}

# image_part NAME COMMAND...: a part of the test images, made by a command that takes the path to write to as its last word.
image_part() {
  local file="$parts/$1"
  shift
  if [[ -e "$file" ]]; then
    echo "$(basename "$file") is there: $file"
  elif rm -rf "$file.part" && watched "making $(basename "$file") for test images" "$@" "$file.part"; then
    mv "$file.part" "$file"
  else
    missing "$(basename "$file")" "it could not be made"
    last_words
  fi
}

node_package() {
  local folder
  folder=$(mktemp -d)
  npm pack --silent --pack-destination "$folder" "node-linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')@$node" &&
    mv "$folder"/*.tgz "$1" && rmdir "$folder"
}

# With the locks' hashes, for the Python that Debian's image will have.
packages() {
  "${PYTHON:-python3}" -m pip download --no-deps --require-hashes --only-binary :all: --python-version 3.11 \
    -r fly/hotdash-llm-gateway/requirements.lock -r fly/hotdash-llm-gateway/edge.lock -d "$1"
}

# What the stand-ins import, for the same Python, by the runbook's own lock.
standins() {
  local lock python=${PYTHON:-python3}
  lock=$(mktemp)
  "$python" -m ops.targets.containers.packages >"$lock" &&
    "$python" -m pip download --no-deps --require-hashes --only-binary :all: --python-version 3.11 -r "$lock" -d "$1" &&
    rm "$lock"
}

engine() {
  local packages=(podman buildah runc netavark aardvark-dns iptables mmdebstrap)
  if ! command -v apt-get >/dev/null || [[ $EUID != 0 ]]; then
    missing podman "that takes Debian's apt-get and root"
    return
  fi
  if ! command -v podman >/dev/null || ! command -v mmdebstrap >/dev/null; then
    watched "installing podman and runc with apt-get" installed "${packages[@]}" || {
      missing podman "apt-get could not bring it"
      last_words
      return
    }
  fi
  echo "podman is there: $(command -v podman)"
  mkdir -p "$parts"
  image_part root.tar nice -n 10 mmdebstrap --variant=minbase --format=tar \
    --include=python3,python3-venv,busybox,dumb-init,ca-certificates,tzdata \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' bookworm
  if command -v npm >/dev/null; then image_part node.tgz node_package; else missing node.tgz "npm is not there"; fi
  image_part wheels packages
  image_part standins standins
}

mkdir -p "$bin"
engine
from_debian pgbouncer pgbouncer pgbouncer
from_debian sshd openssh-server ssh
from_debian chromium chromium chromium fonts-dejavu-core  # it has no service: none is stopped
# A release build of flyctl takes its version and date from the linker; without them it would not start.
info=github.com/superfly/flyctl/internal/buildinfo
built flyctl github.com/superfly/flyctl "$flyctl" -tags production \
  -ldflags "-X $info.buildVersion=${flyctl#v} -X $info.buildDate=2026-08-21T00:00:00Z"
built minio github.com/minio/minio "$minio"
