"""Serves the stand-in in the foreground."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from ops.standins.openai.app import make
from ops.standins.openai.control import Control
from ops.standins.openai.models import DEFAULT
from ops.standins.openai.service import Service
from ops.standins.serve import arguments, listen, log, serve


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = arguments("Stand-in for OpenAI's API, for rehearsals.")
    parser.add_argument(
        "--models",
        default=os.environ.get("OPENAI_STANDIN_MODELS") or ",".join(DEFAULT),
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
        sockets = listen(args.port, args.host)
    except OSError as exc:
        log(f"openai: port {args.port} cannot be used: {exc.strerror}")
        return 2
    control = Control(args.state)
    service = Service(control, keys, args.models.split(","), args.latency_ms / 1000, args.chunk_delay_ms / 1000)
    serve(make(service), sockets, "openai")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
