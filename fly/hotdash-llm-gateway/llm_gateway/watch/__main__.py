"""`python -m llm_gateway.watch`: the watch. `--once` looks once, `--test` sends a mail, `--mails` tells of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from ..lasting import described
from ..settings import ConfigError
from ..store import Store, StoreUnavailable
from . import alerts, letters, post
from .look import Looker
from .memory import Memory
from .settings import Places, Settings, adapted, load, places
from .watcher import Watcher, judged, start

log = logging.getLogger(__name__)

LEASE_LOOKS = 2.5
"""A watch that has not been heard of for so many looks is taken for gone."""
REDIS_S = 2.0


def main(arguments: list[str]) -> int:
    """Watch until SIGTERM, or do what is asked once.

    Returns:
        0 nothing that a look can tell is bad; 1 an alert is on, something is not seen, or the mail was not sent;
        2 cannot start as set up.
    """
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        settings = load(Path(os.environ.get("WATCH_CONFIG_FILE", "config/watch.toml")))
        settings = adapted(settings, os.environ)
        where = places(os.environ)
        if arguments == ["--test"]:
            return _test(settings, where)
        if arguments not in ([], ["--once"], ["--mails"]):
            raise ConfigError(f"unknown arguments: {' '.join(arguments)}")
        if not arguments and where.smtp is None:
            raise ConfigError("SMTP_URL is not set: there is nobody to write to")
        return asyncio.run(_run(settings, where, arguments[0] if arguments else ""))
    except ConfigError as error:
        print(f"watch: {error}", file=sys.stderr)
        return 2


def _test(settings: Settings, where: Places) -> int:
    """Send a test mail now, past the outbox."""
    if where.smtp is None:
        raise ConfigError("SMTP_URL is not set: there is nobody to write to")
    mail = letters.test(time.time(), settings)
    try:
        post.send(where.smtp, mail, settings)
    except post.NotSent as error:
        _say({"sent": False, "to": settings.to, "why": str(error)})
        return 1
    _say({"sent": True, "to": settings.to, "id": mail["id"]})
    return 0


async def _run(settings: Settings, where: Places, what: str) -> int:
    prefix = os.environ.get("WATCH_KEY_PREFIX") or "gw:"
    store = Store(where.redis_url, prefix=prefix, timeout_s=REDIS_S)
    memory = Memory(store, start(), lease_s=settings.every_s * LEASE_LOOKS)
    try:
        await store.start()
        if what == "--mails":
            return await _mails(memory)
        looker = Looker(where, settings, store)
        send = partial(_send, where, settings) if where.smtp else None
        watcher = Watcher(settings, memory, looker.look, send)
        if what == "--once":
            return await _once(settings, memory, looker, watcher)
        await _watch(watcher, memory, settings.every_s)
        return 0
    finally:
        await store.close()


def _send(where: Places, settings: Settings, mail: Any) -> None:
    assert where.smtp is not None
    post.send(where.smtp, mail, settings)


async def _watch(watcher: Watcher, memory: Memory, every_s: float) -> None:
    """Look again and again, until told to stop."""
    stopped = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopped.set)
    working = None
    while not stopped.is_set():
        begun = time.monotonic()
        try:
            works = await watcher.tick(time.time())
        except Exception as error:
            # Whatever it is, the next look may do better.
            log.error("a look failed for a reason of our own: %s", described(error))
        else:
            if works is not working:
                log.info("this watch works" if works else "another watch works")
            working = works
        pause = max(0.0, every_s - (time.monotonic() - begun))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), pause)
    await memory.release()


async def _once(settings: Settings, memory: Memory, looker: Looker, watcher: Watcher) -> int:
    """One look, as the watch's own where none runs; else beside it, changing nothing."""
    try:
        before = await memory.look()
    except StoreUnavailable:
        before = None
    works = await watcher.tick(time.time())
    if works:
        state, findings = memory.state, watcher.findings
        await memory.release()
    else:
        state, findings = judged(before or start(), await looker.look(time.time()), settings)
    on = alerts.running(state)
    shown = [{"rule": each.rule, "subject": each.subject, "state": each.state, "says": each.says} for each in findings]
    told = [{key: alert[key] for key in ("rule", "subject", "since", "says")} for alert in on]
    _say({"alerts": told, "findings": shown, "waiting": len(state["outbox"]), "watched": not works})
    return int(bool(on) or any(each.state == "bad" for each in findings))


async def _mails(memory: Memory) -> int:
    """The mails that wait, and the last that were sent."""
    try:
        state = await memory.look() or start()
    except StoreUnavailable as error:
        raise ConfigError(f"Redis cannot be asked: {error}") from error
    waiting = [{key: mail[key] for key in ("id", "subject", "at")} for mail in state["outbox"]]
    _say({"waiting": waiting, "sent": state["sent"], "retry": state["retry"]})
    return 0


def _say(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
