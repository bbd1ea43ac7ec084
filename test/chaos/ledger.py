"""What was asked and what came of it, and the rules that must hold whatever breaks meanwhile.

A request ends in exactly one of these ways:
  answered    with 200: its row must be in the log, once (the server runs in the mode "durable")
  refused     with an error that a server in trouble may give: 429, 503, 504
  cut         the connection ended before the answer. Only while a fault runs that ends connections
Everything else breaks a rule. A ledger belongs to one event loop.
"""

from __future__ import annotations

import bisect
import collections
import dataclasses
import time

ANSWERED, REFUSED, CUT = "answered", "refused", "cut"
REFUSALS = {429, 503, 504}


@dataclasses.dataclass
class Request:
    id: str
    kind: str
    began: float
    ended: float = 0.0
    outcome: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Ledger:
    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.broken: list[str] = []
        self.may_cut: list[list[float]] = []  # spans of time, the last one may be open to infinity
        self.begun = 0  # requests, those no longer listed included

    def begin(self, kind: str) -> Request:
        self.begun += 1
        request = Request(f"{kind}-{self.begun}", kind, time.monotonic())
        self.requests.append(request)
        return request

    def end(self, request: Request, outcome: str, why: str = "") -> None:
        if request.outcome:
            return self.breach(f"{request.id} ended twice: {request.outcome}, then {outcome}")
        request.ended, request.outcome = time.monotonic(), outcome
        if outcome == CUT and not any(begin <= request.ended and request.began <= end for begin, end in self.may_cut):
            self.breach(f"{request.id} was cut off and no fault explains it: {why}")

    def status(self, request: Request, status: int, why: str) -> None:
        if status == 200:
            self.end(request, ANSWERED)
        elif status in REFUSALS:
            self.end(request, REFUSED)
        else:
            self.end(request, REFUSED)
            self.breach(f"{request.id} got {status}: {why[:200]}")

    def breach(self, text: str) -> None:
        self.broken.append(f"{time.monotonic():.2f} {text}")

    def cuts_allowed(self, begin: float, end: float) -> None:
        """Also for a request that begins within: what ended its connection may be seen a moment later."""
        self.may_cut.append([begin, end])

    def compare(self, rows: list[str]) -> int:
        """`rows`: the ids that stand in the log. How many answered ones are missing."""
        counts = collections.Counter(rows)
        for id, count in counts.items():
            if count > 1:
                self.breach(f"{id} has {count} rows in the log")
        missing = [request.id for request in self.requests if request.outcome == ANSWERED and request.id not in counts]
        if missing:
            self.breach(f"{len(missing)} answered predictions are missing from the log: {', '.join(missing[:5])} …")
        open_ones = [request.id for request in self.requests if not request.outcome]
        if open_ones:
            self.breach(f"{len(open_ones)} requests never ended: {', '.join(open_ones[:5])} …")
        return len(missing)

    # ---- figures

    def between(self, begin: float, end: float) -> list[Request]:
        """Those that began then, in order."""
        first = bisect.bisect_left(self.requests, begin, key=lambda request: request.began)
        last = bisect.bisect_left(self.requests, end, key=lambda request: request.began)
        return [request for request in self.requests[first:last] if request.outcome]

    def p99(self, begin: float, end: float) -> float:
        """Of the answered ones, in seconds; 0 where there are none."""
        times = sorted(request.seconds for request in self.between(begin, end) if request.outcome == ANSWERED)
        return times[min(len(times) - 1, int(len(times) * 0.99))] if times else 0.0

    def failed(self, begin: float, end: float) -> int:
        return sum(request.outcome != ANSWERED for request in self.between(begin, end))

    def recovery(self, since: float, until: float, usual: float) -> float | None:
        """Seconds from `since` to the end of the last half second in which something failed or the p99 was not as usual. None: that is `until`.

        As usual: within twice the p99 before the fault and 10 ms, since half a second has few requests in its last hundredth."""
        at, worst = since, 0.0
        while at + 0.5 <= until:
            window = self.between(at, at + 0.5)
            if any(request.outcome != ANSWERED for request in window) or self.p99(at, at + 0.5) > 2 * usual + 0.01:
                worst = max([request.began for request in window if request.outcome != ANSWERED or request.seconds > 2 * usual + 0.01]) - since
            at += 0.1
        return None if worst > until - since - 0.5 else worst
