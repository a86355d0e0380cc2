"""HTTP/1.1 as uvicorn reads it, where that is not what an API of JSON wants."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .api.reply import error_reply


class Protocol(HttpToolsProtocol):
    """One connection."""

    def on_headers_complete(self) -> None:
        """A request's headers end here: fields behind its body are no headers, and would take the place of some."""
        super().on_headers_complete()
        self.headers = []

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP as all else is refused, unless an answer has begun: then the connection ends."""
        cycle = self.cycle
        if cycle is not None and cycle.response_started and (cycle.more_body or not cycle.response_complete):
            self.transport.close()
            return
        reply = error_reply(400, msg, kind="invalid_request_error")
        assert isinstance(reply.body, bytes)
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: {reply.media_type}\r\ncontent-length: {len(reply.body)}\r\n"
        self.transport.write(f"{head}connection: close\r\n\r\n".encode() + reply.body)
        self.transport.close()
