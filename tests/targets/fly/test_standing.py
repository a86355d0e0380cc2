"""The judgement of machines against what is wanted, and what is remembered between runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.description.paths import ROOT
from ops.runbook.errors import RunbookError
from ops.session.compose import compose
from ops.targets.deployment import Deployment
from ops.targets.fly import image, wanted
from ops.targets.fly.image import Image
from ops.targets.fly.memory import Memory
from ops.targets.fly.seen import LONG_AGO, Address, Seen, Stored, moment
from ops.targets.fly.standing import _outdated, _staged, ailment
from ops.targets.fly.wanted import Wanted


def seen(image: str = "registry.fly.io/app:src-1@sha256:aa", **more: object) -> Seen:
    raw: dict[str, object] = {
        "id": "m1",
        "state": "started",
        "image_ref": {"digest": image.rpartition("@")[2] if "@" in image else "sha256:aa"},
        "config": {
            "image": image,
            "env": {"A": "1", "FLY_PROCESS_GROUP": "gateway"},
            "guest": {"cpus": 1, "memory_mb": 512},
            "metadata": {
                "fly_process_group": "gateway",
                "fly_release_version": "3",
                "fly_platform_version": "v2",
            },
        },
    }
    return Seen.read({**raw, **more})


def config(cpus: int, value: str = "1") -> dict[str, object]:
    return {"env": {"A": value, "FLY_PROCESS_GROUP": "gateway"}, "guest": {"cpus": cpus, "memory_mb": 512}}


def described(**more: object) -> Wanted:
    values: dict[str, object] = {
        "app": "app",
        "config": Path("fly.toml"),
        "digest": "d",
        "image": Image("app", label="src-1"),
        "groups": {"gateway": 1},
        "machines": {"gateway": config(1)},
        "region": "ord",
    }
    return Wanted(**{**values, **more})  # type: ignore[arg-type]


def test_a_machine_as_described_has_no_differences() -> None:
    assert _outdated(seen(), described(), "sha256:aa") == []


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"image": Image("app", label="src-2")}, "src-1 → registry.fly.io/app:src-2"),
        ({"image": Image("app", given="other/image:1")}, "other/image:1"),
        ({"machines": {"gateway": config(1, "2")}}, "env.A: another value"),
        ({"machines": {"gateway": config(2)}}, "guest.cpus: 1 → 2"),
        ({"machines": {}}, "no longer has"),
    ],
)
def test_each_difference_is_named(more: dict[str, object], says: str) -> None:
    (line,) = _outdated(seen(), described(**more), "")
    assert says in line


def test_the_same_name_with_other_content_is_a_difference() -> None:
    (line,) = _outdated(seen(), described(), "sha256:bb")
    assert "digest" in line


def test_a_machine_on_an_unreachable_host_is_not_called_outdated() -> None:
    assert _outdated(seen(host_status="unreachable", config=None), described(), "") == []
    assert "unreachable" in ailment(seen(host_status="unreachable"))


def test_a_given_image_with_a_digest_is_held_to_it() -> None:
    assert Image("app", given="r/i:1@sha256:aa").runs_on(seen("r/i:1@sha256:aa"))
    assert not Image("app", given="r/i:1@sha256:bb").runs_on(seen("r/i:1@sha256:aa"))


MADE = {3: moment("2026-01-01T00:00:10Z")}
STORED = {
    "OLD": Stored("x", moment("2026-01-01T00:00:09Z")),
    "NEW": Stored("y", moment("2026-01-01T00:00:11Z")),
}


def test_secrets_set_after_a_machines_release_are_staged() -> None:
    assert _staged([seen()], STORED, MADE, {}) == ["NEW"]
    assert _staged([], STORED, MADE, {}) == []
    assert _staged([seen(updated_at="2026-01-01T00:00:12Z")], STORED, {}, {}) == []


@pytest.mark.parametrize(
    ("release", "digest", "staged"), [(3, "y", []), (2, "y", []), (4, "y", ["NEW"]), (3, "other", ["NEW"])]
)
def test_f18_a_clock_that_is_ahead_does_not_restart_for_ever(release: int, digest: str, staged: list[str]) -> None:
    """F18: a secret's time 60 s ahead of the release's that put it in service."""
    last = {"served": {"gateway": {"release": release, "digests": {"NEW": digest}}}}
    assert _staged([seen()], STORED, MADE, last) == staged


@pytest.mark.parametrize(
    ("raw", "kind", "public"),
    [
        ({"ip": "198.51.100.7", "shared": True}, "shared_v4", True),
        ({"ip": "203.0.113.9"}, "v4", True),
        ({"ip": "2a09:8280:1::1"}, "v6", True),
        ({"ip": "fdaa:0:1::7"}, "private_v6", False),
    ],
)
def test_an_address_tells_its_kind(raw: dict[str, object], kind: str, public: bool) -> None:
    found = Address.read(raw)
    assert (found.kind, found.public) == (kind, public)


def test_times_are_read_leniently() -> None:
    assert moment("2026-01-01T00:00:00.123Z") > moment("2026-01-01T00:00:00+00:00")
    assert moment("") == moment("no time") == LONG_AGO


def test_memory_is_private_survives_and_forgets(tmp_path: Path) -> None:
    file = tmp_path / "state" / "fly.json"
    memory = Memory(file)
    assert memory.get("secrets", "app") == {}
    memory.put("secrets", "app", {"A": "1"})
    assert file.stat().st_mode & 0o777 == 0o600
    assert Memory(file).get("secrets", "app") == {"A": "1"}
    memory.forget("secrets", "app")
    assert memory.get("secrets", "app") == {}
    file.write_text("{ not json")
    assert memory.get("secrets", "app") == {}
    memory.put("volumes", "app", {"id": "v"})
    assert Memory(file).get("volumes", "app") == {"id": "v"}


@pytest.fixture
def deployment() -> Deployment:
    return compose("fly", {"RUNBOOK_STACK": str(ROOT / "ops" / "stack.toml")}, ROOT)


def test_the_rendered_files_say_what_is_wanted(deployment: Deployment) -> None:
    found = wanted.gateway(deployment)
    assert list(found.groups) == ["edge", "gateway", "ui", "worker"]
    assert found.first == "ui"
    assert found.machines["edge"]["guest"] == {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256}
    assert found.machines["gateway"]["env"]["GATEWAY_PORT"] == "4000"
    store = wanted.clickhouse(deployment)
    assert store.machines["app"]["guest"] == {"cpu_kind": "shared", "cpus": 4, "memory_mb": 8192}
    assert not store.public


def test_an_image_is_named_after_all_it_is_made_of(deployment: Deployment, tmp_path: Path) -> None:
    import shutil

    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "fly", root / "fly")
    copy = compose("fly", {"RUNBOOK_STACK": str(ROOT / "ops" / "stack.toml")}, root)
    first = image.gateway(copy).label
    assert first == image.gateway(deployment).label
    for name in ("fly.toml", "Dockerfile", "requirements.lock", "llm_gateway/config.py", "bin/start-edge.sh"):
        file = copy.gateway_dir / name
        text = file.read_text()
        file.write_text(text + "\n# changed\n")
        assert image.gateway(copy).label != first, name
        file.write_text(text)
    assert image.gateway(copy).label == first
    (copy.gateway_dir / "clickhouse" / "Dockerfile").write_text("FROM scratch\n")
    assert image.gateway(copy).label == first
    assert image.clickhouse(copy).label != image.clickhouse(deployment).label


def test_a_missing_fly_toml_says_how_to_render_it(tmp_path: Path) -> None:
    deployment = compose("fly", {"RUNBOOK_STACK": str(ROOT / "ops" / "stack.toml")}, tmp_path)
    with pytest.raises(RunbookError) as caught:
        wanted.gateway(deployment)
    assert caught.value.code == "FLY-042"
    assert caught.value.next == "inv build.all"
