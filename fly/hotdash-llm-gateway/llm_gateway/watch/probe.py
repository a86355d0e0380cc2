"""Asking one server one thing, within seconds. Whatever keeps the answer away is `Unseen`. Blocks."""

from __future__ import annotations

import json
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from . import exposition

TIMEOUT_S = 5.0
MOST_BYTES = 4 * 2**20
DAY_S = 86400.0


class Unseen(Exception):
    """It could not be seen; the text says why, and holds no secret."""


def addresses(url: str) -> list[str]:
    """The URL once for every address that its host has. Raises Unseen: the name has none."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unseen(f"{host} has no address: {error.strerror or type(error).__name__}") from None
    hosts = dict.fromkeys(str(each[4][0]) for each in found)
    return [f"{parts.scheme}://{f'[{each}]' if ':' in each else each}:{port}" for each in hosts]


def text_of(url: str, *, key: str = "", headers: Mapping[str, str] | None = None) -> str:
    """The text a URL answers 200 with. Raises Unseen."""
    return _ask(url, key, headers or {}, ())[1].decode("utf-8", "replace")


def json_of(url: str, *, key: str = "", also: tuple[int, ...] = ()) -> tuple[int, dict[str, Any]]:
    """The status and the JSON object a URL answers with: 200, or one of `also`. Raises Unseen."""
    status, body = _ask(url, key, {}, also)
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unseen(f"{_place(url)} did not answer with a JSON object")
    return status, found


def clickhouse_disk(url: str, user: str, password: str) -> float:
    """The share in use of ClickHouse's fullest disk. Raises Unseen."""
    query = "SELECT max(1 - free_space / total_space) FROM system.disks WHERE total_space > 0"
    headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}
    answer = text_of(f"{url}/?{urlencode({'query': query})}", headers=headers).strip()
    try:
        return float(answer)
    except ValueError:
        raise Unseen("ClickHouse did not answer with a number") from None


def store_disk(url: str) -> float:
    """The share in use of MinIO's volume, by its own metrics. Raises Unseen."""
    metrics = exposition.parse(text_of(f"{url}/minio/v2/metrics/cluster"))
    most = exposition.total(metrics, "minio_cluster_capacity_usable_total_bytes")
    free = exposition.total(metrics, "minio_cluster_capacity_usable_free_bytes")
    if not most:
        raise Unseen("the object store does not say how large it is")
    return 1 - free / most


def certificate_days(name: str, now: float) -> float:
    """Days until the certificate of HOST or HOST:PORT ends. Raises Unseen: no TLS, or one that is not valid."""
    host, _, port = name.partition(":")
    try:
        with (
            socket.create_connection((host, int(port or 443)), timeout=TIMEOUT_S) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure,
        ):
            ends = (secure.getpeercert() or {})["notAfter"]
    except ssl.SSLCertVerificationError as error:
        raise Unseen(f"not valid: {error.verify_message}") from None
    except (OSError, KeyError, ValueError) as error:
        raise Unseen(f"no TLS: {type(error).__name__}") from None
    return (ssl.cert_time_to_seconds(str(ends)) - now) / DAY_S


def _ask(url: str, key: str, headers: Mapping[str, str], also: tuple[int, ...]) -> tuple[int, bytes]:
    sent = {**headers, **({"Authorization": f"Bearer {key}"} if key else {})}
    # No proxy: all that is asked is on the private network.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=sent), timeout=TIMEOUT_S) as reply:  # noqa: S310
            return int(reply.status), bytes(reply.read(MOST_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            if error.code in also:
                return error.code, error.read(MOST_BYTES)
        raise Unseen(f"{_place(url)} answered {error.code}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Unseen(f"{_place(url)} does not answer: {type(reason).__name__}") from None


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}{parts.path}"
