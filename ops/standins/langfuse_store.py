"""What the Langfuse stand-in keeps: observations and scores, in memory and as JSON lines on disk."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

KEPT_RECORDS = 20_000
MERGE_S = 90.0
"""Seconds for which a record that was sent twice is there twice: ClickHouse merges such rows some time later."""


def iso(moment: datetime) -> str:
    """``moment`` as Langfuse writes it: UTC with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now_iso() -> str:
    """This moment as Langfuse writes it."""
    return iso(datetime.now(UTC))


class Observation(msgspec.Struct, rename="camel"):
    """One span as Langfuse v4 stores it; ``received`` is the Unix time at which it came in."""

    id: str
    trace_id: str
    project_id: str
    type: str
    name: str
    start_time: datetime
    end_time: datetime | None
    received: float
    parent_observation_id: str | None = None
    level: str = "DEFAULT"
    status_message: str | None = None
    version: str | None = None
    environment: str = "default"
    user_id: str | None = None
    session_id: str | None = None
    is_root_observation: bool = True
    completion_start_time: datetime | None = None
    input: str | None = None
    output: str | None = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    provided_model_name: str | None = None
    model_parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    usage_details: dict[str, int] = msgspec.field(default_factory=dict)
    cost_details: dict[str, float] = msgspec.field(default_factory=dict)
    prompt_name: str | None = None
    prompt_version: int | None = None
    trace_name: str | None = None
    tags: list[str] = msgspec.field(default_factory=list)
    release: str | None = None

    @property
    def key(self) -> str:
        """What makes it the same record when it is sent again."""
        return f"{self.trace_id}/{self.id}"

    @property
    def latency_s(self) -> float | None:
        """Seconds from start to end."""
        return (self.end_time - self.start_time).total_seconds() if self.end_time else None

    @property
    def first_token_s(self) -> float | None:
        """Seconds from start to the first token, where the client said so."""
        return (self.completion_start_time - self.start_time).total_seconds() if self.completion_start_time else None

    @property
    def total_cost(self) -> float | None:
        """USD: the given total, else the sum of the parts; None when no cost was given."""
        if not self.cost_details:
            return None
        parts = sum(v for k, v in self.cost_details.items() if k != "total")
        return self.cost_details.get("total", parts)


class Score(msgspec.Struct, rename="camel"):
    """One score given to a trace, an observation or a session."""

    id: str
    project_id: str
    name: str
    value: float | str | bool
    data_type: str
    source: str
    environment: str
    timestamp: str
    created_at: str
    updated_at: str
    received: float
    comment: str | None = None
    metadata: dict[str, Any] | None = None
    trace_id: str | None = None
    observation_id: str | None = None
    session_id: str | None = None

    @property
    def key(self) -> str:
        """What makes it the same record when it is sent again."""
        return self.id


Record = TypeVar("Record", Observation, Score)


class Lines(Generic[Record]):
    """The newest ``limit`` records of one kind, appended to a file of JSON lines that survives a restart.

    A record with a key already known replaces the earlier one, which is seen beside it for a while. The file is
    rewritten once it holds twice the limit; a line cut short by a crash is left out.
    """

    def __init__(self, path: Path, kind: type[Record], limit: int = KEPT_RECORDS) -> None:
        self._path = path
        self._limit = limit
        self._records: dict[str, Record] = {}
        self._doubles: list[Record] = []
        self._lines = 0
        self._load(msgspec.json.Decoder(kind))
        self._file = self._open()

    def _load(self, decoder: msgspec.json.Decoder[Record]) -> None:
        if not self._path.exists():
            return
        for line in self._path.read_bytes().splitlines():
            self._lines += 1
            try:
                self._keep(decoder.decode(line))
            except msgspec.DecodeError:
                continue
        self._compact()

    def _open(self) -> io.FileIO:
        # Prompts are in it: for the owner only.
        return io.FileIO(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a")

    def _keep(self, record: Record) -> None:
        earlier = self._records.pop(record.key, None)
        if earlier is not None:
            self._doubles.append(earlier)
        self._records[record.key] = record
        if len(self._records) > self._limit:
            del self._records[next(iter(self._records))]

    def _compact(self) -> None:
        part = self._path.with_suffix(".part")
        with io.FileIO(os.open(part, os.O_WRONLY | os.O_TRUNC | os.O_CREAT, 0o600), "w") as file:
            file.write(_encode(self._records.values()))
        os.replace(part, self._path)
        self._lines = len(self._records)

    def add(self, records: Iterable[Record]) -> None:
        """Keep ``records``, on disk before they can be read back."""
        new = list(records)
        self._file.write(_encode(new))
        self._lines += len(new)
        for record in new:
            self._keep(record)
        if self._lines > 2 * self._limit:
            self._file.close()
            self._compact()
            self._file = self._open()

    def remove(self, key: str) -> bool:
        """Forget one record; False when it is not there."""
        found = self._records.pop(key, None) is not None
        if found:
            self._rewrite()
        return found

    def clear(self) -> None:
        """Forget all records."""
        self._records.clear()
        self._doubles.clear()
        self._rewrite()

    def _rewrite(self) -> None:
        self._file.close()
        self._compact()
        self._file = self._open()

    def visible(self, delay_s: float, merge_s: float = MERGE_S) -> list[Record]:
        """The records that came in at least ``delay_s`` seconds ago, oldest first.

        One that came in again is there twice until ``merge_s`` seconds have passed since.
        """
        now = time.time()
        limit, unmerged = now - delay_s, now - merge_s
        again = {key for key, record in self._records.items() if record.received > unmerged}
        self._doubles = [record for record in self._doubles if record.key in again]
        seen = list(self._doubles)
        seen.extend(self._records.values())
        return [record for record in seen if record.received <= limit]

    def __len__(self) -> int:
        return len(self._records)


def _encode(records: Iterable[Observation | Score]) -> bytes:
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)
