"""Which process is given which variables: the one contract between fly.toml, Fly's secrets and the start scripts.

Fly hands [env] and every secret to every machine of an app, and LiteLLM and Langfuse read the same names
(DATABASE_URL, PORT, HOSTNAME). So the app's variables carry the name of their consumer in front, and each
start script maps what its process reads and drops the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.description.stack import Stack


# How long a stopping process may finish what is in flight, in seconds; Fly kills it after KILL_S.
DRAIN_S = 30
KILL_S = 60
# How long it first goes on as before: twice what the edge takes to look a name up again.
STOP_DELAY_S = 4


@dataclass(frozen=True)
class Variable:
    """One variable of a process.

    Attributes:
        name: what the process reads.
        source: the app's variable it comes from.
        secret: its value comes from the vault, not from [env].
        required: the start script refuses to start without it.
        default: value when the source is not set; only for what is not required.
    """

    name: str
    source: str
    secret: bool = False
    required: bool = True
    default: str = ""


def _same(name: str, *, secret: bool = False, required: bool = True, default: str = "") -> Variable:
    return Variable(name, name, secret, required, default)


def gateway(stack: Stack) -> tuple[Variable, ...]:
    """What `python -m llm_gateway` is given."""
    return (
        _same("UPSTREAM_OPENAI_API_KEY", secret=True),
        _same("UPSTREAM_OPENAI_BASE_URL", required=False),
        _same("GATEWAY_REDIS_URL", secret=True),
        *(_same(team.key, secret=True) for team in stack.resolved_teams),
        _same("LITELLM_MASTER_KEY", secret=True),
        _same("LANGFUSE_HOST", required=False),
        _same("LANGFUSE_PUBLIC_KEY", secret=True, required=False),
        _same("LANGFUSE_SECRET_KEY", secret=True, required=False),
        Variable("PORT", "GATEWAY_PORT", required=False, default=str(stack.ports.gateway)),
        Variable("METRICS_PORT", "GATEWAY_METRICS_PORT", required=False),
        _same("GATEWAY_HOST", required=False),
        _same("GATEWAY_DRAIN_S", required=False),
        _same("GATEWAY_LOG_LEVEL", required=False),
    )


def _langfuse() -> tuple[Variable, ...]:
    """What Langfuse's web and worker both read."""
    return (
        Variable("DATABASE_URL", "LANGFUSE_DATABASE_URL", secret=True),
        Variable("ENCRYPTION_KEY", "LANGFUSE_ENCRYPTION_KEY", secret=True),
        Variable("SALT", "LANGFUSE_SALT", secret=True),
        Variable("REDIS_CONNECTION_STRING", "LANGFUSE_REDIS_URL", secret=True),
        Variable("CLICKHOUSE_URL", "LANGFUSE_CLICKHOUSE_URL"),
        Variable("CLICKHOUSE_USER", "LANGFUSE_CLICKHOUSE_USER"),
        Variable("CLICKHOUSE_DB", "LANGFUSE_CLICKHOUSE_DB"),
        Variable("CLICKHOUSE_PASSWORD", "LANGFUSE_CLICKHOUSE_PASSWORD", secret=True),
        Variable("LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT", "LANGFUSE_S3_ENDPOINT"),
        Variable("LANGFUSE_S3_EVENT_UPLOAD_REGION", "LANGFUSE_S3_REGION"),
        Variable("LANGFUSE_S3_EVENT_UPLOAD_BUCKET", "LANGFUSE_S3_BUCKET"),
        Variable("LANGFUSE_S3_EVENT_UPLOAD_ACCESS_KEY_ID", "LANGFUSE_S3_ACCESS_KEY_ID", secret=True),
        Variable("LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY", "LANGFUSE_S3_SECRET_ACCESS_KEY", secret=True),
        _same("LANGFUSE_LOG_LEVEL", required=False),
    )


def ui(stack: Stack) -> tuple[Variable, ...]:
    """What Langfuse's web process is given."""
    return (
        *_langfuse(),
        Variable("DIRECT_URL", "LANGFUSE_DIRECT_URL", secret=True),
        Variable("CLICKHOUSE_MIGRATION_URL", "LANGFUSE_CLICKHOUSE_MIGRATION_URL"),
        Variable("NEXTAUTH_URL", "LANGFUSE_NEXTAUTH_URL"),
        Variable("NEXTAUTH_SECRET", "LANGFUSE_NEXTAUTH_SECRET", secret=True),
        _same("LANGFUSE_INIT_ORG_ID"),
        _same("LANGFUSE_INIT_ORG_NAME"),
        _same("LANGFUSE_INIT_PROJECT_ID"),
        _same("LANGFUSE_INIT_PROJECT_NAME"),
        Variable("LANGFUSE_INIT_PROJECT_PUBLIC_KEY", "LANGFUSE_PUBLIC_KEY", secret=True),
        Variable("LANGFUSE_INIT_PROJECT_SECRET_KEY", "LANGFUSE_SECRET_KEY", secret=True),
        _same("LANGFUSE_INIT_USER_EMAIL"),
        _same("LANGFUSE_INIT_USER_NAME"),
        Variable("LANGFUSE_INIT_USER_PASSWORD", "LANGFUSE_ADMIN_PASSWORD", secret=True),
        Variable("PORT", "LANGFUSE_UI_PORT", required=False, default=str(stack.ports.ui)),
        Variable("NODE_OPTIONS", "LANGFUSE_UI_NODE_OPTIONS", required=False),
    )


