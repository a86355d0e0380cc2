"""The object store, asked for real: MinIO where there is one, SeaweedFS for what any S3 server can."""

from __future__ import annotations

import io
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from minio import Minio as Client
from minio.error import S3Error

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.runbook.step import State
from ops.services import s3
from tests.services.real_servers import Minio, free_port, minio

WANTED = s3.Wanted("langfuse", expire_days=30)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    with minio(tmp_path_factory.mktemp("minio"), ipv6=True) as running:
        yield running


@pytest.fixture
def root(server: Minio) -> Iterator[s3.Account]:
    account = s3.Account(server.endpoint, Secret(server.user), Secret(server.password))
    yield account
    client = s3._client(account)
    for bucket in client.list_buckets():
        for found in client.list_objects(bucket.name, recursive=True):
            client.remove_object(bucket.name, str(found.object_name))
        client.remove_bucket(bucket.name)


@pytest.fixture
def limited(server: Minio) -> s3.Account:
    return s3.Account(server.endpoint, Secret(f"user{secrets.token_hex(6)}"), Secret(secrets.token_hex(16)))


def quiet(text: str) -> None:
    """Nobody listens."""


def put(client: Client, bucket: str) -> None:
    client.put_object(bucket, "otel/one", io.BytesIO(b"{}"), 2)


def test_bucket_policy_and_user_are_made_and_found_as_wanted(root: s3.Account, limited: s3.Account) -> None:
    assert s3.look(root, limited, WANTED).state is State.MISSING
    s3.act(root, limited, WANTED, quiet)
    found = s3.look(root, limited, WANTED)
    assert found.state is State.SATISFIED, found
    assert "30 days" in found.evidence
    s3.act(root, limited, WANTED, quiet)
    assert s3.look(root, limited, WANTED).state is State.SATISFIED


def test_the_user_reaches_its_bucket_and_nothing_else(root: s3.Account, limited: s3.Account) -> None:
    s3.make_bucket(root, s3.Wanted("of-the-shop"))
    put(s3._client(root), "of-the-shop")
    s3.act(root, limited, WANTED, quiet)
    client = s3._client(limited)
    put(client, "langfuse")
    assert [found.object_name for found in client.list_objects("langfuse", recursive=True)] == ["otel/one"]
    client.remove_object("langfuse", "otel/one")
    for attempt in (
        lambda: put(client, "of-the-shop"),
        lambda: client.get_object("of-the-shop", "otel/one"),
        lambda: client.make_bucket("mine"),
        lambda: client.remove_bucket("langfuse"),
        lambda: client.delete_bucket_lifecycle("langfuse"),
    ):
        with pytest.raises(S3Error) as refused:
            attempt()
        assert refused.value.code == "AccessDenied"


def test_each_drift_is_seen_and_mended(root: s3.Account, limited: s3.Account) -> None:
    s3.act(root, limited, WANTED, quiet)
    admin, client = s3._admin(root), s3._client(root)
    user = limited.user.reveal()

    def mended(line: str) -> None:
        found = s3.look(root, limited, WANTED)
        assert found.state is State.DRIFTED
        assert line in found.diff
        s3.act(root, limited, WANTED, quiet)
        assert s3.look(root, limited, WANTED).state is State.SATISFIED

    client.delete_bucket_lifecycle("langfuse")
    mended("objects expire after 0 days → 30")
    admin.policy_add(WANTED.policy_name, policy=s3.Wanted("langfus*").policy)
    mended("policy langfuse-only: not as wanted")
    admin.attach_policy(["readwrite"], user=user)
    mended("readwrite")
    admin.user_disable(user)
    mended("limited user: disabled")
    admin.user_add(user, secrets.token_hex(16))
    mended("password of the limited user")
    admin.user_remove(user)
    mended("limited user: not there")


def test_a_wrong_administrator_is_named(root: s3.Account, limited: s3.Account) -> None:
    wrong = replace(root, password=Secret("not-the-password"))
    for attempt in (lambda: s3.look(wrong, limited, WANTED), lambda: s3.act(wrong, limited, WANTED, quiet)):
        with pytest.raises(RunbookError) as refused:
            attempt()
        assert refused.value.code == "S3-002"
        assert "not-the-password" not in str(refused.value)


def test_a_wrong_password_is_named_by_the_administration_interface_too(root: s3.Account) -> None:
    with pytest.raises(RunbookError) as refused, s3._errors(root):
        s3._admin(replace(root, password=Secret("not-the-password"))).user_list()
    assert refused.value.code == "S3-002"


def test_nobody_there_is_named(limited: s3.Account) -> None:
    nowhere = replace(limited, endpoint=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(RunbookError) as refused:
        s3.look_bucket(nowhere, WANTED)
    assert refused.value.code == "S3-001"


def test_a_store_without_administration_still_gets_its_bucket(tmp_path: Path) -> None:
    """What the rehearsal's S3 server can: buckets, no users of MinIO's kind."""
    from ops.targets.local.tools import find

    program = find("weed")
    if program is None:
        pytest.skip("no SeaweedFS for this system")
    account, server = _weed(tmp_path, program)
    try:
        from tests.services.real_servers import wait_for

        def ready() -> bool:
            try:
                return s3.look_bucket(account, s3.Wanted("langfuse")).state is State.MISSING
            except RunbookError:
                return False

        wait_for(ready, "SeaweedFS", 60)
        s3.make_bucket(account, s3.Wanted("langfuse"))
        s3.make_bucket(account, s3.Wanted("langfuse"))
        assert s3.look_bucket(account, s3.Wanted("langfuse")).state is State.SATISFIED
        put(s3._client(account), "langfuse")
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(5)


def _weed(folder: Path, program: str) -> tuple[s3.Account, subprocess.Popen[bytes]]:
    import json

    user, password = secrets.token_hex(8), secrets.token_hex(16)
    credentials = [{"accessKey": user, "secretKey": password}]
    config = {
        "identities": [{"name": "admin", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}]
    }
    (folder / "s3.json").write_text(json.dumps(config))
    port = free_port()
    argv = [program, "mini", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.port={port}"]
    argv += [f"-s3.config={folder / 's3.json'}", "-admin.ui=false", "-webdav=false", "-master.telemetry=false"]
    argv += ["-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.localSocket={folder / 's3.sock'}"]
    argv += [f"-filer.localSocket={folder / 'filer.sock'}"]
    for name in ("master", "volume", "filer", "admin"):
        argv += [f"-{name}.port={free_port()}", f"-{name}.port.grpc={free_port()}"]
    argv.append(f"-s3.port.grpc={free_port()}")
    (folder / "data").mkdir()
    log = (folder / "weed.log").open("wb")
    server = subprocess.Popen(argv, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    log.close()
    return s3.Account(f"http://127.0.0.1:{port}", Secret(user), Secret(password)), server
