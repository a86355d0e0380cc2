"""Errors as OpenAI answers them: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

from typing import Any

INVALID = "invalid_request_error"


class ApiError(Exception):
    """A refusal; ``status`` is the HTTP status, the rest what OpenAI's error object holds."""

    def __init__(
        self, status: int, message: str, *, kind: str = INVALID, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code

    def body(self) -> dict[str, Any]:
        """The error object as it is sent."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def invalid(message: str, param: str | None = None, code: str | None = "invalid_value") -> ApiError:
    """A 400 about the value of ``param``."""
    return ApiError(400, message, param=param, code=code)


def missing(param: str) -> ApiError:
    """A 400 about a parameter that was not given."""
    return invalid(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")


def unknown(param: str) -> ApiError:
    """A 400 about a parameter that does not exist."""
    return invalid(f"Unknown parameter: '{param}'.", param, "unknown_parameter")


def unsupported(param: str, hint: str = "") -> ApiError:
    """A 400 about a parameter that the model does not have."""
    said = f"Unsupported parameter: '{param}' is not supported with this model.{hint and ' ' + hint}"
    return invalid(said, param, "unsupported_parameter")


def no_model(name: str) -> ApiError:
    """A 404 about a model that does not exist."""
    message = f"The model `{name}` does not exist or you do not have access to it."
    return ApiError(404, message, code="model_not_found")


def no_object(kind: str, identifier: str) -> ApiError:
    """A 404 about an object of another resource, such as a response, that does not exist."""
    return ApiError(404, f"{kind} with id '{identifier}' not found.")
