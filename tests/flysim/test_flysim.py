"""The simulator itself: counting, faults, latency, snapshots, time, and its life as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.flysim.faults import Call, Fault
from tests.flysim.server import FlySim
from tests.flysim.state import image_parts

ROOT = Path(__file__).resolve().parents[2]
APP = {"name": "one", "org_slug": "personal"}


def machine_config(**more: object) -> dict[str, object]:
    """A launch request's config."""
    return {"image": "r.example.com/x:1", "checks": {"up": {"type": "tcp", "port": 1}}, **more}


def test_only_calls_that_can_change_something_are_counted(sim: FlySim, http: httpx.Client) -> None:
    http.post("/v1/apps", json=APP)
    http.get("/v1/apps/one")
    http.post("/graphql", json={"query": "{ apps { nodes { name } } }"})
    http.post("/v1/platform/placements", json={})
    mutation = 'mutation { allocateIpAddress(input: {appId: "one", type: v6}) { app { id } } }'
    http.post("/graphql", json={"query": mutation})
    assert sim.mutations == 2
    assert [call.operation for call in sim.mutating_calls()] == ["POST /v1/apps", "mutation allocateIpAddress"]
    assert sim.calls[0].body == APP


def test_a_wrong_token_is_refused_everywhere_and_changes_nothing(sim: FlySim) -> None:
    with httpx.Client(base_url=sim.url, trust_env=False, headers={"Authorization": "Bearer nope"}) as stranger:
        for answer in (
            stranger.post("/v1/apps", json=APP),
            stranger.get("/api/v1/organizations"),
            stranger.post("/graphql", json={"query": "{ viewer { id } }"}),
        ):
            assert answer.status_code == 401
    assert sim.state.apps == {}


def test_a_status_fault_strikes_the_nth_change_without_acting(sim: FlySim, http: httpx.Client) -> None:
    sim.fail(Fault("status", status=500, nth=2))
    assert http.post("/v1/apps", json=APP).status_code == 201
    assert http.get("/v1/apps/one").status_code == 200
    assert http.post("/v1/apps", json={**APP, "name": "two"}).status_code == 500
    assert http.post("/v1/apps", json={**APP, "name": "two"}).status_code == 201


@pytest.mark.parametrize("acted", [True, False])
def test_a_cut_connection_may_have_acted(sim: FlySim, http: httpx.Client, acted: bool) -> None:
    sim.fail(Fault("cut", acted=acted))
    with pytest.raises(httpx.HTTPError):
        http.post("/v1/apps", json=APP)
    assert ("one" in sim.state.apps) == acted


def test_a_hanging_call_is_let_go_when_the_server_stops(http: httpx.Client, sim: FlySim) -> None:
    sim.fail(Fault("hang", seconds=60))
    with pytest.raises(httpx.ReadTimeout):
        http.post("/v1/apps", json=APP, timeout=0.3)
    started = time.monotonic()
    sim.stop()
    assert time.monotonic() - started < 5


def test_a_kill_fault_calls_back_at_the_moment_of_the_call(sim: FlySim, http: httpx.Client) -> None:
    seen: list[Call] = []
    sim.fail(Fault("kill", match="POST /v1/apps", callback=seen.append))
    with pytest.raises(httpx.HTTPError):
        http.post("/v1/apps", json=APP)
    assert [call.operation for call in seen] == ["POST /v1/apps"]
    assert "one" in sim.state.apps


def test_latency_is_added_to_every_call(sim: FlySim, http: httpx.Client) -> None:
    sim.latency_s = 0.2
    started = time.monotonic()
    http.get("/v1/apps")
    assert time.monotonic() - started >= 0.2


def test_a_snapshot_is_json_and_brings_everything_back(sim: FlySim, http: httpx.Client) -> None:
    sim.state.add_image("r.example.com/x:1")
    http.post("/v1/apps", json=APP)
    http.post("/v1/apps/one/secrets", json={"values": {"A": "value-one"}})
    before = http.get("/v1/apps/one/secrets").json()
    saved = json.loads(json.dumps(sim.snapshot()))
    http.delete("/v1/apps/one")
    sim.restore(saved)
    assert http.get("/v1/apps/one/secrets").json() == before
    http.post("/v1/apps/one/secrets", json={"values": {"A": "value-one"}})
    assert http.get("/v1/apps/one/secrets").json()["secrets"][0]["digest"] == before["secrets"][0]["digest"]


