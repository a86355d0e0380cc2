"""The first thing that runs: a signal before, or after, anything else is set up ends the program in one line."""

# The C modules beneath `os` and `signal`: those import dozens of others, and until then Ctrl-C is a traceback.
import _signal
import posix

LINES = {
    _signal.SIGINT: b"Interrupted: what was done stays done; run the same command to go on.\n",
    _signal.SIGTERM: b"Terminated: what was done stays done; run the same command to go on.\n",
}


def install() -> None:
    """End at once, with the documented exit code, on SIGINT and SIGTERM. Call from the main thread."""
    for number in LINES:
        _signal.signal(number, _end)


def _end(signum: int, frame: object) -> None:
    # No exception: while modules are being imported, or the interpreter is closing down, nobody could catch it.
    posix.write(2, LINES[signum])
    posix._exit(128 + signum)
