"""What two questions may differ in and still be one, and reviewed aliases."""

from __future__ import annotations

import pytest
from llm_gateway.cache.wording import group_of, normal


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("What is the return policy?", "what is the return policy"),
        ("What’s  new ?!", "What's new"),
        ("¿Dónde está mi pedido?", "¿Dónde está mi pedido"),
        ("返品できますか。", "返品できますか"),
        ("Où est-il ?", "où est-il"),
        ("Cafe\u0301 open?", "café open"),
    ],
)
def test_what_cannot_change_the_meaning_is_taken_off(one: str, two: str) -> None:
    assert normal(one).casefold() == normal(two).casefold()
    assert normal(one)[1:] == normal(two)[1:]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Do you ship to the US?", "Do you ship to the us?"),
        ("What is the IT budget?", "What is the It budget?"),
        ("IT budget?", "it budget?"),
        ("What is 5!", "What is 5"),
        ("10²", "102"),
        ("Is it C++?", "Is it C?"),
        ("if x:\n  y", "if x:\ny"),
        ("Is it not open?", "Is it open?"),
    ],
)
def test_what_may_change_the_meaning_stays(one: str, two: str) -> None:
    assert normal(one) != normal(two)


@pytest.mark.parametrize("groups", [[["one"]], [["one", "One?"]], [["one", "two"], ["Two", "three"]]])
def test_a_group_of_one_and_a_question_in_two_groups_are_refused(groups: list[list[str]]) -> None:
    with pytest.raises(ValueError, match="group"):
        group_of(groups)


def test_a_question_finds_its_group() -> None:
    found = group_of([["Where are you?", "What is your address?"], ["When do you open?", "Opening hours?"]])
    assert found[normal("where are you")] == found[normal("What is your address")]
    assert found[normal("when do you open?")] != found[normal("where are you?")]
    assert normal("Where are you not?") not in found
