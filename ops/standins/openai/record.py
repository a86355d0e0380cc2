"""The requests that reached the OpenAI stand-in, as a test may ask for them: as many as fit, and how many did not."""

from __future__ import annotations

import time
from collections import deque

import msgspec

KEPT_BYTES = 64 * 1024 * 1024


class Record:
    """Keeps request bodies, never headers, the newest up to so many bytes.

    Args:
        most_bytes: of JSON; what is over is forgotten, oldest first, and counted.

    Attributes:
        forgotten: how many are no longer here, so that a reader who must see all knows.
    """

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most = most_bytes
        self.clear()

    def clear(self) -> None:
        """Forget all, the count too."""
        self._kept: deque[bytes] = deque()
        self._bytes = 0
        self.forgotten = 0

    def add(self, path: str, body: object) -> None:
        """Keep a request."""
        said = msgspec.json.encode({"time": time.time(), "path": path, "body": body})
        self._kept.append(said)
        self._bytes += len(said)
        while self._bytes > self._most:
            self._bytes -= len(self._kept.popleft())
            self.forgotten += 1

    def find(self, contains: str, limit: int) -> list[msgspec.Raw]:
        """The newest `limit` requests whose JSON holds a text, oldest first, each as JSON.

        Args:
            contains: found as it stands in compact JSON, so without what JSON escapes; empty for all.
            limit: 0 for all.
        """
        text = contains.encode()
        found = [msgspec.Raw(said) for said in self._kept if text in said]
        return found[-limit:]
