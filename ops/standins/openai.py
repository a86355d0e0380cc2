"""Stand-in for OpenAI's API: chat completions, embeddings, models, and errors on demand.

Run from the project root: ``python -m ops.standins.openai --port P --state DIR``. Keys it accepts come from
``OPENAI_STANDIN_KEY`` (several separated by commas). What it is told under ``/_control/``:

==========================  ==========================================================================
``GET counters``            calls, errors and tokens per model and path
``GET requests?limit=``     the last request bodies
``GET|POST|DELETE faults``  how to misbehave (`Fault`); POST adds one or a list, DELETE forgets all
``GET|POST|DELETE replies`` fixed answers (`Reply`), the newest that fits wins
``POST reset``              forget all of the above
==========================  ==========================================================================

One request can bring its own fault in the header ``x-standin-fault``, as JSON.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from starlette.applications import Starlette

from ops.standins.openai_api import MODELS, OpenAI
from ops.standins.openai_control import Control
from ops.standins.openai_control_api import ControlApi
from ops.standins.serve import arguments, listen, log, serve


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = arguments("Stand-in for OpenAI's API, for rehearsals.")
    parser.add_argument(
        "--models",
        default=os.environ.get("OPENAI_STANDIN_MODELS") or ",".join(MODELS),
        help="names it serves, separated by commas",
    )
    parser.add_argument("--latency-ms", type=float, default=0.0, help="wait before every answer")
    parser.add_argument("--chunk-delay-ms", type=float, default=0.0, help="wait before every streamed chunk")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 when stopped, 2 when it cannot start."""
    args = _parse(argv)
    keys = [key for key in os.environ.get("OPENAI_STANDIN_KEY", "").split(",") if key]
    if not keys:
        log("openai: OPENAI_STANDIN_KEY is not set; put the key the gateway will use into it")
        return 2
    try:
        sockets = listen(args.port)
    except OSError as exc:
        log(f"openai: port {args.port} cannot be used: {exc.strerror}")
        return 2
    control = Control(args.state)
    made = OpenAI(control, keys, args.models.split(","), args.latency_ms / 1000, args.chunk_delay_ms / 1000)
    serve(Starlette(routes=[*ControlApi(control).routes(), *made.routes()]), sockets, "openai")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
