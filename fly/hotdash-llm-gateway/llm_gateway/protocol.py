"""HTTP/1.1 as uvicorn reads it, where that is not what an API of JSON wants."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from .api.reply import error_reply


class Protocol(HttpToolsProtocol):
    """One connection."""

    _answered: RequestResponseCycle | None = None
    """The request that is being answered: uvicorn itself knows the one that came last, which may wait behind it."""

    def on_headers_complete(self) -> None:
        """A request's headers end here: fields behind its body are no headers, and would take the place of some."""
        super().on_headers_complete()
        self.headers = []

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        """None of its requests can be answered any more, the one that is being answered included."""
        self._forsake()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP as all else is refused, unless an answer has begun: then the connection ends."""
        cycle = self._answered
        begun = cycle is not None and cycle.response_started and (cycle.more_body or not cycle.response_complete)
        self._forsake()
        if not begun:
            reply = error_reply(400, msg, kind="invalid_request_error")
            assert isinstance(reply.body, bytes)
            head = f"content-type: {reply.media_type}\r\ncontent-length: {len(reply.body)}\r\nconnection: close\r\n\r\n"
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head.encode() + reply.body)
        self.transport.close()

    def _forsake(self) -> None:
        """What is still said to the requests of this connection goes nowhere, instead of failing."""
        cycles = [cycle for cycle, _ in self.pipeline]
        self.pipeline.clear()
        if self._answered is not None:
            cycles.append(self._answered)
        for cycle in cycles:
            cycle.disconnected = True
            cycle.message_event.set()
