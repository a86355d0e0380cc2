# shellcheck shell=sh
# Makes a virtual environment from a lock. Sourced by ./inv for the runbook's own, on first use and when the lock changes;
# by the rehearsal and by `inv dev.*` for what they add.

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

# One at a time, and not beside what a killed one has left running: the lock is held by whoever inherits the descriptor.
alone() {
    exec 9>>"$root/.state/${venv##*/}.lock"
    if ! "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null; then
        watched "waiting for another preparation of ${venv##*/}" \
            "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    fi
}

# bootstrap ROOT VENV LOCK STAMP: the environment VENV is what LOCK says, and nothing else; STAMP is written last.
bootstrap() {
    root=$1 venv=$2 lock=$3 stamp=$4
    child=
    packages="the packages of ${lock#"$root"/}"
    trap 'stopped "interrupted" 130' INT
    trap 'stopped "terminated" 143' TERM
    if ! python=$(find_python); then
        say "error BOOT-001: no Python 3.11 or newer was found"
        say "  why:  the runbook needs it; tried python3, python3.11 ... python3.14 and \$PYTHON"
        say "  next: install Python 3.11+ (with venv: on Debian 'apt install python3-venv'), then run ./inv again"
        exit 1
    fi
    mkdir -p "$root/.state"
    log=$root/.state/${venv##*/}.log
    alone
    if [ "$stamp" -nt "$lock" ] && [ -x "$venv/bin/python" ]; then
        trap - INT TERM
        exec 9>&-
        return 0
    fi
    # What was not finished, or has lost its Python, is not mended but made anew. Without the stamp it is not finished.
    if [ -e "$stamp" ] && [ -x "$venv/bin/python" ]; then
        rm -f "$stamp"
    else
        rm -rf "$venv"
    fi
    # Some locks bring uv along, so a changed one is installed by it even where the machine has none.
    if command -v uv >/dev/null 2>&1; then
        uv=uv
    elif [ -x "$venv/bin/uv" ]; then
        uv=$venv/bin/uv
    else
        uv=
        # pip would leave what the lock no longer names.
        rm -rf "$venv"
    fi
    if [ ! -x "$venv/bin/python" ]; then
        if [ -n "$uv" ]; then
            watched "making the virtual environment" "$uv" venv --quiet --allow-existing --python "$python" "$venv"
        else
            watched "making the virtual environment" "$python" -m venv "$venv"
            # Python 3.11 puts it there, and nothing of ours uses it.
            watched "removing setuptools" "$venv/bin/python" -m pip uninstall --quiet --yes setuptools
        fi
    fi
    # A company's proxy has its own authority, which this machine trusts and uv's built-in list does not.
    if [ -r /etc/ssl/certs/ca-certificates.crt ] || [ "$(uname)" = Darwin ]; then
        export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
    fi
    if [ -n "$uv" ]; then
        watched "installing $packages (uv)" \
            "$uv" pip sync --quiet --require-hashes --python "$venv/bin/python" "$lock"
    else
        watched "installing $packages (pip)" \
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-compile -r "$lock"
    fi
    # Now, side by side, and for whoever may read the checkout but not write to it.
    watched "compiling" env -u PYTHONDONTWRITEBYTECODE "$venv/bin/python" -m compileall -q -j 0 \
        "$venv/lib" "$root/ops" "$root/tasks.py"
    : >"$stamp"
    trap - INT TERM
    exec 9>&-
}
