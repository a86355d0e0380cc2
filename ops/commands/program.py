"""How Invoke is used: one target for a whole command line, errors in three lines, a list like a table of contents."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit as StockExit
from invoke.exceptions import Failure, ParseError
from invoke.executor import Executor as StockExecutor
from invoke.parser import ParserContext
from invoke.program import Program as StockProgram

from ops.runbook import early, interrupt
from ops.runbook.errors import EXIT_FAILED, Interrupted, RunbookError, is_refusal, refused


class Program(StockProgram):
    """Invoke's program, started from the checkout whatever the current directory is.

    What it cannot make sense of on the command line becomes an error of the runbook's form.
    """

    def parse_core(self, argv: list[str] | None) -> None:
        """The options before the first task."""
        with self._understanding():
            super().parse_core(argv)

    def parse_tasks(self) -> None:
        """The tasks and their options."""
        with self._understanding():
            super().parse_tasks()

    def parse_cleanup(self) -> None:
        """--list, --help TASK and their like."""
        with self._understanding():
            super().parse_cleanup()

    @contextlib.contextmanager
    def _understanding(self) -> Iterator[None]:
        try:
            yield
        except ParseError as error:
            # Of the core options there is no collection yet, only of tasks and theirs.
            names = list(self.collection.task_names) if hasattr(self, "collection") else []
            task = getattr(error.context, "name", None)
            raise not_understood(str(error), task, names, list(getattr(error.context, "flags", ()))) from None
        except ValueError as error:
            # What `int` says of an option's value that is no number.
            word = str(error).rpartition(": ")[2]
            raise not_understood(f"{word} is not a number", None, []) from None

    def list_tasks(self) -> None:
        """The flat list of everything, in the runbook's order; any narrower list is Invoke's own."""
        if self.list_root or self.list_format != "flat":
            super().list_tasks()
            return
        from ops.commands.listing import lines

        print("\n".join(lines(self.collection)))


class Executor(StockExecutor):
    """Settles the target before anything runs, and turns errors into a message and an exit code."""

    def execute(self, *tasks: Any) -> Any:
        """Run the tasks.

        Raises:
            Exit: with the documented exit code, after an error or an interrupt has been said.
        """
        json = self._agree_on_json(tasks)
        if json and len(tasks) > 1:
            from ops.commands.one_document import printed

            with printed():
                return self._execute(tasks, json)
        return self._execute(tasks, json)

    def _execute(self, tasks: tuple[Any, ...], json: bool) -> Any:
        try:
            self._agree_on_target(tasks)
            self.codes: list[int] = []
            results = super().execute(*tasks)
            if any(self.codes):
                from ops.commands.dry import worst

                raise StockExit(code=worst(self.codes))
            return results
        except RunbookError as error:
            tell(error, json)
            raise StockExit(code=error.exit_code) from None
        except Interrupted as interrupted:
            tell_interrupted(interrupted)
            raise StockExit(code=interrupted.exit_code) from None
        except (StockExit, Failure, ParseError, BrokenPipeError):
            raise
        except Exception as error:
            tell(refused(error) if isinstance(error, OSError) and is_refusal(error) else _fault(), json)
            raise StockExit(code=EXIT_FAILED) from None

    def expand_calls(self, calls: list[Any]) -> list[Any]:
        """The calls to be made; under --dry their dry forms, whatever else is asked of Invoke.

        Raises:
            RunbookError: CLI-009 a command has no dry form.
        """
        expanded = super().expand_calls(calls)
        self.config.load_shell_env()  # INVOKE_RUN_DRY asks for it as well
        if not self.config.run.dry:
            return expanded
        from ops.commands import dry

        return dry.forms(expanded, self.codes)

    def dedupe(self, calls: list[Any]) -> list[Any]:
        """Run what was asked for: Invoke takes `deploy.all` and `test.all` for the same task, by name and code."""
        return calls

    @staticmethod
    def _agree_on_json(tasks: tuple[Any, ...]) -> bool:
        """A --json given to one task holds for every task that knows it."""
        arguments = [task.args["json"] for task in tasks if isinstance(task, ParserContext) and "json" in task.args]
        json = any(argument.value for argument in arguments)
        for argument in arguments:
            argument.value = argument.value or json
        return json

    @staticmethod
    def _agree_on_target(tasks: tuple[Any, ...]) -> None:
        """A --target given to one task holds for all of the command line; two different ones are refused."""
        arguments = [task.args["target"] for task in tasks if isinstance(task, ParserContext) and "target" in task.args]
        given = {str(argument.value) for argument in arguments if argument.value}
        if len(given) > 1:
            raise RunbookError(
                "CLI-003",
                f"one command line, two targets: {', '.join(sorted(given))}",
                why="nothing was done",
                next="run them as two commands",
            )
        for argument in arguments:
            if given and not argument.value:
                argument.value = next(iter(given))


def not_understood(said: str, task: str | None, names: list[str], flags: Sequence[str] = ()) -> RunbookError:
    """The error for a command line that makes no sense.

    Args:
        said: what Invoke says of it.
        task: whose options were being read, if any.
        names: every task there is, for a suggestion.
        flags: the options of that task, likewise.
    """
    what, why = said.rstrip("!"), ""
    if found := re.fullmatch(r"No idea what '(.*)' is", what):
        word = found[1]
        kind = "option" if word.startswith("-") else "command"
        what = f"there is no {kind} '{word}'" + (f" of {task}" if task and kind == "option" else "")
        import difflib

        near = difflib.get_close_matches(word.partition("=")[0], names if kind == "command" else flags, n=3, cutoff=0.5)
        why = f"did you mean {', '.join(near)}?" if near else ""
    elif found := re.match(r"Flag <Argument: (\w+).*> needed value", what):
        what = f"--{found[1]} needs a value"
    elif found := re.match(r"'(.*)' did not receive required positional arguments: (.*)", what):
        what = f"{found[1]} needs {found[2]}"
    return RunbookError("CLI-008", what, why=why, next=f"inv --help {task}" if task else "inv --list")


def _fault() -> RunbookError:
    """The exception being handled is a fault of ours: its traceback goes to a file, the operator gets three lines."""
    import traceback

    from ops.description.paths import ROOT
    from ops.runbook.files import write_atomic
    from ops.runbook.secret import redactor

    file = ROOT / ".state" / "crash.log"
    lines = traceback.format_exc()
    where = f"the details are in {file}"
    try:
        write_atomic(file, redactor(lines), 0o600)
    except OSError as error:
        where = f"its details could not be kept in {file}: {error.strerror}"
    return RunbookError(
        "RUN-001",
        redactor(f"unexpected {lines.strip().splitlines()[-1]}"),
        why=f"this is a fault of the runbook; {where}",
        next="run the same command again; if it stays, report that file",
    )


def tell(error: RunbookError, json: bool = False) -> None:
    """Say an error: three lines on standard error, or a JSON document on standard output."""
    from ops.runbook.advice import advice
    from ops.runbook.console import error_lines
    from ops.runbook.report import document
    from ops.runbook.table import fitted

    if json:
        print(
            document(
                "error",
                code=error.code,
                what=error.what,
                why=error.why,
                next=advice(error.next),
                exit_code=error.exit_code,
            )
        )
    print("\n".join(fitted(error_lines(error), sys.stderr)), file=sys.stderr)


def tell_interrupted(interrupted: Interrupted) -> None:
    """One clear line instead of a traceback."""
    print(early.LINES[interrupted.signum].decode(), end="", file=sys.stderr)


def main(root: Path) -> int:
    """Entry of `./inv`: like `inv` in the checkout, from any directory.

    Returns:
        The exit code (see docs/runbooks/llm-gateway-deployment.md).
    """
    try:
        interrupt.install()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # a terminal that knows no `…` shows `?`
        code = _run(root)
        if sys.stdout is not None:
            sys.stdout.flush()  # now, while it can still be said that it went nowhere
        return code
    except Interrupted as interrupted:
        tell_interrupted(interrupted)
        return interrupted.exit_code
    except RunbookError as error:
        tell(error, "--json" in sys.argv)
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output is gone (`| head`): nobody is left to tell.
        _drop_output()
        return EXIT_FAILED
    except OSError as error:
        _drop_output()
        tell(refused(error))
        return EXIT_FAILED
    finally:
        early.install()


def _run(root: Path) -> int:
    program = Program(name="inv", binary="inv", executor_class=Executor, version=_version())
    # Invoke would have Python compile what has changed at each start anew.
    keep = [] if sys.dont_write_bytecode else ["--write-pyc"]
    try:
        program.run(["inv", *keep, "--search-root", str(root), *(sys.argv[1:] or ["--list"])])
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_FAILED if stop.code else 0
    return 0


def _drop_output() -> None:
    """Let what is still to be written to standard output, which cannot be written, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _version() -> str:
    return "1"
