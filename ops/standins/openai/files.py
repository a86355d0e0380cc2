"""``/v1/files``, as far as messages refer to files."""

from __future__ import annotations

import email
import email.policy
import time
import uuid
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ops.standins.openai.errors import ApiError, invalid, missing

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")


@dataclass(frozen=True)
class File:
    """An uploaded file; ``tokens`` is what it is billed when a test arranged that."""

    id: str
    filename: str
    purpose: str
    created_at: int
    content: bytes = b""
    tokens: int | None = None

    def object(self) -> dict[str, Any]:
        """OpenAI's file object."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created_at,
            "expires_at": None,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


class Files:
    """The files uploaded since the start; kept in memory."""

    def __init__(self) -> None:
        self._files: dict[str, File] = {}

    def find(self, identifier: str) -> File:
        """A file. Raises ApiError when there is none of that id."""
        if (found := self._files.get(identifier)) is None:
            raise ApiError(404, f"No such File object: {identifier}", param="id")
        return found

    def arrange(self, identifier: str, tokens: int) -> None:
        """Have a file of that id, billed ``tokens`` wherever it is read."""
        self._files[identifier] = File(identifier, "arranged.pdf", "user_data", int(time.time()), tokens=tokens)

    def clear(self) -> None:
        """Forget all files."""
        self._files.clear()

    async def create(self, request: Request) -> Response:
        """``POST /v1/files``."""
        fields = _fields(request.headers.get("content-type", ""), await request.body())
        if "file" not in fields:
            raise missing("file")
        if "purpose" not in fields:
            raise missing("purpose")
        purpose = fields["purpose"][1].decode(errors="replace")
        if purpose not in PURPOSES:
            listed = ", ".join(f"'{one}'" for one in PURPOSES)
            raise invalid(f"Invalid value: '{purpose}'. Supported values are: {listed}.", "purpose")
        filename, content = fields["file"]
        made = File(f"file-{uuid.uuid4().hex[:24]}", filename or "upload", purpose, int(time.time()), content)
        self._files[made.id] = made
        return JSONResponse(made.object())

    async def list(self, request: Request) -> Response:
        """``GET /v1/files``."""
        listed = [file.object() for file in reversed(self._files.values())]
        ends = {"first_id": listed[0]["id"] if listed else None, "last_id": listed[-1]["id"] if listed else None}
        return JSONResponse({"object": "list", "data": listed, **ends, "has_more": False})

    async def retrieve(self, request: Request) -> Response:
        """``GET /v1/files/{file_id}``."""
        return JSONResponse(self.find(request.path_params["file_id"]).object())

    async def content(self, request: Request) -> Response:
        """``GET /v1/files/{file_id}/content``."""
        return Response(self.find(request.path_params["file_id"]).content, media_type="application/octet-stream")

    async def delete(self, request: Request) -> Response:
        """``DELETE /v1/files/{file_id}``."""
        found = self.find(request.path_params["file_id"])
        del self._files[found.id]
        return JSONResponse({"id": found.id, "object": "file", "deleted": True})


def _fields(content_type: str, body: bytes) -> dict[str, tuple[str | None, bytes]]:
    """The fields of a multipart form: name to file name and content."""
    message = email.message_from_bytes(
        f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=email.policy.HTTP
    )
    fields = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = (part.get_filename(), content)
    return fields
