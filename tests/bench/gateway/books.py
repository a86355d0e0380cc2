"""How true the books are: mixed traffic through a real gateway, its counter against what the provider charged.

Run from the project root, in the gateway's environment:

    .venv-gateway/bin/python -m tests.bench.gateway.books [--requests 5000] [--json]

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with ValkeyServer() as valkey, Provider() as provider:
        books = mixed_traffic.run(valkey, provider, options.requests)
    if options.json:
        print(json.dumps({**asdict(books), "error": books.error}))
    else:
        print(f"{books.requests} requests: booked {books.booked / 1e9:.6f} USD, charged {books.charged / 1e9:.6f} USD")
        print(f"error {books.error:.5%} (limit 0.1 %)")


if __name__ == "__main__":
    main()
