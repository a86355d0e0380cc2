"""The last words of a test run: what was not tried here, for the want of what, and what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

GET = "; to get it: "  # between what is lacking and the command that gets it, in a skipped test's reason
BY_DESIGN = "by design: "  # before the reason of a combination of parameters that is no test at all
LONGEST = 300  # characters of what a test failed in
ALL = ".ci/run"  # gets everything that can be had, and runs every test


def reasons(reports: Iterable[Path]) -> Counter[str]:
    """How many tests were not run, by their reasons, from JUnit files as pytest writes them."""
    found: Counter[str] = Counter()
    for report in reports:
        for skipped in ElementTree.parse(report).iter("skipped"):  # noqa: S314 - pytest has just written it for us
            reason = " ".join(skipped.get("message", "").split())
            if skipped.get("type") == "pytest.skip" and not reason.startswith(BY_DESIGN):
                found[reason] += 1
    return found


def lines(found: Counter[str]) -> list[str]:
    """The last words of a test run: nothing where all was run."""
    if not found:
        return []
    said = [f"not run here: {found.total()} tests"]
    said += [f"{count:>5}  {reason}" for reason, count in found.most_common()]
    if any(GET in reason for reason in found):
        said.append(f"to get whatever can be had here and run them all: {ALL}")
    return said


def failures(reports: Iterable[Path]) -> list[str]:
    """A line for each test that failed, and in what: the full account may be thousands of lines further up."""
    said = []
    for report in reports:
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - as above
            for failure in (*case.findall("failure"), *case.findall("error")):
                first = " ".join(failure.get("message", "").split())
                said.append(f"FAILED {case.get('classname')}::{case.get('name')}: {first[:LONGEST]}")
    return said
