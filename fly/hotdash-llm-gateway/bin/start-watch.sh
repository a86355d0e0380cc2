#!/bin/sh
# Rendered from ops/stack.toml by inv build.all; edit there.
# Starts the watch: alerts by e-mail. Arguments go on to it: --once, --test, --mails.
# The process is given the variables it reads and no other: LiteLLM and Langfuse share names and an app.
set -eu

missing=
need() {
    eval "value=\${$1:-}"
    if [ -z "$value" ]; then
        echo "start-watch.sh: $1 is not set" >&2
        missing=yes
    fi
}
need GATEWAY_REDIS_URL
need LITELLM_MASTER_KEY
need WATCH_GATEWAY
if [ -n "$missing" ]; then
    echo "start-watch.sh: set the secrets with 'inv deploy.secrets', the rest in fly.toml [env]" >&2
    exit 2
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
# Positional, so that a variable of the same name in the environment cannot take its place below.
set -- "$here" "${GATEWAY_PYTHON:-/opt/venv/bin/python}" "$@"
if [ ! -x "$2" ]; then
    echo "start-watch.sh: there is no Python at $2: name the gateway's in GATEWAY_PYTHON" >&2
    exit 2
fi

unset WATCH_CLICKHOUSE
[ -z "${LANGFUSE_CLICKHOUSE_URL:-}" ] || export WATCH_CLICKHOUSE="$LANGFUSE_CLICKHOUSE_URL"
unset WATCH_CLICKHOUSE_USER
[ -z "${LANGFUSE_CLICKHOUSE_USER:-}" ] || export WATCH_CLICKHOUSE_USER="$LANGFUSE_CLICKHOUSE_USER"
unset WATCH_CLICKHOUSE_PASSWORD
[ -z "${LANGFUSE_CLICKHOUSE_PASSWORD:-}" ] || export WATCH_CLICKHOUSE_PASSWORD="$LANGFUSE_CLICKHOUSE_PASSWORD"

export WATCH_CONFIG_FILE="$1/config/watch.toml"
export PYTHONUNBUFFERED=1

# Drop every other variable. Lines inside a value of several lines may look like names too: dropping
# what does not exist does no harm, and what is the shell's own stays. Values never become arguments, where
# other users could read them.
for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
    case $name in
    PATH | HOME | TMPDIR | TZ | LANG | LC_ALL | SSL_CERT_FILE | SSL_CERT_DIR) ;;
    GATEWAY_REDIS_URL | LITELLM_MASTER_KEY | PYTHONUNBUFFERED | SMTP_URL) ;;
    WATCH_CERTIFICATES | WATCH_CLICKHOUSE | WATCH_CLICKHOUSE_PASSWORD | WATCH_CLICKHOUSE_USER) ;;
    WATCH_CONFIG_FILE | WATCH_GATEWAY | WATCH_GATEWAYS | WATCH_STORE) ;;
    WATCH_TARGET) ;;
    *) command unset "$name" 2>/dev/null || : ;;
    esac
done

cd "$1"
python=$2
shift 2
exec "$python" -m llm_gateway.watch "$@"
