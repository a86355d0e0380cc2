"""The routes below ``/_control/`` of the OpenAI stand-in."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ops.standins.openai.control import Control, parse_faults, parse_raws, parse_replies
from ops.standins.openai.files import Files


class ControlApi:
    """HTTP access to ``control``, and to the files that a test wants to be there."""

    def __init__(self, control: Control, files: Files) -> None:
        self.control = control
        self.files = files

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/_control/counters", self.counters),
            Route("/_control/requests", self.requests),
            Route("/_control/faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route("/_control/replies", self.replies, methods=["GET", "POST", "DELETE"]),
            Route("/_control/raws", self.raws, methods=["GET", "POST", "DELETE"]),
            Route("/_control/files", self.arrange_files, methods=["POST"]),
            Route("/_control/reset", self.reset, methods=["POST"]),
        ]

    async def counters(self, request: Request) -> Response:
        """``GET /_control/counters``."""
        return JSONResponse(self.control.figures())

    async def requests(self, request: Request) -> Response:
        """``GET /_control/requests?contains=&limit=``: the last bodies, oldest first; how many are not kept."""
        limit = request.query_params.get("limit", "50")
        if not limit.isdigit():
            return _refused("limit is a whole number, 0 for all")
        record = self.control.requests
        found = record.find(request.query_params.get("contains", ""), int(limit))
        said = msgspec.json.encode({"requests": found, "forgotten": record.forgotten})
        return Response(said, media_type="application/json")

    async def faults(self, request: Request) -> Response:
        """``GET|POST|DELETE /_control/faults``."""
        if request.method == "DELETE":
            self.control.faults.clear()
        elif request.method == "POST":
            try:
                self.control.faults.extend(parse_faults(msgspec.json.decode(await request.body())))
            except msgspec.MsgspecError as exc:
                return _refused(str(exc))
        return JSONResponse({"faults": msgspec.to_builtins(self.control.faults)})

    async def replies(self, request: Request) -> Response:
        """``GET|POST|DELETE /_control/replies``."""
        if request.method == "DELETE":
            self.control.replies.clear()
        elif request.method == "POST":
            try:
                self.control.replies.extend(parse_replies(msgspec.json.decode(await request.body())))
            except msgspec.MsgspecError as exc:
                return _refused(str(exc))
        return JSONResponse({"replies": msgspec.to_builtins(self.control.replies)})

    async def raws(self, request: Request) -> Response:
        """``GET|POST|DELETE /_control/raws``; told are only how many wait, by marker."""
        if request.method == "DELETE":
            self.control.forget_raws()
        elif request.method == "POST":
            try:
                self.control.add_raws(parse_raws(msgspec.json.decode(await request.body())))
            except msgspec.MsgspecError as exc:
                return _refused(str(exc))
        return JSONResponse({"waiting": self.control.waiting_raws()})

    async def arrange_files(self, request: Request) -> Response:
        """``POST /_control/files``: ``{id: tokens}``, the files that exist and what each is billed."""
        try:
            arranged = msgspec.json.decode(await request.body(), type=dict[str, int])
        except msgspec.MsgspecError as exc:
            return _refused(str(exc))
        for identifier, tokens in arranged.items():
            self.files.arrange(identifier, tokens)
        return JSONResponse({"files": arranged})

    async def reset(self, request: Request) -> Response:
        """``POST /_control/reset``."""
        self.control.reset()
        self.files.clear()
        return JSONResponse({"status": "reset"})


def _refused(message: str) -> Response:
    return JSONResponse({"error": {"message": message}}, 400)
