"""The one question of a look, signed as the server's own client would sign it."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from minio.credentials import Credentials
from minio.signer import sign_v4_s3

from ops.runbook.secret import Secret
from ops.services import s3_signed


@pytest.mark.parametrize("password", ["plain", "with/slash+plus=", 'quote"and space', "é€"])
def test_the_signature_is_the_clients(password: str) -> None:
    now = datetime(2026, 11, 28, 20, 15, 9, tzinfo=UTC)
    ours = s3_signed.signed("HEAD", "127.0.0.1:9000", "/langfuse", Secret("user"), Secret(password), "eu-west-1", now)
    theirs = sign_v4_s3(
        method="HEAD",
        url=urlsplit("http://127.0.0.1:9000/langfuse"),
        region="eu-west-1",
        headers={name: value for name, value in ours.items() if name != "authorization"},
        credentials=Credentials(access_key="user", secret_key=password),
        content_sha256=s3_signed.NOTHING,
        date=now,
    )
    assert ours["authorization"] == theirs["Authorization"]


def test_nobody_there_and_what_is_no_server_are_a_no() -> None:
    account = SimpleNamespace(user=Secret("user"), password=Secret("password"))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        assert not s3_signed.sees_bucket(place, account.user, account.password, "langfuse", timeout=1)
        silent.listen()
        assert not s3_signed.sees_bucket(place, account.user, account.password, "langfuse", timeout=0.2)
