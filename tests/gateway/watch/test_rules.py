"""The rules: each at its limit and beyond it; what is not seen is unknown, and never fine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from llm_gateway.settings import ConfigError
from llm_gateway.watch import alerts, catalogue, exposition
from llm_gateway.watch import history as past
from llm_gateway.watch.rules import CHECKS, Finding, evaluate
from llm_gateway.watch.seen import Seen, TeamSeen
from llm_gateway.watch.settings import Smtp, load

from tests.gateway.watch.watching import BEGIN, MINUTE, SHIPPED, settings, well


def counted(**names: float) -> dict[str, Any]:
    """A history in which this was counted over the last hour, and looked at every minute."""
    minutes = [{"at": BEGIN - minute * MINUTE, "n": {}} for minute in range(59, -1, -1)]
    minutes[-1]["n"] = {name.replace("__", ":").replace("_p_", "."): count for name, count in names.items()}
    return {**past.empty(), "minutes": minutes}


def states(seen: Seen, history: Mapping[str, Any]) -> dict[str, str]:
    return {finding.rule: finding.state for finding in evaluate(seen, history, settings()) if finding.subject != ""}


def found(seen: Seen, history: Mapping[str, Any]) -> dict[str, Finding]:
    """The finding of each rule that has but one subject."""
    return {finding.rule: finding for finding in evaluate(seen, history, settings())}


def test_every_rule_is_described_and_every_description_is_a_rule() -> None:
    assert CHECKS.keys() == catalogue.rules().keys() == settings().rules.keys()
    assert {entry.source for entry in catalogue.rules().values()} == catalogue.sources().keys()


def test_when_all_is_well_every_rule_is_fine() -> None:
    findings = evaluate(well(BEGIN), counted(requests=1), settings())
    assert {finding.state for finding in findings} == {"fine"}
    assert {finding.rule for finding in findings} == {*CHECKS, catalogue.UNSEEN}


TEAM = TeamSeen(1.0, 50.0)


@pytest.mark.parametrize(
    ("rule", "fine", "bad"),
    [
        ("gateway-not-ready", {"gateways": {"a": (), "b": ()}}, {"gateways": {"a": ()}}),
        ("gateway-down", {"gateways": {"a": ("x",)}}, {"gateways": {}}),
        ("team-budget", {"teams": {"t": TeamSeen(40, 50)}}, {"teams": {"t": TeamSeen(40.1, 50)}}),
        ("spend", {"teams": {"t": TeamSeen(50, 500)}}, {"teams": {"t": TeamSeen(50.1, 500)}}),
        ("redis-memory", {"redis": (80, 100)}, {"redis": (81, 100)}),
        ("disk", {"disks": {"d": 0.8}}, {"disks": {"d": 0.81}}),
        ("traces-waiting", {"traces_waiting": 500}, {"traces_waiting": 501}),
        ("traces-missing", {"delivered": (100, 99)}, {"delivered": (100, 98)}),
        ("traces-missing", {"delivered": (99, 0)}, {"delivered": (100, 0)}),
        ("certificate", {"certificates": {"c": 14.0}}, {"certificates": {"c": 13.9}}),
        (
            "cache-wrong",
            {"teams": {"t": replace(TEAM, checked=49, wrong_low=0.5)}},
            {"teams": {"t": replace(TEAM, checked=50, wrong_low=0.011)}},
        ),
        ("judge-cost", {"teams": {"t": TEAM}}, {"teams": {"t": replace(TEAM, judge_pays=False)}}),
    ],
)
def test_a_look_beyond_the_limit_is_bad_and_one_at_it_is_not(
    rule: str, fine: dict[str, Any], bad: dict[str, Any]
) -> None:
    assert states(well(BEGIN, **fine), past.empty())[rule] == "fine"
    assert states(well(BEGIN, **bad), past.empty())[rule] == "bad"


@pytest.mark.parametrize(
    ("rule", "fine", "bad"),
    [
        ("errors", {"requests": 100, "failed": 1}, {"requests": 100, "failed": 2}),
        ("errors", {"requests": 49, "failed": 49}, {"requests": 50, "failed": 1}),
        (
            "latency",
            {"timed": 100, "le__2_p_0": 95, "le__5_p_0": 100},
            {"timed": 100, "le__2_p_0": 94, "le__5_p_0": 95},
        ),
        ("latency", {"timed": 19, "le__2_p_0": 0}, {"timed": 20, "le__2_p_0": 0}),
        ("traces-lost", {"lost": 0}, {"lost": 1}),
    ],
)
def test_what_was_counted_beyond_the_limit_is_bad(rule: str, fine: dict[str, float], bad: dict[str, float]) -> None:
    assert states(well(BEGIN), counted(**fine))[rule] == "fine"
    assert states(well(BEGIN), counted(**bad))[rule] == "bad"


def test_what_was_shed_is_told_apart_from_what_failed() -> None:
    judged = found(well(BEGIN), counted(requests=100, failed=5, shed=3))["errors"]
    assert judged.says.startswith("5.0% of 100 requests failed in ")
    assert ", 3 of them shed: too many were under way (limit 1.0%)" in judged.says
    assert "shed" not in found(well(BEGIN), counted(requests=100, failed=5))["errors"].says


def test_a_goal_for_p95_between_two_bounds_of_the_histogram_is_no_alert_below_it() -> None:
    """Of a goal of 3 s the bound of 5 s says too little: most of its class may lie below."""
    rules = settings().rules
    goal = replace(settings(), rules={**rules, "latency": replace(rules["latency"], limit=3.0)})

    def state(**counts: float) -> str:
        (latency,) = (each for each in evaluate(well(BEGIN), counted(**counts), goal) if each.rule == "latency")
        return latency.state

    assert state(timed=100, le__2_p_0=94, le__5_p_0=98) == "fine", "about 2.75 s"
    assert state(timed=100, le__2_p_0=94, le__5_p_0=96) == "bad", "about 3.5 s"
    assert state(timed=100, le__2_p_0=94, le__5_p_0=94) == "bad", "more than 5 s"


def test_the_hit_rate_is_compared_with_the_day_before_and_silence_with_the_week() -> None:
    hour = int(BEGIN // past.HOUR_S)
    usual = {"requests": 600.0, "asked": 600.0, "hits": 300.0}
    week = {str(hour - back): usual for back in range(1, 8 * 24)}
    half = {**counted(asked=200, hits=50, requests=200), "hours": week}
    assert states(well(BEGIN), half)["hit-rate"] == "fine"
    assert states(well(BEGIN), {**half, **counted(asked=200, hits=49), "hours": week})["hit-rate"] == "bad"
    assert states(well(BEGIN), {**counted(requests=1), "hours": week})["quiet"] == "fine"
    assert states(well(BEGIN), {**counted(), "hours": week})["quiet"] == "bad"
    nights = {name: counts for name, counts in week.items() if (hour - int(name)) % 24}
    assert states(well(BEGIN), {**counted(), "hours": nights})["quiet"] == "fine", "never any traffic at this hour"
    new = {**counted(), "minutes": counted()["minutes"][-30:], "hours": week}
    assert found(well(BEGIN), new)["quiet"].state == "unknown", "not watched for a whole hour"


COUNTED = ("errors", "latency", "hit-rate", "traces-lost", "quiet")


@pytest.mark.parametrize("every_s", [1.0, 60.0])
def test_what_is_kept_of_an_hour_does_not_depend_on_how_often_it_looks(every_s: float) -> None:
    looks = round(2 * past.MINUTES * 60 / every_s)
    history = past.empty()
    for look in range(looks + 1):
        history = past.after(history, well(BEGIN + look * every_s, {"requests": look * every_s}))
    now = BEGIN + looks * every_s
    assert len(history["minutes"]) <= past.MINUTES + 1
    for minutes in (5, past.MINUTES):
        spans = past.covered(history, now, minutes, past.OWN)
        assert spans is not None
        assert minutes - 1 <= spans <= minutes + 1
        assert past.counted(history, now, minutes)["requests"] == spans * 60, "one a second, over what it spans"


def test_a_first_look_does_not_say_that_nothing_was_counted() -> None:
    first = past.after(past.empty(), well(BEGIN, {"requests": 164.0, "failed": 3.0}))
    judged = found(well(BEGIN), first)
    assert {judged[rule].state for rule in COUNTED} == {"unknown"}
    assert "first look" in judged["errors"].says
    # The second one knows, and for how long.
    second = past.after(first, well(BEGIN + 3 * MINUTE, {"requests": 170.0, "failed": 3.0}))
    judged = found(well(BEGIN + 3 * MINUTE), second)
    assert judged["errors"].says.startswith("0.0% of 6 requests failed in 3 min")
    assert {judged[rule].state for rule in COUNTED} == {"fine"}


def test_a_look_after_an_hour_says_that_its_counts_span_the_hour() -> None:
    first = past.after(past.empty(), well(BEGIN, {"requests": 164.0}))
    later = past.after(first, well(BEGIN + 60 * MINUTE, {"requests": 200.0}))
    assert "of 36 requests failed in 60 min" in found(well(BEGIN + 60 * MINUTE), later)["errors"].says


def test_what_all_gateways_counted_before_it_could_be_seen_is_not_taken_for_new() -> None:
    blind = well(BEGIN)
    blind = replace(blind, counters={name: each for name, each in blind.counters.items() if name != "shared"})
    history = past.after(past.empty(), blind)
    history = past.after(history, well(BEGIN + MINUTE, {"requests": 1000.0, "failed": 1000.0}))
    assert found(well(BEGIN + MINUTE), history)["errors"].state == "unknown"
    history = past.after(history, well(BEGIN + 2 * MINUTE, {"requests": 1007.0, "failed": 1000.0}))
    assert past.counted(history, BEGIN + 2 * MINUTE, 60)["requests"] == 7


@pytest.mark.parametrize("source", list(catalogue.sources()))
def test_what_is_not_seen_is_unknown_and_an_alert_of_its_own(source: str) -> None:
    findings = evaluate(well(BEGIN, unseen={source: "no answer"}), counted(requests=1), settings())
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    for name, entry in catalogue.rules().items():
        if name != "gateway-down":
            wanted = "unknown" if entry.source == source else "fine"
            assert {finding.state for finding in by_rule[name]} == {wanted}, name
    assert [each.subject for each in by_rule[catalogue.UNSEEN] if each.state == "bad"] == [source]


def test_a_counter_that_began_anew_is_not_taken_for_a_loss() -> None:
    history = past.empty()
    for minute, requests in enumerate((1000, 1100, 50, 80)):
        history = past.after(history, well(BEGIN + minute * MINUTE, {"requests": requests}))
    assert past.counted(history, BEGIN + 3 * MINUTE, 60)["requests"] == 100 + 50 + 30
    assert sum(counts.get("requests", 0) for counts in history["hours"].values()) == 180


def test_times_are_read_from_the_gateways_histogram_and_only_those_no_cache_gave() -> None:
    text = "\n".join(
        (
            "# TYPE gateway_request_seconds histogram",
            'gateway_request_seconds_bucket{team="a",tier="miss",le="1.0"} 3',
            'gateway_request_seconds_bucket{team="b",tier="bypass",le="1.0"} 4',
            'gateway_request_seconds_bucket{team="a",tier="exact",le="1.0"} 100',
            'gateway_request_seconds_bucket{team="a",tier="miss",le="+Inf"} 9',
            'gateway_request_seconds_sum{team="a",tier="miss"} 9.5',
        )
    )
    assert exposition.latency(exposition.parse(text)) == {"le:1.0": 7.0, "timed": 9.0}
    assert exposition.latency(exposition.parse("gateway_ready 1")) is None
    declared = text.splitlines()[0]
    assert exposition.latency(exposition.parse(declared)) == {}, (
        "before the first answer: nothing to tell, and no alert"
    )


@pytest.mark.parametrize("changed", ["[rules.spend]\nlimit = 'much'", "[rules.weather]\nlimit = 1"])
def test_thresholds_that_make_no_sense_are_refused(tmp_path: Any, changed: str) -> None:
    file = tmp_path / "watch.toml"
    text = "\n".join(line for line in SHIPPED.read_text().splitlines() if not line.startswith("spend"))
    file.write_text(f"{text}\n{changed}\n")
    with pytest.raises(ConfigError, match=r"spend|weather"):
        load(file)
    file.write_text(text)
    with pytest.raises(ConfigError, match="no thresholds for spend"):
        load(file)


@pytest.mark.parametrize("url", ["smtp.example.com", "http://a:b@c", "smtps://user:secret-word@host:port"])
def test_a_mail_server_that_is_none_is_refused_without_quoting_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Smtp.parse(url)
    assert "secret-word" not in str(refused.value)
    smtp = Smtp.parse("smtp://me%40example.com:p%2Fw@mail.example.com")
    assert (smtp.user, smtp.password, smtp.port, smtp.implicit_tls) == ("me@example.com", "p/w", 587, False)
    assert "p/w" not in repr(smtp)


def test_an_alert_that_an_earlier_version_began_is_ended_by_this_one() -> None:
    alert = {
        "rule": "spend",
        "subject": "all",
        "bad": BEGIN,
        "since": int(BEGIN),
        "worst": 60.0,
        "worst_says": "60 USD",
    }
    state = {**alerts.empty(), "alerts": {"spend/all": alert}}
    for minute in range(6):
        now = BEGIN + minute * MINUTE
        state = alerts.advance(state, evaluate(well(now), past.empty(), settings()), now, settings())
    assert [mail["id"].partition("@")[0] for mail in state["outbox"]] == [f"over.spend.all.{int(BEGIN)}-0"]
    assert state["alerts"] == {}


def test_what_is_counted_says_over_which_time_it_was_looked() -> None:
    """At the first look counters say nothing; later ones say since when, however long nobody looked."""
    history, told = past.empty(), []
    for minutes, requests in ((0, 164.0), (3, 200.0), (4, 210.0), (130, 1210.0)):
        shared = {"requests": requests, "failed": 0.0, "hits": 0.0, "asked": requests}
        seen = well(BEGIN + minutes * MINUTE, shared)
        history = past.after(history, seen)
        told.append(found(seen, history)["errors"].says)
    assert [line.removeprefix("0.0% of ").partition(" (limit")[0] for line in told] == [
        "not known yet: this is the first look, and a count needs two",
        "36 requests failed in 3 min",
        "46 requests failed in 4 min",
        "1000 requests failed in 126 min",
    ]
