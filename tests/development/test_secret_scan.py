"""A secret in a committed file turns the check red, and is not repeated in what the check says."""

from __future__ import annotations

import random
import re
import string
import subprocess
import sys
import uuid
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ops.description.paths import ROOT
from ops.development import secret_scan

CHANCE = random.Random("secrets of a test")
PrivateFormat = serialization.PrivateFormat
LETTERS = string.ascii_letters + string.digits
REF = "abcdefghijklmnopqrst"


def word(length: int, letters: str = LETTERS) -> str:
    return "".join(CHANCE.choices(letters, k=length))


def uuid4() -> uuid.UUID:
    return uuid.UUID(int=CHANCE.getrandbits(128), version=4)


def private(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, form: PrivateFormat) -> tuple[str, str]:
    """A private key's file, with a place for its first line, and that line."""
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    begin, first, rest = pem.decode().strip().split("\n", 2)
    return f"{begin}\n{{}}\n{rest}", first


def made_up() -> dict[str, tuple[str, str]]:
    """A file by the kind of secret that this stack has: what stands around the secret, and the secret."""
    return {
        "fly.env": ("FLY_API_TOKEN=FlyV1 {}", f"fm2_{word(90)}"),
        "fly-of-old.env": ("FLY_API_TOKEN={}", word(43)),
        "openai.py": ('KEY = "{}"', f"sk-proj-{word(60)}"),
        "openai.md": ("The key was {}, and no longer is.", f"sk-proj-{word(60)}"),
        "openai-of-old.md": ("It was {}.", f"sk-{word(20)}T3BlbkFJ{word(20)}"),
        "litellm.md": ("The master key is {}", f"sk-{word(32)}"),
        "langfuse.yaml": ("secret: {}", f"sk-lf-{uuid4()}"),
        "langfuse-public.yaml": ("public: {}", f"pk-lf-{uuid4()}"),
        "encryption.env": ("ENCRYPTION_KEY={}", word(64, "0123456789abcdef")),
        "salt.toml": ('SALT = "{}="', word(43)),
        "team.json": ('{{"SHOP_TEAM_KEY": "{}"}}', word(32)),
        "tigris.toml": ('secret = "{}"', f"tsec_{word(40)}"),
        "supabase.ts": ('createClient(url, "{}")', f"sb_secret_{word(31)}"),
        "redis.py": ('URL = "redis://default:{}@fly-shop.upstash.io:6379"', word(20)),
        "smtp.md": ("smtps://alerts:{}@smtp.example.com:465", word(20)),
        "direct.sh": (f"psql postgresql://postgres:{{}}@db.{REF}.supabase.co:5432/postgres", word(20)),
        "pooled.env": (f"URL=postgres://postgres.{REF}:{{}}@aws-0-eu.pooler.supabase.com:6543/x", "Sommer1984!"),
        "ed25519.pem": private(ed25519.Ed25519PrivateKey.generate(), PrivateFormat.PKCS8),
        "ssh": private(ed25519.Ed25519PrivateKey.generate(), PrivateFormat.OpenSSH),
        "ec.pem": private(ec.generate_private_key(ec.SECP256R1()), PrivateFormat.TraditionalOpenSSL),
    }


def scan(*where: Path | str) -> subprocess.CompletedProcess[str]:
    command = secret_scan.command(where)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, timeout=60, capture_output=True)


def test_each_kind_of_secret_is_found_none_is_shown_and_none_is_tried(tmp_path: Path) -> None:
    secrets = made_up()
    for name, (around, secret) in secrets.items():
        (tmp_path / name).write_text(around.format(secret) + "\n")
    ran = scan(*(tmp_path / name for name in secrets))
    assert ran.returncode == secret_scan.FOUND, ran.stderr
    assert [name for name in secrets if f"{tmp_path / name}\n" not in ran.stdout] == []
    assert [name for name, (_, secret) in secrets.items() if secret in ran.stdout + ran.stderr] == []
    # Keys of OpenAI are among the kinds that the scanner would try, were it let.
    assert set(re.findall(r"Validation\.*: (.*)", ran.stdout)) <= {
        "Not Attempted",
        "Assumed Valid (Not Live-Validated)",
    }


def test_what_describes_the_form_of_a_secret_is_none(tmp_path: Path) -> None:
    forms = tmp_path / "forms.toml"
    forms.write_text(
        'says = "postgresql://postgres:PASSWORD@db.PROJECTREF.supabase.co:5432/postgres, and sk-lf-..."\n'
        "OPENAI_API_KEY=os.environ/OPENAI_API_KEY\nSMTP_URL=smtps://USER:PASSWORD@HOST:465\n"
        'url = f"redis://default:{password}@{host}:6379"\nFLY_API_TOKEN=${{ secrets.FLY_API_TOKEN_OF_2026 }}\n'
    )
    ran = scan(forms)
    assert ran.returncode == 0, ran.stdout


def test_what_was_committed_once_is_found_and_so_is_what_is_tracked(tmp_path: Path) -> None:
    git(tmp_path, "init")
    for name in ("kept with a space", "dropped", "unknown"):
        (tmp_path / name).write_text(f"sk-lf-{uuid4()}\n")
    git(tmp_path, "add", "kept with a space", "dropped")
    git(tmp_path, "commit", "-m", "one")
    git(tmp_path, "rm", "-q", "dropped")
    git(tmp_path, "commit", "-m", "two")
    assert secret_scan.tracked(tmp_path) == ["kept with a space"]
    assert not secret_scan.is_shallow(tmp_path)
    # From another worktree: the commits lie elsewhere, and those of other branches are not its own.
    git(tmp_path, "worktree", "add", "-b", "side", "beside")
    ran = scan(*secret_scan.history(tmp_path / "beside"))
    assert ran.returncode == secret_scan.FOUND, ran.stderr
    assert {name for name in ("kept with a space", "dropped", "unknown") if f": {name}\n" in ran.stdout} == {
        "kept with a space",
        "dropped",
    }


def test_the_stage_of_the_check_is_red_for_a_file_that_holds_one(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    codes = []
    for text in (f"pk-lf-{uuid4()}\n", "nothing\n"):
        file.write_text(text)
        command = [sys.executable, "-m", "ops.development.secret_scan", str(file)]
        codes.append(subprocess.run(command, cwd=ROOT, capture_output=True, timeout=250, check=False).returncode)
    assert codes == [secret_scan.FOUND, 0]
