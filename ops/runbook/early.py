"""Signals during start-up and shutdown: end the program with one line and the documented exit code."""

# The C modules beneath `os` and `signal`: those import dozens of others, and until then Ctrl-C is a traceback.
import _signal
import posix

LINES = {
    _signal.SIGHUP: b"Hung up: what was done stays done; run the same command to go on.\n",
    _signal.SIGINT: b"Interrupted: what was done stays done; run the same command to go on.\n",
    _signal.SIGTERM: b"Terminated: what was done stays done; run the same command to go on.\n",
}


def install() -> None:
    """End at once, with the documented exit code, on a signal that asks to. Call from the main thread."""
    for number in asked():
        _signal.signal(number, _end)


def asked() -> list[int]:
    """The signals that ask a run to stop; not SIGHUP where `nohup` says that it must not."""
    return [number for number in LINES if number != _signal.SIGHUP or _signal.getsignal(number) != _signal.SIG_IGN]


def _end(signum: int, frame: object) -> None:
    # No exception: while modules are being imported, or the interpreter is closing down, nobody could catch it.
    try:  # noqa: SIM105 - without an import
        posix.write(2, LINES[signum])
    except OSError:
        pass  # the terminal is gone
    posix._exit(128 + signum)


def leave(code: int) -> None:
    """End the program now, once both outputs are flushed; open files close, and locks on them are released."""
    import sys

    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:  # noqa: SIM105 - nobody is left to tell
                stream.flush()
            except (OSError, ValueError):
                pass
    posix._exit(code)
