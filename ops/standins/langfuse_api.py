"""Langfuse's public API as of v4, as far as the gateway and its runbook use it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import hmac
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ops.standins import (
    langfuse_dashboards,
    langfuse_mapping,
    langfuse_metrics,
    langfuse_observations,
    langfuse_otlp,
    langfuse_scores,
)
from ops.standins.langfuse_database import Database, DatabaseProblem
from ops.standins.langfuse_filters import BadQuery
from ops.standins.langfuse_metrics_query import Query
from ops.standins.langfuse_settings import VERSION, Settings
from ops.standins.langfuse_store import MERGE_S, Lines, Observation, Score

INGESTION_VERSION = 4
RECENT_S = 180
LEGACY_EVENTS = frozenset({"score-create", "sdk-log"})
V3_READS = (
    "traces",
    "traces/{id}",
    "observations",
    "observations/{id}",
    "sessions",
    "sessions/{id}",
    "v2/scores",
    "v2/scores/{id}",
    "metrics",
    "metrics/daily",
)


class Switches(msgspec.Struct, forbid_unknown_fields=True):
    """What can be changed while it runs.

    ``drop``: answer 200 to traces and store nothing. ``visibility_delay_s``: seconds before what came in can
    be read. ``otlp_status``: answer traces with this status instead of storing them. ``merge_s``: seconds for which
    what was sent twice is there twice. ``dashboards_status``: answer the dashboards' API with this status; a
    Langfuse that has none says 404.
    """

    drop: bool = False
    visibility_delay_s: float = 2.0
    otlp_status: int | None = None
    merge_s: float = MERGE_S
    dashboards_status: int | None = None


def problem(status: int, message: str, error: str) -> JSONResponse:
    """An error in Langfuse's shape."""
    return JSONResponse({"message": message, "error": error}, status)


Handler = Callable[["PublicApi", Request], Awaitable[Response]]


def authenticated(handler: Handler) -> Handler:
    """Let only the project's key pair in, and answer 400 to a query that cannot be understood.

    Langfuse itself looks a pair up by its secret half alone; here both must be right, so that a rehearsal
    finds a public key that belongs to something else.
    """

    @functools.wraps(handler)
    async def checked(self: PublicApi, request: Request) -> Response:
        try:
            known = await asyncio.to_thread(self.knows, request.headers.get("authorization", ""))
        except DatabaseProblem as exc:
            return problem(500, str(exc), "InternalServerError")
        if not known:
            message = "Invalid credentials. Confirm that you've configured the correct host."
            return problem(401, message, "Unauthorized")
        try:
            return await handler(self, request)
        except (BadQuery, langfuse_otlp.BadBatch) as exc:
            return problem(400, str(exc), "InvalidRequestError")

    return checked


