"""The front desk: what clients ask, and its answers. Starts and cancellations go through the decider, reads do not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, assert_never

import anyio.abc
import fastjsonschema

from asyncflow.dispatcher.bulk import Bulk, placed
from asyncflow.dispatcher.looks import Looks
from asyncflow.dispatcher.outbox import Waiting
from asyncflow.dispatcher.place import Place
from asyncflow.dispatcher.reader import ResultReader
from asyncflow.dispatcher.reception import signal_of, what_became_of
from asyncflow.dispatcher.reports import Live, find_run, list_runs, run_as_json
from asyncflow.dispatcher.retrying import Retries
from asyncflow.dispatcher.watchers import Send, Watcher, Watchers
from asyncflow.dispatcher.work import Work
from asyncflow.errors import (
    AsyncflowError,
    InvalidNodeArgsError,
    RequestError,
    StoreError,
    UnknownFlowError,
    UnknownRunError,
)
from asyncflow.model import jsontext
from asyncflow.model import requests as r
from asyncflow.model.events import (
    CancelRequested,
    Event,
    PauseRequested,
    ResumeRequested,
    RunRequested,
    SignalReceived,
)
from asyncflow.model.flow import Configuration, Flow, Selective
from asyncflow.model.names import FlowName, Json, NodeName, RunId
from asyncflow.model.run import Selection
from asyncflow.ports import Broker, Clock, Delivery, Message, Published, RunHeader, Store

_log = logging.getLogger("asyncflow.front")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the front desk needs of the dispatcher."""

    configuration: Configuration
    place: Place
    broker: Broker
    store: Store
    reader: ResultReader
    looks: Looks
    clock: Clock
    submit: Callable[[Work], None]
    select: Callable[[FlowName, Selective], Selection]
    group: anyio.abc.TaskGroup
    live: Live = field(default_factory=Live)


_Change = r.CancelRun | r.PauseRun | r.ResumeRun | r.SignalRun | r.RetryRun
_Ack = Callable[[Delivery], None]

_FORWARD_PAUSE = 1.0


