"""Two environments, one tree: the gateway's tests run where LiteLLM is installed, the runbook's where Invoke is."""

import signal
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from ops.runbook.secret import redactor

collect_ignore = ["gateway", "integration/gateway"] if find_spec("litellm") is None else []


def pytest_configure() -> None:
    """Whatever started the tests (`nohup`, a background job) may ignore signals, and that is inherited by children.

    A handler of ours is not: the tests go on ignoring them, and every program that they start has the usual signals.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda signum, frame: None)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """The secrets that a test makes are secrets until its end, and hide no word of the next test's output."""
    known = redactor.values
    yield
    redactor.values = known
