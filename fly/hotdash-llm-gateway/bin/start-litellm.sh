#!/bin/sh
# Rendered from ops/stack.toml by inv build.all; edit there.
# Starts the gateway: LiteLLM behind our limits and caches.
# The process is given the variables it reads and no other: LiteLLM and Langfuse share names and an app.
set -eu

missing=
need() {
    eval "value=\${$1:-}"
    if [ -z "$value" ]; then
        echo "start-litellm.sh: $1 is not set" >&2
        missing=yes
    fi
}
need UPSTREAM_OPENAI_API_KEY
need GATEWAY_REDIS_URL
need PROD_CUSTOMER_KEY
need PROD_CEO_KEY
need PROD_BACKGROUND_KEY
need ADMIN_KEY
need PROBE_KEY
need LITELLM_MASTER_KEY
if [ -n "$missing" ]; then
    echo "start-litellm.sh: set the secrets with 'inv deploy.secrets', the rest in fly.toml [env]" >&2
    exit 2
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
# Positional, so that a variable of the same name in the environment cannot take its place below.
set -- "$here" "${GATEWAY_PYTHON:-/opt/venv/bin/python}" "${STOP_DELAY_S:-0}"
if [ ! -x "$2" ]; then
    echo "start-litellm.sh: there is no Python at $2: name the gateway's in GATEWAY_PYTHON" >&2
    exit 2
fi

export PORT="${GATEWAY_PORT:-}"
[ -n "$PORT" ] || export PORT=4000
unset METRICS_PORT
[ -z "${GATEWAY_METRICS_PORT:-}" ] || export METRICS_PORT="$GATEWAY_METRICS_PORT"

export CONFIG_FILE_PATH="$1/config/litellm.config.yaml"
export PYTHONUNBUFFERED=1

# Drop every other variable. Lines inside a value of several lines may look like names too: dropping
# what does not exist does no harm, and what is the shell's own stays. Values never become arguments, where
# other users could read them.
for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
    case $name in
    PATH | HOME | TMPDIR | TZ | LANG | LC_ALL | SSL_CERT_FILE | SSL_CERT_DIR) ;;
    ADMIN_KEY | CONFIG_FILE_PATH | GATEWAY_DRAIN_S | GATEWAY_HOST) ;;
    GATEWAY_LOG_LEVEL | GATEWAY_REDIS_URL | LANGFUSE_HOST | LANGFUSE_PUBLIC_KEY) ;;
    LANGFUSE_SECRET_KEY | LITELLM_MASTER_KEY | METRICS_PORT | PORT) ;;
    PROBE_KEY | PROD_BACKGROUND_KEY | PROD_CEO_KEY | PROD_CUSTOMER_KEY) ;;
    PYTHONUNBUFFERED | UPSTREAM_OPENAI_API_KEY | UPSTREAM_OPENAI_BASE_URL) ;;
    *) command unset "$name" 2>/dev/null || : ;;
    esac
done

cd "$1"
exec "$1/bin/leave-slowly.sh" "$3" "$2" -m llm_gateway
