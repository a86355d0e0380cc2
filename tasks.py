"""The runbook's commands. Wiring only: what they do lies in `ops/`."""

if __name__ == "__main__":
    from ops.runbook import early

    early.install()

    import gc
    import sys

    # Modules are no garbage: looking for some among them again and again is a tenth of a command's work.
    gc.set_threshold(50_000, 20, 20)

    if sys.flags.no_site:  # ./inv starts Python without site packages, so that the handlers come first
        import site

        site.main()

    from pathlib import Path

    from ops.runbook.loading import deferred, spared

    # For its stand-in for tests Invoke loads the standard library's, and with it asyncio: a fifth of its start.
    # Its own YAML is for settings in YAML, of which the project has none: another tenth.
    with spared("unittest.mock", "Mock"), deferred("invoke.vendor.yaml"):
        from ops.cli import main

    code = main(Path(__file__).resolve().parent)
    # All is written and closed: taking the interpreter apart would only keep the operator waiting.
    early.leave(code)

from ops import commands

ns = commands.namespace()
