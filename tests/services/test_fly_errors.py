"""Every failure text becomes a code with something to do, and shows neither query nor secret."""

from __future__ import annotations

import pytest

from ops.runbook.secret import Secret
from ops.services.fly.explaining import explain, spoken
from ops.services.fly.meanings import MEANINGS

QUERY = "failed to run query ($appName: String!) { appcompact:app(name: $appName) { id name role { name } } }: "

TEXTS = [
    ("no access token available. Please login with 'flyctl auth login'", "FLY-003"),
    (QUERY + "server returned a non-200 status code: 401", "FLY-004"),
    ("returned error 401 Unauthorized: {}", "FLY-004"),
    ("failed retrieving current user: You must be authenticated to view this.", "FLY-004"),
    ("failed to fetch discharge tokens: tp error (401): unauthorized", "FLY-004"),
    (QUERY + "server returned a non-200 status code: 403", "FLY-032"),
    (QUERY + 'Could not find App "x"', "FLY-005"),
    ("failed to list VMs: app not found", "FLY-005"),
    ("the app name x could not be found, did you create the app or misspell it?", "FLY-005"),
    ("organization nope not found", "FLY-006"),
    (QUERY + "Could not find Organization", "FLY-006"),
    ("Validation failed: Name has already been taken", "FLY-007"),
    ("We need your payment information to continue!", "FLY-008"),
    ("To create more than 1 machine per app please add a payment method.", "FLY-008"),
    ("region xxx not found", "FLY-009"),
    ("region code ams requires an organization with a Launch plan", "FLY-009"),
    ('plan "Fixed 1MB" not found', "FLY-010"),
    ("pro_2k is no longer available for new databases", "FLY-010"),
    ("org slug must be specified when not running interactively", "FLY-011"),
    ("failed to select a plan: prompt: non interactive", "FLY-011"),
    ("no machines available to deploy", "FLY-012"),
    ("app x has no started VMs", "FLY-012"),
    ("No active machines in process group 'web'", "FLY-012"),
    ("this app has no complete releases. Run `fly deploy` to create one", "FLY-013"),
    ("App configuration is not valid", "FLY-014"),
    ("strict validation failed", "FLY-014"),
    ("config file not found at specified path", "FLY-014"),
    ("missing an app name", "FLY-014"),
    ("Process group 'db' needs volumes with name 'data' to fulfill mounts defined in fly.toml", "FLY-015"),
    ("creating a new machine in group 'db' requires an unattached 'data' volume.", "FLY-015"),
    ("machine 'd8' requires manual intervention", "FLY-016"),
    ('failed to fetch an image or build from source: could not find image "x"', "FLY-017"),
    ("release command failed - aborting deployment. machine x exited with non-zero status of 1", "FLY-018"),
    ("smoke checks for d8 failed: the app appears to be crashing", "FLY-019"),
    ("timeout reached waiting for health checks to pass for machine d8: context deadline exceeded", "FLY-020"),
    ("timeout reached waiting for machine's state to change", "FLY-021"),
    ("failed to get lease on VM d8: lease currently held by a@example.com", "FLY-022"),
    ("could not reserve resource for machine: insufficient resources available", "FLY-023"),
    ("found multiple image versions", "FLY-024"),
    ("failed to create ACME certificate: Hostname already exists on app", "FLY-025"),
    ("failed to create release (status 502): bad gateway", "FLY-026"),
    ("failed to set release status to 'running': failed to update release (status 500): x", "FLY-026"),
    ('Post "https://api.example.com/v1/apps": EOF', "FLY-030"),
    ("read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer", "FLY-030"),
    (QUERY + "server returned a non-200 status code: 408", "FLY-026"),
    ("failed to fetch an image or build from source: remote builder app unavailable", "FLY-034"),
    ("the moon is in the wrong house", "FLY-027"),
]


@pytest.mark.parametrize(("text", "code"), TEXTS)
def test_a_failure_text_has_its_code(text: str, code: str) -> None:
    error = explain("doing it", "", f"Error: {text}\n")
    assert error.code == code
    assert error.what.startswith("doing it failed")
    assert error.next


def test_every_meaning_is_reached_by_a_text() -> None:
    tested = {code for _, code in TEXTS}
    assert {row.code for row in MEANINGS} <= tested


def test_colours_progress_and_query_texts_are_left_out() -> None:
    stderr = f'==> Building image\n\x1b[31mError:\x1b[0m {QUERY}Could not find App "x" (Request ID: 01ABC)\n'
    assert spoken("", stderr) == 'Could not find App "x" (Request ID: 01ABC)'


def test_flyctls_findings_on_a_config_come_from_its_other_output() -> None:
    said = spoken("Validating x\n   ✘ Service has no processes set\n", "Error: App configuration is not valid\n")
    assert "Service has no processes set" in said


def test_a_value_flyctl_echoes_is_redacted() -> None:
    value = Secret("hunter2-hunter2")
    said = f"Error: Secrets must be provided as NAME=VALUE pairs ({value.reveal()} is invalid)"
    error = explain("importing", "", said)
    assert value.reveal() not in error.why
    assert "[redacted]" in error.why


def test_a_silent_failure_names_the_exit_code() -> None:
    assert "126" in explain("deploying", "", "", 126).why


def test_what_only_a_person_can_mend_is_blocked_and_what_passes_is_worth_another_try() -> None:
    codes = {row.code: row for row in MEANINGS}
    blocked = {code for code, row in codes.items() if row.blocked}
    assert blocked == {"FLY-003", "FLY-004", "FLY-007", "FLY-008", "FLY-032"}
    assert {code for code, row in codes.items() if row.retry} == {"FLY-022", "FLY-023", "FLY-026", "FLY-030", "FLY-034"}


PANIC = """panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x1c2a3b4]

goroutine 1 [running]:
github.com/superfly/flyctl/internal/command/machine.runMachineRestart(0xc000)
"""


def test_f16_a_panic_on_standard_output_is_said_to_be_one() -> None:
    """F16: `machines restart` on a machine that stays `created`; it "said nothing"."""
    error = explain("restarting edge m1", PANIC, "", 3)
    assert error.code == "FLY-033"
    assert "crashed" in error.what
    assert error.why == "panic: runtime error: invalid memory address or nil pointer dereference"
    assert explain("restarting edge m1", "", PANIC, 2).code == "FLY-033"


def test_f16_what_is_said_on_standard_output_alone_is_quoted() -> None:
    error = explain("deploying one", "step 1\nno room on the moon\n", "", 1)
    assert error.why.endswith("no room on the moon")


def test_f21_a_hostname_on_another_app_says_how_it_is_freed() -> None:
    """F21: no advice how to free it."""
    error = explain("adding h", "", "Error: failed to create ACME certificate: Hostname already exists on app other")
    assert error.code == "FLY-025"
    assert error.blocked
    assert "certs remove" in error.next
    assert "_fly-ownership" in error.next
