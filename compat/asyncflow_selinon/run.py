"""Selinon's `run_flow`: ask a dispatcher for a run over the broker of the Celery app, and look at it afterwards."""

from __future__ import annotations

import asyncio
import builtins
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import anyio
from celery.exceptions import TimeoutError as CeleryTimeoutError

from asyncflow import errors
from asyncflow.client import StartedRun, connect
from asyncflow.model.names import Json, RunId
from asyncflow.model.outcome import Outcome
from asyncflow.model.run import Status
from asyncflow_selinon.config import Config
from asyncflow_selinon.errors import (
    ConfigNotInitializedError,
    FlowError,
    RequestError,
    SelectiveNoPathError,
    UnknownFlowError,
)
from asyncflow_selinon.trace import Trace

_T = TypeVar("_T")

_STATES = {
    Status.RUNNING: "STARTED",
    Status.PAUSED: "STARTED",
    Status.SUCCEEDED: "SUCCESS",
    Status.FAILED: "FAILURE",
    Status.CANCELLED: "REVOKED",
}
"""Celery's words for them."""


class FlowTimeoutError(CeleryTimeoutError, builtins.TimeoutError):  # type: ignore[misc]  # celery ships no types
    """A flow is not over yet."""


class FlowResult:
    """A started flow, with the names of Celery's AsyncResult. Each look at it asks the dispatcher, and blocks."""

    def __init__(self, run: StartedRun) -> None:
        self._run = run
        self.id = str(run.id)
        self.task_id = self.id

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"<FlowResult: {self.id}>"

    def __eq__(self, other: object) -> bool:
        return str(other) == self.id if isinstance(other, FlowResult | str) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    def get(self, timeout: float | None = None, propagate: bool = True, **_: Any) -> Json:
        """What finished and failed, {"finished_nodes": {name: [ids]}, ...}, when the flow is over.

        Raises FlowError where the flow has failed or was cancelled, unless `propagate` is false; and TimeoutError,
        Celery's and Python's.
        """
        try:
            outcome = _blocking(lambda: self._run.wait(timeout))
        except builtins.TimeoutError:
            raise FlowTimeoutError(f"flow {self.id} is not over after {timeout:g} s") from None
        return self._told(outcome, propagate=propagate)

    wait = get

    @property
    def state(self) -> str:
        """PENDING, STARTED, SUCCESS, FAILURE or REVOKED."""
        outcome = self._look()
        return "PENDING" if outcome is None else _STATES[outcome.state]

    status = state

    @property
    def result(self) -> Json:
        """As `get` returns it, the error of a flow that failed, None for one that is not over."""
        outcome = self._look()
        if outcome is None or not outcome.state.is_terminal:
            return None
        try:
            return self._told(outcome, propagate=True)
        except FlowError as exc:
            return exc

    info = result

    @property
    def traceback(self) -> str | None:
        outcome = self._look()
        return outcome.error.traceback or str(outcome.error) if outcome is not None and outcome.error else None

    def ready(self) -> bool:
        return self.state in {"SUCCESS", "FAILURE", "REVOKED"}

    def successful(self) -> bool:
        return self.state == "SUCCESS"

    def failed(self) -> bool:
        return self.state == "FAILURE"

    def revoke(self, *_: Any, **__: Any) -> None:
        """Cancel the flow with its sub-flows."""
        _blocking(self._run.cancel)

    def forget(self) -> None:
        """Nothing is kept in a result backend."""

    def _look(self) -> Outcome | None:
        try:
            return _blocking(self._run.status)
        except errors.UnknownRunError:
            return None

    def _told(self, outcome: Outcome, *, propagate: bool) -> Json:
        state = {
            "finished_nodes": _ids(outcome, "succeeded", "reused"),
            "failed_nodes": _ids(outcome, "failed"),
            "active_nodes": [
                {"name": node["name"], "id": node["id"]} for node in outcome.nodes if node["ended_at"] is None
            ],
        }
        if propagate and not outcome.succeeded:
            raise FlowError(state)
        return state


def run_flow(flow_name: str, node_args: Json = None) -> FlowResult:
    """Start a flow; returns when its start is durable. Raises UnknownFlowError, RequestError, BrokerError."""
    return _start(flow_name, node_args)


def run_flow_selective(
    flow_name: str,
    task_names: Sequence[str],
    node_args: Json,
    follow_subflows: bool = False,
    run_subsequent: bool = False,
) -> FlowResult:
    """Start a flow to run only some of its tasks, and those that they need. Raises SelectiveNoPathError too."""
    return _start(
        flow_name,
        node_args,
        only=list(task_names),
        follow_subflows=follow_subflows,
        run_subsequent=run_subsequent,
    )


def _start(flow_name: str, node_args: Json, **wish: Any) -> FlowResult:
    if Config.initialized and not Config.is_flow(flow_name):
        known = ", ".join(sorted(Config.tables.flows))
        raise UnknownFlowError(f"no flow is named {flow_name!r}; configured flows: {known}")
    result = FlowResult(start_run(flow_name, node_args, **wish))
    details = {"flow_name": flow_name, "node_args": node_args, "dispatcher_id": result.id}
    queue = Config.dispatcher_queues.get(flow_name)
    Trace.log(Trace.FLOW_SCHEDULE, details, queue=queue, selective=wish.get("only"))
    return result


def start_run(flow_name: str, node_args: Json, **wish: Any) -> StartedRun:
    """Start a run; `wish` is what `Client.start` takes beside."""
    url, namespace = broker_url(), os.environ.get("ASYNCFLOW_NAMESPACE", "") or "asyncflow"

    async def start() -> RunId:
        async with connect(url, namespace=namespace) as client:
            return (await client.start(flow_name, node_args, **wish)).id

    try:
        return StartedRun(url, namespace, _blocking(lambda: anyio.run(start)))
    except errors.UnknownFlowError as exc:
        raise UnknownFlowError(str(exc)) from exc
    except errors.SelectiveNoPathError as exc:
        raise SelectiveNoPathError(str(exc)) from exc
    except errors.RequestError as exc:
        raise RequestError(str(exc)) from exc


def broker_url() -> str:
    """The broker of the Celery app, or of the environment where there is no app. Raises ConfigNotInitializedError."""
    if Config.celery_app is None:
        url = os.environ.get("ASYNCFLOW_BROKER_URL", "")
        if not url:
            raise ConfigNotInitializedError("no broker: call Config.set_celery_app(app), or set ASYNCFLOW_BROKER_URL")
        return url
    with Config.celery_app.connection_for_write() as connection:
        scheme, _, rest = connection.as_uri(include_password=True).partition("://")
        if connection.transport.driver_type != "amqp":
            raise RequestError(
                f"asyncflow dispatches over RabbitMQ only, and the broker of the Celery app is {scheme}://"
            )
        return f"{'amqps' if connection.ssl else 'amqp'}://{rest}"


def _ids(outcome: Outcome, *states: str) -> dict[str, list[str]]:
    """The ids of nodes by name; failures that a fallback has handled do not count, as under Selinon."""
    found: dict[str, list[str]] = {}
    for node in outcome.nodes:
        if node["state"] in states and not node["handled"]:
            found.setdefault(node["name"], []).append(node["id"])
    return found


def _blocking(call: Callable[[], _T]) -> _T:
    """Call what runs an event loop of its own, also where one runs in this thread already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return call()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call).result()
