"""What is printed: plain lines in a pipe, three lines for an error, nothing that breaks at 80 columns."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest

from ops.runbook.console import Live, Plain, error_lines, is_live, plan_lines, view
from ops.runbook.errors import RunbookError
from ops.runbook.plan import make
from ops.runbook.run import run
from ops.runbook.secret import Secret
from ops.runbook.step import Step, blocked, satisfied
from tests.runbook.support import Deployment, put


def test_a_pipe_gets_one_plain_line_a_step_and_a_summary() -> None:
    out = io.StringIO()
    run([put("1.1", "a"), put("1.2", "b", ("a",))], {}, [view(out)])
    lines = out.getvalue().splitlines()
    assert lines[0].split()[:2] == ["changed", "1.1"]
    assert lines[-1].startswith("2 changed in ")
    assert "\x1b" not in out.getvalue()


def test_needed_steps_that_are_as_wanted_are_not_listed_but_counted() -> None:
    out = io.StringIO()
    run([put("1.1", "a"), put("1.2", "b"), put("1.3", "c", ("a", "b"))], {"a": True}, [view(out, asked=["c"])])
    lines = out.getvalue().splitlines()
    assert [line.split()[1] for line in lines[:-1]] == ["1.2", "1.3"]
    assert lines[-1].startswith("1 ok, 2 changed in ")


def test_a_pipe_is_not_live() -> None:
    assert not is_live(io.StringIO())
    assert isinstance(view(io.StringIO()), Plain)


def test_an_error_says_what_why_next_and_where_to_read_more() -> None:
    value = Secret("leaky-leaky-value")
    lines = error_lines(RunbookError("PG-002", "refused", why=f"line one\n{value.reveal()}", next="inv plan"))
    assert lines == [
        "error PG-002: refused",
        "  why:  line one",
        "        [redacted]",
        "  next: inv plan",
        "  more: inv explain PG-002",
    ]


def test_values_with_brackets_survive() -> None:
    out = io.StringIO()
    run([put("1.1", "[/etc/x]")], {}, [view(out)])
    assert "[/etc/x] is there" in out.getvalue()


def test_a_plan_marks_each_answer() -> None:
    lines = plan_lines(make([put("1.1", "a"), put("1.2", "b")], {"a": True}))
    assert lines[0].startswith("= as wanted")
    assert lines[1].startswith("~ differs")
    assert lines[-1] == "1 of 2 steps would do something"


def stuck(number: str, key: str, needs: tuple[str, ...] = ()) -> Step[Deployment]:
    """A step that waits for a person."""
    return dataclasses.replace(
        put(number, key, needs), look=lambda deployment: blocked(f"no {key}", next=f"put {key.upper()} into .env")
    )


def screen(steps: list[Step[Deployment]], stream: io.StringIO | None = None) -> list[str]:
    out = stream or io.StringIO()
    run(steps, {}, [Plain(out, [step.key for step in steps])])
    return out.getvalue().splitlines()


def test_what_a_person_must_do_comes_last_and_what_follows_from_it_in_one_line() -> None:
    """R23: eleven blocked lines, of which two are causes."""
    steps = [stuck("1.1", "token"), stuck("1.2", "key")]
    steps += [put(f"3.{number}", f"s{number}", ("token",)) for number in range(1, 11)]
    lines = screen(steps)
    assert lines[-5].startswith("12 blocked in ")
    assert lines[-4:] == [
        "not reached for want of 1.1: 3.1, 3.2, 3.3, 3.4, 3.5, 3.6, 3.7, 3.8, 3.9, 3.10",
        "you must:",
        "  - put TOKEN into .env",
        "  - put KEY into .env",
    ]
    assert sum("blocked  " in line for line in lines) == 2


def test_a_plan_ends_with_what_a_person_must_do() -> None:
    lines = plan_lines(make([put("1.1", "a"), stuck("1.2", "token"), stuck("1.3", "token")], {}))
    assert lines[1].startswith("! a person must    1.2")
    assert lines[-2:] == ["you must:", "  - put TOKEN into .env"]


@pytest.mark.parametrize("width", [80, 100])
def test_evidence_is_folded_and_never_cut(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """R25: a digest is longer than what is left of the line."""
    monkeypatch.setenv("COLUMNS", str(width))
    digest = "registry.fly.io/hotdash-llm-gateway@sha256:" + "8a79" * 16
    out = terminal()
    run([dataclasses.replace(put("3.3.3", "a"), look=lambda deployment: satisfied(digest))], {}, [Live(out, ["a"])])
    shown = plain(out.getvalue())
    assert "…" not in shown
    assert digest in "".join(shown.split())


def test_without_colour_the_view_is_still_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """R29."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    out = terminal()
    assert is_live(out)
    run([put("1.1", "a"), stuck("1.2", "b")], {}, [view(out, ["a", "b"])])
    colours = re.findall("\x1b\\[[0-9;]*m", out.getvalue())
    assert not [code for code in colours if re.search(r"[\[;](3[0-7]|9[0-7]|38)", code)]
    assert "\x1b[" in out.getvalue(), "it redraws"


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal() -> Tty:
    return Tty()


def plain(text: str) -> str:
    """Without what moves the cursor and colours."""
    return re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", text)
