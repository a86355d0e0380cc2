"""Step 1.4's look at Redis: does it answer, does it keep what it is given, how much may it hold.

Langfuse's queue (BullMQ) loses jobs where a full Redis evicts, hence `noeviction`. INFO alone is asked, which
managed services allow; CONFIG often is not. What a service does not tell is said to be untold, not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.runbook.step import Look, drifted, satisfied
from ops.services import redis_wire

TIMEOUT = 5.0  # seconds, to connect and for each answer
OLDEST = (6, 2)  # BullMQ warns below
MIB = 1 << 20


@dataclass(frozen=True)
class Facts:
    """What the server says of itself. Sizes in bytes; None or empty where it does not say.

    Attributes:
        maxmemory: 0 means no limit of its own (or one it does not show).
    """

    where: str
    version: str
    policy: str
    maxmemory: int | None
    used: int | None
    keys: int


def facts(url: Secret, *, timeout: float = TIMEOUT) -> Facts:
    """Ask the server: one connection, two commands.

    Args:
        url: redis:// or rediss:// with the password.
        timeout: seconds, to connect and for each answer.

    Raises:
        RunbookError: REDIS-001 ... REDIS-006, by what went wrong.
    """
    where = _where(url)
    try:
        text, keys = redis_wire.ask(url, ("INFO",), ("DBSIZE",), timeout=timeout)
    except (redis_wire.Refused, OSError) as error:
        raise _error(where, error, timeout) from None
    info = redis_wire.fields(str(text))
    return Facts(
        where=where,
        version=str(info.get("redis_version", "")),
        policy=str(info.get("maxmemory_policy", "")),
        maxmemory=_number(info.get("maxmemory")),
        used=_number(info.get("used_memory")),
        keys=int(keys),
    )


def look(url: Secret, *, max_memory_mb: int | None = None, timeout: float = TIMEOUT) -> Look:
    """Whether Redis is as the stack wants it: reachable, recent, without eviction, of the planned size.

    Args:
        url: redis:// or rediss:// with the password.
        max_memory_mb: planned size in MiB; None does not compare.
        timeout: seconds.

    Raises:
        RunbookError: REDIS-00x when it cannot be asked.
    """
    found = facts(url, timeout=timeout)
    differences = []
    if found.policy and found.policy != "noeviction":
        differences.append(f"eviction policy: {found.policy} → noeviction")
    # Within a tenth: plans are sold in round decimal figures.
    if max_memory_mb and found.maxmemory and abs(found.maxmemory / MIB - max_memory_mb) > max_memory_mb * 0.1:
        differences.append(f"memory: {found.maxmemory / MIB:.0f} MiB → {max_memory_mb} MiB")
    if _version(found.version) < OLDEST:
        differences.append(f"version: {found.version} → {'.'.join(map(str, OLDEST))} or newer")
    if differences:
        return drifted(f"Redis at {found.where} is not as wanted", "\n".join(differences))
    parts = [f"Redis {found.version or 'of a version it does not tell'} at {found.where}"]
    parts.append(found.policy or "eviction policy not told by the server")
    if found.used is not None:
        limit = f" of {found.maxmemory / MIB:.0f}" if found.maxmemory else ""
        parts.append(f"{found.used / MIB:.1f}{limit} MiB in {found.keys} keys")
    return satisfied(", ".join(parts))


def _where(url: Secret) -> str:
    """`host:port`, which may be shown."""
    parts = urlsplit(url.reveal())
    try:
        host, port = parts.hostname, parts.port or 6379
    except ValueError:
        raise _bad_url() from None
    if parts.scheme not in ("redis", "rediss") or not host:
        raise _bad_url()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bad_url() -> RunbookError:
    return RunbookError(
        "REDIS-005",
        "REDIS_URL is no Redis URL",
        why="it must look like redis://default:PASSWORD@HOST:PORT, special characters percent-encoded",
        next="inv setup.redis",
    )


def _error(where: str, error: redis_wire.Refused | OSError, timeout: float) -> RunbookError:
    kind = str(error).partition(" ")[0] if isinstance(error, redis_wire.Refused) else ""
    # A server without a password of its own refuses one with a plain ERR, and before Redis 6 so it did a wrong one.
    if kind in ("NOAUTH", "WRONGPASS") or (kind == "ERR" and ("AUTH" in str(error) or "password" in str(error))):
        return RunbookError(
            "REDIS-001",
            f"{where} refuses the password",
            why="the URL in the vault is not (or no longer) this server's",
            next="inv setup.redis",
        )
    if isinstance(error, TimeoutError):
        return RunbookError(
            "REDIS-002", f"{where} did not answer within {timeout:.0f} s", next="try again; then inv doctor"
        )
    if kind == "LOADING":
        return RunbookError("REDIS-004", f"{where} is still loading its data", next="try again in a moment")
    if isinstance(error, OSError):
        return RunbookError(
            "REDIS-003",
            f"{where} cannot be reached",
            why="it does not run, the name does not resolve from here, or the network is private to Fly",
            next="inv local.status; on Fly: flyctl redis status",
        )
    return RunbookError("REDIS-006", f"{where} refused what it was asked: {kind}", next="inv doctor")


def _number(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


def _version(text: str) -> tuple[int, ...]:
    """A version to compare; one that is not told passes."""
    parts = tuple(int(part) for part in text.split(".") if part.isdigit())
    return parts[:2] if parts else OLDEST
