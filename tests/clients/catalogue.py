"""The clients: which program speaks for each, in which environment, and what it shows."""

from __future__ import annotations

from dataclasses import dataclass

APIS = ("chat", "responses")
WORDS = ("plain", "streamed", "vision", "base_urls")
CALLS = ("tool", "tools_parallel", "tools_streamed")
ERRORS = ("unauthorised", "unknown_model", "too_long", "too_many", "waited")
COMMON = (*WORDS, *CALLS, "structured", *ERRORS)
SDK = (*COMMON, "streamed_usage", "tool_strict", "refusal", "refusal_streamed", "embeddings", "models", "request_id")
AGENTS = (*COMMON, "triage", "triage_streamed", "approval", "approval_streamed")


@dataclass(frozen=True)
class Client:
    """A client nobody here wrote.

    Attributes:
        id: its name in test ids; also in every question it asks.
        framework: the cutover guide's name of it, under which its settings are found.
        program: the file under programs/.
        environment: the environment of the same kind that it runs in.
        features: what its program must show, in each API.
        only: features that there are in one API alone.
        errors: the name of what it raises for 401, 404, 400 and 429; OpenAI's SDKs' names where empty.
    """

    id: str
    framework: str
    program: str
    environment: str
    features: tuple[str, ...]
    only: tuple[tuple[str, str], ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The folder under programs/ and the kind of environment."""
        return "js" if self.program.endswith(".mjs") else "python"

    def shows(self, api: str) -> tuple[str, ...]:
        """What it must show when it speaks this API."""
        return (*self.features, *(feature for wanted, feature in self.only if wanted == api))


LANGCHAIN = (*COMMON, "tool_strict", "embeddings")
CLIENTS = (
    Client("openai-python", "openai-python", "openai_python.py", "current", SDK),
    Client("openai-node", "openai-node", "openai_node.mjs", "current", SDK),
    Client("openai-node-5", "openai-node", "openai_node.mjs", "agents-0.1", SDK),
    Client("agents-js-0.1", "agents-js", "agents.mjs", "agents-0.1", AGENTS),
    Client("agents-js", "agents-js", "agents.mjs", "current", AGENTS),
    Client("agents-python", "agents-python", "agents_python.py", "current", AGENTS),
    Client(
        "langchain-python", "langchain-python", "langchain_python.py", "current", (*LANGCHAIN, "refusal"),
        errors=("OpenAIAuthenticationError", "OpenAIModelNotFoundError", "OpenAIContextOverflowError", "OpenAIRateLimitError"),
    ),
    Client(
        "langchain-js", "langchain-js", "langchain_js.mjs", "current", LANGCHAIN, (("responses", "refusal"),),
        errors=("AuthenticationError", "NotFoundError", "ContextOverflowError", "RateLimitError"),
    ),
    Client(
        "llamaindex-python", "llamaindex-python", "llamaindex_python.py", "llamaindex",
        (*COMMON, "tool_strict", "embeddings"),
    ),
    Client("llamaindex-ts", "llamaindex-ts", "llamaindex_ts.mjs", "agents-0.1", (*COMMON, "embeddings")),
    Client(
        "vercel-ai", "vercel-ai", "vercel_ai.mjs", "current",
        (*COMMON, "tool_strict", "structured_streamed", "embeddings"), errors=("APICallError",) * 4,
    ),
    Client(
        "pydantic-ai", "pydantic-ai", "pydantic_ai_python.py", "current",
        (*COMMON, "tool_strict", "approval"), errors=("ModelHTTPError",) * 4,
    ),
    Client(
        "instructor", "instructor", "instructor_python.py", "current",
        ("structured", "structured_streamed", "structured_list", "vision", "base_urls", *ERRORS),
        (("chat", "structured_strict"),), errors=("InstructorRetryException",) * 4,
    ),
    Client("curl", "curl", "curl.py", "current", ("plain", "streamed", "tool", "tools_parallel", "tools_streamed",
           "structured", "vision", "refusal", "embeddings", "models", "request_id", "base_urls", "unauthorised",
           "unknown_model", "too_long", "too_many", "waited"), errors=("curl",) * 4),
)  # fmt: skip
