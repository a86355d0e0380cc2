"""Whatever is quoted for a format, that format's own parser reads back unchanged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from ops.render import quoting

TEXTS = st.text()
CADDY = shutil.which("caddy", path=f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}")
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=8)


@given(TEXTS)
def test_toml(text: str) -> None:
    assert tomllib.loads(f"v = {quoting.toml(text)}") == {"v": text}


@given(VALUES)
def test_yaml(value: object) -> None:
    line = f"v: {quoting.yaml(value)}  # a comment"
    assert yaml.safe_load(line) == {"v": value}
    assert "\n" not in line


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=20))
def test_shell(words: list[str]) -> None:
    """R22: what a shell would carry out stays text."""
    script = "printf '%s\\0' " + " ".join(map(quoting.shell, words))
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, timeout=30, check=True)
    assert done.stdout.decode().split("\0")[:-1] == words


@given(st.lists(st.text(), min_size=1, max_size=20))
def test_caddy(words: list[str]) -> None:
    """One Caddyfile for all of them: what cannot be quoted is refused."""
    good = []
    for word in words:
        try:
            good.append((word, quoting.caddy(word)))
        except ValueError:
            assert not word.isprintable() or "{" in word
    rows = "".join(f"\theader X-{number} {quoted}\n" for number, (_, quoted) in enumerate(good) if good[number][0])
    assert CADDY is not None
    done = subprocess.run(
        [CADDY, "adapt", "--adapter", "caddyfile", "--config", "/dev/stdin"],
        input=f":80 {{\n{rows}}}\n".encode(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.dumps(json.loads(done.stdout), ensure_ascii=False)
    for word, _ in good:
        assert json.dumps(word, ensure_ascii=False) in found or not word, word
