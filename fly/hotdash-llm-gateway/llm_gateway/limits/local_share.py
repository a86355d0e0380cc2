"""One team's limits as one gateway can enforce them without Redis.

The rule while Redis is away, for `gateways` that share a limit:

- Until one window has passed since Redis was lost, a gateway may hold what it itself had admitted by then,
  plus an equal part of what all gateways together had left at Redis's last word; never more than its share.
- After that, the requests and tokens of its share: the limit divided by the number of gateways.
- Dollars: what it had spent itself by then, plus an equal part of what was left of the day; on a later day
  its share.

Each sum over all gateways is at most the limit. A gateway that has had no word from Redis since it started,
or (with other gateways) none lately, takes it that nothing was left. When Redis returns, the share holds for
one more window, since other gateways may not have reported yet what they admitted.

Lost again within that window, what holds is both that and what the losses before still allow. Whoever has not reported
has kept, like this gateway, to what its first loss allowed, and those sums are at most the limit, as if Redis had not
been back; whoever was free meanwhile is in Redis's last word, of which parts are taken anew.

Nothing here does any input or output. Times are microseconds of Redis's clock, money is nano-USD.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

Limit = Literal["requests", "tokens", "usd"]

DAY_US = 86_400_000_000
SETTLE_US = 4_500_000_000
"""After 75 minutes a reservation can no longer be corrected (as in limits.lua)."""
FRESH_US = 3_000_000
"""With other gateways about, an older word from Redis says nothing about what is left."""


@dataclass(frozen=True)
class Limits:
    """What all gateways together may admit: requests and tokens per window, nano-USD per UTC day."""

    requests: int
    tokens: int
    nano_usd: int


@dataclass(frozen=True)
class Totals:
    """What Redis said all gateways had admitted in the window, and booked on that day, at `at`."""

    at: int
    requests: int
    tokens: int
    nano_usd: int


@dataclass
class Admission:
    """Something this gateway admitted or spent. `tokens` and `nano_usd` are the estimate until `settled`."""

    id: str
    at: int
    requests: int
    reserved_tokens: int
    reserved_nano_usd: int
    tokens: int = -1
    nano_usd: int = -1
    settled: bool = False
    unreported: bool = False
    in_window: bool = False

    def __post_init__(self) -> None:
        self.tokens, self.nano_usd = self.reserved_tokens, self.reserved_nano_usd
        self.settled = self.tokens == self.nano_usd == 0

    def free(self) -> None:
        """It costs nothing after all."""
        self.reserved_tokens = self.reserved_nano_usd = 0
        self.__post_init__()

    @property
    def day(self) -> int:
        """The UTC day it counts on, in days since 1970."""
        return self.at // DAY_US


@dataclass(frozen=True)
class Blocked:
    """Why something does not fit now, and after how many microseconds it will."""

    limit: Limit
    wait_us: int


@dataclass(frozen=True)
class _Lost:
    """What this gateway knew when Redis went away: the most it may hold, for one window and for that day."""

    at: int
    requests_cap: int
    tokens_cap: int
    nano_cap: int


class LocalShare:
    """What one gateway has admitted for one team, and what it may admit by itself.

    Every `now` is the time of Redis's clock in microseconds; amounts are requests, tokens and nano-USD.

    Args:
        gateways: how many gateways share the limits.
        window_us: the window of requests and tokens, in microseconds.
    """

    def __init__(self, *, gateways: int, window_us: int) -> None:
        self._gateways = gateways
        self._window = window_us
        self._recent: deque[Admission] = deque()
        self._requests = 0
        self._tokens = 0
        self._open: dict[str, Admission] = {}
        self._spent: dict[int, int] = {}
        self._observed: Totals | None = None
        self._own_when_observed = (0, 0, 0)
        self._asking: dict[str, Admission] = {}
        self._lost: _Lost | None = None
        self._earlier: list[_Lost] = []
        self._until: int | None = None
        self.unreported: dict[str, Admission] = {}
        """What Redis has not been told yet, by id."""
        self.unreported_spend: dict[int, int] = {}
        """The nano-USD by day of unreported admissions that are settled and out of the window."""

    def own(self, now: int) -> tuple[int, int, int]:
        """Requests and tokens of this gateway in the window, and its nano-USD of the day."""
        self._forget(now)
        return self._requests, self._tokens, self._spent.get(now // DAY_US, 0)

    def _known(self, now: int) -> tuple[int, int, int]:
        """What of that Redis may know: without what it has not admitted yet, and might not."""
        own, asking = self.own(now), [each for each in self._asking.values() if each.at > now - self._window]
        return (
            own[0] - sum(each.requests for each in asking),
            own[1] - sum(each.tokens for each in asking),
            own[2] - sum(each.nano_usd for each in asking if each.day == now // DAY_US),
        )

    def observe(self, totals: Totals) -> None:
        """Take note of Redis's word. Call it after `admit` for an answer that admitted something."""
        if self._observed is None or totals.at >= self._observed.at:
            self._observed = totals
            self._own_when_observed = self._known(totals.at)

    def redis_lost(self, now: int, limits: Limits) -> None:
        """Redis went away: from now on this gateway is on its own."""
        if self._lost is not None and self._until is None:
            return
        own = self._known(now)
        left = self._left(now, limits, own)
        lost = _Lost(now, *(each + rest // self._gateways for each, rest in zip(own, left, strict=True)))
        before = self._lost if self.guarded(now) else None
        if before is None:
            self._earlier = []
        else:
            # Until the share is lifted, others may have admitted what Redis has not been told: see above.
            self._earlier = [each for each in (*self._earlier, before) if now - each.at < self._window]
            lost = replace(lost, nano_cap=min(lost.nano_cap, self._caps(now, limits)[2]))
        self._lost, self._until = lost, None

    def redis_restored(self, now: int) -> None:
        """Redis is back and knows what this gateway did: if there are others, keep to the share for one more window."""
        self._until = now + self._window if self._gateways > 1 else now

    @property
    def reserved_nano_usd(self) -> int:
        """The estimates of this gateway's requests that are not settled yet."""
        return sum(admission.nano_usd for admission in self._open.values())

    def guarded(self, now: int) -> bool:
        """Whether this gateway must keep to its share, without Redis or shortly after its return."""
        if self._until is not None and now >= self._until:
            self._lost = self._until = None
        return self._lost is not None

    def _left(self, now: int, limits: Limits, own: tuple[int, int, int]) -> tuple[int, int, int]:
        observed = self._observed
        if observed is None or (self._gateways > 1 and now - observed.at > FRESH_US):
            return 0, 0, 0
        same_window = now - observed.at < self._window
        same_day = now // DAY_US == observed.at // DAY_US
        others = (
            max(0, observed.requests - self._own_when_observed[0]) if same_window else 0,
            max(0, observed.tokens - self._own_when_observed[1]) if same_window else 0,
            max(0, observed.nano_usd - self._own_when_observed[2]) if same_day else 0,
        )
        return (
            max(0, limits.requests - own[0] - others[0]),
            max(0, limits.tokens - own[1] - others[1]),
            max(0, limits.nano_usd - own[2] - others[2]),
        )

    def _caps(self, at: int, limits: Limits) -> tuple[int, int, int]:
        share = (
            limits.requests // self._gateways,
            limits.tokens // self._gateways,
            limits.nano_usd // self._gateways,
        )
        lost = self._lost
        if lost is None:
            return share
        binding = [each for each in (*self._earlier, lost) if at - each.at < self._window]
        return (
            min([share[0], *(each.requests_cap for each in binding)]),
            min([share[1], *(each.tokens_cap for each in binding)]),
            lost.nano_cap if at // DAY_US == lost.at // DAY_US else share[2],
        )

    def left(self, now: int, limits: Limits) -> tuple[int, int, int]:
        """What this gateway may still admit by itself: requests, tokens, nano-USD."""
        caps, own = self._caps(now, limits), self.own(now)
        return max(0, caps[0] - own[0]), max(0, caps[1] - own[1]), max(0, caps[2] - own[2])

    def blocked(self, now: int, limits: Limits, *, requests: int, tokens: int, nano_usd: int) -> Blocked | None:
        """None if this fits into what the gateway may admit by itself, else the limit longest in the way."""
        caps, own = self._caps(now, limits), self.own(now)
        found: list[Blocked] = []
        if requests and own[0] + requests > caps[0]:
            found.append(Blocked("requests", self._wait(now, limits, 0, own[0], requests)))
        if tokens and own[1] + tokens > caps[1]:
            found.append(Blocked("tokens", self._wait(now, limits, 1, own[1], tokens)))
        if nano_usd and own[2] + nano_usd > caps[2]:
            found.append(Blocked("usd", DAY_US - now % DAY_US))
        return max(found, key=lambda blocked: blocked.wait_us, default=None)

    def _wait(self, now: int, limits: Limits, index: int, used: int, need: int) -> int:
        for at, freed in self._frees(index):
            used -= freed
            if used + need <= self._caps(at, limits)[index]:
                return at - now
        return self._window

    def _frees(self, index: int) -> Iterator[tuple[int, int]]:
        """When room appears in the window, and how much; the end of the first window on its own among them."""
        events = [(a.at + self._window, a.tokens if index else a.requests) for a in self._recent]
        if self._lost is not None:
            events += [(lost.at + self._window, 0) for lost in (*self._earlier, self._lost)]
        return iter(sorted(events))

    def admit(self, admission: Admission, *, asking: bool = False) -> None:
        """Count an admission, by Redis or by this gateway alone (`unreported`), or before Redis is asked (`asking`)."""
        if asking:
            self._asking[admission.id] = admission
        self._recent.append(admission)
        admission.in_window = True
        self._requests += admission.requests
        self._tokens += admission.tokens
        if self._observed is not None and admission.at <= self._observed.at:
            # Its answer was overtaken by a later one, which counted it already.
            own = self._own_when_observed
            self._own_when_observed = (
                own[0] + admission.requests,
                own[1] + admission.tokens,
                own[2] + admission.nano_usd,
            )
        self._spent[admission.day] = self._spent.get(admission.day, 0) + admission.nano_usd
        if not admission.settled:
            self._open[admission.id] = admission
        if admission.unreported:
            self.unreported[admission.id] = admission

    def settle(self, id_: str, *, tokens: int, nano_usd: int) -> Admission | None:
        """Put what was really used in place of the estimate, once: None if `id_` is not open."""
        admission = self._open.pop(id_, None)
        if admission is None:
            return None
        self._spent[admission.day] = self._spent.get(admission.day, 0) + nano_usd - admission.nano_usd
        if admission.in_window:
            self._tokens += tokens - admission.tokens
        admission.tokens, admission.nano_usd, admission.settled = tokens, nano_usd, True
        self._fold(admission)
        return admission

    def confirm(self, admission: Admission) -> None:
        """Redis admitted what was counted before it was asked."""
        self._asking.pop(admission.id, None)

    def retract(self, admission: Admission) -> None:
        """Take back an admission of which Redis has no record: it was refused there after all."""
        self._asking.pop(admission.id, None)
        self._open.pop(admission.id, None)
        self.unreported.pop(admission.id, None)
        self._recent.remove(admission)
        self._requests -= admission.requests
        self._tokens -= admission.tokens
        self._spent[admission.day] -= admission.nano_usd

    def reporting(self, admission: Admission) -> None:
        """It is being sent to Redis, so it must keep its own identity from now on."""
        admission.unreported = False

    def reported(self, admission: Admission) -> None:
        """Redis now knows this admission's estimate."""
        self.unreported.pop(admission.id, None)

    def report_all_again(self, now: int) -> None:
        """Redis lost its data: everything this gateway has admitted in the window and spent today is unreported."""
        self._forget(now)
        for admission in (*self._recent, *self._open.values()):
            admission.unreported = True
            self.unreported[admission.id] = admission
        self.unreported_spend.clear()
        today = now // DAY_US
        listed = sum(a.nano_usd for a in self.unreported.values() if a.day == today)
        rest = self._spent.get(today, 0) - listed
        if rest > 0:
            self.unreported_spend[today] = rest

    def _forget(self, now: int) -> None:
        cutoff = now - self._window
        while self._recent and self._recent[0].at <= cutoff:
            gone = self._recent.popleft()
            gone.in_window = False
            self._requests -= gone.requests
            self._tokens -= gone.tokens
            self._fold(gone)
        while self._open and (oldest := next(iter(self._open.values()))).at <= now - SETTLE_US:
            del self._open[oldest.id]
            oldest.settled = True
            self._fold(oldest)
        if len(self._spent) > 3:
            del self._spent[min(self._spent)]

    def _fold(self, admission: Admission) -> None:
        """Of an unreported admission that is over and done with, only the money is kept: memory stays bounded."""
        if admission.unreported and admission.settled and not admission.in_window:
            self.unreported.pop(admission.id, None)
            spend = self.unreported_spend
            spend[admission.day] = spend.get(admission.day, 0) + admission.nano_usd
