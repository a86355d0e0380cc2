"""In Langfuse's place in a test image: checks its environment as Langfuse's own start does, then serves.

Run by the entrypoints with the image's own Python: ``standin.py web|worker ...``. The web process becomes the
rehearsal's stand-in for Langfuse, which migrates, takes traces and answers as the real one; the worker answers health.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

BOTH = ("DATABASE_URL", "SALT", "ENCRYPTION_KEY", "CLICKHOUSE_URL", "CLICKHOUSE_USER", "CLICKHOUSE_PASSWORD")
STORES = ("REDIS_CONNECTION_STRING", "LANGFUSE_S3_EVENT_UPLOAD_BUCKET", "LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT")
WEB = ("NEXTAUTH_URL", "NEXTAUTH_SECRET", "CLICKHOUSE_MIGRATION_URL")
BOOLEANS = ("TELEMETRY_ENABLED", "CLICKHOUSE_CLUSTER_ENABLED", "LANGFUSE_S3_EVENT_UPLOAD_FORCE_PATH_STYLE")
SCHEMES = {
    "DATABASE_URL": ("postgresql", "postgres"),
    "DIRECT_URL": ("postgresql", "postgres"),
    "CLICKHOUSE_URL": ("http", "https"),
    "CLICKHOUSE_MIGRATION_URL": ("clickhouse",),
    "NEXTAUTH_URL": ("http", "https"),
    "REDIS_CONNECTION_STRING": ("redis", "rediss"),
}
FOLDER = "/opt/langfuse"
PORTS = {"web": "3000", "worker": "3030"}


def faults(part: str, environ: Mapping[str, str]) -> list[str]:
    """What Langfuse would not start with, one line for each; an empty value counts as unset."""
    given = {name: value for name, value in environ.items() if value}
    needed = (*BOTH, *STORES, *(WEB if part == "web" else ()))
    found = [f"{name} is not set" for name in needed if name not in given]
    for name, schemes in SCHEMES.items():
        url = urlsplit(given.get(name, ""))
        if name in given and (url.scheme not in schemes or not url.hostname):
            found.append(f"{name} is no URL of {' or '.join(schemes)}")
    found += [f"{name} must be true or false" for name in BOOLEANS if given.get(name, "true") not in ("true", "false")]
    if len(given.get("ENCRYPTION_KEY", "")) != 64:
        found.append("ENCRYPTION_KEY must have 64 characters")
    # The default is a cluster, on which one node's tables cannot be made.
    if given.get("CLICKHOUSE_CLUSTER_ENABLED") != "false":
        found.append("CLICKHOUSE_CLUSTER_ENABLED must be false on one node")
    if part == "web" and len(given.get("LANGFUSE_INIT_USER_PASSWORD", "x" * 8)) < 8:
        found.append("LANGFUSE_INIT_USER_PASSWORD must have at least 8 characters")
    return found


class Health(BaseHTTPRequestHandler):
    """``/api/health`` of the worker."""

    def do_GET(self) -> None:
        good = urlsplit(self.path).path == "/api/health"
        body = b'{"status":"OK"}' if good else b"{}"
        self.send_response(200 if good else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> int:
    """Serve until a signal; 1 when the environment is wrong."""
    part = sys.argv[1]
    found = faults(part, os.environ)
    for line in found:
        print(f"invalid environment: {line}", file=sys.stderr, flush=True)
    if found:
        return 1
    if part == "web":
        words = ["-m", "ops.standins.langfuse", "--host", "any", "--port", os.environ.get("PORT") or PORTS[part]]
        os.chdir(FOLDER)
        python = f"{FOLDER}/venv/bin/python"
        os.execv(python, [python, *words, "--state", "/tmp/langfuse"])
    address = ("0.0.0.0", int(os.environ.get("PORT") or PORTS[part]))
    ThreadingHTTPServer(address, Health).serve_forever()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
