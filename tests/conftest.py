"""Two environments, one tree: the gateway's tests run where LiteLLM is installed, the runbook's where Invoke is."""

import signal
from importlib.util import find_spec

collect_ignore = ["gateway", "integration/gateway"] if find_spec("litellm") is None else []


def pytest_configure() -> None:
    """Whatever started the tests (`nohup`, a background job) may ignore signals, and that is inherited by children.

    A handler of ours is not: the tests go on ignoring them, and every program that they start has the usual signals.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda signum, frame: None)
