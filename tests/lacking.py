"""What a test says when it is not run: what is lacking here, and the one command that gets it.

`inv dev.check` counts them by these words and repeats them in its last lines (`ops/development/not_run.py`).
"""

from ops.development.not_run import BY_DESIGN, GET

SERVERS = "tests/install-test-servers.sh"


def lacking(what: str, get: str = SERVERS) -> str:
    """The reason for a skip.

    Args:
        what: what is not here.
        get: the command that gets it; empty where none can (the machine's own nature).
    """
    return f"{what}{GET}{get}" if get else what


def by_design(why: str) -> str:
    """The reason for a combination of parameters that is no test: nothing is lacking."""
    return f"{BY_DESIGN}{why}"
