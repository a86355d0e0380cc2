"""The statements, rights and settings meant for ClickHouse, held to its own engine, where that is installed.

`chdb-core` is ClickHouse's engine as a Python package. Unpacked it takes more than 500 MB, so it is not in the lock:
install it into any environment and name that one's interpreter in CHDB_PYTHON. It can store no users; those a test
needs come from a users file, made of the very grants the runbook sends.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ops.description.paths import ROOT
from ops.description.read import read
from ops.render.files import render_all
from ops.services import clickhouse
from tests.lacking import lacking

STACK = read(ROOT / "ops" / "stack.toml", {})
PYTHON = os.environ.get("CHDB_PYTHON") or (sys.executable if importlib.util.find_spec("chdb") else "")

pytestmark = pytest.mark.skipif(
    not PYTHON,
    reason=lacking("no Python with chdb-core (over 500 MB) in CHDB_PYTHON", "pip install chdb-core"),
)

# Reads statements from standard input, one server's life long; answers with output or error, one per statement.
ENGINE = """
import json, sys
from chdb import session
folder, statements = json.load(sys.stdin)
engine = session.Session(f"{folder}/data?config-file={folder}/config.xml")
answers = []
for statement in statements:
    try:
        answers.append([True, str(engine.query(statement, "TSVRaw"))])
    except Exception as error:
        answers.append([False, str(error)])
print("ANSWERS" + json.dumps(answers))
"""

USERS = """<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users>
    <default><password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
      {default}</default>
    <langfuse><password>own</password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
      <grants>{langfuse}</grants></langfuse>
  </users>
</clickhouse>
"""


@dataclass(frozen=True)
class Answer:
    """What the engine said to one statement."""

    good: bool
    text: str


class Engine:
    """An engine with files of its own; each `ask` is a start and a stop of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "config.xml").write_text(
            f"<clickhouse><path>{folder}/data/</path><users_config>{folder}/users.xml</users_config></clickhouse>"
        )
        self.users(administrator=True)

    def users(self, *, administrator: bool, grants: Sequence[str] = ()) -> None:
        """Who there is: the engine works as `default`, the administrator or a user with these grants."""
        queries = "".join(f"<query>{grant}</query>" for grant in grants)
        default = "<access_management>1</access_management>" if administrator else f"<grants>{queries}</grants>"
        (self.folder / "users.xml").write_text(USERS.format(default=default, langfuse=queries))

    def ask(self, *statements: str) -> list[Answer]:
        done = subprocess.run(
            [PYTHON, "-c", ENGINE],
            input=json.dumps([str(self.folder), statements]),
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        found = re.search(r"^ANSWERS(.*)$", done.stdout, re.MULTILINE)
        assert found is not None, done.stderr[-2000:]
        return [Answer(*answer) for answer in json.loads(found[1])]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path)


def statements(script: str, folder: Path) -> list[str]:
    """What a script sends to ClickHouse's client, as a real shell puts it together."""
    client, sent = folder / "clickhouse-client", folder / "sent.sql"
    client.write_text(f'#!/bin/sh\ncat >>"{sent}"\n')
    client.chmod(0o755)
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "CLICKHOUSE_ADMIN_PASSWORD": "admin", "CLICKHOUSE_PASSWORD": "own"}
    subprocess.run(["sh"], input=script, env=env, text=True, timeout=30, check=True, stdout=subprocess.DEVNULL)
    text = sent.read_text()
    sent.unlink()
    return [part.strip() for part in text.split(";") if part.strip()]


def look(folder: Path) -> list[str]:
    return statements(clickhouse.look_script("langfuse", "langfuse"), folder)


def make(folder: Path) -> list[str]:
    return statements(clickhouse.make_script("langfuse", "langfuse"), folder)


def grants(folder: Path) -> list[str]:
    """The grants the runbook sends, as a users file has them."""
    found = [statement for statement in make(folder) if statement.startswith("GRANT ")]
    assert len(found) == 1 + len(clickhouse.SYSTEM_TABLES)
    return [statement.removesuffix(" TO langfuse") for statement in found]


def report(engine: Engine, folder: Path) -> clickhouse.Report:
    """What the look script's statements find."""
    answers = engine.ask(*look(folder))
    assert all(answer.good for answer in answers), answers
    return clickhouse.read("\n".join(answer.text for answer in answers))


def test_every_statement_is_understood_by_clickhouses_own_parser(engine: Engine, tmp_path: Path) -> None:
    sent = [*look(tmp_path), *make(tmp_path)]
    assert len(sent) >= 15
    for statement, answer in zip(sent, engine.ask(*(f"EXPLAIN AST {text}" for text in sent)), strict=True):
        assert answer.good, f"{statement}\n{answer.text}"


def test_a_user_with_the_grants_of_the_make_script_is_found_as_wanted(engine: Engine, tmp_path: Path) -> None:
    assert [answer.good for answer in engine.ask("CREATE DATABASE langfuse")] == [True]
    engine.users(administrator=True, grants=grants(tmp_path))
    found = report(engine, tmp_path)
    assert (found.database, found.user, found.lacking, found.beyond) == (True, True, (), ())
    assert int(found.version.partition(".")[0]) >= 25


