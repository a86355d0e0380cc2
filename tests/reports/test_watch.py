"""What the watch answers, asked where it runs, in words."""

from __future__ import annotations

import json

import pytest

from ops.reports import watch
from ops.runbook.errors import RunbookError


class _Deployment:
    """Where the watch's program ends with this code and says this."""

    def __init__(self, code: int, said: str) -> None:
        self.target, self._answer = self, (code, said)

    def watch(self, what: str) -> tuple[int, str]:
        return self._answer


def test_what_is_bad_stands_first_and_what_is_on_last() -> None:
    finding = {"rule": "spend", "subject": "all", "state": "fine", "says": "1 USD"}
    answer = {
        "findings": [finding, {**finding, "rule": "disk", "state": "unknown"}, {**finding, "state": "bad"}],
        "alerts": [{"rule": "spend", "subject": "all", "since": 0, "says": "60 USD"}],
        "waiting": 1,
    }
    lines = watch.findings(answer)
    assert [line.split()[0] for line in lines[1:4]] == ["bad", "unknown", "fine"]
    assert lines[-2] == "on since 1970-01-01 00:00:00: spend all"
    assert "1 mails wait" in lines[-1]


def test_mails_that_do_not_go_say_why() -> None:
    retry = {"tries": 3, "at": 0, "why": "SMTPAuthenticationError 535"}
    lines = watch.mails({"sent": [], "waiting": [{"subject": "BEGINS", "at": 0}], "retry": retry}, None)
    assert lines[-1] == "not sent after 3 tries: SMTPAuthenticationError 535"


@pytest.mark.parametrize(("code", "said"), [(2, "watch: SMTP_URL is not set"), (0, "hello"), (1, ""), (127, "{}")])
def test_a_watch_that_cannot_answer_is_an_error_that_says_why(code: int, said: str) -> None:
    with pytest.raises(RunbookError) as error:
        watch.ask(_Deployment(code, said), "--once")  # type: ignore[arg-type]
    assert error.value.code == "WATCH-001"


def test_the_answer_is_the_last_line() -> None:
    said = "a warning\n" + json.dumps({"waiting": 0})
    assert watch.ask(_Deployment(1, said), "--once").answer == {"waiting": 0}  # type: ignore[arg-type]
