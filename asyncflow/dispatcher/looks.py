"""What clients only look at: runs in few words, nodes, journals, how things stand, how flows have done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from asyncflow.dispatcher.overview import Overview
from asyncflow.dispatcher.reports import find_run
from asyncflow.dispatcher.schedules import told
from asyncflow.dispatcher.statistics import Statistics
from asyncflow.dispatcher.stories import Stories
from asyncflow.errors import RequestError
from asyncflow.model import requests as r
from asyncflow.model.names import Json
from asyncflow.model.schedule import Schedule
from asyncflow.ports import Clock, Store

_MOST_ENTRIES = 1_000
_MOST_RUNS = 200
_LONGEST = 366 * 86400.0
"""Bounds of what one request may ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    store: Store
    stories: Stories
    overview: Overview
    statistics: Statistics
    schedules: Mapping[str, Schedule]
    clock: Clock

    async def answer(self, request: r.Look) -> dict[str, Json]:
        """Raises RequestError, StoreError."""
        match request:
            case r.ShowRun():
                _check("most", request.most or 0, 0, _MOST_ENTRIES)
                run_id = await find_run(self.store, request.run_id)
                return {"run": await self.stories.digest(run_id, request.most or 0)}
            case r.ShowNode():
                return {"node": await self.stories.node(await find_run(self.store, request.run_id), request.id)}
            case r.ShowJournal():
                _check("limit", request.limit, 1, _MOST_ENTRIES)
                run_id = await find_run(self.store, request.run_id)
                return {"entries": await self.stories.entries(run_id, request.after, request.limit)}
            case r.ShowOverview():
                _check("seconds", request.seconds, 60, _LONGEST)
                return {"overview": await self.overview.told(float(request.seconds))}
            case r.ShowFlow():
                _check("last", request.last, 1, _MOST_RUNS)
                return {"statistics": await self.statistics.told(request.flow, request.last)}
            case r.ListSchedules():
                return {"schedules": await told(self.schedules, self.store, self.clock.now())}
            case _:
                assert_never(request)


def _check(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise RequestError(f"{name} is a number from {least:g} to {most:g}, not {value!r}")
