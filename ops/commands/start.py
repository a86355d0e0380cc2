"""Starting the program: signal handlers first, then the libraries, then Invoke.

What is done here for speed has its figures in docs/decisions/0006-start-up.md.
"""

# Nothing else before the handlers: until they are there, Ctrl-C is a traceback.
from ops.runbook import early


def main(file: str) -> None:
    """Run the command line and end the process with its exit code. Does not return.

    Args:
        file: the checkout's `tasks.py`.
    """
    early.install()
    import sys

    if sys.flags.no_site:  # ./inv starts Python without site packages, so that the handlers come first
        import site

        site.main()

    from pathlib import Path

    from ops.runbook.loading import deferred, spared

    # Invoke imports the standard library's mocks for its own tests, and YAML for settings the project does not have.
    with spared("unittest.mock", "Mock"), deferred("invoke.vendor.yaml"):
        from ops.commands.program import main

    code = main(Path(file).resolve().parent)
    early.leave(code)


def hand_over(file: str) -> None:
    """Replace the process by `./inv`, in the environment of the runbook's own lock, if another Invoke has been started.

    Args:
        file: the checkout's `tasks.py`, which that Invoke has found.
    """
    import os
    import sys

    own = os.path.realpath(file)
    started = getattr(sys.modules["__main__"], "__file__", None) or ""
    if os.path.realpath(started) != own:
        inv = os.path.join(os.path.dirname(own), "inv")
        os.execv(inv, ["inv", *sys.argv[1:]])  # noqa: S606 - there is nothing for a shell to do
