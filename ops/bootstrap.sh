# shellcheck shell=sh
# Makes the runbook's virtual environment from its lock. Sourced by ./inv on first use and when the lock changes.

say() { printf '%s\n' "$*" >&2; }

# The first Python >= 3.11 among the usual names.
find_python() {
    for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s' "$candidate"
            return 0
        fi
    done
    return 1
}

# Runs a step in the background, saying that it still runs, so that a long download is not mistaken for a hang.
# It gets a process group of its own, so that whatever it starts can be stopped with it.
watched() {
    what=$1
    shift
    say "inv: $what ..."
    "$python" -c 'import os, sys; os.setpgid(0, 0); os.execvp(sys.argv[1], sys.argv[1:])' "$@" >"$log" 2>&1 &
    child=$!
    seconds=0
    while kill -0 "$child" 2>/dev/null; do
        sleep 1
        seconds=$((seconds + 1))
        if [ $((seconds % 10)) -eq 0 ]; then say "inv: $what ... ${seconds} s"; fi
    done
    if ! wait "$child"; then
        child=
        say "error BOOT-002: $what failed"
        tail -n 15 "$log" | sed 's/^/  /' >&2
        say "  next: mend the cause (network? disk?), then run ./inv again; the whole output: $log"
        exit 1
    fi
    child=
}

stopped() {
    if [ -n "${child:-}" ]; then
        kill -- "-$child" 2>/dev/null || kill "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    say "inv: $1 while preparing; run the same command again, it begins anew"
    exit "$2"
}

bootstrap() {
    root=$1 venv=$2 lock=$3 stamp=$4
    child=
    trap 'stopped "interrupted" 130' INT
    trap 'stopped "terminated" 143' TERM
    if ! python=$(find_python); then
        say "error BOOT-001: no Python 3.11 or newer was found"
        say "  why:  the runbook needs it; tried python3, python3.11 ... python3.14 and \$PYTHON"
        say "  next: install Python 3.11+ (with venv: on Debian 'apt install python3-venv'), then run ./inv again"
        exit 1
    fi
    mkdir -p "$root/.state"
    log=$root/.state/bootstrap.log
    # What was not finished, or has lost its Python, is not mended but made anew. Without the stamp it is not finished.
    if [ -e "$stamp" ] && [ -x "$venv/bin/python" ]; then
        rm -f "$stamp"
    else
        rm -rf "$venv"
    fi
    # Our own lock brings uv along, so a changed lock is installed by it even where the machine has none.
    if command -v uv >/dev/null 2>&1; then
        uv=uv
    elif [ -x "$venv/bin/uv" ]; then
        uv=$venv/bin/uv
    else
        uv=
    fi
    if [ ! -x "$venv/bin/python" ]; then
        if [ -n "$uv" ]; then
            watched "making the virtual environment" "$uv" venv --quiet --allow-existing --python "$python" "$venv"
        else
            watched "making the virtual environment" "$python" -m venv "$venv"
        fi
    fi
    # A company's proxy has its own authority, which this machine trusts and uv's built-in list does not.
    if [ -r /etc/ssl/certs/ca-certificates.crt ] || [ "$(uname)" = Darwin ]; then
        export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
    fi
    if [ -n "$uv" ]; then
        watched "installing the packages of requirements.lock (uv)" \
            "$uv" pip install --quiet --require-hashes --python "$venv/bin/python" -r "$lock"
    else
        watched "installing the packages of requirements.lock (pip)" \
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-compile -r "$lock"
    fi
    # Now, side by side, and for whoever may read the checkout but not write to it.
    watched "compiling" env -u PYTHONDONTWRITEBYTECODE "$venv/bin/python" -m compileall -q -j 0 \
        "$venv/lib" "$root/ops" "$root/tasks.py"
    : >"$stamp"
    trap - INT TERM
}
