"""How exactly whole gateways hold the limits: processes over HTTP on one Redis, 50 clients a team, windows of 60 s.

    ./inv dev.bench limits [--json]
    .venv-gateway-dev/bin/python -m tests.bench.gateway.limits [--gateways 1,2,4] [--windows 2.2] [--json]

For 1, 2 and 4 gateway processes:

- requests and tokens: two teams at once, each with 50 clients that begin one after the other (so the window slides) and
  ask again as soon as they are refused. Figures: the most admitted in any sliding window, which should be the limit;
  for tokens at most the limit, and less than one request's estimate below it. The requests Redis noted are compared
  with the answers the clients got, the tokens with those the provider counted. On a machine so busy that Redis answers
  a gateway too late, that gateway keeps to its share: then the limit may not be used up, and is still not passed.
- kill -9: a third team spends a daily budget on answers with bounded max_tokens; in the middle one gateway is killed
  and started again. Overshoot is what the provider charged beyond the budget.

Takes about four minutes for each number of gateways. Exit code 1: a goal was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import secrets
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import httpx
from redis import Redis

from tests.gateway.valkey_server import ValkeyServer
from tests.gateway.windows import fullest
from tests.integration.gateway.harness import GatewayProcess, Provider, configuration
from tests.integration.gateway.several import Admissions, ask_on, booked, several, watch

NANO = 1_000_000_000
CLIENTS = 50
WINDOW_US = 60_000_000
RPM = 100
TPM = 20_000
DAILY_USD = 0.30
ANSWER_TOKENS = 180
PAUSE_S = 1.0
RAMP_S = 25.0
LIMITS: dict[str, dict[str, Any]] = {
    "probe": {"rpm": RPM},
    "prod_ceo": {"tpm": TPM},
    "prod_background": {"daily_usd": DAILY_USD},
}
PRICES = configuration()["gateway"]["prices"]


@dataclass(frozen=True)
class Windows:
    """Figures of the sliding windows with one number of gateways."""

    gateways: int
    windows_lasted: float
    asked: int
    admitted: int
    answered: int
    most_requests_in_a_window: int
    longest_room_unused_ms: float
    tokens_settled: int
    tokens_provider_counted: int
    most_tokens_in_a_window: int
    most_tokens_booked: int
    one_estimate_tokens: int
    taken_back: int
    times_without_redis: int

    def good(self) -> bool:
        """Whether both limits held exactly."""
        return (
            self.most_requests_in_a_window == RPM
            and self.admitted == self.answered
            and TPM - self.one_estimate_tokens < self.most_tokens_booked <= TPM
            and self.most_tokens_in_a_window <= TPM
            and self.tokens_settled == self.tokens_provider_counted
        )


@dataclass(frozen=True)
class Budget:
    """Figures of the budget through a kill, in nano-USD."""

    gateways: int
    budget: int
    charged: int
    booked: int
    most_booked: int
    left_at_estimate_by_the_killed: int
    answered: int
    refused: int

    @property
    def overshoot(self) -> int:
        return max(0, self.charged - self.budget, self.most_booked - self.budget)

    def good(self) -> bool:
        """Whether the budget held, was used up but for one estimate, and covers what was charged."""
        return not self.overshoot and self.charged <= self.booked and self.most_booked > 0.95 * self.budget


async def windows(gateways: list[GatewayProcess], redis: Redis, provider: Provider, lasting: float) -> Windows:
    """Two teams at their limits for `lasting` windows."""
    word = secrets.token_hex(6)
    # As long as max_tokens allows, so that reserved and used differ by our margin on the input only.
    provider.reset()
    provider.reply(contains=f"tokens {word}", reply="long" * ANSWER_TOKENS)
    requests, tokens = Admissions("probe"), Admissions("prod_ceo")
    watching = asyncio.create_task(watch(redis, requests, tokens))
    end = time.monotonic() + lasting * WINDOW_US / 1e6

    def over(_: httpx.Response) -> bool:
        return time.monotonic() > end

    by_request, by_token = await asyncio.gather(
        ask_on(  # With a model of its own, so that the provider's figures keep the two apart.
            gateways, "probe", lambda _: f"requests {word}", over,
            clients=CLIENTS, pause_s=PAUSE_S, ramp_s=RAMP_S, model="gpt-4o",
        ),
        ask_on(
            gateways, "prod_ceo", lambda number: f"tokens {word} {number}", over,
            clients=CLIENTS, pause_s=PAUSE_S, ramp_s=RAMP_S, max_tokens=ANSWER_TOKENS,
        ),
    )  # fmt: skip
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    for each in (requests, tokens):
        each.look(redis)
    provider_tokens = provider.figures("gpt-4o-mini")
    times = sorted(requests.requests.values())
    statuses = [answer.status_code for answer in by_request]
    unknown = {answer.status_code for answer in (*by_request, *by_token)} - {200, 429}
    if unknown:
        raise RuntimeError(f"answers with {unknown}")
    used = [answer.json()["usage"]["total_tokens"] for answer in by_token if answer.status_code == 200]
    return Windows(
        gateways=len(gateways),
        windows_lasted=round((times[-1] - times[0]) / WINDOW_US, 2),
        asked=len(by_request) + len(by_token),
        admitted=len(times),
        answered=statuses.count(200),
        most_requests_in_a_window=fullest(times, WINDOW_US),
        longest_room_unused_ms=max(
            later - earlier - WINDOW_US for earlier, later in zip(times, times[RPM:], strict=False)
        ) / 1000,
        tokens_settled=sum(amount for _, amount in tokens.tokens.values()),
        tokens_provider_counted=provider_tokens["prompt_tokens"] + provider_tokens["completion_tokens"],
        most_tokens_in_a_window=tokens.heaviest(),
        most_tokens_booked=tokens.fullest_tokens,
        one_estimate_tokens=round(max(used) * 1.1) + 8,
        taken_back=requests.taken_back + tokens.taken_back,
        times_without_redis=sum(gateway.log().count("redis: away") for gateway in gateways),
    )  # fmt: skip


async def through_a_kill(gateways: list[GatewayProcess], redis: Redis, provider: Provider) -> Budget:
    """One team spends its budget; the last gateway is killed in the middle and started again."""
    word, victim = secrets.token_hex(6), gateways[-1]
    provider.reset()
    provider.fault(contains=word, delay_s=0.2)
    most = 0
    refused = itertools.count(1)

    async def look() -> None:
        nonlocal most
        while True:
            most = max(most, (await asyncio.to_thread(booked, redis, "prod_background"))[0])
            await asyncio.sleep(0.05)

    async def kill_and_start_again() -> None:
        while most < DAILY_USD * NANO / 3:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(victim.stop, signal.SIGKILL)
        await asyncio.to_thread(victim.start)

    looking, killing = asyncio.create_task(look()), asyncio.create_task(kill_and_start_again())
    answers = await ask_on(
        gateways, "prod_background", lambda number: f"about {word} {number}",
        lambda answer: answer.status_code == 429 and killing.done() and next(refused) > 3 * CLIENTS,
        clients=CLIENTS, model="gpt-4o", max_tokens=100,
    )  # fmt: skip
    await killing
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    total, reserved = booked(redis, "prod_background")
    statuses = [answer.status_code for answer in answers]
    return Budget(
        gateways=len(gateways),
        budget=round(DAILY_USD * NANO),
        charged=provider.spent_nano_usd(PRICES),
        booked=total,
        most_booked=max(most, total),
        left_at_estimate_by_the_killed=reserved,
        answered=statuses.count(200),
        refused=statuses.count(429),
    )


def measure(counts: Sequence[int], lasting: float) -> tuple[list[Windows], list[Budget]]:
    """All figures, one number of gateways after the other, each on a Redis of its own."""
    slid, spent = [], []
    with Provider() as provider:
        for count in counts:
            with (
                ValkeyServer() as valkey,
                several(count, valkey, provider, LIMITS) as gateways,
                valkey.client() as redis,
            ):
                slid.append(asyncio.run(windows(gateways, redis, provider, lasting)))
                spent.append(asyncio.run(through_a_kill(gateways, redis, provider)))
    return slid, spent


def show(slid: Sequence[Windows], spent: Sequence[Budget]) -> None:
    """The figures as text."""
    print(f"sliding windows of 60 s, {CLIENTS} clients a team: {RPM} requests, {TPM} tokens")
    print(f"{'gateways':>8}{'asked':>8}{'admitted':>10}{'most requests':>15}{'room unused ms':>16}", end="")
    print(f"{'most tokens':>13}{'most booked':>13}{'counted':>9}{'by provider':>13}{'Redis late':>12}")
    for row in slid:
        print(
            f"{row.gateways:8}{row.asked:8}{row.admitted:10}{row.most_requests_in_a_window:15}"
            f"{row.longest_room_unused_ms:16.0f}{row.most_tokens_in_a_window:13}{row.most_tokens_booked:13}"
            f"{row.tokens_settled:9}{row.tokens_provider_counted:13}{row.times_without_redis:12}"
        )
    print(f"\none gateway killed (-9) and started again while {DAILY_USD} USD are spent")
    print(f"{'gateways':>8}{'charged USD':>13}{'booked USD':>12}{'of killed':>11}{'overshoot':>11}{'answered':>10}")
    for each in spent:
        left = each.left_at_estimate_by_the_killed / NANO
        print(
            f"{each.gateways:8}{each.charged / NANO:13.6f}{each.booked / NANO:12.6f}{left:11.6f}"
            f"{each.overshoot:11}{each.answered:10}"
        )


def main() -> int:
    """Run the benchmark; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateways", default="1,2,4", help="how many processes, one run each")
    parser.add_argument("--windows", type=float, default=2.2, help="how many windows of 60 s a run lasts")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    slid, spent = measure([int(count) for count in options.gateways.split(",")], options.windows)
    if options.json:
        kills = [{**asdict(each), "overshoot": each.overshoot} for each in spent]
        print(json.dumps({"windows": [asdict(each) for each in slid], "kill": kills}, indent=2))
    else:
        show(slid, spent)
    held = all(row.good() for row in slid) and all(row.good() for row in spent)
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main())
