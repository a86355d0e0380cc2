"""The certificate authorities are read once, beside other work, and a bad setting is said in one sentence."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi
import pytest

from ops.runbook.errors import RunbookError
from ops.services import trust


@pytest.fixture(autouse=True)
def afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_context", None)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def subjects(context: ssl.SSLContext) -> set[str]:
    return {str(authority["subject"]) for authority in context.get_ca_certs()}


def test_everybody_gets_the_same_authorities_and_servers_are_checked() -> None:
    trust.begin()
    context = trust.trusted()
    assert trust.trusted() is context
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert subjects(context) == subjects(ssl.create_default_context(cafile=certifi.where()))


def test_the_environment_may_name_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----\n"
    first = Path(certifi.where()).read_text(encoding="utf-8").partition(begin)[2].partition(end)[0]
    (tmp_path / "own.pem").write_text(begin + first + end, encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    assert len(subjects(trust.trusted())) == 1


def test_a_folder_of_authorities_goes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert subjects(trust.trusted()) == set()  # OpenSSL opens its files by name, when a server shows a certificate


@pytest.mark.parametrize("text", [None, "no certificate\n"])
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, text: str | None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "authorities.pem"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    trust.begin()
    with pytest.raises(RunbookError) as caught:
        trust.trusted()
    assert caught.value.code == "WEB-003"
    assert str(file) in caught.value.what
    assert "SSL_CERT_FILE" in caught.value.next
    assert capfd.readouterr().err == ""
