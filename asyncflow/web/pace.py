"""How much one client may ask: so many requests a second, with some to spare, and so many streams at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from time import monotonic

from asyncflow.web.refusals import Refused

_MOST_CLIENTS = 10_000
"""Of more, those that have asked nothing for longest are forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    rate: float = 100.0
    """Requests a second, of one client."""
    burst: int = 400
    """How many it may ask at once after a rest."""
    streams: int = 32
    """Streams of changes, of one client, and of all of them."""
    all_streams: int = 512


class Pace:
    """A bucket for each client: a request takes a drop, and drops come in at the rate."""

    def __init__(self, bounds: Bounds | None = None, now: Callable[[], float] = monotonic) -> None:
        self._bounds = bounds or Bounds()
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._streams: dict[str, int] = {}

    def take(self, client: str) -> None:
        """Raises Refused, 429."""
        now = self._now()
        left, since = self._buckets.pop(client, (float(self._bounds.burst), now))
        left = min(float(self._bounds.burst), left + (now - since) * self._bounds.rate)
        self._buckets[client] = (max(0.0, left - 1), now)
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        if left < 1:
            wait = ceil((1 - left) / self._bounds.rate)
            raise Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"at most {self._bounds.rate:g} requests a second are taken from one client; ask again in {wait} s",
                headers={"Retry-After": str(wait)},
            )

    def check_stream(self, client: str) -> None:
        """Raises Refused, 429 or 503, where one more stream would be too many."""
        if self._streams.get(client, 0) >= self._bounds.streams:
            told = f"at most {self._bounds.streams} streams are open to one client at a time"
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, told, headers={"Retry-After": "10"})
        if sum(self._streams.values()) >= self._bounds.all_streams:
            told = f"at most {self._bounds.all_streams} streams are open at a time"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, told, headers={"Retry-After": "10"})

    @contextmanager
    def stream(self, client: str) -> Iterator[None]:
        """While it is open."""
        self._streams[client] = self._streams.get(client, 0) + 1
        try:
            yield
        finally:
            self._streams[client] -= 1
            if not self._streams[client]:
                del self._streams[client]
