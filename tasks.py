"""The runbook's commands. Wiring only: what they do lies in `ops/`.

Any other Invoke that finds this file (one of pipx, `python -m invoke`) hands over to `./inv`, in the environment of the
runbook's own lock.
"""

import os
import sys

ROOT = os.path.dirname(os.path.realpath(__file__))

if __name__ == "__main__":
    if ROOT not in sys.path:
        sys.path.insert(0, ROOT)

    from ops.runbook import early

    early.install()

    import gc

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

    code = main(Path(ROOT))
    # All is written and closed: taking the interpreter apart would only keep the operator waiting.
    early.leave(code)
elif os.path.realpath(getattr(sys.modules["__main__"], "__file__", None) or "") != os.path.realpath(__file__):
    os.execv(os.path.join(ROOT, "inv"), ["inv", *sys.argv[1:]])  # noqa: S606 - there is nothing for a shell to do

from ops import commands  # noqa: E402 - only once it is our Invoke that asks

ns = commands.namespace()