def test_a_machine_starts_and_becomes_healthy_after_a_while(sim: FlySim, http: httpx.Client) -> None:
    sim.state.add_image("r.example.com/x:1")
    sim.behaviour.starts_after, sim.behaviour.healthy_after = 0.2, 0.2
    http.post("/v1/apps", json=APP)
    made = http.post("/v1/apps/one/machines", json={"config": machine_config()}).json()
    path = f"/v1/apps/one/machines/{made['id']}"
    assert http.get(path).json()["state"] == "created"
    assert http.get(f"{path}/wait?state=started&timeout=5").status_code == 200
    assert http.get(path).json()["checks"][0]["status"] == "critical"
    deadline = time.monotonic() + 3
    while http.get(path).json()["checks"][0]["status"] != "passing":
        assert time.monotonic() < deadline
    assert http.get(f"{path}/wait?state=stopped&timeout=1").status_code == 408


def test_a_held_lease_refuses_others_until_it_ends(sim: FlySim, http: httpx.Client) -> None:
    sim.state.add_image("r.example.com/x:1")
    http.post("/v1/apps", json=APP)
    made = http.post("/v1/apps/one/machines", json={"config": machine_config()}).json()
    path = f"/v1/apps/one/machines/{made['id']}"
    nonce = http.post(f"{path}/lease?ttl=30").json()["data"]["nonce"]
    assert http.post(path, json={"config": machine_config()}).status_code == 409
    shown = [http.get(path).text, http.get("/v1/apps/one/machines").text, http.get(f"{path}/lease").text]
    assert not any(nonce in text for text in shown), "whoever may read could take the lease over"
    mine = {"fly-machine-lease-nonce": nonce}
    assert http.post(path, json={"config": machine_config()}, headers=mine).status_code == 200
    assert http.delete(f"{path}/lease", headers=mine).status_code == 200
    assert http.post(path, json={"config": machine_config()}).status_code == 200


def test_drift_changes_the_state_without_a_call(sim: FlySim, http: httpx.Client) -> None:
    sim.state.add_image("r.example.com/x:1")
    http.post("/v1/apps", json=APP)
    http.post("/v1/apps/one/secrets", json={"values": {"A": "value-one"}})
    http.post("/v1/apps/one/machines", json={"config": machine_config()})
    http.post("/v1/apps/one/certificates/acme", json={"hostname": "g.example.com"})
    volume = http.post("/v1/apps/one/volumes", json={"name": "data", "region": "ord"}).json()
    digest = sim.state.apps["one"]["secrets"]["A"]["digest"]
    sim.forget_calls()
    sim.drift.change_secret("one", "A", "value-two")
    sim.drift.old_image("one", "", "r.example.com/x:0")
    sim.drift.remove_cert("one", "g.example.com")
    assert sim.drift.delete_volume("one", "data") == volume["id"]
    assert sim.state.apps["one"]["secrets"]["A"]["digest"] != digest
    assert sim.calls == []
    (machine,) = http.get("/v1/apps/one/machines").json()
    assert machine["image_ref"]["tag"] == "0"
    assert machine["config"]["image"] == "r.example.com/x:0"


def test_an_unknown_graphql_field_is_remembered(sim: FlySim, http: httpx.Client) -> None:
    answer = http.post("/graphql", json={"query": "{ viewer { email shoeSize } }"}).json()
    assert answer["data"]["viewer"] == {"email": sim.email, "shoeSize": None}
    assert sim.unknown == {"viewer.shoeSize"}


@pytest.mark.parametrize(
    ("ref", "parts"),
    [
        ("registry.fly.io/one:v1", ("registry.fly.io", "one", "v1", "")),
        ("cgr.dev/chainguard/minio:latest@sha256:ab", ("cgr.dev", "chainguard/minio", "latest", "sha256:ab")),
        ("docker.io/a/b@sha256:ab", ("docker.io", "a/b", "", "sha256:ab")),
        ("nginx", ("registry-1.docker.io", "library/nginx", "latest", "")),
        ("a/b:2", ("registry-1.docker.io", "a/b", "2", "")),
    ],
)
def test_image_references_are_taken_apart(ref: str, parts: tuple[str, str, str, str]) -> None:
    found = image_parts(ref)
    assert (found["registry"], found["repository"], found["tag"], found["digest"]) == parts


def test_it_runs_as_a_process_keeps_its_state_and_stops_on_sigterm(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    command = [sys.executable, "-m", "tests.flysim", "--latency-ms", "1", "--state", str(state)]
    for round_number in (1, 2):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "FLYSIM_TOKEN": "t0k"})
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            with httpx.Client(base_url=told["url"], headers={"Authorization": "Bearer t0k"}, trust_env=False) as http:
                if round_number == 1:
                    http.post("/v1/apps", json=APP)
                assert [app["name"] for app in http.get("/v1/apps").json()["apps"]] == ["one"]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()
        assert process.returncode == 0


def test_a_command_of_the_double_does_not_load_the_simulator() -> None:
    """Each is a process of its own, and a deploy starts thirty."""
    loaded = "import sys, tests.flysim.double; print(sorted({'graphql', 'http.server', 'httpx'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
