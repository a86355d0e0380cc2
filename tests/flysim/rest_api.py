"""The REST half of the platform's main API (/api/v1): organisations, releases, builds, logs."""

from __future__ import annotations

from typing import Any

from tests.flysim.faults import Problem
from tests.flysim.graphql_values import Failure, Values
from tests.flysim.machines_api import Request
from tests.flysim.state import Json, State, new_id, now


class RestApi:
    """Routes below /api/v1."""

    def __init__(self, state: State, values: Values) -> None:
        self.state = state
        self.values = values
        self.logs: dict[str, list[Json]] = {}

    def answer(self, request: Request) -> tuple[int, Any]:
        """Dispatch one request."""
        match (request.method, *request.parts):
            case ("GET", "organizations"):
                return 200, {"organizations": [self._org(o) for o in self.state.orgs.values()]}
            case ("GET", "organizations", slug):
                if slug not in self.state.orgs:
                    raise Problem(404, "organization not found")
                return 200, {"organization": self._org(self.state.orgs[slug])}
            case ("POST", "releases"):
                return 201, {"release": self._create_release(request.body)}
            case ("PATCH", "releases", release_id):
                return 200, self._update_release(release_id, request.body)
            case ("GET", "releases", "all_current"):
                return 200, {
                    a["name"]: a["releases"][-1]["created_at"] for a in self.state.apps.values() if a["releases"]
                }
            case ("GET", "apps", name, "releases"):
                limit = int(request.query.get("limit", ["25"])[0])
                newest = list(reversed(self._app(name)["releases"]))
                return 200, {"releases": [self._show(r) for r in newest[:limit]]}
            case ("GET", "apps", name, "releases", "current"):
                releases = self._app(name)["releases"]
                if not releases:
                    raise Problem(404, "no current release")
                return 200, self._show(releases[-1])
            case ("GET", "apps", name, "logs"):
                return 200, self._logs(name, request.query)
            case ("POST", "builds"):
                return 200, {"id": self.state.number(), "status": "pending", "wallclock_time_ms": 0}
            case ("POST", "builds", "finish"):
                return 200, {"id": request.body.get("build_id", 1), "status": "completed", "wallclock_time_ms": 1}
        raise Problem(404, "not found")

    def _app(self, name: str) -> Json:
        try:
            return self.values.find_app(name)
        except Failure as failure:
            raise Problem(404, str(failure)) from None

    @staticmethod
    def _org(org: Json) -> Json:
        return {
            "id": org["id"],
            "internal_numeric_id": org["number"],
            "slug": org["slug"],
            "raw_slug": org["slug"],
            "name": org["name"],
            "paid_plan": org["paid"],
            "personal": org["personal"],
            "billable": org["paid"],
            "billing_status": "CURRENT" if org["paid"] else "SOURCE_REQUIRED",
            "provisions_beta_extensions": False,
            "remote_builder_image": "",
        }

    @staticmethod
    def _show(release: Json) -> Json:
        return {
            key: release[key] for key in ("id", "version", "stable", "status", "strategy", "created_at", "image_ref")
        } | {"in_progress": release["status"] in ("pending", "running"), "user": "operator@example.com"}

    def _create_release(self, body: Json) -> Json:
        app = self._app(body["app_name"])
        release = {
            "id": new_id(24),
            "version": len(app["releases"]) + 1,
            "stable": False,
            "status": "pending",
            "strategy": body.get("strategy") or "ROLLING",
            "created_at": now(),
            "description": "Release",
            "reason": "",
            "image_ref": body.get("image") or "",
            "definition": body.get("definition") or {},
        }
        app["releases"].append(release)
        return self._show(release)

    def _update_release(self, release_id: str, body: Json) -> Json:
        for app in self.state.apps.values():
            for release in app["releases"]:
                if release["id"] == release_id:
                    release["status"] = body.get("status") or release["status"]
                    return self._show(release)
        raise Problem(404, "release not found")

    def _logs(self, name: str, query: dict[str, list[str]]) -> Json:
        self._app(name)
        entries = self.logs.get(name, [])
        after = int(query.get("next_token", ["0"])[0] or 0)
        wanted = query.get("instance", [""])[0]
        shown = [e for e in entries[after:] if not wanted or e["instance"] == wanted]
        data = [{"id": str(i), "attributes": e} for i, e in enumerate(shown)]
        return {"data": data, "meta": {"next_token": str(len(entries))}}
