"""The clients: which program speaks for each, in which environment, and what it shows."""

from __future__ import annotations

from dataclasses import dataclass, field

APIS = ("chat", "responses")
FAILURES = ("unauthorised", "unknown_model", "too_long", "too_many")
SDK_ERRORS = ("AuthenticationError", "NotFoundError", "BadRequestError", "RateLimitError")

COMMON = (
    "plain", "streamed", "vision", "base_urls", "tool", "tools_parallel", "tools_streamed", "structured",
    *FAILURES, "waited",
)  # fmt: skip
SDK = (
    *COMMON, "streamed_usage", "tool_strict", "refusal", "refusal_streamed", "embeddings", "models", "request_id",
)  # fmt: skip
AGENTS = (*COMMON, "triage", "triage_streamed", "approval", "approval_streamed")
SHAPES = ("structured", "structured_streamed", "structured_list", "vision", "base_urls", *FAILURES, "waited")


@dataclass(frozen=True)
class Client:
    """A client nobody here wrote.

    Attributes:
        id: its name in test ids; also in every question it asks.
        program: the file under programs/.
        features: what its program must show, in each API.
        framework: the cutover guide's name of it, under which its settings are found; `id` where empty.
        environment: the environment of the same kind that it runs in.
        only: features that there are in one API alone.
        errors: the names of what it raises for each of FAILURES.
        refuses: the name of what it raises when the model refuses; empty where a refusal is an answer.
    """

    id: str
    program: str
    features: tuple[str, ...]
    framework: str = ""
    environment: str = "current"
    only: dict[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    errors: tuple[str, ...] = SDK_ERRORS
    refuses: str = ""

    @property
    def kind(self) -> str:
        """The folder under programs/ and the kind of environment."""
        return "js" if self.program.endswith(".mjs") else "python"

    @property
    def guide(self) -> str:
        """Its name in the cutover guide."""
        return self.framework or self.id

    def shows(self, api: str) -> tuple[str, ...]:
        """What it must show when it speaks this API."""
        return (*self.features, *self.only.get(api, ()))


CLIENTS = (
    Client("openai-python", "openai_python.py", SDK),
    Client("openai-node", "openai_node.mjs", SDK),
    Client("openai-node-5", "openai_node.mjs", SDK, "openai-node", "agents-0.1"),
    # 0.1 has no end for a refusal: it asks again until its turns are used up, with whichever server.
    Client("agents-js-0.1", "agents.mjs", AGENTS, "agents-js", "agents-0.1"),
    Client("agents-js", "agents.mjs", (*AGENTS, "refusal"), refuses="ModelRefusalError"),
    Client("agents-python", "agents_python.py", (*AGENTS, "refusal"), refuses="ModelRefusalError"),
    Client(
        "langchain-python",
        "langchain_python.py",
        (*COMMON, "tool_strict", "refusal", "embeddings"),
        errors=(
            "OpenAIAuthenticationError",
            "OpenAIModelNotFoundError",
            "OpenAIContextOverflowError",
            "OpenAIRateLimitError",
        ),
    ),
    Client(
        "langchain-js",
        "langchain_js.mjs",
        (*COMMON, "tool_strict", "embeddings"),
        # In chat it hands on no refusal, with whichever server.
        only={"responses": ("refusal",)},
        errors=("AuthenticationError", "NotFoundError", "ContextOverflowError", "RateLimitError"),
    ),
    Client(
        "llamaindex-python",
        "llamaindex_python.py",
        (*COMMON, "tool_strict", "refusal", "embeddings"),
        environment="llamaindex",
    ),
    Client("llamaindex-ts", "llamaindex_ts.mjs", (*COMMON, "refusal", "embeddings"), environment="agents-0.1"),
    Client(
        "vercel-ai",
        "vercel_ai.mjs",
        (*COMMON, "tool_strict", "structured_streamed", "refusal", "embeddings"),
        errors=("APICallError",) * 4,
    ),
    Client(
        "pydantic-ai",
        "pydantic_ai_python.py",
        (*COMMON, "tool_strict", "refusal", "approval"),
        errors=("ModelHTTPError",) * 4,
        refuses="ContentFilterError",
    ),
    Client(
        "instructor",
        "instructor_python.py",
        SHAPES,
        # In Responses it makes the model call a tool, which leaves no room for a refusal.
        only={"chat": ("structured_strict", "refusal")},
        errors=("InstructorRetryException",) * 4,
        refuses="InstructorRetryException",
    ),
    Client(
        "curl",
        "curl.py",
        (*COMMON, "tool_strict", "refusal", "embeddings", "models", "request_id"),
        errors=("curl",) * 4,
    ),
)
BY_ID = {client.id: client for client in CLIENTS}
# Who meets a limit of its team's own, and as which team.
LIMITED = (("openai-python", "prod_background"), ("openai-node", "prod_ceo"))
