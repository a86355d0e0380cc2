"""How a gateway's requests ended, as its metrics have them."""

from __future__ import annotations

import re
from collections import Counter

import httpx

from tests.integration.gateway.harness import GatewayProcess

SAMPLE = re.compile(r'^gateway_requests_total\{.*outcome="(\w+)".*\} (\d+)', re.MULTILINE)


def outcomes(gateway: GatewayProcess) -> Counter[str]:
    """Requests of all teams since the gateway's start, by outcome."""
    text = httpx.get(f"http://{gateway.host or '127.0.0.1'}:{gateway.metrics_port}/metrics").text
    found: Counter[str] = Counter()
    for outcome, count in SAMPLE.findall(text):
        found[outcome] += int(count)
    return found
