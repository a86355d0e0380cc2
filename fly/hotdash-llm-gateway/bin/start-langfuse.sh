#!/bin/sh
# Rendered from ops/stack.toml by inv build.all; edit there.
# Starts Langfuse's web process: migrations first, then the UI and the API.
# The process is given the variables it reads and no other: LiteLLM and Langfuse share names and an app.
set -eu

missing=
need() {
    eval "value=\${$1:-}"
    if [ -z "$value" ]; then
        echo "start-langfuse.sh: $1 is not set" >&2
        missing=yes
    fi
}
need LANGFUSE_DATABASE_URL
need LANGFUSE_ENCRYPTION_KEY
need LANGFUSE_SALT
need LANGFUSE_REDIS_URL
need LANGFUSE_CLICKHOUSE_URL
need LANGFUSE_CLICKHOUSE_USER
need LANGFUSE_CLICKHOUSE_DB
need LANGFUSE_CLICKHOUSE_PASSWORD
need LANGFUSE_S3_ENDPOINT
need LANGFUSE_S3_REGION
need LANGFUSE_S3_BUCKET
need LANGFUSE_S3_ACCESS_KEY_ID
need LANGFUSE_S3_SECRET_ACCESS_KEY
need LANGFUSE_DIRECT_URL
need LANGFUSE_CLICKHOUSE_MIGRATION_URL
need LANGFUSE_NEXTAUTH_URL
need LANGFUSE_NEXTAUTH_SECRET
need LANGFUSE_INIT_ORG_ID
need LANGFUSE_INIT_ORG_NAME
need LANGFUSE_INIT_PROJECT_ID
need LANGFUSE_INIT_PROJECT_NAME
need LANGFUSE_PUBLIC_KEY
need LANGFUSE_SECRET_KEY
need LANGFUSE_INIT_USER_EMAIL
need LANGFUSE_INIT_USER_NAME
need LANGFUSE_ADMIN_PASSWORD
if [ -n "$missing" ]; then
    echo "start-langfuse.sh: set the secrets with 'inv deploy.secrets', the rest in fly.toml [env]" >&2
    exit 2
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
# Positional, so that a variable of the same name in the environment cannot take its place below.
set -- "$here" "${STOP_DELAY_S:-0}"

export DATABASE_URL="$LANGFUSE_DATABASE_URL"
export ENCRYPTION_KEY="$LANGFUSE_ENCRYPTION_KEY"
export SALT="$LANGFUSE_SALT"
export REDIS_CONNECTION_STRING="$LANGFUSE_REDIS_URL"
export CLICKHOUSE_URL="$LANGFUSE_CLICKHOUSE_URL"
export CLICKHOUSE_USER="$LANGFUSE_CLICKHOUSE_USER"
export CLICKHOUSE_DB="$LANGFUSE_CLICKHOUSE_DB"
export CLICKHOUSE_PASSWORD="$LANGFUSE_CLICKHOUSE_PASSWORD"
export LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT="$LANGFUSE_S3_ENDPOINT"
export LANGFUSE_S3_EVENT_UPLOAD_REGION="$LANGFUSE_S3_REGION"
export LANGFUSE_S3_EVENT_UPLOAD_BUCKET="$LANGFUSE_S3_BUCKET"
export LANGFUSE_S3_EVENT_UPLOAD_ACCESS_KEY_ID="$LANGFUSE_S3_ACCESS_KEY_ID"
export LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY="$LANGFUSE_S3_SECRET_ACCESS_KEY"
export DIRECT_URL="$LANGFUSE_DIRECT_URL"
export CLICKHOUSE_MIGRATION_URL="$LANGFUSE_CLICKHOUSE_MIGRATION_URL"
export NEXTAUTH_URL="$LANGFUSE_NEXTAUTH_URL"
export NEXTAUTH_SECRET="$LANGFUSE_NEXTAUTH_SECRET"
export LANGFUSE_INIT_PROJECT_PUBLIC_KEY="$LANGFUSE_PUBLIC_KEY"
export LANGFUSE_INIT_PROJECT_SECRET_KEY="$LANGFUSE_SECRET_KEY"
export LANGFUSE_INIT_USER_PASSWORD="$LANGFUSE_ADMIN_PASSWORD"
export PORT="${LANGFUSE_UI_PORT:-}"
[ -n "$PORT" ] || export PORT=3000
unset NODE_OPTIONS
[ -z "${LANGFUSE_UI_NODE_OPTIONS:-}" ] || export NODE_OPTIONS="$LANGFUSE_UI_NODE_OPTIONS"