def test_a_lost_right_and_one_too_many_are_found(engine: Engine, tmp_path: Path) -> None:
    changed = [grant.replace("INSERT, ", "") for grant in grants(tmp_path) if "system.parts" not in grant]
    engine.users(administrator=True, grants=[*changed, "GRANT SELECT ON shop.*", "GRANT CREATE DATABASE ON *.*"])
    found = report(engine, tmp_path)
    assert sorted(found.lacking) == ["INSERT", "SELECT ON system.parts"]
    assert sorted(found.beyond) == ["CREATE DATABASE ON *.*", "SELECT ON shop.*"]


# Each kind of change to tables of its own that Langfuse's migrations and its worker make.
OWN = (
    "CREATE TABLE t (id String, at DateTime, n Int64) ENGINE = ReplacingMergeTree ORDER BY id",
    "CREATE TABLE copied (id String, at DateTime) ENGINE = MergeTree ORDER BY id",
    "CREATE MATERIALIZED VIEW copying TO copied AS SELECT id, at FROM t",
    "CREATE VIEW shown AS SELECT id FROM t",
    "INSERT INTO t VALUES ('a', now(), 1)",
    "SELECT * FROM t FINAL",
    "ALTER TABLE t ADD COLUMN more String DEFAULT ''",
    "ALTER TABLE t MODIFY COLUMN more Nullable(String)",
    "ALTER TABLE t ADD INDEX by_at at TYPE minmax",
    "ALTER TABLE t MATERIALIZE INDEX by_at",
    "ALTER TABLE t DROP INDEX by_at",
    "ALTER TABLE t MODIFY SETTING enable_block_number_column = 1, enable_block_offset_column = 1",
    "ALTER TABLE copying MODIFY QUERY SELECT id, at FROM t WHERE n > 0",
    "ALTER TABLE t UPDATE n = 2 WHERE id = 'a'",
    "ALTER TABLE t DELETE WHERE id = 'b'",
    "DELETE FROM t WHERE id = 'c'",
    "OPTIMIZE TABLE t FINAL",
    "TRUNCATE TABLE copied",
    "DROP VIEW shown",
    "DROP TABLE copying",
    "DROP TABLE t",
)

NOT_OWN = (
    "CREATE DATABASE other",
    "DROP DATABASE langfuse",
    "CREATE TABLE default.t (id String) ENGINE = MergeTree ORDER BY id",
    "CREATE USER somebody",
    "GRANT SELECT ON *.* TO langfuse",
    "SELECT * FROM system.users",
    "SELECT * FROM url('http://127.0.0.1:1/')",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SYSTEM SHUTDOWN",
)


def test_langfuses_user_may_do_what_its_migrations_do_and_nothing_beyond_its_database(
    engine: Engine, tmp_path: Path
) -> None:
    assert [answer.good for answer in engine.ask("CREATE DATABASE langfuse")] == [True]
    engine.users(administrator=False, grants=grants(tmp_path))
    answers = engine.ask("USE langfuse", *OWN, *NOT_OWN)[1:]
    refused = [f"{text}: {answer.text}" for text, answer in zip(OWN, answers, strict=False) if not answer.good]
    assert not refused, "\n".join(refused)
    for statement, answer in zip(NOT_OWN, answers[len(OWN) :], strict=True):
        assert not answer.good, f"allowed: {statement}"
        assert "ACCESS_DENIED" in answer.text, answer.text


# What a server takes from its configuration and the engine inside a program does not.
OF_A_SERVER = {"max_concurrent_queries", "concurrent_threads_soft_limit_num", "background_schedule_pool_size"}


def test_every_setting_of_the_rendered_config_exists_and_takes_effect(engine: Engine, tmp_path: Path) -> None:
    files = render_all(STACK)
    text = files["clickhouse/config.d/docker_related_config.xml"]
    folder = tmp_path / "config.d"
    folder.mkdir()
    (folder / "ours.xml").write_text(text)
    settings, merge_tree = {}, {}
    for part in ElementTree.fromstring(text):
        if part.tag == "merge_tree":
            merge_tree = {setting.tag: setting.text for setting in part}
        # What listens, logs and keeps is no setting of the engine's.
        elif not len(part) and part.get("remove") is None and part.tag not in ("listen_host", "timezone"):
            settings[part.tag] = part.text
    profile = ElementTree.fromstring(files["clickhouse/users.d/users.xml"]).findall("profiles/default/*")
    assert len(settings) >= 8
    assert len(merge_tree) == 3
    server, trees, known = engine.ask(
        "SELECT name, value FROM system.server_settings WHERE NOT is_obsolete",
        "SELECT name, value FROM system.merge_tree_settings WHERE NOT is_obsolete",
        "SELECT name, value FROM system.settings WHERE NOT is_obsolete",
    )
    have = dict(line.split("\t", 1) for line in server.text.splitlines())
    assert settings.keys() - have.keys() == set()
    taken = {name: value for name, value in settings.items() if name not in OF_A_SERVER}
    assert {name: have[name] for name in taken} == taken
    of_trees = dict(line.split("\t", 1) for line in trees.text.splitlines())
    assert {name: of_trees.get(name) for name in merge_tree} == merge_tree
    names = {line.split("\t", 1)[0] for line in known.text.splitlines()}
    assert {part.tag for part in profile} <= names
