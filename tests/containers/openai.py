"""The OpenAI stand-in on an address that containers reach: ``python -m tests.containers.openai HOST STATE``.

Prints its port; the key is OPENAI_STANDIN_KEY in the environment.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from ops.standins.openai.app import make
from ops.standins.openai.control import Control
from ops.standins.openai.models import DEFAULT
from ops.standins.openai.service import Service
from ops.standins.serve import serve


def main() -> None:
    """Serve until a signal."""
    host, state = sys.argv[1:]
    listening = socket.create_server((host, 0))
    listening.setblocking(False)
    print(listening.getsockname()[1], flush=True)
    service = Service(Control(Path(state)), [os.environ["OPENAI_STANDIN_KEY"]], DEFAULT, 0.0, 0.0)
    serve(make(service), [listening], "openai")


if __name__ == "__main__":
    main()
