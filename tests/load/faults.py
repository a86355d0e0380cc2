"""Under a steady rate of traffic one thing after the other goes wrong: how many requests failed, when, and why."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.integration.gateway.harness import wait_until
from tests.load import mix, sending
from tests.load.edged import Edged
from tests.load.measuring import percentile
from tests.load.mix import Asked
from tests.load.soaking import Heard, traces

AWAY_S, CALM_S, BACK_WITHIN_S = 20.0, 5.0, 60.0
Fault = Callable[[Edged], Any]


@dataclass(frozen=True)
class Seen:
    """What came of one fault.

    Attributes:
        began: when it began, by the monotonic clock.
        excused: what was under way at that moment may be lost.
        heard: every request, from some seconds before until some after.
        told: what else is known of it; `missed`: goals of its own that were missed.
    """

    began: float
    excused: bool
    heard: Sequence[Heard]
    told: dict[str, Any]
    missed: Sequence[str]

    @property
    def failed(self) -> list[Heard]:
        """Requests that did not end as they had to."""
        return [each for each in self.heard if each.wrong]

    @property
    def not_excused(self) -> list[Heard]:
        """Those of them that were not under way at the beginning of a fault that may break them off."""
        return [each for each in self.failed if not (self.excused and each.at <= self.began <= each.at + each.took_s)]

    def figures(self) -> dict[str, Any]:
        """For a person or a program."""
        took = [each.took_s for each in self.heard]
        unexcused = Counter(each.wrong[:100] for each in self.not_excused)
        return {
            "requests": len(self.heard),
            "under_way_at_its_beginning": sum(each.at <= self.began <= each.at + each.took_s for each in self.heard),
            "failed": dict(Counter(each.wrong[:100] for each in self.failed)),
            "p50_ms": percentile(took, 0.5) * 1000,
            "p95_ms": percentile(took, 0.95) * 1000,
            "slowest_s": max(took, default=0.0),
            **self.told,
            "missed": [*self.missed, *(f"{count} x {why}" for why, count in unexcused.items())],
        }


@contextmanager
def killed(stage: Edged) -> Iterator[None]:
    """SIGKILL for a gateway; started again at the end."""
    stage.gateways[0].stop(signal.SIGKILL)
    yield
    stage.gateways[0].start()


@contextmanager
def redis_frozen(stage: Edged) -> Iterator[None]:
    """SIGSTOP for Redis: connections stay open and nothing is answered."""
    stage.valkey.freeze()
    try:
        yield
    finally:
        stage.valkey.resume()


@contextmanager
def langfuse_away(stage: Edged) -> Iterator[None]:
    """Connections to Langfuse are refused."""
    stage.langfuse.stop()
    yield
    stage.langfuse.start()


@contextmanager
def smtp_away(stage: Edged) -> Iterator[None]:
    """Connections to the mail server are refused."""
    stage.mail.stop()
    yield
    stage.mail.start()


FAULTS: dict[str, Fault] = {
    "gateway killed": killed,
    "Redis frozen": redis_frozen,
    "Langfuse away": langfuse_away,
    "SMTP away": smtp_away,
}
EXCUSED = frozenset({"gateway killed"})


async def one_after_the_other(
    stage: Edged, a_second: float, *, names: Sequence[str] = tuple(FAULTS), away_s: float = AWAY_S
) -> dict[str, Seen]:
    """Each fault with traffic of its own before, during and after it."""
    each = round((2 * CALM_S + away_s) * a_second)
    day = list(mix.day(each * len(names), seed=2))
    return {
        name: await _one(stage, name, day[number * each :][:each], a_second, away_s)
        for number, name in enumerate(names)
    }


async def _one(stage: Edged, name: str, day: Sequence[Asked], a_second: float, away_s: float) -> Seen:
    heard: list[Heard] = []
    sending_ = asyncio.create_task(
        sending.send_on(
            stage.url, stage.keys, day, lambda sent: heard.append(Heard.of(sent)), a_second=a_second, host=stage.domain
        )
    )
    await asyncio.sleep(CALM_S)
    began = time.monotonic()
    fault = FAULTS[name](stage)
    await asyncio.to_thread(fault.__enter__)
    mailed = await asyncio.to_thread(_mails, stage) if name == "SMTP away" else None
    await asyncio.sleep(max(0.0, began + away_s - time.monotonic()))
    await asyncio.to_thread(fault.__exit__, None, None, None)
    await sending_
    told, missed = await asyncio.to_thread(_afterwards, stage, mailed)
    return Seen(began, name in EXCUSED, heard, told, missed)


def _mails(stage: Edged) -> bool | None:
    """Whether a test mail goes out."""
    return None if stage.watch is None else stage.watch.once("--test")[0] == 0


def _afterwards(stage: Edged, mailed: bool | None) -> tuple[dict[str, Any], list[str]]:
    """All is as before: gateways ready and on Redis, traces sent, mails on their way."""
    began = time.monotonic()
    wait_until(lambda: all(_well(stage)) and traces(stage)["waiting"] == 0, BACK_WITHIN_S)
    lost = traces(stage)["lost"]
    told: dict[str, Any] = {"well_again_after_s": time.monotonic() - began, "traces_lost": lost}
    missed = [f"{lost} traces were lost"] if lost else []
    if mailed is not None:
        told |= {"mailed_while_away": mailed, "mailed_afterwards": _mails(stage)}
        if mailed or not told["mailed_afterwards"]:
            missed.append("a test mail did not go out when the mail server was back, or did while it was away")
    if stage.watch is not None and stage.watch.running[0].poll() is not None:
        missed.append("the watch has ended")
    return told, missed


def _well(stage: Edged) -> Iterator[bool]:
    for gateway in stage.gateways:
        with gateway.operator() as operator:
            teams = operator.get("/gateway/admin/teams").json()["teams"]
            yield operator.get("/health/readiness").status_code == 200 and all(team["shared"] for team in teams)