def worker(stack: Stack) -> tuple[Variable, ...]:
    """What Langfuse's worker process is given."""
    return (
        *_langfuse(),
        Variable("PORT", "LANGFUSE_WORKER_PORT", required=False, default=str(stack.ports.worker)),
        Variable("NODE_OPTIONS", "LANGFUSE_WORKER_NODE_OPTIONS", required=False),
    )


def watch(stack: Stack) -> tuple[Variable, ...]:
    """What `python -m llm_gateway.watch` is given."""
    return (
        _same("GATEWAY_REDIS_URL", secret=True),
        _same("LITELLM_MASTER_KEY", secret=True),
        # Without it the watch looks, and writes to nobody: for `--once`.
        _same("SMTP_URL", secret=True, required=False),
        _same("WATCH_GATEWAY"),
        _same("WATCH_CERTIFICATES", required=False),
        Variable("WATCH_CLICKHOUSE", "LANGFUSE_CLICKHOUSE_URL", required=False),
        Variable("WATCH_CLICKHOUSE_USER", "LANGFUSE_CLICKHOUSE_USER", required=False),
        Variable("WATCH_CLICKHOUSE_PASSWORD", "LANGFUSE_CLICKHOUSE_PASSWORD", secret=True, required=False),
        _same("WATCH_STORE", required=False),
        _same("WATCH_TARGET", required=False),
        _same("WATCH_GATEWAYS", required=False),
    )


def secrets(stack: Stack) -> frozenset[str]:
    """The names of all secrets the gateway's app must hold: what its processes read."""
    given = [*gateway(stack), *ui(stack), *worker(stack), *(watch(stack) if stack.watch.on else ())]
    return frozenset(v.source for v in given if v.secret)


def env(stack: Stack) -> dict[str, str]:
    """The gateway app's [env]: addresses, names and sizes; nothing secret."""
    groups = stack.fly.groups
    return {
        "GATEWAY_PORT": str(stack.ports.gateway),
        "GATEWAY_METRICS_PORT": str(stack.ports.metrics),
        "GATEWAY_DRAIN_S": str(DRAIN_S),
        "STOP_DELAY_S": str(STOP_DELAY_S),
        "LANGFUSE_HOST": f"http://ui.process.{stack.fly.app}.internal:{stack.ports.ui}",
        "LANGFUSE_NEXTAUTH_URL": f"https://{stack.domains.langfuse}",
        "LANGFUSE_UI_PORT": str(stack.ports.ui),
        "LANGFUSE_UI_NODE_OPTIONS": f"--max-old-space-size={_heap_mb(groups.ui.memory_mb)}",
        "LANGFUSE_WORKER_PORT": str(stack.ports.worker),
        "LANGFUSE_WORKER_NODE_OPTIONS": f"--max-old-space-size={_heap_mb(groups.worker.memory_mb)}",
        "LANGFUSE_INIT_ORG_ID": stack.langfuse.org_id,
        "LANGFUSE_INIT_ORG_NAME": stack.langfuse.org_name,
        "LANGFUSE_INIT_PROJECT_ID": stack.langfuse.project_id,
        "LANGFUSE_INIT_PROJECT_NAME": stack.langfuse.project_name,
        "LANGFUSE_INIT_USER_EMAIL": stack.stack.operator_email,
        "LANGFUSE_INIT_USER_NAME": "Operator",
        "LANGFUSE_CLICKHOUSE_URL": f"http://{stack.clickhouse.app}.internal:8123",
        "LANGFUSE_CLICKHOUSE_MIGRATION_URL": f"clickhouse://{stack.clickhouse.app}.internal:9000",
        "LANGFUSE_CLICKHOUSE_USER": stack.clickhouse.user,
        "LANGFUSE_CLICKHOUSE_DB": stack.clickhouse.database,
        "LANGFUSE_S3_ENDPOINT": s3_endpoint(stack),
        "LANGFUSE_S3_REGION": "auto",
        "LANGFUSE_S3_BUCKET": stack.storage.bucket,
        **_watched(stack),
    }


def _watched(stack: Stack) -> dict[str, str]:
    """Where the watch looks, `inv monitor.watch --once` in a gateway's machine too. Fly's own store has no disk."""
    store = {"WATCH_STORE": s3_endpoint(stack)} if stack.storage.provider == "minio" else {}
    return {
        "WATCH_GATEWAY": f"http://gateway.process.{stack.fly.app}.internal:{stack.ports.gateway}",
        "WATCH_TARGET": "fly",
        "WATCH_CERTIFICATES": " ".join(dict.fromkeys((stack.domains.gateway, stack.domains.langfuse))),
        **store,
    }


def s3_endpoint(stack: Stack) -> str:
    """Where Langfuse reaches the object store from inside Fly's private network."""
    if stack.storage.provider == "tigris":
        return "https://fly.storage.tigris.dev"
    return f"http://{stack.storage.app}.internal:9000"


def _heap_mb(memory_mb: int) -> int:
    """Node's heap limit: three quarters of the machine, the rest is for buffers, Prisma's engine and the system."""
    return memory_mb * 3 // 4
