"""A question that is asked beside something else."""

from __future__ import annotations

import pytest

from ops.runbook.beside import Beside
from ops.runbook.errors import Interrupted, RunbookError


def test_the_answer_is_waited_for() -> None:
    assert Beside(lambda: 7).answer() == 7


@pytest.mark.parametrize("error", [RunbookError("RUN-001", "no"), Interrupted(2)])
def test_what_the_question_raises_is_for_whoever_waits(error: BaseException) -> None:
    """An interrupt too, which is none of Exception's: else it ends in the thread, with a traceback."""

    def question() -> int:
        raise error

    with pytest.raises(type(error)):
        Beside(question).answer()
