"""A simulated client: asks until it is answered, as clients do whose dispatcher may be gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncflow.errors import RequestError, SignalRefusedError
from asyncflow.model.names import FlowName, Json, RunId
from asyncflow.model.requests import (
    REQUEST_TYPE,
    CancelRun,
    PauseRun,
    Request,
    ResumeRun,
    SignalRun,
    StartRun,
    decode_reply,
    encode_request,
)
from asyncflow.model.run import Status
from asyncflow.ports import Delivery, Message
from tests.faults.broker import CLIENT

if TYPE_CHECKING:
    from tests.faults.world import World


class SimulatedClient:
    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: dict[str, Request] = {}
        self._asked = 0
        self.accepted: set[RunId] = set()
        self.refused: set[str] = set()
        self._planned = 0

    @property
    def is_content(self) -> bool:
        return not self._waiting and not self._planned

    def start(self, run_id: str, flow: str, node_args: Json = None, *, after: float = 0.0, **selection: Json) -> None:
        request = StartRun(run_id=RunId(run_id), flow=FlowName(flow), node_args=node_args, **selection)
        self.plan(after, request)

    def plan(self, after: float, request: Request) -> None:
        self._planned += 1
        self._world.agenda.after(after, lambda: self._begin(request))

    def cancel(self, run_id: str, after: float) -> None:
        self.plan(after, CancelRun(run_id=RunId(run_id), reason="by the client"))

    def signal(self, run_id: str, event: str, after: float) -> None:
        """Twice: what is delivered twice counts once. Blanks around the event make another signal of it."""
        request = SignalRun(
            run_id=RunId(run_id), event=event.strip(), id=f"{event} {after}", payload={"told": event.strip()}
        )
        self.plan(after, request)
        self.plan(after + 1, request)

    def pause(self, run_id: str, after: float, resume_after: float) -> None:
        """A pause that comes again after the resumption is a pause: then the client resumes once more."""
        self.plan(after, PauseRun(run_id=RunId(run_id)))
        self.plan(resume_after, ResumeRun(run_id=RunId(run_id)))
        self._planned += 1
        self._world.agenda.after(max(resume_after, self._world.calm_after) + 5, lambda: self._see_to(RunId(run_id)))

    def _see_to(self, run_id: RunId, pause: float = 60.0) -> None:
        run = self._world.store._runs.get(run_id)
        if run is not None and run.header.status is Status.PAUSED:
            self.plan(0, ResumeRun(run_id=run_id))
        if run is None or not run.header.status.is_terminal:
            self._world.agenda.after(pause, lambda: self._see_to(run_id, 2 * pause))
        else:
            self._planned -= 1

    def _begin(self, request: Request) -> None:
        self._planned -= 1
        self._asked += 1
        ticket = f"ticket-{self._asked}"
        self._waiting[ticket] = request
        self._send(ticket)

    def _send(self, ticket: str) -> None:
        request = self._waiting.get(ticket)
        if request is None:
            return
        self.refused.discard(ticket)
        self._world.broker.put(
            Delivery(body=encode_request(request), type=REQUEST_TYPE, reply_to=CLIENT, correlation_id=ticket)
        )
        self._world.agenda.after(10 + 20 * self._world.agenda.random.random(), lambda: self._send(ticket))

    def hear(self, message: Message) -> None:
        request = self._waiting.get(message.correlation_id)
        try:
            reply = decode_reply(message.body)
        except SignalRefusedError:
            self._waiting.pop(message.correlation_id, None)  # its run is over: whatever the reason, it stays so
            return
        except RequestError:
            self.refused.add(message.correlation_id)  # it asks again, whatever the reason
            return
        if request is None:
            return
        if isinstance(request, StartRun):
            if request.run_id not in self._world.store._runs:
                self._world.violate(f"{reply} was answered before it was committed")
            self.accepted.add(request.run_id)
        del self._waiting[message.correlation_id]
