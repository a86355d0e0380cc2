"""The guides: generated blocks follow the stack, prose is held to the commands and files there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.commands.namespace import namespace
from ops.description.paths import ROOT
from ops.document import guides as documents
from ops.runbook.errors import RunbookError
from ops.runbook.step import State
from ops.session.compose import compose
from ops.targets.deployment import Deployment

GROUPS = ("deployment", "cutover", "monitoring", "vault")


@pytest.fixture
def deployment() -> Deployment:
    return compose("local", {}, commands=lambda: namespace().task_names)


@pytest.mark.parametrize("group", GROUPS)
def test_the_committed_guides_are_up_to_date_and_true(deployment: Deployment, group: str) -> None:
    look = documents.look(deployment, group)
    assert look.satisfied, f"{look.evidence}\n{look.diff}\nrun: ./inv document.all"


@pytest.fixture
def guide(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "guide.md"
    monkeypatch.setattr(documents, "files", lambda deployment, group: [file])
    monkeypatch.setattr(documents, "_name", lambda deployment, file: file.name)
    return file


def test_a_block_out_of_date_is_shown_as_a_difference_and_made_anew(deployment: Deployment, guide: Path) -> None:
    guide.write_text("Mine.\n<!-- generated: success -->\nold\n<!-- end -->\nAlso mine.\n")
    look = documents.look(deployment, "cutover")
    assert look.state is State.DRIFTED
    assert "-old" in look.diff
    documents.write(deployment, "cutover", lambda text: None)
    text = guide.read_text()
    assert text.startswith("Mine.\n")
    assert text.endswith("Also mine.\n")
    assert "cache hit rate" in text
    assert documents.look(deployment, "cutover").satisfied


@pytest.mark.parametrize(
    ("prose", "says"),
    [
        ("run `./inv deploy.everything`", "inv deploy.everything is no command"),
        ("see [there](nowhere.md)", "nowhere.md, which does not exist"),
        ("```bash\n./inv --dry plan.all\n```", "inv plan.all is no command"),
    ],
)
def test_prose_that_names_what_does_not_exist_is_a_fault(
    deployment: Deployment, guide: Path, prose: str, says: str
) -> None:
    guide.write_text(prose + "\n")
    assert says in documents.look(deployment, "cutover").diff
    with pytest.raises(RunbookError) as caught:
        documents.write(deployment, "cutover", lambda text: None)
    assert caught.value.code == "DOC-002"


def test_a_missing_guide_is_restored_from_git_not_made_up(deployment: Deployment, guide: Path) -> None:
    assert documents.look(deployment, "cutover").state is State.MISSING
    with pytest.raises(RunbookError) as caught:
        documents.write(deployment, "cutover", lambda text: None)
    assert (caught.value.code, caught.value.next) == ("DOC-001", "git checkout -- guide.md")


def test_an_unknown_block_is_refused_with_those_there_are(deployment: Deployment, guide: Path) -> None:
    guide.write_text("<!-- generated: weather -->\n<!-- end -->\n")
    with pytest.raises(RunbookError) as caught:
        documents.look(deployment, "cutover")
    assert caught.value.code == "DOC-003"
    assert "teams" in caught.value.why


def test_the_readme_names_only_commands_and_files_there_are(deployment: Deployment) -> None:
    assert list(documents.faults(deployment, ROOT / "README.md")) == []