class PublicApi:
    """The routes below ``/api/public``.

    Args:
        settings: keys, project and organisation.
        observations: where spans go. scores: where scores go. dashboards: where those go, and their widgets.
        switches: how it behaves at the moment.
        database: the database it checks for its health, if any.
    """

    def __init__(
        self,
        settings: Settings,
        observations: Lines[Observation],
        scores: Lines[Score],
        dashboards: langfuse_dashboards.Dashboards,
        switches: Switches,
        database: Database | None,
    ) -> None:
        self._settings = settings
        self._pair = f"{settings.public_key}:{settings.secret_key}".encode()
        self.observations = observations
        self.scores = scores
        self.dashboards = dashboards
        self.switches = switches
        self.database = database

    def routes(self) -> list[Route]:
        """The routes, those that v4 no longer has included: they answer 404."""
        base = "/api/public/"
        return [
            Route(base + "health", self.health),
            Route(base + "ready", self.ready),
            Route(base + "projects", self.projects),
            Route(base + "otel/v1/traces", self.traces, methods=["POST"]),
            Route(base + "ingestion", self.ingestion, methods=["POST"]),
            Route(base + "v2/observations", self.list_observations),
            Route(base + "v2/metrics", self.metrics),
            Route(base + "scores", self.create_score, methods=["POST"]),
            Route(base + "scores/{id}", self.delete_score, methods=["DELETE"]),
            Route(base + "v3/scores", self.list_scores),
            Route(base + "unstable/{rest:path}", self.unstable, methods=["GET", "POST", "PATCH", "DELETE"]),
            *(Route(base + path, self.gone) for path in (*V3_READS, "scores", "scores/{id}")),
        ]

    def knows(self, authorization: str) -> bool:
        """Whether a Basic authorization header carries a valid key pair; blocks. Raises DatabaseProblem."""
        scheme, _, given = authorization.partition(" ")
        try:
            pair = base64.b64decode(given.strip(), validate=True)
        except binascii.Error:
            return False
        if scheme.lower() != "basic":
            return False
        if self.database is None:
            return hmac.compare_digest(pair, self._pair)
        public, _, secret = pair.decode(errors="replace").partition(":")
        return self.database.knows_key(public, secret)

    def _visible(self) -> list[Observation]:
        return self.observations.visible(self.switches.visibility_delay_s, self.switches.merge_s)

    async def health(self, request: Request) -> Response:
        """``GET health``: 503 when asked about a store which does not answer."""
        body = {"status": "OK", "version": VERSION}
        if request.query_params.get("failIfDatabaseUnavailable") == "true" and self.database is not None:
            try:
                await asyncio.to_thread(self.database.check)
            except DatabaseProblem as exc:
                return JSONResponse({"status": "Database not available", "version": VERSION, "cause": str(exc)}, 503)
        if request.query_params.get("failIfNoRecentEvents") == "true":
            limit = time.time() - RECENT_S
            if not any(o.received >= limit for o in self._visible()):
                return JSONResponse({"status": "No traces within the last 3 minutes", "version": VERSION}, 503)
        return JSONResponse(body)

    async def ready(self, request: Request) -> Response:
        """``GET ready``."""
        return JSONResponse({"status": "OK", "version": VERSION})

    @authenticated
    async def projects(self, request: Request) -> Response:
        """``GET projects``: the one project the key pair belongs to."""
        settings = self._settings
        organization = {"id": settings.org_id, "name": settings.org_name}
        project = {"id": settings.project_id, "name": settings.project_name}
        return JSONResponse({"data": [{**project, "organization": organization, "metadata": {}}]})

    @authenticated
    async def traces(self, request: Request) -> Response:
        """``POST otel/v1/traces``: one bad span refuses the whole batch."""
        if self.switches.otlp_status is not None:
            return problem(self.switches.otlp_status, "arranged", "Arranged")
        version = request.headers.get("x-langfuse-ingestion-version", str(INGESTION_VERSION))
        if not version.isdigit() or int(version) > INGESTION_VERSION:
            raise BadQuery(f"Invalid x-langfuse-ingestion-version: must be at most {INGESTION_VERSION}")
        spans = langfuse_otlp.read(
            await request.body(),
            request.headers.get("content-type", ""),
            request.headers.get("content-encoding", ""),
        )
        if not self.switches.drop:
            self.observations.add(langfuse_mapping.observation(s, self._settings.project_id) for s in spans)
        return JSONResponse({})

    @authenticated
    async def ingestion(self, request: Request) -> Response:
        """``POST ingestion``: v4 takes scores and SDK logs only, and says so for each other event."""
        body = _json(await request.body())
        batch = body.get("batch") if isinstance(body, dict) else None
        if not isinstance(batch, list):
            raise BadQuery("Invalid request data: batch")
        successes: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for event in batch:
            event_id, kind = str(event.get("id", "")), event.get("type")
            if kind not in LEGACY_EVENTS:
                message = f"Event type {kind} is not supported by this version; send traces over OTLP"
                errors.append({"id": event_id, "status": 400, "message": message, "error": "InvalidRequestError"})
                continue
            try:
                if kind == "score-create":
                    self.scores.add([langfuse_scores.read(event.get("body"), self._settings.project_id)])
                successes.append({"id": event_id, "status": 201})
            except BadQuery as exc:
                errors.append({"id": event_id, "status": 400, "message": str(exc), "error": "InvalidRequestError"})
        return JSONResponse({"successes": successes, "errors": errors}, 207)

    @authenticated
    async def list_observations(self, request: Request) -> Response:
        """``GET v2/observations``."""
        return JSONResponse(langfuse_observations.page(self._visible(), request.query_params))

    @authenticated
    async def metrics(self, request: Request) -> Response:
        """``GET v2/metrics``."""
        query = Query.parse(request.query_params.get("query"))
        return JSONResponse({"data": langfuse_metrics.rows(query, self._visible())})

    @authenticated
    async def create_score(self, request: Request) -> Response:
        """``POST scores``: one score, or the list the newest SDK sends."""
        body = _json(await request.body())
        scores = [langfuse_scores.read(raw, self._settings.project_id) for raw in _listed(body)]
        self.scores.add(scores)
        return JSONResponse({"id": scores[0].id})

    @authenticated
    async def list_scores(self, request: Request) -> Response:
        """``GET v3/scores``."""
        stored = self.scores.visible(self.switches.visibility_delay_s)
        return JSONResponse(langfuse_scores.page(stored, request.query_params))

    @authenticated
    async def delete_score(self, request: Request) -> Response:
        """``DELETE scores/{id}``."""
        if not self.scores.remove(request.path_params["id"]):
            return problem(404, "Score not found", "LangfuseNotFoundError")
        return JSONResponse({"message": "Score deletion queued successfully"}, 202)

    @authenticated
    async def unstable(self, request: Request) -> Response:
        """``unstable/dashboards`` and ``unstable/dashboard-widgets``."""
        if (status := self.switches.dashboards_status) is not None:
            return problem(status, "As it was told to", "LangfuseNotFoundError" if status == 404 else "Error")
        body, path = await request.body(), request.path_params["rest"]
        try:
            return JSONResponse(self.dashboards.answer(request.method, path, request.query_params, body))
        except langfuse_dashboards.Refused as exc:
            return JSONResponse({"message": str(exc), "code": exc.code}, exc.status)

    @authenticated
    async def gone(self, request: Request) -> Response:
        """What v3 could read: 404, so that code written for v3 fails in a rehearsal too."""
        message = "This endpoint is not available in Langfuse v4; use the v2 observations and metrics APIs"
        return problem(404, message, "LangfuseNotFoundError")


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as exc:
        raise BadQuery("Invalid JSON") from exc


def _listed(body: Any) -> list[Any]:
    items = body if isinstance(body, list) else [body]
    if not items:
        raise BadQuery("No score given")
    return items