export NODE_ENV=production
export DOCKER_BUILD=0
export HOME=/tmp
export TELEMETRY_ENABLED=false
export LANGFUSE_LOG_FORMAT=json
# One ClickHouse node: without this its tables are made "on cluster", and fail.
export CLICKHOUSE_CLUSTER_ENABLED=false
export LANGFUSE_S3_EVENT_UPLOAD_FORCE_PATH_STYLE=true
# MinIO keeps an object's name as file names, at most 255 bytes each.
export LANGFUSE_S3_EVENT_KEY_MAX_SEGMENT_BYTES=255
# Both IPv4 (Fly's checks) and IPv6 (the private network): Node's "::" is dual-stack.
export HOSTNAME=::
export AUTH_DISABLE_SIGNUP=true
export NEXT_TELEMETRY_DISABLED=1
# A large query spills to disk at a third of what it may take, rather than failing at Langfuse's own 32 GB.
export CLICKHOUSE_MAX_BYTES_BEFORE_EXTERNAL_GROUP_BY=1431655765
# A key pair that was deleted must be dead at once; its cache lives in Redis for minutes.
export LANGFUSE_CACHE_API_KEY_ENABLED=false
# Longer than the edge keeps an idle connection, so that the edge closes it first.
export KEEP_ALIVE_TIMEOUT=150000

cd "${LANGFUSE_DIR:-/app}"
# Drop every other variable. Lines inside a value of several lines may look like names too: dropping
# what does not exist does no harm, and what is the shell's own stays. Values never become arguments, where
# other users could read them.
for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
    case $name in
    PATH | HOME | TMPDIR | TZ | LANG | LC_ALL | SSL_CERT_FILE | SSL_CERT_DIR) ;;
    AUTH_DISABLE_SIGNUP | CLICKHOUSE_CLUSTER_ENABLED | CLICKHOUSE_DB | CLICKHOUSE_MAX_BYTES_BEFORE_EXTERNAL_GROUP_BY) ;;
    CLICKHOUSE_MIGRATION_URL | CLICKHOUSE_PASSWORD | CLICKHOUSE_URL | CLICKHOUSE_USER) ;;
    DATABASE_URL | DIRECT_URL | DOCKER_BUILD | ENCRYPTION_KEY) ;;
    HOSTNAME | KEEP_ALIVE_TIMEOUT | LANGFUSE_CACHE_API_KEY_ENABLED | LANGFUSE_INIT_ORG_ID) ;;
    LANGFUSE_INIT_ORG_NAME | LANGFUSE_INIT_PROJECT_ID | LANGFUSE_INIT_PROJECT_NAME | LANGFUSE_INIT_PROJECT_PUBLIC_KEY) ;;
    LANGFUSE_INIT_PROJECT_SECRET_KEY | LANGFUSE_INIT_USER_EMAIL | LANGFUSE_INIT_USER_NAME | LANGFUSE_INIT_USER_PASSWORD) ;;
    LANGFUSE_LOG_FORMAT | LANGFUSE_LOG_LEVEL | LANGFUSE_S3_EVENT_KEY_MAX_SEGMENT_BYTES | LANGFUSE_S3_EVENT_UPLOAD_ACCESS_KEY_ID) ;;
    LANGFUSE_S3_EVENT_UPLOAD_BUCKET | LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT | LANGFUSE_S3_EVENT_UPLOAD_FORCE_PATH_STYLE | LANGFUSE_S3_EVENT_UPLOAD_REGION) ;;
    LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY | NEXT_TELEMETRY_DISABLED | NEXTAUTH_SECRET | NEXTAUTH_URL) ;;
    NODE_ENV | NODE_OPTIONS | PORT | REDIS_CONNECTION_STRING) ;;
    SALT | TELEMETRY_ENABLED) ;;
    *) command unset "$name" 2>/dev/null || : ;;
    esac
done

exec "$1/leave-slowly.sh" "$2" dumb-init -- ./web/entrypoint.sh node ./web/server.js
