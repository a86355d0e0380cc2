"""Headers of the provider's answers that clients read."""

from __future__ import annotations

from collections.abc import Mapping

PASSED_ON = ("x-request-id", "openai-processing-ms", "openai-version")
"""What SDKs show; the account's own limits and names stay here."""


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """The provider's headers that go on to the client."""
    return {name: headers[name] for name in PASSED_ON if headers.get(name)}
