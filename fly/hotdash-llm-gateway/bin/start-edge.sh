#!/bin/sh
# Rendered from ops/stack.toml by inv build.all; edit there.
# Starts the edge: Caddy, which is given no secret at all.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
# Positional, so that a variable of the same name in the environment cannot take its place below.
set -- "$here" "${EDGE_CADDY:-/opt/venv/bin/caddy}"
if [ ! -x "$2" ]; then
    echo "start-edge.sh: there is no Caddy at $2: name it in EDGE_CADDY" >&2
    exit 2
fi

export XDG_DATA_HOME=/tmp/caddy
export XDG_CONFIG_HOME=/tmp/caddy

# Drop every other variable. Lines inside a value of several lines may look like names too: dropping
# what does not exist does no harm, and what is the shell's own stays. Values never become arguments, where
# other users could read them.
for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
    case $name in
    PATH | HOME | TMPDIR | TZ | LANG | LC_ALL | SSL_CERT_FILE | SSL_CERT_DIR) ;;
    XDG_CONFIG_HOME | XDG_DATA_HOME) ;;
    *) command unset "$name" 2>/dev/null || : ;;
    esac
done

exec "$2" run --config "$1/config/Caddyfile" --adapter caddyfile
