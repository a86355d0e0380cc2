"""Serves the mail server in the foreground."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence

from ops.standins.serve import arguments, log
from ops.standins.smtp.certificate import ensure
from ops.standins.smtp.server import Mailbox, controller


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 when stopped, 2 when it cannot start."""
    args = arguments("A mail server for rehearsals.").parse_args(argv)
    password = os.environ.get("SMTP_STANDIN_PASSWORD", "")
    if not password:
        log("smtp: SMTP_STANDIN_PASSWORD is not set; put the password the watch will use into it")
        return 2
    stopped = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stopped.set())
    server = controller(Mailbox(args.state / "mails"), password, args.port, *ensure(args.state))
    try:
        server.start()
    except OSError as error:
        log(f"smtp: port {args.port} cannot be used: {error.strerror}")
        return 2
    log(f"smtp: takes mail on 127.0.0.1:{args.port}")
    stopped.wait()
    server.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