class Front:
    """Answers each request by `send`; a refusal is an answer too. Never raises for what a client sent."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._retries = Retries(desk.configuration, desk.store)
        self._validators: dict[FlowName, Callable[[Json], Any]] = {}
        self.watchers = Watchers(lambda watcher: self._later(self._send_end, watcher))

    def handle(self, request: r.Request, send: Send, delivery: Delivery | None, ack: _Ack) -> None:
        """Take a request. Its delivery is acknowledged when what it asks is durable, or needs nothing to be."""
        match request:
            case r.StartRun() | r.CancelRun() | r.PauseRun() | r.ResumeRun() | r.SignalRun() | r.RetryRun():
                self._later(self._submit, request, send, delivery, ack)
            case r.StartMany():
                self._later(self._submit_many, request, send, delivery, ack)
            case _:
                self._later(self._answer, request, send, delivery, ack)

    def _later(self, call: Callable[..., Any], *args: object) -> None:
        self._desk.group.start_soon(self._guarded, call, *args)

    async def _guarded(self, call: Callable[..., Any], *args: object) -> None:
        """One client's request must not stop everything else, whatever it stumbles over."""
        try:
            await call(*args)
        except Exception:  # noqa: BLE001  (a bug of ours; the client hears nothing, and asks again)
            _log.exception("unanswerable: %s", args[0])

    async def _submit(self, request: r.StartRun | _Change, send: Send, delivery: Delivery | None, ack: _Ack) -> None:
        """Hand the request to the decider, or to the dispatcher of its run, or refuse it."""
        event: Event | None = None
        try:
            event = self._start(request) if isinstance(request, r.StartRun) else await self._change(request, delivery)
        except AsyncflowError as exc:
            send(r.encode_refusal(exc))
            if delivery is not None and not delivery.reply_to:
                await self._desk.broker.park(delivery, str(exc))  # nobody hears the refusal
        if event is None:
            if delivery is not None:
                ack(delivery)
            return
        work = Work(event=event, delivery=delivery, refused=lambda error: send(r.encode_refusal(error)))
        work.committed = lambda: send(jsontext.dumps(_accepted(event, work)))
        self._desk.submit(work)

    async def _change(self, request: _Change, delivery: Delivery | None) -> Event | None:
        """None when it is for another dispatcher."""
        header = await self._header(request.run_id)
        if await self._pass_on(header, delivery):
            return None
        now, run_id = self._desk.clock.now(), header.run_id
        match request:
            case r.CancelRun():
                return CancelRequested(at=now, run_id=run_id, reason=request.reason)
            case r.PauseRun():
                return PauseRequested(at=now, run_id=run_id)
            case r.ResumeRun():
                return ResumeRequested(at=now, run_id=run_id)
            case r.SignalRun():
                return signal_of(request, run_id, now)
            case r.RetryRun():
                return await self._retries.request(run_id, request.new_id, request.again, now)

    async def _submit_many(self, request: r.StartMany, send: Send, delivery: Delivery | None, ack: _Ack) -> None:
        def done() -> None:
            if delivery is not None:
                ack(delivery)

        try:
            events = [self._one_of_many(request, place) for place in range(len(request.starts))]
        except RequestError as exc:
            send(r.encode_refusal(exc))
            done()
            return
        for work in Bulk(events, send, done).works():
            self._desk.submit(work)

    def _one_of_many(self, request: r.StartMany, place: int) -> RunRequested:
        run_id, node_args = request.starts[place]
        one = r.StartRun(
            run_id=run_id, flow=request.flow, node_args=node_args, labels=request.labels, priority=request.priority
        )
        try:
            return self._start(one)
        except InvalidNodeArgsError as exc:
            raise placed(exc, place) from exc

    def _start(self, request: r.StartRun) -> RunRequested:
        flow = self._desk.configuration.flows.get(request.flow)
        if flow is None:
            raise UnknownFlowError(request.flow, tuple(self._desk.configuration.flows))
        self._check_node_args(flow, request.node_args)
        selection = None
        if request.tasks:
            selective = Selective(
                tasks=tuple(NodeName(task) for task in request.tasks),
                run_subsequent=request.run_subsequent,
                follow_subflows=request.follow_subflows,
            )
            selection = self._desk.select(request.flow, selective)
        return RunRequested(
            at=self._desk.clock.now(),
            run_id=request.run_id,
            flow=request.flow,
            root_id=request.run_id,
            node_args=request.node_args,
            selection=selection,
            labels=request.labels,
            priority=request.priority,
        )

    def _check_node_args(self, flow: Flow, node_args: Json) -> None:
        if flow.node_args_schema is None:
            return
        validate = self._validators.get(flow.name)
        if validate is None:
            validate = self._validators[flow.name] = fastjsonschema.compile(flow.node_args_schema)
        try:
            validate(node_args)
        except fastjsonschema.JsonSchemaValueException as exc:
            what = exc.message.replace("data", "node_args", 1)
            raise InvalidNodeArgsError(f"flow {flow.name!r} does not take these node args: {what}") from exc

    async def _pass_on(self, header: RunHeader, delivery: Delivery | None) -> bool:
        """Whether another dispatcher moves this run; the request is in its queue then.

        Requests go by the id that they name. A child run is moved with its root, and a beginning of an id tells nothing.
        """
        if delivery is None or header.partition == self._desk.place.partition:
            return False
        copy = self._again(delivery, header.partition)
        while await self._desk.broker.publish([copy]) != [Published.CONFIRMED]:
            await self._desk.clock.sleep(_FORWARD_PAUSE)
        return True

    async def hand_over(self) -> None:
        """Let who serves this partition next see to the clients that wait."""
        waiting = [one.delivery for one in self.watchers.take_all() if one.delivery is not None]
        if waiting:
            await self._desk.broker.publish([self._again(one, self._desk.place.partition) for one in waiting])

    def _again(self, delivery: Delivery, partition: int) -> Message:
        return Message(
            exchange=self._desk.broker.callback_exchange,
            routing_key=str(partition),
            body=delivery.body,
            type=delivery.type,
            content_type=delivery.content_type,
            content_encoding=delivery.content_encoding,
            correlation_id=delivery.correlation_id,
            reply_to=delivery.reply_to,
        )

    async def _answer(self, request: r.Request, send: Send, delivery: Delivery | None, ack: _Ack) -> None:
        await self._tell(request, send, delivery)
        if delivery is not None:
            ack(delivery)

    async def _tell(self, request: r.Request, send: Send, delivery: Delivery | None) -> None:
        try:
            match request:
                case r.ShowRun():
                    header = await self._header(request.run_id)
                    # Of a run that goes on, its own dispatcher knows more than the store.
                    if header.status.is_terminal or not await self._pass_on(header, delivery):
                        send(jsontext.dumps(await self._report(header.run_id, request.most)))
                case r.ShowNode() | r.ShowJournal() | r.ShowOverview() | r.ShowFlow() | r.ListSchedules():
                    send(jsontext.dumps(await self._desk.looks.answer(request)))
                case r.ListRuns():
                    send(jsontext.dumps({"runs": await list_runs(self._desk.store, request)}))
                case r.WaitRun() | r.WatchRun():
                    await self._watch(request, send, delivery)
                case r.Ping():
                    send(jsontext.dumps({"flows": sorted(self._desk.configuration.flows)}))
                case r.PreviewRetry():
                    run_id = await find_run(self._desk.store, request.run_id)
                    send(jsontext.dumps({"retry": await self._retries.preview(run_id, request.again)}))
                case r.StartRun() | r.StartMany() | r.CancelRun() | r.PauseRun() | r.ResumeRun():
                    raise AssertionError("these go through the decider")
                case r.SignalRun() | r.RetryRun():
                    raise AssertionError("these go through the decider")
                case _:
                    assert_never(request)
        except AsyncflowError as exc:
            send(r.encode_refusal(exc))

    async def _watch(self, request: r.WaitRun | r.WatchRun, send: Send, delivery: Delivery | None) -> None:
        header = await self._header(request.run_id)
        if await self._pass_on(header, delivery):
            return
        watcher = Watcher(
            run_id=header.run_id,
            root_id=header.root_id,
            send=send,
            changes=isinstance(request, r.WatchRun),
            most=request.most if isinstance(request, r.WatchRun) else None,
            delivery=delivery,
        )
        self.watchers.add(watcher)
        header = await self._header(request.run_id)  # again: it may have ended before the watcher was there
        if header.status.is_terminal:
            self.watchers.remove(watcher)
            await self._send_end(watcher)
        elif watcher.changes:
            send(jsontext.dumps(await self._report(header.run_id, watcher.most)))

    async def _send_end(self, watcher: Watcher) -> None:
        watcher.send(jsontext.dumps({**await self._report(watcher.run_id, watcher.most), "ended": True}))

    async def _report(self, run_id: RunId, most: int | None) -> dict[str, Json]:
        if most is None:
            return {"run": await self.run_as_json(run_id)}
        return await self._desk.looks.answer(r.ShowRun(run_id=run_id, most=most))

    async def _header(self, run_id: RunId) -> RunHeader:
        header = await self._desk.store.header(await find_run(self._desk.store, run_id))
        if header is None:
            raise UnknownRunError(run_id)
        return header

    async def run_as_json(self, run_id: RunId) -> dict[str, Json]:
        """The run with its nodes, and the nodes of its sub-flows in them. Raises UnknownRunError, StoreError."""
        run = await run_as_json(self._desk.store, self._desk.reader.inline, run_id)
        self._desk.live.note(run["nodes"])
        return run

    def tell_waiting(self, waiting: Sequence[Waiting]) -> None:
        """Let watchers know what waits for a queue, and what has found one."""
        if self.watchers.is_watched():
            self._later(self._tell_waiting, waiting)

    async def _tell_waiting(self, waiting: Sequence[Waiting]) -> None:
        by_run: dict[RunId, list[Waiting]] = {}
        for one in waiting:
            by_run.setdefault(one.run_id, []).append(one)
        for run_id, ones in by_run.items():
            with suppress(StoreError):  # the answer to the next question says it too
                header = await self._desk.store.header(run_id)
                if header is not None:
                    self.watchers.notify_waiting(header.root_id, ones)


def _accepted(event: Event, work: Work) -> dict[str, Json]:
    accepted: dict[str, Json] = {"run_id": event.run_id}
    return accepted | {"signal": what_became_of(work.entries)} if isinstance(event, SignalReceived) else accepted
