"""Stand-in for Langfuse v4: trace ingestion, the public API, the login flow, two pages, worker health.

Run from the project root: ``python -m ops.standins.langfuse --port P --state DIR``. Keys, user, project and
database come from the environment under Langfuse's own names (`Settings`). Observations and scores are kept
in DIR as JSON lines, dashboards as JSON. What it is told under ``/_control/``:

==========================  ==========================================================================
``GET info``                pid, version, database (host and port), migrations, switches, what is stored
``GET|POST switches``       how it behaves (`Switches`); POST changes those it names
``POST reset``              forget all observations, scores and dashboards
==========================  ==========================================================================
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ops.standins.langfuse_api import PublicApi, Switches, problem
from ops.standins.langfuse_dashboards import Dashboards
from ops.standins.langfuse_database import Database, DatabaseProblem
from ops.standins.langfuse_login import Login
from ops.standins.langfuse_pages import SIGN_IN_PATH, traces_page
from ops.standins.langfuse_settings import VERSION, Settings
from ops.standins.langfuse_store import KEPT_RECORDS, Lines, Observation, Score
from ops.standins.serve import arguments, listen, log, serve


class Langfuse:
    """The whole stand-in.

    Args:
        settings: what the environment said.
        state: folder for the JSON lines.
        switches: how it behaves at first.
        kept: how many observations, and how many scores, it keeps.
        database: where it migrated, if it was given one.
    """

    def __init__(
        self, settings: Settings, state: Path, switches: Switches, kept: int, database: Database | None
    ) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self._settings = settings
        self._login = Login(settings, database)
        observations = Lines(state / "observations.jsonl", Observation, kept)
        scores = Lines(state / "scores.jsonl", Score, kept)
        dashboards = Dashboards(state / "dashboards.json")
        self._api = PublicApi(settings, observations, scores, dashboards, switches, database)

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                *self._api.routes(),
                *self._login.routes(),
                Route("/", self.start_page),
                Route("/project/{project}/traces", self.traces_page),
                Route("/api/health", self.worker_health),
                Route("/api/ready", self.worker_health),
                Route("/_control/info", self.info),
                Route("/_control/switches", self.switches, methods=["GET", "POST"]),
                Route("/_control/reset", self.reset, methods=["POST"]),
            ]
        )

    async def start_page(self, request: Request) -> Response:
        """``GET /``: on to the traces."""
        return RedirectResponse(f"/project/{self._settings.project_id}/traces")

    async def traces_page(self, request: Request) -> Response:
        """``GET /project/{id}/traces``: for the user who is signed in; others are led to the sign-in."""
        if self._login.user(request) is None:
            return RedirectResponse(f"{SIGN_IN_PATH}?targetPath={quote(request.url.path)}")
        if request.path_params["project"] != self._settings.project_id:
            return problem(404, "Project not found", "LangfuseNotFoundError")
        delay = self._api.switches.visibility_delay_s
        return traces_page(self._settings.project_name, self._api.observations.visible(delay))

    async def worker_health(self, request: Request) -> Response:
        """``GET /api/health`` and ``/api/ready``, which the real worker answers on its own port."""
        return JSONResponse({"status": "ok"})

    async def info(self, request: Request) -> Response:
        """``GET /_control/info``."""
        database = self._api.database
        return JSONResponse(
            {
                "pid": os.getpid(),
                "version": VERSION,
                "project": self._settings.project_id,
                "database": database.info() if database else None,
                "observations": len(self._api.observations),
                "scores": len(self._api.scores),
                "switches": msgspec.to_builtins(self._api.switches),
            }
        )

    async def switches(self, request: Request) -> Response:
        """``GET|POST /_control/switches``."""
        if request.method == "POST":
            have = msgspec.to_builtins(self._api.switches)
            try:
                changed = msgspec.convert({**have, **msgspec.json.decode(await request.body(), type=dict)}, Switches)
            except msgspec.MsgspecError as exc:
                return problem(400, str(exc), "InvalidRequestError")
            self._api.switches = changed
        return JSONResponse(msgspec.to_builtins(self._api.switches))

    async def reset(self, request: Request) -> Response:
        """``POST /_control/reset``."""
        self._api.observations.clear()
        self._api.scores.clear()
        self._api.dashboards.clear()
        return JSONResponse({"status": "reset"})


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = arguments("Stand-in for Langfuse v4, for rehearsals.")
    parser.add_argument("--worker-port", type=int, help="listen there too, as Langfuse's worker does")
    parser.add_argument("--visibility-delay", type=float, default=2.0, help="seconds before a trace can be read")
    parser.add_argument("--drop", action="store_true", help="answer 200 to traces and store nothing")
    parser.add_argument("--keep", type=int, default=KEPT_RECORDS, help="how many observations are kept")
    return parser.parse_args(argv)


def _try(database: Database) -> None:
    """Read once; a failure is logged only, since health reports it for as long as it lasts."""
    try:
        database.check()
    except DatabaseProblem as exc:
        log(f"langfuse: {exc}")


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 when stopped, 1 when migrating failed, 2 when it cannot start."""
    args = _parse(argv)
    try:
        settings = Settings.read(os.environ)
    except ValueError as exc:
        log(f"langfuse: {exc}")
        return 2
    database = None
    try:
        if settings.database_url:
            database = Database(settings, os.getpid())
            log(f"langfuse: migrated {database.info()['direct_url']}, reads {database.info()['database_url']}")
            _try(database)
        sockets = listen(args.port, args.host) + (listen(args.worker_port) if args.worker_port else [])
    except DatabaseProblem as exc:
        log(f"langfuse: {exc}")
        return 1
    except OSError as exc:
        log(f"langfuse: a port cannot be used: {exc.strerror}")
        return 2
    switches = Switches(drop=args.drop, visibility_delay_s=args.visibility_delay)
    serve(Langfuse(settings, args.state, switches, args.keep, database).app(), sockets, "langfuse")
    if database is not None:
        database.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
