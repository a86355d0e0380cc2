#!/bin/sh
# Rendered from ops/stack.toml by inv build.all; edit there.
# Runs a program, and hands a request to stop on to it only after some seconds: until then it takes connections as before,
# while the edge, which looks names up every two seconds, learns that this machine is on its way out.
# Usage: leave-slowly.sh SECONDS PROGRAM ARGUMENT...
set -eu

seconds=$1
shift
[ "$seconds" != 0 ] || exec "$@"

"$@" &
child=$!
trap 'sleep "$seconds"; kill -TERM "$child" 2>/dev/null || :' TERM INT
# A signal ends `wait` early: only a child that is gone has ended.
while :; do
    status=0
    wait "$child" || status=$?
    kill -0 "$child" 2>/dev/null || exit "$status"
done
