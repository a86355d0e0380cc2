"""The stand-in as one ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ops.standins.openai.chat import PATH as CHAT
from ops.standins.openai.chat import Chat
from ops.standins.openai.control_api import ControlApi
from ops.standins.openai.conversations import PATH as CONVERSATIONS
from ops.standins.openai.conversations import Conversations
from ops.standins.openai.embeddings import PATH as EMBEDDINGS
from ops.standins.openai.embeddings import Embeddings
from ops.standins.openai.errors import ApiError
from ops.standins.openai.files import Files
from ops.standins.openai.memory import Memory
from ops.standins.openai.moderations import PATH as MODERATIONS
from ops.standins.openai.moderations import Moderations
from ops.standins.openai.responses import PATH as RESPONSES
from ops.standins.openai.responses import Responses
from ops.standins.openai.service import Service
from ops.standins.openai.wire import refused


def make(service: Service) -> Starlette:
    """The application; the last route answers what is unknown."""
    files, memory = Files(), Memory()
    responses, conversations = Responses(service, files, memory), Conversations(memory)
    one, several = "/{conversation_id}", "/{conversation_id}/items"
    reading = service.reading
    routes = [
        *ControlApi(service.control, files).routes(),
        Route(CHAT, Chat(service, files).create, methods=["POST"]),
        Route(RESPONSES, responses.create, methods=["POST"]),
        Route(RESPONSES + "/{response_id}", reading(responses.retrieve)),
        Route(RESPONSES + "/{response_id}", reading(responses.delete), methods=["DELETE"]),
        Route(RESPONSES + "/{response_id}/cancel", reading(responses.cancel), methods=["POST"]),
        Route(RESPONSES + "/{response_id}/input_items", reading(responses.input_items)),
        Route(CONVERSATIONS, reading(conversations.create), methods=["POST"]),
        Route(CONVERSATIONS + one, reading(conversations.retrieve)),
        Route(CONVERSATIONS + one, reading(conversations.update), methods=["POST"]),
        Route(CONVERSATIONS + one, reading(conversations.delete), methods=["DELETE"]),
        Route(CONVERSATIONS + several, reading(conversations.list_items)),
        Route(CONVERSATIONS + several, reading(conversations.create_items), methods=["POST"]),
        Route(CONVERSATIONS + several + "/{item_id}", reading(conversations.retrieve_item)),
        Route(CONVERSATIONS + several + "/{item_id}", reading(conversations.delete_item), methods=["DELETE"]),
        Route(EMBEDDINGS, Embeddings(service).create, methods=["POST"]),
        Route(MODERATIONS, Moderations(service).create, methods=["POST"]),
        Route("/v1/models", reading(service.catalog.list)),
        Route("/v1/models/{model}", reading(service.catalog.retrieve)),
        Route("/v1/files", reading(files.create), methods=["POST"]),
        Route("/v1/files", reading(files.list)),
        Route("/v1/files/{file_id}", reading(files.retrieve)),
        Route("/v1/files/{file_id}", reading(files.delete), methods=["DELETE"]),
        Route("/v1/files/{file_id}/content", reading(files.content)),
        Route("/{path:path}", _unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]
    return Starlette(routes=routes, exception_handlers={ApiError: refused})


async def _unknown(request: Request) -> Response:
    """Whatever else OpenAI may have and this has not."""
    raise ApiError(404, f"Invalid URL ({request.method} {request.url.path})")
