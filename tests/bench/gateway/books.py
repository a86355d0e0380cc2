"""How true the books are: mixed traffic through a real gateway, its counter against what the provider charged.

    ./inv dev.bench books [--json]
    .venv-gateway-dev/bin/python -m tests.bench.gateway.books [--requests 5000] [--json]

The traffic holds plain, repeated, streamed, escalated and refused requests, fallbacks, timeouts, and clients that
leave before or in the middle of their answer.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway import mixed_traffic
from tests.integration.gateway.harness import Provider

MOST_ERROR = 0.001


def main() -> int:
    """Run the traffic; see the module's description. Exit code 1: the goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with ValkeyServer() as valkey, Provider() as provider:
        books = mixed_traffic.run(valkey, provider, options.requests)
    if options.json:
        print(json.dumps({**asdict(books), "error": books.error}))
    else:
        print(f"{'requests':>10}{'booked USD':>16}{'charged USD':>16}{'error':>12}{'goal':>10}")
        print(
            f"{books.requests:10}{books.booked / 1e9:16.6f}{books.charged / 1e9:16.6f}{books.error:12.5%}{'0.1%':>10}"
        )
    return 0 if books.error <= MOST_ERROR else 1


if __name__ == "__main__":
    raise SystemExit(main())
