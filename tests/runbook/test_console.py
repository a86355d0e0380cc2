"""What is printed: plain lines in a pipe, three lines for an error, nothing that breaks at 80 columns."""

from __future__ import annotations

import io

from ops.runbook.console import Plain, error_lines, is_live, plan_lines, view
from ops.runbook.errors import RunbookError
from ops.runbook.plan import make
from ops.runbook.run import run
from ops.runbook.secret import Secret
from tests.runbook.support import put


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
