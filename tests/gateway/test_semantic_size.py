"""What decides about similarity stays small enough to be read in one go."""

from __future__ import annotations

from pathlib import Path

CACHE = Path(__file__).parents[2] / "fly/hotdash-llm-gateway/llm_gateway/cache"
DECIDES = ("semantic_tier", "wording", "vetoes", "acceptance", "judge", "shadow_sample")
"""The order of a look-up, what is the same wording, what differs exactly, what similarity was shown to be good for,
what the judge is asked, and what is done about what was served wrongly. Beside it stands what finds, keeps records and
talks to others (index, answers, index_replica, labels, judge_client, embedding, purge): it never says whether an
answer is right."""


def test_what_decides_about_similarity_has_under_700_lines_comments_included() -> None:
    lines = {name: len((CACHE / f"{name}.py").read_text("utf-8").splitlines()) for name in DECIDES}
    assert sum(lines.values()) < 700, lines
    assert max(lines.values()) <= 250, lines


def test_nothing_that_only_keeps_records_compares_questions() -> None:
    """Vetoes and bounds are asked in one place."""
    users = {
        path.stem
        for path in CACHE.glob("*.py")
        if any(mark in path.read_text("utf-8") for mark in ("compare(", ".serve_from(", ".yes_at_most("))
    }
    assert users == {"vetoes", "semantic_tier"}
