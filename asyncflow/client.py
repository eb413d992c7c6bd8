"""The Python API: start runs, wait for them, watch them, from anywhere that reaches the broker.

async with asyncflow.connect("amqp://...") as client:
    run = await client.start("dinner", {"guests": 4})
    outcome = await run.wait(timeout=60)
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar

import anyio

from asyncflow.adapters.amqp_line import AmqpLine
from asyncflow.errors import (
    BrokerError,
    InvalidNodeArgsError,
    InvalidPayloadError,
    NoDispatcherError,
    RequestError,
)
from asyncflow.model import jsontext
from asyncflow.model import requests as r
from asyncflow.model.names import FlowName, Json, RunId
from asyncflow.model.outcome import Outcome, Retry, outcome_of
from asyncflow.ports import Line

_T = TypeVar("_T")

NOTHING_KEPT = "the broker has no queue of a dispatcher yet, so nothing of it is kept"
"""What is said of a request that no queue has taken: one that a dispatcher which once served makes would keep it."""

TOGETHER = 200
"""Starts that travel in one message."""

_REMIND_SECONDS = 30.0
"""A dispatcher that was replaced does not know who waited: ask again so often."""


class RunHandle:
    """One run, by its id."""

    def __init__(self, client: Client, run_id: RunId) -> None:
        self._client = client
        self.id = run_id

    async def wait(self, timeout: float | None = None) -> Outcome:
        """The outcome, when the run is over. Raises TimeoutError, UnknownRunError."""
        with anyio.fail_after(timeout):
            while True:
                with anyio.move_on_after(_REMIND_SECONDS):
                    return outcome_of((await self._client.ask(r.WaitRun(run_id=self.id), timeout=None))["run"])

    async def status(self) -> Outcome:
        """The run as it is now. Raises UnknownRunError, NoDispatcherError."""
        return outcome_of((await self._client.ask(r.ShowRun(run_id=self.id)))["run"])

    async def digest(self, most: int = 40) -> Mapping[str, Json]:
        """A run of any size in few words: no results, and of each name no more than `most` nodes; "groups" tells the rest."""
        run: Mapping[str, Json] = (await self._client.ask(r.ShowRun(run_id=self.id, most=most)))["run"]
        return run

    async def node(self, id: str) -> Mapping[str, Json]:
        """A node with its arguments, result and attempts, by the id of any of these. Raises UnknownNodeError."""
        node: Mapping[str, Json] = (await self._client.ask(r.ShowNode(run_id=self.id, id=id)))["node"]
        return node

    async def journal(self, after: int = 0, limit: int = 200) -> Sequence[Mapping[str, Json]]:
        """What was decided, as it is stored: {"version", "at", "facts"}, from the entry after one on."""
        request = r.ShowJournal(run_id=self.id, after=after, limit=limit)
        entries: Sequence[Mapping[str, Json]] = (await self._client.ask(request))["entries"]
        return entries

    async def cancel(self, reason: str = "") -> None:
        """Returns when the cancellation is durable. Raises UnknownRunError, NoDispatcherError."""
        await self._client.ask(r.CancelRun(run_id=self.id, reason=reason))

    async def pause(self) -> None:
        """What is under way goes on; nothing new is published. Returns when that is durable."""
        await self._client.ask(r.PauseRun(run_id=self.id))

    async def resume(self) -> None:
        """Go on with a paused run. Returns when that is durable."""
        await self._client.ask(r.ResumeRun(run_id=self.id))

    async def signal(
        self, event: str, payload: Json = None, *, id: str = "", node: str | None = None
    ) -> Mapping[str, Json]:
        """Tell the run of an external event; returns when that is durable, and says what became of it.

        `state` is "taken", with the `node` that it has released, "kept" for the next node that waits for it, or
        "repeated": the same `id` again for the same event counts once. `node` is the id of the one node that it is for.
        Raises SignalRefusedError, InvalidPayloadError, UnknownRunError, NoDispatcherError.
        """
        request = r.SignalRun(
            run_id=self.id,
            event=event,
            id=id or str(uuid.uuid4()),
            payload=_checked(payload, "the payload", InvalidPayloadError),
            node=node,
        )
        waits = f"signal {request.id} of run {self.id} waits in the broker"
        told: Mapping[str, Json] = (await self._client.ask(request, waits=waits))["signal"]
        return told

    async def retry(self, *, from_: str | Sequence[str] = (), run_id: str | None = None) -> RunHandle:
        """Run what has not succeeded again, in a new run; returns when that is durable. The same `run_id` again is the same.

        `from_` names nodes that run again with all that follows them, though they have succeeded. The run itself stays
        as it is, and must be over. Raises RequestError, UnknownRunError, NoDispatcherError.
        """
        request = r.RetryRun(run_id=self.id, new_id=RunId(run_id or str(uuid.uuid4())), again=_names(from_))
        return RunHandle(self._client, RunId((await self._client.ask(request))["run_id"]))

    async def preview_retry(self, *, from_: str | Sequence[str] = ()) -> Retry:
        """What a retry would run again, and what it would reuse. Nothing is changed. Raises as `retry` does."""
        answer = await self._client.ask(r.PreviewRetry(run_id=self.id, again=_names(from_)))
        return Retry(**answer["retry"])

    @asynccontextmanager
    async def changes(self, most: int | None = None) -> AsyncIterator[AsyncIterator[Mapping[str, Json]]]:
        """The run's changes as they are committed: {"run": ...} first, then {"changes": ...}, then {"run", "ended"}.

        Between them {"waiting": [{"run_id", "id", "task", "queue", "since"}]} names tasks that wait for a queue which
        no worker has made yet, and, with None for `since`, those that wait no more. {"progress": [{"run_id", "id",
        "task", "progress": {"done", "total", "text"}}]} tells how far running tasks say they are, and {"changes": [],
        "seen": [{"run_id", "id", "worker", "running_since"}]} which workers have what.
        """
        async with self._client.line.answers(r.WatchRun(run_id=self.id, most=most)) as answers:
            yield answers


class Client:
    """Asks a dispatcher over a line. One client may have any number of requests under way."""

    def __init__(self, line: Line, *, timeout: float = 10.0) -> None:
        self.line = line
        self._timeout = timeout

    async def start(
        self,
        flow: str,
        node_args: Json = None,
        *,
        run_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        only: Sequence[str] = (),
        follow_subflows: bool = False,
        run_subsequent: bool = False,
        priority: int | None = None,
    ) -> RunHandle:
        """Start a run; returns when its start is durable. The same `run_id` again is the same run.

        `priority` is that of its task messages, 0 to 255, for queues that have priorities.

        Raises UnknownFlowError, InvalidNodeArgsError, SelectiveNoPathError; and NoDispatcherError when none answers:
        the request then stays in the broker, and the run begins when a dispatcher serves; where none has ever served,
        there is no queue for it, and nothing begins. The message says which. BrokerError when the broker is away.
        """
        request = r.StartRun(
            run_id=RunId(run_id or str(uuid.uuid4())),
            flow=FlowName(flow),
            node_args=_checked(node_args),
            labels=labels or {},
            tasks=tuple(only),
            follow_subflows=follow_subflows,
            run_subsequent=run_subsequent,
            priority=priority,
        )
        answer = await self.ask(request, waits=f"the start of run {request.run_id} waits in the broker")
        return RunHandle(self, RunId(answer["run_id"]))

    async def start_many(
        self,
        flow: str,
        node_args: Sequence[Json],
        *,
        run_ids: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
    ) -> Sequence[RunHandle]:
        """Start a run for each of the node args; returns when all starts are durable.

        They travel and are committed many at a time, which is several times as quick as one by one. Of those that
        travel together, all are refused where one is. Raises as `start` does.
        """
        ids = [RunId(run_id) for run_id in run_ids or (str(uuid.uuid4()) for _ in node_args)]
        starts = list(zip(ids, map(_checked, node_args), strict=True))
        for first in range(0, len(starts), TOGETHER):
            together = tuple(starts[first : first + TOGETHER])
            request = r.StartMany(
                run_id=together[0][0], flow=FlowName(flow), starts=together, labels=labels or {}, priority=priority
            )
            await self.ask(request, waits=f"the starts of {len(together)} runs wait in the broker")
        return [RunHandle(self, run_id) for run_id in ids]

    def run(self, run_id: str) -> RunHandle:
        """A run that was started before, by its id or the unique beginning of one."""
        return RunHandle(self, RunId(run_id))

    async def list(
        self,
        *,
        flow: str | None = None,
        state: str | Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        since: datetime | float | None = None,
        until: datetime | float | None = None,
        search: str = "",
        limit: int = 100,
    ) -> Sequence[Mapping[str, Json]]:
        """Runs, newest first, without their nodes; those to which all that is given applies, in one of the states.

        They started at `since` or later, and before `until`: with a time zone, or as seconds since the epoch. `search`
        stands in the id, the flow, the error or the value of a label; A-Z and a-z are the same.
        """
        request = r.ListRuns(
            flow=FlowName(flow) if flow else None,
            state=_names(state),
            labels=labels or {},
            since=_seconds(since),
            until=_seconds(until),
            search=search,
            limit=limit,
        )
        runs: Sequence[Mapping[str, Json]] = (await self.ask(request))["runs"]
        return runs

    async def overview(self, seconds: float = 3600) -> Mapping[str, Json]:
        """How things stand: outcomes over so many seconds, late runs, dispatch lag, queues, dispatchers."""
        overview: Mapping[str, Json] = (await self.ask(r.ShowOverview(seconds=seconds)))["overview"]
        return overview

    async def statistics(self, flow: str, last: int = 50) -> Mapping[str, Json]:
        """How a flow and its nodes have done in its last runs: how many succeeded, and how long they took."""
        request = r.ShowFlow(flow=FlowName(flow), last=last)
        statistics: Mapping[str, Json] = (await self.ask(request))["statistics"]
        return statistics

    async def flows(self) -> Sequence[str]:
        """The names of the flows that the dispatcher serves."""
        names: Sequence[str] = (await self.ask(r.Ping()))["flows"]
        return names

    async def schedules(self) -> Sequence[Mapping[str, Json]]:
        """When runs are started by the clock: each schedule with its last tick, and its next ones."""
        schedules: Sequence[Mapping[str, Json]] = (await self.ask(r.ListSchedules()))["schedules"]
        return schedules

    async def ask(
        self, request: r.Request, *, timeout: float | None = -1, waits: str = "the request is not answered"
    ) -> dict[str, Json]:
        """One answer to a request. Raises RequestError, NoDispatcherError, BrokerError."""
        seconds = self._timeout if timeout == -1 else timeout
        is_kept = False
        with anyio.move_on_after(seconds):
            async with self.line.answers(request) as answers:
                is_kept = True
                async for answer in answers:
                    return answer
        if is_kept or self.line.connected:
            raise NoDispatcherError(waits if is_kept else NOTHING_KEPT, seconds or 0)
        raise BrokerError("the broker cannot be reached, and has not confirmed the request")


@asynccontextmanager
async def connect(url: str, *, namespace: str = "asyncflow", timeout: float = 10.0) -> AsyncIterator[Client]:
    """A client of the dispatchers that serve a broker. Raises BrokerError when it cannot be reached."""
    async with AmqpLine(url, namespace=namespace) as line:
        yield Client(line, timeout=timeout)


class StartedRun:
    """A run for synchronous code: each call makes a connection of its own, and blocks."""

    def __init__(self, url: str, namespace: str, run_id: RunId) -> None:
        self._url = url
        self._namespace = namespace
        self.id = run_id

    def wait(self, timeout: float | None = None) -> Outcome:
        """The outcome, when the run is over. Raises TimeoutError, BrokerError."""
        return self._blocking(lambda run: run.wait(timeout))

    def status(self) -> Outcome:
        """The run as it is now. Raises NoDispatcherError, BrokerError."""
        return self._blocking(lambda run: run.status())

    def cancel(self, reason: str = "") -> None:
        """Returns when the cancellation is durable. Raises NoDispatcherError, BrokerError."""
        self._blocking(lambda run: run.cancel(reason))

    def signal(self, event: str, payload: Json = None, *, id: str = "", node: str | None = None) -> Mapping[str, Json]:
        """Tell the run of an external event, as `RunHandle.signal` does. Raises SignalRefusedError, BrokerError ..."""
        return self._blocking(lambda run: run.signal(event, payload, id=id, node=node))

    def _blocking(self, call: Callable[[RunHandle], Awaitable[_T]]) -> _T:
        async def ask() -> _T:
            async with connect(self._url, namespace=self._namespace) as client:
                return await call(client.run(self.id))

        return anyio.run(ask)


def run_flow(flow: str, node_args: Json = None, *, url: str = "", namespace: str = "") -> StartedRun:
    """Start a run from synchronous code; returns when its start is durable.

    The broker is `url`, or else the environment's ASYNCFLOW_BROKER_URL; likewise ASYNCFLOW_NAMESPACE. Raises as
    `Client.start` does, BrokerError when the broker cannot be reached, and RequestError when none is named.
    """
    url, namespace = broker_of(url, namespace)

    async def start() -> RunId:
        async with connect(url, namespace=namespace) as client:
            return (await client.start(flow, node_args)).id

    return StartedRun(url, namespace, anyio.run(start))


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def broker_of(url: str, namespace: str) -> tuple[str, str]:
    """URL and namespace, the environment's where none are given. Raises RequestError where there is no URL."""
    url = url or os.environ.get("ASYNCFLOW_BROKER_URL", "")
    if not url:
        raise RequestError("no broker: give `url`, or set ASYNCFLOW_BROKER_URL")
    return url, namespace or os.environ.get("ASYNCFLOW_NAMESPACE", "") or "asyncflow"


def _seconds(moment: datetime | float | None) -> float | None:
    return moment.timestamp() if isinstance(moment, datetime) else moment


def _checked(value: Json, what: str = "node args", error: Callable[[str], RequestError] = InvalidNodeArgsError) -> Json:
    try:
        jsontext.dumps(value)
    except TypeError as exc:
        raise error(f"{what} must be JSON: {exc}") from exc
    return value
